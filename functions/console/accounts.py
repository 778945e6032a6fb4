"""The mail accounts: listed with how they are, added from presets, changed, tried, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from functions.accounts import AccountId, NewAccount, account_id_in
from functions.console.overview import limits_of
from shared.accounts import admin, connection_test
from shared.accounts.account_settings import AccountSettings
from shared.accounts.errors import AccountNotFound
from shared.accounts.presets import PresetName, preset
from shared.accounts.shown import ShownAccount, shown_account, shown_accounts
from shared.api.endpoint import Room
from shared.api.errors import ApiError
from shared.api.models import EmailAddress, SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.delivery.test_email import TrialFailed, send_test_email
from shared.limits.sending_limits import Window
from shared.mime.allowed_recipients import MOST_ENTRIES, split_entries
from shared.security.roles import Role
from shared.smtp.opening import TlsMode

pages = Pages()

HERE = "/console/accounts"
_PLACES = (
    *("First", "Second", "Third", "Fourth", "Fifth"),
    *("Sixth", "Seventh", "Eighth", "Ninth", "Tenth"),
)
_PLACES_AT_LEAST = 3
# What the form shows whole: a value that it leaves empty is none. All else of an account stays.
_SHOWN = (
    *("name", "email_address", "display_name", "param_code", "default", "active", "preset"),
    *("transport", "smtp_host", "smtp_port", "username", "tenant_id", "client_id"),
    *(
        "bounce_address",
        "verp",
        "allow_plain_login",
        "ehlo_name",
        "redirect_to",
        "allow_recipients",
        "failover_ids",
    ),
    *("minute_limit", "hourly_limit", "daily_limit", "max_connections"),
)

_PRESETS: Mapping[PresetName, tuple[str, str]] = {
    PresetName.MICROSOFT_365: (
        "Microsoft 365",
        "A mailbox of your organisation; 30 emails a minute, 10,000 recipients a day.",
    ),
    PresetName.GMAIL: (
        "Gmail or Google Workspace",
        "With an app password; 2,000 emails a day, 500 with a free account.",
    ),
    PresetName.AMAZON_SES: (
        "Amazon SES",
        "With the SMTP credentials of a region; set the limits of your own account.",
    ),
    PresetName.AZURE_COMMUNICATION_SERVICES: (
        "Azure Communication Services",
        "With a domain of your own; a new resource may send 30 a minute, 100 an hour.",
    ),
    PresetName.AZURE_COMMUNICATION_SERVICES_API: (
        "Azure Communication Services, without a password",
        "By its API, as this app's own identity; what is unknown is found out by itself.",
    ),
    PresetName.MICROSOFT_GRAPH: (
        "Microsoft 365 by Graph",
        "From a mailbox, without SMTP or a password; 30 emails a minute, 3 MB each.",
    ),
    PresetName.CATCHER: (
        "The mail catcher of this machine",
        "For trying out: emails are kept in a folder, and reach nobody.",
    ),
}


class PresetChoice(NamedTuple):
    """A mail service that somebody may begin with."""

    value: str
    title: str
    note: str


class WhichPreset(SnakeInput):
    preset: PresetName | Literal["other", ""] = ""


def _without_blanks(ids: object) -> object:
    return [each for each in ids if each != ""] if isinstance(ids, list) else ids


def _entries(written: object) -> object:
    return split_entries(", ".join(written)) if isinstance(written, list) else written


class AccountForm(NewAccount):
    """All of an account: what is left empty is none."""

    tls: TlsMode
    active: bool = False
    default: bool = False
    verp: bool = False
    allow_plain_login: bool = False
    count_recipients_per: tuple[Window, ...] = ()
    failover_ids: Annotated[
        tuple[AccountId, ...], BeforeValidator(_without_blanks), Field(max_length=len(_PLACES))
    ] = ()
    allow_recipients: Annotated[
        tuple[str, ...], BeforeValidator(_entries), Field(max_length=MOST_ENTRIES)
    ] = ()

    def given(self) -> dict[str, Any]:
        """All values that the form shows, whether something stands there or not."""
        return {name: getattr(self, name) for name in _SHOWN} | {
            "count_recipients_per": frozenset(self.count_recipients_per),
            "use_tls": self.tls is TlsMode.STARTTLS,
            "use_ssl": self.tls is TlsMode.IMPLICIT,
        }


class TestTo(SnakeInput):
    email: EmailAddress


@pages.page("console/accounts", who=Role.VIEWER)
def accounts(visit: Visit) -> Page:
    """List the accounts, how they are and what they have sent."""
    known = shown_accounts(application())
    names = {account.id: account.settings.name for account in known}
    return visit.show("accounts.html", accounts=known, names=names, limits_of=limits_of)


@pages.page("console/accounts/new", who=Role.ADMIN)
def new_account(visit: Visit[None, WhichPreset]) -> Page:
    """Choose a mail service, then give what it cannot know."""
    chosen = visit.typed.value("preset", visit.query.preset)
    if not chosen and not visit.typed.values:
        return visit.show("account_preset.html", presets=_presets())
    others = _others(shown_accounts(application()), None)
    return visit.show(
        "account_new.html",
        account=_begun(chosen),
        others=others,
        failover_places=_places(others, ()),
        preset=_preset_choice(chosen),
        has_password=False,
    )


@pages.form("console/accounts/new", who=Role.ADMIN, shown_by=new_account)
def add_account(visit: Visit[AccountForm]) -> Redirect:
    """Add an account; its password goes into the secret store."""
    number = admin.create(application(), visit.form.given(), visit.form.secret())
    return visit.go(f"{HERE}/{number}", f"{visit.form.name} is added. Now try it.")


@pages.page("console/accounts/{id:int}", who=Role.VIEWER)
def account(visit: Visit) -> Page:
    """Show one account."""
    known = shown_accounts(application())
    shown = _found(known, visit)
    names = {each.id: each.settings.name for each in known}
    return visit.show(
        "account.html",
        account=shown,
        names=names,
        limits_of=limits_of,
        ask_remove=_ask_remove(shown),
    )


@pages.page("console/accounts/{id:int}/edit", who=Role.ADMIN)
def edit_account(visit: Visit) -> Page:
    """Show all of an account to be changed."""
    known = shown_accounts(application())
    shown = _found(known, visit)
    others = _others(known, shown.id)
    return visit.show(
        "account_edit.html",
        id=shown.id,
        account=shown.settings,
        others=others,
        failover_places=_places(others, shown.settings.failover_ids),
        preset=_preset_choice(shown.settings.preset),
        has_password=shown.has_password,
    )


@pages.form("console/accounts/{id:int}/edit", who=Role.ADMIN, shown_by=edit_account)
def change_account(visit: Visit[AccountForm]) -> Redirect:
    """Change an account; its rest ends, since what it rested for may be mended."""
    number = account_id_in(visit.path)
    admin.change(application(), number, visit.form.given(), visit.form.secret())
    application().waker.tell()
    return visit.go(f"{HERE}/{number}", "The account is changed.")


@pages.form("console/accounts/{id:int}/try", who=Role.ADMIN, room=Room.OTHER_SERVERS)
def try_account(visit: Visit) -> Page:
    """Connect and log in without sending, and say what was answered at each step."""
    number = account_id_in(visit.path)
    tried = connection_test.try_account(application(), number)
    shown = shown_account(application(), number)
    return visit.show("account_tried.html", account=shown, tried=tried)


@pages.form(
    "console/accounts/{id:int}/test-email",
    who=Role.OPERATOR,
    shown_by=account,
    room=Room.OTHER_SERVERS,
)
def test_email(visit: Visit[TestTo]) -> Redirect:
    """Send one email over the account, at once and beside the queue."""
    number = account_id_in(visit.path)
    code = shown_account(application(), number).settings.param_code
    try:
        sent = send_test_email(application(), visit.form.email, code or None)
    except TrialFailed as refused:
        raise ApiError(
            422, "mail_server_refused", f"The test email was not sent: {refused}."
        ) from refused
    return visit.go(
        f"{HERE}/{number}", f"The mail server has accepted the test email to {sent.recipient}."
    )


@pages.form(
    "console/accounts/{id:int}/remove",
    who=Role.ADMIN,
    shown_by=account,
    asks=lambda visit: _ask_remove(shown_account(application(), account_id_in(visit.path))),
)
def remove_account(visit: Visit) -> Redirect:
    """Remove an account and its password."""
    held = admin.remove(application(), account_id_in(visit.path))
    waiting = f" Emails that name no other account wait for one now: {held}." if held else ""
    return visit.go(HERE, f"The account is removed.{waiting}")


def _ask_remove(account: ShownAccount) -> Question:
    return Question(
        f"Remove the account {account.settings.name}, and its password with it? Emails that wait "
        "for it are held until an account has its code again.",
        "Remove",
    )


def _found(known: Sequence[ShownAccount], visit: Visit[Any, Any]) -> ShownAccount:
    number = account_id_in(visit.path)
    found = next((account for account in known if account.id == number), None)
    if found is None:
        raise AccountNotFound
    return found


def _presets() -> tuple[PresetChoice, ...]:
    return tuple(PresetChoice(name.value, *words) for name, words in _PRESETS.items())


def _preset_choice(name: str | None) -> PresetChoice | None:
    return next((choice for choice in _presets() if choice.value == name), None)


def _begun(name: str) -> AccountSettings:
    """An account with what is known of this mail service."""
    if name not in set(PresetName):
        return AccountSettings(
            name="", email_address="", smtp_host="", smtp_port=587, tls=TlsMode.STARTTLS,
            param_code="",
        )  # fmt: skip
    chosen = PresetName(name)
    known = preset(chosen, application().settings.catcher_port)
    return AccountSettings(
        name="",
        email_address="",
        smtp_host=known.host or "",
        transport=known.transport,
        smtp_port=known.port,
        tls=known.tls,
        param_code="",
        minute_limit=known.minute_limit,
        hourly_limit=known.hourly_limit,
        daily_limit=known.daily_limit,
        count_recipients_per=known.count_recipients_per,
        max_connections=known.max_connections,
        preset=chosen,
    )


def _others(known: Sequence[ShownAccount], number: int | None) -> list[tuple[int, str]]:
    """Who may take over for this account: whoever has no failover of its own."""
    return [
        (account.id, f"{account.settings.name} ({account.settings.email_address})")
        for account in known
        if account.id != number and not account.settings.failover_ids
    ]


def _places(others: Sequence[object], taken: Sequence[int]) -> Sequence[str]:
    """The places of failovers that are shown: all that are taken, and one to be filled."""
    return _PLACES[: min(len(others), max(_PLACES_AT_LEAST, len(taken) + 1))]
