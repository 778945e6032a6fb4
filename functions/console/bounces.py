"""What came back for emails, and the mailboxes that it comes into."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from functions.bounce_mailboxes import COLLECT_SECONDS, Client, Line, NewMailbox, Port, Tenant
from shared.api.endpoint import Room
from shared.api.models import QueryNumber, SnakeInput
from shared.app import application
from shared.bounces.mailboxes.mailbox import (
    Mailbox,
    MailboxKind,
    MailboxSettings,
    usual_host,
    usual_port,
)
from shared.bounces.mailboxes.register import all_mailboxes
from shared.bounces.noted import NEWEST, latest_bounces, not_understood
from shared.bounces.report import Kind
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.security.roles import Role
from shared.smtp.opening import TlsMode

pages = Pages()

HERE = "/console/bounces"
_MAILBOXES = f"{HERE}/mailboxes"
_ONE = "console/bounces/mailboxes/{id:int}"
_AT_ONCE = 50
_REMOVAL = Question(
    "Remove this mailbox, and its password with it? What it has brought is kept; what comes into "
    "it from now on is read by nobody.",
    "Remove",
)


class Search(SnakeInput):
    """`what`: a kind, or what a person should look at."""

    what: Kind | Literal["", "not_understood"] = ""
    before: QueryNumber = Field(NEWEST, ge=1, le=NEWEST)


class MailboxForm(NewMailbox):
    """All of a mailbox: what is left empty is none."""

    kind: MailboxKind
    host: Line | None = None
    port: Port | None = None
    tls: TlsMode = TlsMode.IMPLICIT
    tenant_id: Tenant | None = None
    client_id: Client | None = None
    folder: Line = "INBOX"
    delete_done: bool = False
    enabled: bool = False

    def settings(self) -> MailboxSettings:
        """The mailbox as the form has it. Raises BadMailboxValue."""
        return MailboxSettings(
            name=self.name,
            kind=self.kind,
            host=self.host or usual_host(self.kind),
            port=self.port or usual_port(self.kind, self.tls),
            tls=self.tls,
            username=self.username,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            folder=self.folder,
            done_folder=self.done_folder,
            unclear_folder=self.unclear_folder,
            delete_done=self.delete_done,
            enabled=self.enabled,
        )


@pages.page("console/bounces", who=Role.VIEWER)
def bounces(visit: Visit[None, Search]) -> Page:
    """List what came back, the latest first."""
    what, before = visit.query.what, visit.query.before
    with application().database().read() as connection:
        mailboxes = all_mailboxes(connection)
        if what == "not_understood":
            found = not_understood(connection, before, _AT_ONCE + 1)
        else:
            kind = Kind(what) if what else None
            found = latest_bounces(connection, before, kind, _AT_ONCE + 1)
    return visit.show(
        "bounces.html",
        found=found[:_AT_ONCE],
        further=found[_AT_ONCE - 1].id if len(found) > _AT_ONCE else None,
        query=visit.query,
        whats=[
            ("", "everything"),
            ("not_understood", "not understood"),
            *((kind.value, kind.value) for kind in Kind),
        ],
        mailboxes=mailboxes,
    )


@pages.page("console/bounces/mailboxes/new", who=Role.ADMIN)
def new_mailbox(visit: Visit) -> Page:
    """Say where bounces come in."""
    settings = MailboxSettings(
        name="",
        kind=MailboxKind.IMAP,
        host="",
        port=0,
        tls=TlsMode.IMPLICIT,
        username="",
        done_folder="Processed",
        unclear_folder="Unclear",
    )
    return visit.show("bounce_mailbox_new.html", settings=settings, has_password=False)


@pages.form("console/bounces/mailboxes/new", who=Role.ADMIN, shown_by=new_mailbox)
def add_mailbox(visit: Visit[MailboxForm]) -> Redirect:
    """Add a mailbox; its password goes into the secret store."""
    form = visit.form
    admin = application().mailbox_admin()
    made = admin.make(form.settings(), form.secret(), visit.caller.identity)
    return visit.go(f"{_MAILBOXES}/{made.id}", f"{form.name} is added. Now try it.")


@pages.page(_ONE, who=Role.VIEWER)
def mailbox(visit: Visit) -> Page:
    """Show a mailbox and how it is doing."""
    return visit.show("bounce_mailbox.html", mailbox=_found(visit), removal=_REMOVAL)


@pages.page(f"{_ONE}/edit", who=Role.ADMIN)
def edit_mailbox(visit: Visit) -> Page:
    """Show all of a mailbox to be changed."""
    found = _found(visit)
    return visit.show(
        "bounce_mailbox_edit.html",
        id=found.id,
        settings=found.settings,
        has_password=found.secret is not None,
    )


@pages.form(f"{_ONE}/edit", who=Role.ADMIN, shown_by=edit_mailbox)
def change_mailbox(visit: Visit[MailboxForm]) -> Redirect:
    """Change a mailbox; it is read at once."""
    number, form = _number(visit), visit.form
    application().mailbox_admin().change(number, form.settings(), form.secret())
    return visit.go(f"{_MAILBOXES}/{number}", "The mailbox is changed.")


@pages.form(f"{_ONE}/test", who=Role.ADMIN, shown_by=mailbox, room=Room.OTHER_SERVERS)
def test_mailbox(visit: Visit) -> Redirect:
    """Log in, and say how many messages lie there."""
    number = _number(visit)
    tried = application().mailbox_admin().test(number)
    said = (
        f"It let us in: {tried.messages} messages lie in its folder."
        if tried.fault is None
        else f"It does not work: {tried.fault}."
    )
    return visit.go(f"{_MAILBOXES}/{number}", said)


@pages.form(f"{_ONE}/collect", who=Role.ADMIN, shown_by=mailbox, room=Room.OTHER_SERVERS)
def collect_mailbox(visit: Visit) -> Redirect:
    """Read it now."""
    number = _number(visit)
    collected = application().bounces.collect(number, COLLECT_SECONDS)
    if collected.fault is not None:
        said = f"It can't be read: {collected.fault}."
    elif not collected.finished:
        said = "It is being read: look again soon."
    else:
        said = f"It is read, and brought {sum(collected.brought)} messages."
    return visit.go(f"{_MAILBOXES}/{number}", said)


@pages.form(f"{_ONE}/remove", who=Role.ADMIN, shown_by=mailbox, asks=_REMOVAL)
def remove_mailbox(visit: Visit) -> Redirect:
    """Remove a mailbox and its password."""
    application().mailbox_admin().remove(_number(visit))
    return visit.go(HERE, "The mailbox is removed.")


def _found(visit: Visit[Any, Any]) -> Mailbox:
    return application().mailbox_admin().found(_number(visit))


def _number(visit: Visit[Any, Any]) -> int:
    return int(visit.path["id"])
