"""The mailboxes that bounces come into."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from shared.api.endpoint import Request, Room, Routes
from shared.api.models import ONE_LINE, Answer, SnakeAnswer, SnakeInput, Timestamp, example
from shared.app import application
from shared.bounces.mailboxes.mailbox import (
    BadMailboxValue,
    Brought,
    Mailbox,
    MailboxKind,
    MailboxSettings,
    usual_host,
    usual_port,
)
from shared.bounces.mailboxes.register import all_mailboxes, mailbox
from shared.security.roles import Role
from shared.smtp.opening import TlsMode

routes = Routes({"id": "The mailbox's number."})

COLLECT_SECONDS = 20.0
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE)]
Line = Annotated[str, Field(min_length=1, max_length=255, pattern=ONE_LINE)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=2000)]
Port = Annotated[int, Field(ge=1, le=65535)]
Tenant = Annotated[str, Field(max_length=255, pattern=r"^[0-9A-Za-z]([0-9A-Za-z.-]*)$")]
Client = Annotated[str, Field(max_length=100, pattern=r"^[0-9A-Za-z-]+$")]
_SECRETS = frozenset({"password", "client_secret"})
_NEVER_NONE = (
    *("name", "kind", "host", "port", "tls", "username", "folder"),
    *("delete_done", "enabled"),
)


class MailboxChange(SnakeInput):
    """What is left out stays; null removes a value."""

    model_config = example(enabled=False)

    name: Name | None = None
    """What it is called in lists."""
    kind: MailboxKind | None = None
    """How it is read: `imap`, or `graph` (Microsoft Graph)."""
    host: Line | None = None
    """The IMAP server's name or address; of Graph, graph.microsoft.com."""
    port: Port | None = None
    """Its port: 993 as a rule (TLS from the beginning), 143 (STARTTLS)."""
    tls: TlsMode | None = None
    """How the connection is secured. `none` is possible to this machine alone."""
    username: Line | None = None
    """What it logs in as; of Graph, the mailbox's address."""
    password: Secret | None = None
    """Its password, or an app password. It goes into the secret store and is never shown; it
    belongs to host, port, TLS and user, and has to be given again when one of them changes."""
    tenant_id: Tenant | None = None
    """For an access token of Microsoft 365 (XOAUTH2, or Graph): the tenant."""
    client_id: Client | None = None
    """For an access token: the application that logs in. Graph without one is asked as this app's
    own identity."""
    client_secret: Secret | None = None
    """For an access token: the application's secret, in place of a password. It is never shown."""
    folder: Line | None = None
    """The folder that is read."""
    done_folder: Line | None = None
    """Where messages are moved that are done with; null: they stay."""
    unclear_folder: Line | None = None
    """Where messages are moved that are not understood, or about no email of ours; null: they
    stay."""
    delete_done: bool | None = None
    """Whether messages that are done with are deleted, in place of `done_folder`."""
    enabled: bool | None = None
    """Whether it is read."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.password is not None and self.client_secret is not None:
            raise ValueError("Give a password, or a client_secret, and not both.")
        return self

    def secret(self) -> str | None:
        """The password, or the client's secret in its place."""
        secret = self.client_secret or self.password
        return secret.get_secret_value() if secret else None

    def of(self, here: MailboxSettings) -> MailboxSettings:
        """The mailbox as it is to be. Raises BadMailboxValue."""
        given = self._given()
        for name in _NEVER_NONE:
            if given.get(name, "") is None:
                raise BadMailboxValue(name, "It can be changed, and not removed.")
        return here.with_values(given)

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set - _SECRETS}


class NewMailbox(MailboxChange):
    model_config = example(
        name="Bounces",
        kind="imap",
        host="imap.example.com",
        username="bounces@example.com",
        password="the-mailbox's-password",
        done_folder="Processed",
        unclear_folder="Unclear",
    )

    name: Name
    """What it is called in lists."""
    username: Line
    """What it logs in as; of Graph, the mailbox's address."""

    def settings(self) -> MailboxSettings:
        """The mailbox, with what goes without saying. Raises BadMailboxValue."""
        given = {name: value for name, value in self._given().items() if value is not None}
        kind = given.setdefault("kind", MailboxKind.IMAP)
        tls = given.setdefault("tls", TlsMode.IMPLICIT)
        given.setdefault("port", usual_port(kind, tls))
        if "host" not in given:
            given["host"] = usual_host(kind)
        return MailboxSettings(**given)


class MailboxBrought(SnakeAnswer):
    bounced: int
    """Messages that tell of an email of ours that was not delivered."""
    complained: int
    """Complaints about an email of ours (feedback reports)."""
    unclear: int
    """Messages that were not understood, or that are about no email of ours."""
    others: int
    """Automatic answers, receipts, delays and ordinary mail."""

    @classmethod
    def of(cls, brought: Brought) -> MailboxBrought:
        return cls(**brought._asdict())


class MailboxShown(SnakeAnswer):
    id: int
    """The mailbox's number."""
    name: str
    """What it is called in lists."""
    kind: MailboxKind
    """How it is read."""
    host: str
    """Its server's name or address."""
    port: int
    """Its port."""
    tls: TlsMode
    """How the connection is secured."""
    username: str
    """What it logs in as; of Graph, the mailbox's address."""
    has_password: bool
    """Whether a password or client secret is kept for it."""
    tenant_id: str | None
    """For an access token: the tenant; null: it has none."""
    client_id: str | None
    """For an access token: the application that logs in; null: it has none."""
    folder: str
    """The folder that is read."""
    done_folder: str | None
    """Where messages are moved that are done with; null: they stay, or are deleted."""
    unclear_folder: str | None
    """Where messages are moved that are not understood; null: they stay."""
    delete_done: bool
    """Whether messages that are done with are deleted."""
    enabled: bool
    """Whether it is read."""
    brought: MailboxBrought
    """How many messages of each sort it has brought."""
    failures: int
    """How often in a row it could not be read."""
    failing_since: Timestamp | None
    """Since when it can't be read; null: it can."""
    last_fault: str | None
    """Why it can't be read; null: it can."""
    last_read_at: Timestamp | None
    """When it was last read; null: never."""
    created_at: Timestamp
    """When it was made."""
    created_by: str | None
    """Who made it."""

    @classmethod
    def of(cls, here: Mailbox) -> MailboxShown:
        settings = here.settings
        return cls(
            id=here.id,
            name=settings.name,
            kind=settings.kind,
            host=settings.host,
            port=settings.port,
            tls=settings.tls,
            username=settings.username,
            has_password=here.secret is not None,
            tenant_id=settings.tenant_id,
            client_id=settings.client_id,
            folder=settings.folder,
            done_folder=settings.done_folder,
            unclear_folder=settings.unclear_folder,
            delete_done=settings.delete_done,
            enabled=settings.enabled,
            brought=MailboxBrought.of(here.brought),
            failures=here.failures,
            failing_since=here.failing_since,
            last_fault=here.last_fault,
            last_read_at=here.last_read_at,
            created_at=here.created_at,
            created_by=here.created_by,
        )


class MailboxMade(Answer):
    http_status: ClassVar[int] = 201

    id: int
    """The mailbox's number."""


class MailboxList(SnakeAnswer):
    items: list[MailboxShown]
    """The mailboxes, the oldest first."""
    next_cursor: str | None = None
    """Always null: there are twenty at most."""


class MailboxRemoved(Answer):
    message: str = "The mailbox and its password are removed; what it has brought is kept."
    """The same in words."""
    id: int
    """The mailbox's number."""


class MailboxTested(Answer):
    success: bool
    """Whether it let us in."""
    messages: int | None
    """How many messages lie in its folder; null: it did not come to that."""
    fault: str | None
    """What went wrong; null: nothing."""


class MailboxCollected(SnakeAnswer):
    id: int
    """The mailbox's number."""
    finished: bool
    """Whether it has been read; false: that goes on, or somebody else is reading it."""
    brought: MailboxBrought
    """How many messages of each sort came of it until now."""
    fault: str | None
    """What went wrong; null: nothing."""


@routes.post("api/bounce-mailboxes", who=Role.ADMIN, errors={409})
def make_mailbox(request: Request[NewMailbox]) -> MailboxMade:
    """Add a mailbox that bounces come into. It is read with the next tick."""
    body = request.body
    admin = application().mailbox_admin()
    made = admin.make(body.settings(), body.secret(), request.caller.identity)
    return MailboxMade(id=made.id)


@routes.get("api/bounce-mailboxes", who=Role.VIEWER)
def list_mailboxes(request: Request) -> MailboxList:
    """List the mailboxes and how they are doing."""
    with application().database().read() as connection:
        found = all_mailboxes(connection)
    return MailboxList(items=[MailboxShown.of(each) for each in found])


@routes.get("api/bounce-mailboxes/{id:int}", who=Role.VIEWER, errors={404})
def show_mailbox(request: Request) -> MailboxShown:
    """Show a mailbox and how it is doing."""
    with application().database().read() as connection:
        return MailboxShown.of(mailbox(connection, int(request.path["id"])))


@routes.put("api/bounce-mailboxes/{id:int}", who=Role.ADMIN, errors={404})
def change_mailbox(request: Request[MailboxChange]) -> MailboxShown:
    """Change a mailbox. Another host, port, TLS or user needs the password again."""
    number, admin = int(request.path["id"]), application().mailbox_admin()
    settings = request.body.of(admin.found(number).settings)
    return MailboxShown.of(admin.change(number, settings, request.body.secret()))


@routes.delete("api/bounce-mailboxes/{id:int}", who=Role.ADMIN, errors={404})
def remove_mailbox(request: Request) -> MailboxRemoved:
    """Remove a mailbox and its password. What it has brought is kept."""
    number = int(request.path["id"])
    application().mailbox_admin().remove(number)
    return MailboxRemoved(id=number)


@routes.post(
    "api/bounce-mailboxes/{id:int}/test",
    who=Role.ADMIN,
    errors={404},
    room=Room.OTHER_SERVERS,
)
def test_mailbox(request: Request) -> MailboxTested:
    """Log in to a mailbox and say how many messages lie there; none is read."""
    tried = application().mailbox_admin().test(int(request.path["id"]))
    return MailboxTested(success=tried.fault is None, messages=tried.messages, fault=tried.fault)


@routes.post(
    "api/bounce-mailboxes/{id:int}/collect",
    who=Role.ADMIN,
    errors={404, 409},
    room=Room.OTHER_SERVERS,
)
def collect_mailbox(request: Request) -> MailboxCollected:
    """Read a mailbox now, and say what came of it within 20 seconds."""
    number = int(request.path["id"])
    collected = application().bounces.collect(number, COLLECT_SECONDS)
    return MailboxCollected(
        id=number,
        finished=collected.finished,
        brought=MailboxBrought.of(collected.brought),
        fault=collected.fault,
    )
