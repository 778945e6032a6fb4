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

routes = Routes()

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
    email_address: Annotated[str, Field(min_length=3, max_length=255)] | None = None
    display_name: Line | None = None
    smtp_host: Line | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    username: Line | None = None
    password: Secret | None = None
    use_tls: bool | None = None
    use_ssl: bool | None = None
    active: bool | None = None
    daily_limit: Limit | None = None
    hourly_limit: Limit | None = None
    minute_limit: Limit | None = None
    count_recipients_per: Annotated[tuple[Window, ...], Field(max_length=3)] | None = None
    max_connections: Annotated[int, Field(ge=1, le=1000)] | None = None
    param_code: Code | None = None
    default: bool | None = None
    fallback_id: AccountId | None = None
    failover_ids: Annotated[tuple[AccountId, ...], Field(max_length=10)] | None = None
    preset: PresetName | None = None
    tenant_id: (
        Annotated[str, Field(max_length=255, pattern=r"^[0-9A-Za-z]([0-9A-Za-z.-]*)$")] | None
    ) = None
    client_id: Annotated[str, Field(max_length=100, pattern=r"^[0-9A-Za-z-]+$")] | None = None
    client_secret: Secret | None = None
    allow_plain_login: bool | None = None
    ehlo_name: Line | None = None
    redirect_to: Annotated[str, Field(min_length=3, max_length=320)] | None = None
    allow_recipients: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=320, pattern=ONE_LINE)], ...],
            Field(max_length=MOST_ENTRIES),
        ]
        | None
    ) = None

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
    email_address: Annotated[str, Field(min_length=3, max_length=255)]


class _Answer(Answer):
    """An answer in the words of the service that this one replaces."""

    model_config = ConfigDict(alias_generator=None)


class Created(_Answer):
    http_status: ClassVar[int] = 201

    message: str = "SMTP configuration created successfully"
    config_id: int


class Updated(_Answer):
    message: str = "SMTP configuration updated successfully"


class Deleted(_Answer):
    message: str
    held: int


class Account(_Answer):
    id: int
    name: str
    email_address: str
    display_name: str | None
    smtp_host: str
    smtp_port: int
    username: str | None
    has_password: bool
    use_tls: bool
    use_ssl: bool
    active: bool
    daily_limit: int | None
    hourly_limit: int | None
    minute_limit: int | None
    count_recipients_per: tuple[Window, ...]
    max_connections: int | None
    param_code: str
    default: bool
    fallback_id: int | None
    failover_ids: tuple[int, ...]
    preset: PresetName | None
    tenant_id: str | None
    client_id: str | None
    allow_plain_login: bool
    ehlo_name: str | None
    redirect_to: str | None
    allow_recipients: tuple[str, ...]
    test_mode: str | None
    state: Literal["ready", "paused", "out_of_quota", "unusable", "inactive"]
    reason: str | None
    until: Timestamp | None
    sent_count_today: int
    sent_count_hour: int
    last_sent: Timestamp | None
    created_at: Timestamp | None


class AccountList(RootModel[tuple[Account, ...]], _Answer):
    """All accounts, the oldest first."""


class TriedStep(_Answer):
    step: connection_test.StepName
    ok: bool
    detail: str


class ServerLimits(_Answer):
    """What the server names itself; null where it names none."""

    message_bytes: int | None = None
    emails_per_connection: int | None = None
    recipients_per_email: int | None = None


class Spoken(_Answer):
    by: Literal["client", "server"]
    line: str


class Certificate(_Answer):
    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_until: Timestamp


class TriedTls(_Answer):
    version: str
    certificate: Certificate


class Offered(_Answer):
    login_methods: tuple[str, ...]
    smtputf8: bool
    pipelining: bool
    extensions: tuple[str, ...]


class Tried(_Answer):
    """How each step went. `conversation` is without what is secret; `tls` and `offered` are null
    where it did not come to that."""

    success: bool
    message: str
    steps: tuple[TriedStep, ...]
    limits: ServerLimits
    conversation: tuple[Spoken, ...]
    tls: TriedTls | None
    offered: Offered | None


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
        state=state.state if state else "inactive",
        reason=state.reason if state else None,
        until=state.until if state else None,
        sent_count_today=shown.sent.today,
        sent_count_hour=shown.sent.this_hour,
        last_sent=shown.sent.last,
        created_at=shown.created_at,
    )
