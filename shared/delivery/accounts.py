"""Accounts (`tbl_EMailParameters`): whose server sends which emails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from shared.configuration import account_passwords
from shared.configuration.account_passwords import Binding, PasswordUnavailable
from shared.configuration.secret_store import SecretStore, SecretStoreUnavailable
from shared.database.tables import accounts
from shared.delivery.addresses import BadAddress, Mailbox, parse_recipients
from shared.delivery.session import Server, TlsMode
from shared.errors import RowpostError
from shared.settings import Settings

CATCHER = "CATCHER"
NO_CODE: tuple[str | None, ...] = (None, "")
_IMPLICIT_TLS_PORT = 465
_YES = ("Y", "y", "1")
_ALL = select(accounts).order_by(accounts.c.Rowpost_Id)
_CODES = select(accounts.c.ParamCode).distinct().order_by(accounts.c.ParamCode)


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

    @property
    def message_domain(self) -> str:
        """The right-hand side of its emails' Message-ID."""
        return self.sender.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class AccountBook:
    """All accounts: the usable ones, and of the others the reason why they are not."""

    usable: tuple[Account, ...]
    problems: dict[str, str]
    plain_passwords: tuple[str, ...]
    """Codes of accounts whose password stands in the table itself."""


def load_accounts(connection: Connection, secrets: SecretStore, settings: Settings) -> AccountBook:
    """Read the accounts as they stand now.

    Emails without a code go to the default account: the marked one, or the only active one. With
    several active and none marked they wait, and so do emails whose code no active account has.
    """
    rows = [row for row in connection.execute(_ALL) if _is_active(row)]
    default = _default(rows)
    usable: list[Account] = []
    problems: dict[str, str] = {}
    for row in rows:
        codes = _codes(row, is_default=row.Rowpost_Id == default)
        try:
            usable.append(_account(row, codes, secrets, settings))
        except (BadAccount, PasswordUnavailable, SecretStoreUnavailable) as error:
            problems[row.ParamCode or ""] = str(error)
    if default is None and rows:
        problems.setdefault("", "several accounts are active and none is marked as the default")
    return AccountBook(tuple(usable), problems, _plain_passwords(rows))


def answered_codes(connection: Connection) -> list[str | None]:
    """The codes that an active account answers for, in the database's order of texts.

    None stands for emails without a code. Whether the account works is another question.
    """
    rows = [row for row in connection.execute(_ALL) if _is_active(row)]
    own = {row.ParamCode for row in rows if row.ParamCode}
    in_order = [code for code in connection.scalars(_CODES) if code in own]
    return in_order if _default(rows) is None else [*NO_CODE, *in_order]


def sender_of(connection: Connection, code: str | None) -> Mailbox | None:
    """Who an email with this code is from; None where no active account answers for it."""
    rows = [row for row in connection.execute(_ALL) if _is_active(row)]
    default = _default(rows)
    for row in rows:
        if (code or None) in _codes(row, is_default=row.Rowpost_Id == default):
            try:
                return _sender(row)
            except BadAccount:
                return None
    return None


def ensure_catcher(connection: Connection, port: int) -> None:
    """Give a database without accounts the mail catcher as its default one.

    A catcher account that is there follows the catcher to its present port.
    """
    if not connection.scalar(select(func.count()).select_from(accounts)):
        connection.execute(
            insert(accounts).values(
                SMTPServer="127.0.0.1",
                SMTPPort=port,
                SMTPMailId="rowpost@localhost",
                ApplicationName="Rowpost",
                SMTPSSLFlag="N",
                ParamCode=CATCHER,
                IsActive="Y",
                Rowpost_Default="Y",
            )
        )
        return
    connection.execute(
        update(accounts)
        .where(accounts.c.ParamCode == CATCHER, accounts.c.SMTPServer == "127.0.0.1")
        .values(SMTPPort=port)
    )


def _is_active(row: Row[Any]) -> bool:
    return row.IsActive is None or row.IsActive in _YES


def _default(rows: Sequence[Row[Any]]) -> int | None:
    marked = [row.Rowpost_Id for row in rows if row.Rowpost_Default in _YES]
    if marked:
        return int(marked[0])
    return int(rows[0].Rowpost_Id) if len(rows) == 1 else None


def _codes(row: Row[Any], *, is_default: bool) -> tuple[str | None, ...]:
    own = (row.ParamCode,) if row.ParamCode else ()
    return (*own, *NO_CODE) if is_default else own


def _account(
    row: Row[Any], codes: tuple[str | None, ...], secrets: SecretStore, settings: Settings
) -> Account:
    host, port = (row.SMTPServer or "").strip(), row.SMTPPort or 25
    if not host:
        raise BadAccount("SMTPServer is empty")
    tls = _tls_mode(row.SMTPSSLFlag, port)
    user = (row.SMTPAccountName or "").strip() or None
    server = Server(
        host=host,
        port=port,
        tls=tls,
        username=user,
        password=_password(row, Binding(host, port, tls.value, user), secrets) if user else None,
        allow_plain_login=row.Rowpost_PlainLogin in _YES,
        reply_timeout=float(settings.smtp_timeout),
    )
    return Account(row.Rowpost_Id, row.ParamCode or "", server, _sender(row), codes)


def _tls_mode(flag: str | None, port: int) -> TlsMode:
    if flag not in _YES:
        return TlsMode.NONE
    return TlsMode.IMPLICIT if port == _IMPLICIT_TLS_PORT else TlsMode.STARTTLS


def _password(row: Row[Any], binding: Binding, secrets: SecretStore) -> str | None:
    stored: str | None = row.SMTPPassword or None
    if stored is None or not account_passwords.is_reference(stored):
        return stored
    return account_passwords.resolve(secrets, stored, binding)


def _sender(row: Row[Any]) -> Mailbox:
    """The account's address; its login where that is one and no address is given."""
    try:
        given = parse_recipients(row.SMTPMailId) or parse_recipients(row.SMTPAccountName)
    except BadAddress as error:
        raise BadAccount(f"SMTPMailId is no email address: {error}") from error
    if not given:
        raise BadAccount("SMTPMailId is empty: emails need a sender's address")
    return Mailbox(given[0].address, row.ApplicationName or given[0].name)


def _plain_passwords(rows: Sequence[Row[Any]]) -> tuple[str, ...]:
    return tuple(
        row.ParamCode or ""
        for row in rows
        if row.SMTPPassword and not account_passwords.is_reference(row.SMTPPassword)
    )
