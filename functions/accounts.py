"""The mail accounts: whose server sends which emails, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, RootModel, SecretStr, model_validator

from shared.accounts import admin, connection_test
from shared.accounts.errors import AccountNotFound
from shared.accounts.presets import PresetName
from shared.accounts.shown import ShownAccount, shown_account, shown_accounts
from shared.api.endpoint import Request, Room, Routes
from shared.api.models import ONE_LINE, Answer, Input, Timestamp
from shared.app import application
from shared.limits.sending_limits import Window
from shared.mime.allowed_recipients import MOST_ENTRIES
from shared.security.roles import Role
from shared.smtp.opening import TlsMode
from shared.smtp.wire import Tls
from shared.transports.kinds import TransportKind

routes = Routes({"id": "The account's number."})

_LARGEST_ID = 2**31 - 1
Line = Annotated[str, Field(min_length=1, max_length=255, pattern=ONE_LINE)]
"""A line of text; what could end it is refused."""
Code = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[!-~]([ -~]*[!-~])?$")]
AccountId = Annotated[int, Field(ge=1, le=_LARGEST_ID)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=2000)]
Limit = Annotated[int, Field(ge=1, le=1_000_000_000)]
_EXAMPLE: dict[str, JsonValue] = {
    "name": "Gmail Account",
    "email_address": "your-email@gmail.com",
    "display_name": "Your Name",
    "smtp_host": "smtp.gmail.com",
    "smtp_port": 587,
    "username": "your-email@gmail.com",
    "password": "your-password-or-app-password",
    "use_tls": True,
    "daily_limit": 500,
    "hourly_limit": 50,
}


class AccountChange(Input):
    """What is to be changed; what is left out stays. Null removes a value."""

    model_config = ConfigDict(
        alias_generator=None,
        json_schema_extra={"examples": [{"active": False, "daily_limit": 1000}]},
    )

    name: Line | None = None
    """What the account is called in lists."""
    email_address: Annotated[str, Field(min_length=3, max_length=255)] | None = None
    """The address that its emails are from. The mail server has to allow it for this login."""
    display_name: Line | None = None
    """The name shown beside that address; null: the address alone."""
    smtp_host: Line | None = None
    """The mail server's name or address. A preset brings one."""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port: 587 (STARTTLS) as a rule, 465 (TLS from the beginning), 25. A preset brings one."""
    username: Line | None = None
    """What it logs in as; null: without a login."""
    password: Secret | None = None
    """Its password, or an app password. It goes into the secret store and is never shown; it
    belongs to host, port, TLS and user, and has to be given again when one of them changes."""
    use_tls: bool | None = None
    """Whether the connection is secured, by STARTTLS unless `use_ssl` says otherwise. Without it
    passwords go only to this machine."""
    use_ssl: bool | None = None
    """Whether TLS begins with the connection (port 465), not by STARTTLS."""
    active: bool | None = None
    """Whether it is used. Emails of an inactive account are held until it is active again."""
    daily_limit: Limit | None = None
    """How many emails it sends in a day (UTC), over all senders; null: any number. What is beyond
    waits."""
    hourly_limit: Limit | None = None
    """The same for each hour."""
    minute_limit: Limit | None = None
    """The same for each minute."""
    count_recipients_per: Annotated[tuple[Window, ...], Field(max_length=3)] | None = None
    """The windows whose limit counts recipients, as some providers do, and not emails."""
    max_connections: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many connections it may have open at once, over all senders; null: as many as
    `ROWPOST_CONNECTIONS` says, and 4 of `graph`, which answers no more."""
    param_code: Code | None = None
    """The code (`dd_EmailParamCode`) of the emails that it sends; made up from the name where none
    is given."""
    default: bool | None = None
    """Whether it sends what names no account."""
    fallback_id: AccountId | None = None
    """The number of the account that takes over while this one rests: the first of `failover_ids`.
    """
    failover_ids: Annotated[tuple[AccountId, ...], Field(max_length=10)] | None = None
    """The numbers of the accounts that take over while it rests, in their order, up to 10. They
    sign with their own address and name this one's in Reply-To."""
    preset: PresetName | None = None
    """A provider whose host, port, TLS and usual limits are filled in where they are not given."""
    tenant_id: (
        Annotated[str, Field(max_length=255, pattern=r"^[0-9A-Za-z]([0-9A-Za-z.-]*)$")] | None
    ) = None
    """For XOAUTH2 with Microsoft 365: the tenant."""
    client_id: Annotated[str, Field(max_length=100, pattern=r"^[0-9A-Za-z-]+$")] | None = None
    """For XOAUTH2: the application that logs in."""
    client_secret: Secret | None = None
    """For XOAUTH2: its secret, in place of a password. It is never shown."""
    allow_plain_login: bool | None = None
    """Whether the password may be sent over a connection without TLS, to another machine. Somebody
    on the way can read it then."""
    transport: TransportKind | None = None
    """How its emails leave: `smtp`; `acs`, Azure Communication Services Email; `graph`, Microsoft
    Graph. The last two log in as the app's own identity, or as `client_id`. Another one needs the
    host too; Graph brings its own."""
    ehlo_name: Line | None = None
    """What it calls itself to the mail server (EHLO); null: as `ROWPOST_EHLO_NAME` says, or this
    machine's name."""
    redirect_to: Annotated[str, Field(min_length=3, max_length=320)] | None = None
    """Test mode: the address that gets every email in place of whoever it is for; null: no test
    mode."""
    allow_recipients: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=320, pattern=ONE_LINE)], ...],
            Field(max_length=MOST_ENTRIES),
        ]
        | None
    ) = None
    """In test mode, the addresses and domains (`example.com`) that get their emails all the same.
    """
    bounce_address: Annotated[str, Field(min_length=3, max_length=320)] | None = None
    """The address to which mail servers write of emails that they can't deliver (MAIL FROM), by
    SMTP; null: to the sender of each. It should be of the sender's domain, so that SPF vouches for
    it."""
    verp: bool | None = None
    """Whether `+` and a signed token are added before its @, which say which email came back. Its
    mailbox has to take such addresses."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.password is not None and self.client_secret is not None:
            raise ValueError("Give a password, or a client_secret for XOAUTH2, and not both.")
        return self

    def given(self) -> dict[str, Any]:
        """The values that were given, less those that are secret."""
        values = {name: getattr(self, name) for name in self.model_fields_set - _SECRETS}
        if values.get("count_recipients_per") is not None:
            values["count_recipients_per"] = frozenset(values["count_recipients_per"])
        return values

    def secret(self) -> str | None:
        """The password, or the client secret in its place."""
        secret = self.client_secret or self.password
        return secret.get_secret_value() if secret else None


class NewAccount(AccountChange):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Line
    """What the account is called in lists."""
    email_address: Annotated[str, Field(min_length=3, max_length=255)]
    """The address that its emails are from. The mail server has to allow it for this login."""


class _Answer(Answer):
    """An answer in the words of the service that this one replaces."""

    model_config = ConfigDict(alias_generator=None)


class Created(_Answer):
    http_status: ClassVar[int] = 201

    message: str = "SMTP configuration created successfully"
    """The same in words."""
    config_id: int
    """The account's number."""


class Updated(_Answer):
    message: str = "SMTP configuration updated successfully"
    """The same in words."""


class Deleted(_Answer):
    message: str
    """The same in words, and how many emails are held now."""
    held: int
    """How many waiting emails have no account any more; they wait until one answers for their code.
    """


class Account(_Answer):
    id: int
    """Its number, in the paths of this API."""
    name: str
    """What it is called in lists."""
    email_address: str
    """The address that its emails are from."""
    display_name: str | None
    """The name shown beside that address; null: the address alone."""
    smtp_host: str
    """The mail server's name or address."""
    smtp_port: int
    """Its port."""
    username: str | None
    """What it logs in as; null: without a login."""
    has_password: bool
    """Whether a password or client secret is kept for it."""
    use_tls: bool
    """Whether the connection is secured."""
    use_ssl: bool
    """Whether TLS begins with the connection, not by STARTTLS."""
    active: bool
    """Whether it is used."""
    daily_limit: int | None
    """How many emails it sends in a day (UTC); null: any number."""
    hourly_limit: int | None
    """The same for each hour."""
    minute_limit: int | None
    """The same for each minute."""
    count_recipients_per: tuple[Window, ...]
    """The windows whose limit counts recipients, not emails."""
    max_connections: int | None
    """How many connections it may have open at once; null: as the settings say."""
    param_code: str
    """The code of the emails that it sends; empty for none."""
    default: bool
    """Whether it sends what names no account."""
    fallback_id: int | None
    """The first of `failover_ids`; null: there is none."""
    failover_ids: tuple[int, ...]
    """The numbers of the accounts that take over while it rests, in their order."""
    preset: PresetName | None
    """The provider that it was made from; null: none."""
    tenant_id: str | None
    """For XOAUTH2: the tenant."""
    client_id: str | None
    """For XOAUTH2: the application that logs in."""
    allow_plain_login: bool
    """Whether the password may go over a connection without TLS."""
    ehlo_name: str | None
    """What it calls itself to the mail server; null: as the settings say."""
    redirect_to: str | None
    """Test mode: the address that gets every email; null: none."""
    allow_recipients: tuple[str, ...]
    """In test mode, the addresses and domains that get their emails all the same."""
    test_mode: str | None
    """What test mode does to its emails now, its own and the service's, in words; null: nothing."""
    transport: TransportKind
    """How its emails leave."""
    bounce_address: str | None
    """The address that its bounces come back to; null: the sender of each email."""
    verp: bool
    """Whether a token in that address names each email."""
    signs_dkim: bool
    """Whether its emails are signed by DKIM here."""
    state: Literal["ready", "paused", "out_of_quota", "unusable", "inactive"]
    """How it is: `ready`; `paused` after a failure of its own; `out_of_quota` until its next
    window; `unusable` as it is configured; `inactive`."""
    reason: str | None
    """Why it is not ready, with the mail server's words; null where it is."""
    until: Timestamp | None
    """When it is tried again; null where it is ready, or where somebody has to change something
    first."""
    sent_count_today: int
    """How many emails it has sent in this day (UTC)."""
    sent_count_hour: int
    """How many in this hour."""
    last_sent: Timestamp | None
    """When it last sent one; null: never, as far as the statistics go back."""
    created_at: Timestamp | None
    """When it was added; null: before Rowpost came."""


class AccountList(RootModel[tuple[Account, ...]], _Answer):
    """All accounts, the oldest first."""


class TriedStep(_Answer):
    step: connection_test.StepName
    """What was done."""
    ok: bool
    """Whether it went well."""
    detail: str
    """What the server said, or what is wrong and what to do."""


class ServerLimits(_Answer):
    """What the server names itself; null where it names none."""

    message_bytes: int | None = None
    """The largest message that it takes, in bytes."""
    emails_per_connection: int | None = None
    """How many emails it takes over one connection."""
    recipients_per_email: int | None = None
    """How many recipients it takes for one email."""


class Spoken(_Answer):
    by: Literal["client", "server"]
    """Who said it."""
    line: str
    """The line, without what is secret."""


class Certificate(_Answer):
    subject: str
    """Whom it is made out to."""
    issuer: str
    """Who made it."""
    names: tuple[str, ...]
    """The names that it is good for."""
    valid_until: Timestamp
    """When it ends."""


class TriedTls(_Answer):
    version: str
    """The version of TLS."""
    certificate: Certificate
    """The server's certificate."""


class Offered(_Answer):
    login_methods: tuple[str, ...]
    """The ways to log in that the server names."""
    smtputf8: bool
    """Whether it takes addresses that are not ASCII (RFC 6531)."""
    pipelining: bool
    """Whether it takes several commands at once (RFC 2920)."""
    extensions: tuple[str, ...]
    """All extensions that it names (EHLO)."""


class Tried(_Answer):
    """How each step went. `conversation` is without what is secret; `tls` and `offered` are null
    where it did not come to that."""

    success: bool
    """Whether every step went well."""
    message: str
    """The same in words, and what to do next."""
    steps: tuple[TriedStep, ...]
    """The steps, in their order, up to the one that failed."""
    limits: ServerLimits
    """The limits that the server names itself."""
    conversation: tuple[Spoken, ...]
    """What was said, line by line."""
    tls: TriedTls | None
    """How the connection is secured; null: it is not, or it did not come to that."""
    offered: Offered | None
    """What the server offers; null: it did not come to that."""


_SECRETS = frozenset({"password", "client_secret"})


@routes.post("api/smtp-configs", who=Role.ADMIN, errors={409})
def create_account(request: Request[NewAccount]) -> Created:
    """Add an account. Its password goes into the secret store and is never shown."""
    number = admin.create(application(), request.body.given(), request.body.secret())
    return Created(config_id=number)


@routes.get("api/smtp-configs", who=Role.VIEWER)
def list_accounts(request: Request) -> AccountList:
    """List the accounts, how they are and what they have sent."""
    return AccountList(tuple(account_of(one) for one in shown_accounts(application())))


@routes.get("api/smtp-configs/{id:int}", who=Role.VIEWER, errors={404})
def get_account(request: Request) -> Account:
    """Show one account."""
    return account_of(shown_account(application(), account_id_in(request.path)))


@routes.put("api/smtp-configs/{id:int}", who=Role.ADMIN, errors={404, 409})
def change_account(request: Request[AccountChange]) -> Updated:
    """Change what is given. Another host, port, TLS mode or user needs the password again."""
    body = request.body
    admin.change(application(), account_id_in(request.path), body.given(), body.secret())
    application().waker.tell()
    return Updated()


@routes.delete("api/smtp-configs/{id:int}", who=Role.ADMIN, errors={404})
def delete_account(request: Request) -> Deleted:
    """Remove an account and its password. Emails that wait for it are held."""
    held = admin.remove(application(), account_id_in(request.path))
    message = "SMTP configuration deleted successfully"
    if held:
        message += f". Emails that name no other account wait for one now: {held}"
    return Deleted(message=message, held=held)


@routes.post(
    "api/smtp-configs/{id:int}/test", who=Role.ADMIN, errors={404}, room=Room.OTHER_SERVERS
)
def try_account(request: Request) -> Tried:
    """Connect and log in without sending, and say what was said and what the account may do."""
    return tried_of(connection_test.try_account(application(), account_id_in(request.path)))


def tried_of(found: connection_test.Tryout) -> Tried:
    """How it went, as it is answered."""
    return Tried(
        success=found.success,
        message=found.message,
        steps=tuple(
            TriedStep(step=step.name, ok=step.success, detail=step.answer) for step in found.steps
        ),
        limits=_limits(found.offered),
        conversation=tuple(
            Spoken(by="client" if by_us else "server", line=line)
            for by_us, line in found.conversation
        ),
        tls=_tls(found.tls),
        offered=_offered(found.offered),
    )


def _limits(offered: connection_test.Offered | None) -> ServerLimits:
    if offered is None:
        return ServerLimits()
    return ServerLimits(
        message_bytes=offered.message_octets,
        emails_per_connection=offered.emails_per_connection,
        recipients_per_email=offered.recipients_per_email,
    )


def _offered(offered: connection_test.Offered | None) -> Offered | None:
    if offered is None:
        return None
    return Offered(
        login_methods=offered.login_methods,
        smtputf8=offered.smtputf8,
        pipelining=offered.pipelining,
        extensions=offered.extensions,
    )


def _tls(tls: Tls | None) -> TriedTls | None:
    if tls is None:
        return None
    certificate = Certificate(
        subject=tls.subject, issuer=tls.issuer, names=tls.names, valid_until=tls.valid_until
    )
    return TriedTls(version=tls.version, certificate=certificate)


def account_id_in(path: Mapping[str, str]) -> int:
    """The number of the account that an address names. Raises AccountNotFound."""
    text = path["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST_ID):
        raise AccountNotFound
    return int(text)


def account_of(shown: ShownAccount) -> Account:
    """The account as it is answered."""
    settings, state = shown.settings, shown.state
    return Account(
        id=shown.id,
        name=settings.name,
        email_address=settings.email_address,
        display_name=settings.display_name,
        smtp_host=settings.smtp_host,
        smtp_port=settings.smtp_port,
        username=settings.username,
        has_password=shown.has_password,
        use_tls=settings.tls is TlsMode.STARTTLS,
        use_ssl=settings.tls is TlsMode.IMPLICIT,
        active=settings.active,
        daily_limit=settings.daily_limit,
        hourly_limit=settings.hourly_limit,
        minute_limit=settings.minute_limit,
        count_recipients_per=tuple(
            window for window in Window if window in settings.count_recipients_per
        ),
        max_connections=settings.max_connections,
        param_code=settings.param_code,
        default=settings.default,
        fallback_id=settings.fallback_id,
        failover_ids=settings.failover_ids,
        preset=settings.preset,
        tenant_id=settings.tenant_id,
        client_id=settings.client_id,
        allow_plain_login=settings.allow_plain_login,
        ehlo_name=settings.ehlo_name,
        redirect_to=settings.redirect_to,
        allow_recipients=settings.allow_recipients,
        test_mode=shown.test_mode,
        transport=settings.transport,
        bounce_address=settings.bounce_address,
        verp=settings.verp,
        signs_dkim=shown.signs,
        state=state.state if state else "inactive",
        reason=state.reason if state else None,
        until=state.until if state else None,
        sent_count_today=shown.sent.today,
        sent_count_hour=shown.sent.this_hour,
        last_sent=shown.sent.last,
        created_at=shown.created_at,
    )
