"""Accounts (`tbl_EMailParameters`): whose server sends which emails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, RowMapping, func, select, union, update

from shared.accounts.credentials import passwords
from shared.accounts.credentials.dkim_secrets import DkimKeyUnavailable, resolve_key
from shared.accounts.credentials.passwords import Binding, PasswordUnavailable
from shared.accounts.failovers import failover_ids, further_failovers
from shared.accounts.numbers import insert_account
from shared.accounts.profiles import AS_ALL_EMAILS, ProfileRetries, active_profiles, profile_retries
from shared.accounts.routing import (
    ActiveAccount,
    ActiveProfile,
    answered,
    default_of,
    first_of,
    fold,
    leaders,
    route,
)
from shared.configuration.lasting_key import lasting_key
from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStore, SecretStoreUnavailable
from shared.database.columns.tolerant import unreadable
from shared.database.tables import accounts, pending_passwords
from shared.errors import RowpostError
from shared.limits.sending_limits import Limits, windows_of
from shared.mime.address_form import domain_of
from shared.mime.addresses import BadAddress, Mailbox, envelope_address, parse_recipients
from shared.mime.allowed_recipients import RecipientRule, recipient_rule, split_entries
from shared.mime.bad_email import BadEmail
from shared.mime.dkim.signature import DkimKey
from shared.mime.return_path import KEY_NAME, ReturnPath, bounce_address
from shared.mime.validate import require_line
from shared.outbox.conditions import PROFILE_CODE
from shared.settings import Settings
from shared.smtp.oauth import SCOPE, TokenSource, access_tokens, identity_tokens
from shared.smtp.opening import Server, TlsMode
from shared.transports.kinds import NOT_ITS_HOST, TransportKind

CATCHER = "CATCHER"
NO_CODE: tuple[str | None, ...] = (None, "")
IMPLICIT_TLS_PORT = 465
_DEFAULT_PORT = 25
_HTTPS_PORT = 443
_LAST_PORT = 65535
# One without a number was inserted a moment ago: see number_new_accounts.
_ALL = select(accounts).where(accounts.c.Rowpost_Id.is_not(None)).order_by(accounts.c.Rowpost_Id)
_PENDING = select(pending_passwords.c.AccountId)
_YES = frozenset({"y", "yes", "true", "1"})
_NO = frozenset({"", "n", "no", "false", "0"})
_EVERY_CODE = union(select(accounts.c.ParamCode), select(PROFILE_CODE)).subquery()
_CODES = select(_EVERY_CODE.c.ParamCode).order_by(_EVERY_CODE.c.ParamCode)


Columns = RowMapping | Mapping[str, Any]
"""An account's values by the names of its columns."""


class BadAccount(RowpostError):
    """An account can't be used as it is; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Account:
    """An active account that can be used: its server, its sender, and the codes it answers for."""

    id: int
    code: str
    server: Server
    sender: Mailbox
    codes: tuple[str | None, ...]
    limits: Limits
    max_connections: int | None = None
    """Over all senders."""
    failover_ids: tuple[int, ...] = ()
    """Who takes over while it rests, in this order."""
    profiles: tuple[ActiveProfile, ...] = ()
    """The mail profiles for which it sends first: whose other accounts take over for it there."""
    profile_retries: ProfileRetries = AS_ALL_EMAILS
    """When emails of profiles are tried again."""
    stands_in_for: int | None = None
    """The account that rests, where this is its failover as it sends for it."""
    reply_to: tuple[Mailbox, ...] = ()
    """Where answers go, unless an email says so itself."""
    recipient_rules: tuple[RecipientRule, ...] = ()
    """Whom its emails may reach, in test mode: its own rule, then that of the whole service."""
    transport: TransportKind = TransportKind.SMTP
    dkim: DkimKey | None = None
    """What signs its emails; None: its mail server does, or nobody."""
    return_path: ReturnPath | None = None
    """Where its bounces go; None: to whoever each email is from."""

    @property
    def mailbox(self) -> str:
        """Whose mailbox sends, where a mail service has some."""
        return self.server.username or self.sender.address

    @property
    def message_domain(self) -> str:
        """The right-hand side of its emails' Message-ID, in A-labels."""
        return domain_of(envelope_address(self.sender.address).address)


@dataclass(frozen=True, slots=True)
class UnusableAccount:
    """An active account that can't be used as it is, and what to change."""

    id: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccountBook:
    """All accounts: the usable ones, and of the others the reason why they are not."""

    usable: tuple[Account, ...]
    unusable: tuple[UnusableAccount, ...]
    problems: dict[str, str]
    """By account code."""
    plain_passwords: tuple[str, ...]
    """Codes of accounts whose password stands in the table itself."""
    answered: Mapping[str, str | None]
    """As `routing.answered`: whether an account can be used is another question."""

    def usable_for(self, code: str | None) -> Account | None:
        """The first usable account that answers for this code."""
        wanted = fold(code)
        return next((each for each in self.usable if wanted in map(fold, each.codes)), None)


def load_accounts(connection: Connection, secrets: SecretStore, settings: Settings) -> AccountBook:
    """Read the accounts as they stand now.

    Which of them sends which emails is said in `routing`.
    """
    rows = _active_rows(connection)
    active = _as_routed(connection, rows)
    profiles = active_profiles(connection)
    default = default_of(active)
    numbers = Counter(row.Rowpost_Id for row in rows)
    pending = frozenset(connection.scalars(_PENDING))
    usable: list[Account] = []
    unusable: list[UnusableAccount] = []
    for row, routed in zip(rows, active, strict=True):
        own = (routed.code,) if routed.code else ()
        codes = (*own, *NO_CODE) if routed is default else own
        try:
            _require_own_number(numbers[row.Rowpost_Id])
            _require_no_pending_password(row.Rowpost_Id, pending)
            usable.append(_account(row, routed, codes, secrets, settings))
        except (
            BadAccount,
            PasswordUnavailable,
            DkimKeyUnavailable,
            SecretStoreUnavailable,
            DocumentUnreadable,
        ) as error:
            unusable.append(UnusableAccount(row.Rowpost_Id, row.ParamCode or "", str(error)))
    problems = {one.code: one.reason for one in unusable}
    if default is None and rows:
        problems.setdefault("", "several accounts are active and none is marked as the default")
    return AccountBook(
        _leading(usable, profiles, profile_retries(connection)),
        tuple(unusable),
        problems,
        _plain_passwords(rows),
        answered(active, profiles),
    )


def _leading(
    usable: Sequence[Account], profiles: Sequence[ActiveProfile], retries: ProfileRetries
) -> tuple[Account, ...]:
    """The accounts, and for which profiles each of them sends first."""
    leading = leaders(profiles, {account.id for account in usable})

    def leader(account: Account) -> Account:
        own = tuple(leading.get(account.id, ()))
        codes = (*account.codes, *(profile.code for profile in own))
        return replace(account, codes=codes, profiles=own, profile_retries=retries)

    return tuple(map(leader, usable))


def _require_own_number(accounts_with_it: int) -> None:
    """Pauses, limits and keys belong to a number; whoever copies a row copies that too."""
    if accounts_with_it > 1:
        raise BadAccount("another row has its Rowpost_Id: set it to NULL in the copied one")


def _require_no_pending_password(account_id: int, pending: Container[int]) -> None:
    if account_id in pending:
        raise BadAccount("its password is on its way into the secret store: a tick takes it there")


def answered_codes(connection: Connection) -> list[str | None]:
    """The codes that an active account answers for, in the database's order of texts.

    None stands for emails without a code. Whether the account works is another question.
    """
    own = answered_now(connection)
    spelled = set(own.values())
    in_order = [code for code in connection.scalars(_CODES) if code and code in spelled]
    return [*NO_CODE, *in_order] if "" in own else in_order


def answered_now(connection: Connection) -> dict[str, str | None]:
    """As `routing.answered`."""
    return answered(active_accounts(connection), active_profiles(connection))


def active_accounts(connection: Connection) -> tuple[ActiveAccount, ...]:
    """The active accounts, for routing."""
    return _as_routed(connection, _active_rows(connection))


def stand_ins(accounts: Sequence[Account], resting: Collection[int]) -> Iterator[Account]:
    """For each account that rests, the first of its failovers that does not, as it sends for it;
    for its profiles, the next of their accounts.

    It signs with its own address, since its server takes no other, and answers go to the original
    sender.
    """
    awake = {account.id: account for account in accounts if account.id not in resting}
    for account in accounts:
        if account.id in resting:
            for deputy_id, codes in _deputies(account, awake).items():
                deputy = awake[deputy_id]
                yield replace(
                    deputy,
                    codes=codes,
                    profiles=(),
                    reply_to=account.reply_to or (account.sender,),
                    stands_in_for=account.id,
                    recipient_rules=(*account.recipient_rules, *deputy.recipient_rules),
                )


def _deputies(account: Account, awake: Container[int]) -> dict[int, tuple[str | None, ...]]:
    """Who sends for an account that rests, by number, and which codes each of them sends for."""
    of_profiles = {profile.code for profile in account.profiles}
    own = tuple(code for code in account.codes if code not in of_profiles)
    lists = [(own, account.failover_ids)]
    lists += [((profile.code,), profile.account_ids) for profile in account.profiles]
    found: dict[int, tuple[str | None, ...]] = {}
    for codes, ids in lists:
        deputy = first_of((each for each in ids if each != account.id), awake)
        if deputy is not None and codes:
            found[deputy] = (*found.get(deputy, ()), *codes)
    return found


class Sender(NamedTuple):
    """Which account sends an email, and as whom."""

    account_id: int
    account_name: str
    mailbox: Mailbox
    reply_to: tuple[Mailbox, ...] = ()
    recipient_rules: tuple[RecipientRule, ...] = ()
    """In test mode, as Account has them."""


def sender_of(
    connection: Connection, code: str | None, settings: Settings | None = None
) -> Sender | None:
    """Who an email with this code is from; None where no active account answers for it.

    `settings`: tell of its test mode, too.
    """
    rows = _active_rows(connection)
    routed = _as_routed(connection, rows)
    for account in route(code, routed, active_profiles(connection))[:1]:
        row = next(row for row in rows if row.Rowpost_Id == account.id)
        try:
            name = row.Rowpost_Name or account.code
            rules = () if settings is None else recipient_rules(row._mapping, settings)
            return Sender(account.id, name, _sender(row), _reply_to(row), rules)
        except BadAccount:
            return None
    return None


def ensure_catcher(connection: Connection, port: int) -> None:
    """Give a database without accounts the mail catcher as its default one.

    A catcher account that is there follows the catcher to its present port.
    """
    if not connection.scalar(select(func.count()).select_from(accounts)):
        catcher = {
            "SMTPServer": "127.0.0.1",
            "SMTPPort": port,
            "SMTPMailId": "rowpost@localhost",
            "ApplicationName": "Rowpost",
            "SMTPSSLFlag": "N",
            "ParamCode": CATCHER,
            "IsActive": "Y",
            "Rowpost_Default": "Y",
        }
        insert_account(connection, catcher)
        return
    connection.execute(
        update(accounts)
        .where(accounts.c.ParamCode == CATCHER, accounts.c.SMTPServer == "127.0.0.1")
        .values(SMTPPort=port)
    )


def binding_of(columns: Columns) -> Binding | None:
    """The connection that an account's password belongs to; None where it does not log in."""
    user = (columns["SMTPAccountName"] or "").strip()
    if not user:
        return None
    tenant, client = columns["Rowpost_TenantId"], columns["Rowpost_ClientId"]
    return Binding(
        host=(columns["SMTPServer"] or "").strip(),
        port=columns["SMTPPort"] or _DEFAULT_PORT,
        tls=tls_of(columns).value,
        user=user,
        application=f"{tenant}/{client}" if tenant or client else "",
    )


def tls_of(columns: Columns) -> TlsMode:
    """How an account's connections are secured; by TLS where its flag says nothing known."""
    if is_no(columns["SMTPSSLFlag"]):
        return TlsMode.NONE
    if columns["Rowpost_Tls"] in (TlsMode.IMPLICIT, TlsMode.STARTTLS):
        return TlsMode(columns["Rowpost_Tls"])
    return TlsMode.IMPLICIT if columns["SMTPPort"] == IMPLICIT_TLS_PORT else TlsMode.STARTTLS


def is_active(columns: Columns) -> bool:
    """Whether the account is in use."""
    return columns["IsActive"] is None or is_yes(columns["IsActive"])


def is_yes(flag: object) -> bool:
    """Whether a flag column says yes: Y, yes, true or 1, in any case."""
    return _word(flag) in _YES


def is_no(flag: object) -> bool:
    """Whether a flag column says no, or nothing. What is neither yes nor no is a mistake."""
    return _word(flag) in _NO


def _word(flag: object) -> str:
    return "" if flag is None else str(flag).strip().casefold()


def _active_rows(connection: Connection) -> list[Row[Any]]:
    return [row for row in connection.execute(_ALL) if is_active(row._mapping)]


def _as_routed(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[ActiveAccount, ...]:
    further = further_failovers(connection)
    return tuple(
        ActiveAccount(
            row.Rowpost_Id,
            row.ParamCode or "",
            is_yes(row.Rowpost_Default),
            failover_ids(row, further),
        )
        for row in rows
    )


def _account(
    row: Row[Any],
    routed: ActiveAccount,
    codes: tuple[str | None, ...],
    secrets: SecretStore,
    settings: Settings,
) -> Account:
    if reason := unreadable(row._mapping):
        raise BadAccount(reason)
    kind = transport_kind(row._mapping)
    return Account(
        id=row.Rowpost_Id,
        code=row.ParamCode or "",
        server=server_of(row, secrets, settings),
        sender=_sender(row),
        codes=codes,
        limits=_limits(row),
        max_connections=_positive(row.Rowpost_MaxConnections) or kind.most_at_once,
        failover_ids=routed.failover_ids,
        reply_to=_reply_to(row),
        recipient_rules=recipient_rules(row._mapping, settings),
        transport=kind,
        dkim=resolve_key(secrets, row.Rowpost_Dkim) if row.Rowpost_Dkim else None,
        return_path=_return_path(row, secrets),
    )


def _return_path(row: Row[Any], secrets: SecretStore) -> ReturnPath | None:
    """Of an account that sends by SMTP: a mail service takes no MAIL FROM.

    Raises BadAccount, SecretStoreUnavailable and DocumentUnreadable.
    """
    written = (row.Rowpost_BounceAddress or "").strip()
    if not written or transport_kind(row._mapping) is not TransportKind.SMTP:
        return None
    names_emails = is_yes(row.Rowpost_Verp)
    try:
        address = bounce_address(written, with_tokens=names_emails)
    except BadAddress as error:
        raise BadAccount(f"Rowpost_BounceAddress can't be used: {error}") from error
    return ReturnPath(address, lasting_key(secrets, KEY_NAME) if names_emails else None)


def transport_kind(columns: Columns) -> TransportKind:
    """How the account's emails leave. Raises BadAccount."""
    named = (columns["Rowpost_Transport"] or TransportKind.SMTP).strip().lower()
    try:
        return TransportKind(named)
    except ValueError:
        ways = ", ".join(TransportKind)
        raise BadAccount(f"Rowpost_Transport is {named!r}: it may be one of {ways}") from None


def recipient_rules(columns: Columns, settings: Settings) -> tuple[RecipientRule, ...]:
    """Whom the account's emails may reach, in test mode: its own rule, then that of the service.

    Raises BadAccount: an account whose rule can't be read sends nothing.
    """
    redirect_to, allowed = columns["Rowpost_RedirectTo"], columns["Rowpost_AllowRecipients"]
    try:
        own = recipient_rule(redirect_to, split_entries(allowed))
    except BadAddress as error:
        raise BadAccount(f"its test mode can't be read: {error}") from error
    return tuple(rule for rule in (own, settings.recipient_rule) if rule is not None)


def server_of(row: Row[Any], secrets: SecretStore, settings: Settings) -> Server:
    """The account's mail server, with its login.

    Raises BadAccount, PasswordUnavailable and SecretStoreUnavailable.
    """
    columns = row._mapping
    host = (row.SMTPServer or "").strip()
    if not host:
        raise BadAccount("SMTPServer is empty")
    if not 0 <= (row.SMTPPort or 0) <= _LAST_PORT:
        raise BadAccount(f"SMTPPort is {row.SMTPPort}: give a port from 1 to {_LAST_PORT}")
    if not is_yes(row.SMTPSSLFlag) and not is_no(row.SMTPSSLFlag):
        raise BadAccount("SMTPSSLFlag is neither Y (TLS) nor N (none)")
    binding = binding_of(columns)
    secret = _password(row, binding, secrets) if binding else None
    tokens = _tokens(row, secret, transport_kind(columns))
    return Server(
        host=host,
        port=row.SMTPPort or (_HTTPS_PORT if transport_kind(columns).scope else _DEFAULT_PORT),
        tls=tls_of(columns),
        username=binding.user if binding else None,
        password=None if tokens else secret,
        allow_plain_login=is_yes(row.Rowpost_PlainLogin),
        reply_timeout=float(settings.smtp_timeout),
        ehlo_name=(row.Rowpost_EhloName or "").strip() or settings.ehlo_name,
        tokens=tokens,
    )


def _tokens(row: Row[Any], secret: str | None, kind: TransportKind) -> TokenSource | None:
    """Where its access tokens come from, if it logs in by them: from an application of its own, or
    from this process's identity."""
    tenant, client = row.Rowpost_TenantId, row.Rowpost_ClientId
    if not tenant and not client:
        if kind.scope is None:
            return None
        if not kind.is_its_host(row.SMTPServer or ""):
            raise BadAccount(NOT_ITS_HOST)
        return identity_tokens(kind.scope)
    if not (tenant and client and secret):
        raise BadAccount("a token needs a user name, tenant, client and the client's secret")
    return access_tokens(tenant, client, secret, kind.scope or SCOPE)


def _password(row: Row[Any], binding: Binding, secrets: SecretStore) -> str | None:
    stored: str | None = row.SMTPPassword or None
    if stored is None or not passwords.is_reference(stored):
        return stored
    return passwords.resolve(secrets, stored, binding)


def _sender(row: Row[Any]) -> Mailbox:
    """The account's address; its login where that is one and no address is given."""
    try:
        given = parse_recipients(row.SMTPMailId) or parse_recipients(row.SMTPAccountName)
    except BadAddress as error:
        raise BadAccount(f"SMTPMailId is no email address: {error}") from error
    if not given:
        raise BadAccount("SMTPMailId is empty: emails need a sender's address")
    name = row.ApplicationName or given[0].name
    try:
        require_line("ApplicationName", name)
    except BadEmail as error:
        raise BadAccount(f"{error}: it can't be a sender's name") from error
    return Mailbox(given[0].address, name)


def _reply_to(row: Row[Any]) -> tuple[Mailbox, ...]:
    try:
        return parse_recipients(row.Rowpost_ReplyTo)
    except BadAddress as error:
        raise BadAccount(f"Rowpost_ReplyTo is no email address: {error}") from error


def _limits(row: Row[Any]) -> Limits:
    return Limits(
        account_id=row.Rowpost_Id,
        minute=_positive(row.Rowpost_MinuteLimit),
        hour=_positive(row.Rowpost_HourLimit),
        day=_positive(row.Rowpost_DayLimit),
        counting_recipients=windows_of(row.Rowpost_CountsRecipients),
    )


def _positive(number: int | None) -> int | None:
    return number if number is not None and number > 0 else None


def _plain_passwords(rows: Sequence[Row[Any]]) -> tuple[str, ...]:
    return tuple(row.ParamCode or "" for row in rows if has_plain_password(row))


def has_plain_password(row: Row[Any]) -> bool:
    """Whether the account's password stands in the table itself."""
    return bool(row.SMTPPassword) and not passwords.is_reference(row.SMTPPassword)
