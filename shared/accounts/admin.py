"""Accounts made, changed and removed, and their passwords with them.

A password is stored under a name of its own each time it is given, before the row that refers to
it is written: whoever reads the row finds the secret that belongs to it, on every instance.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Row, delete, select, update

from shared.accounts.account_settings import AccountSettings, settings_of
from shared.accounts.credentials import passwords
from shared.accounts.credentials.dkim_secrets import forget_key
from shared.accounts.credentials.passwords import same_connection
from shared.accounts.directory import answered_codes
from shared.accounts.errors import AccountNotFound, BadAccountValue, CodeTaken
from shared.accounts.failovers import Further, failover_ids, further_failovers, keep_further
from shared.accounts.numbers import insert_account, number_new_accounts
from shared.accounts.pauses import end_pause
from shared.accounts.wishes import Given, changed_settings, new_settings
from shared.app import Application
from shared.configuration.secret_store import SecretStore, SecretStoreUnavailable
from shared.database.errors import CommitUncertain
from shared.database.statements.locks import for_change
from shared.database.tables import accounts, quotas, slots, usage
from shared.outbox.queries.counts import waiting_for

log = logging.getLogger("rowpost.accounts")

T = TypeVar("T")

# Whoever changes an account keeps others from changing any until the commit.
_ALL = for_change(select(accounts), accounts).order_by(accounts.c.Rowpost_Id)


def create(application: Application, given: Given, password: str | None) -> int:
    """Make an account; answers its number. `password`: or the client secret, for XOAUTH2.

    Raises BadAccountValue, CodeTaken, DatabaseUnreachable, SecretStoreUnavailable.
    """

    def wanted(known: _Known) -> AccountSettings:
        codes = frozenset(row.ParamCode or "" for row in known.rows)
        settings = new_settings(given, codes, application.settings.catcher_port)
        _check(settings, None, known, given)
        if settings.logs_in and password is None:
            raise _password_missing(settings, "Give the account's password too.")
        return settings

    def write(connection: Connection, reference: str | None) -> int:
        settings = wanted(_read(connection))
        columns = settings.to_columns() | {"SMTPPassword": reference}
        number = insert_account(connection, columns)
        keep_further(connection, number, settings.failover_ids[1:])
        _be_the_only_default(connection, settings, number)
        return number

    return _with_password(application, wanted(_known(application)), password, write)


def change(application: Application, account_id: int, given: Given, password: str | None) -> None:
    """Change what is given; its pause ends, since what it rested for may be mended.

    Raises AccountNotFound, BadAccountValue, CodeTaken, DatabaseUnreachable,
    SecretStoreUnavailable.
    """

    def wanted(known: _Known) -> tuple[Row[Any], AccountSettings]:
        row = _row(known.rows, account_id)
        before = settings_of(row, known.further)
        after = changed_settings(before, given, application.settings.catcher_port)
        _check(after, account_id, known, given)
        if password is None:
            _require_the_same_connection(before, after)
        return row, after

    def write(connection: Connection, reference: str | None) -> str | None:
        row, after = wanted(_read(connection))
        kept = row.SMTPPassword if after.logs_in else None
        columns = after.to_columns() | {"SMTPPassword": reference or kept}
        its_row = update(accounts).where(accounts.c.Rowpost_Id == account_id)
        connection.execute(its_row.values(columns))
        keep_further(connection, account_id, after.failover_ids[1:])
        _be_the_only_default(connection, after, account_id)
        end_pause(connection, account_id)
        return _unused(connection, row.SMTPPassword)

    _, after = wanted(_known(application))
    _forget(application.secrets, _with_password(application, after, password, write))


def remove(application: Application, account_id: int) -> int:
    """Remove an account and its password; answers how many waiting emails no account sends now.

    They wait, held, until an account with their code is there; counted up to COUNT_LIMIT.
    Raises AccountNotFound, DatabaseUnreachable.
    """

    def write(connection: Connection) -> tuple[Row[Any], str | None, int]:
        known = _read(connection)
        row = _row(known.rows, account_id)
        answered = set(answered_codes(connection))
        connection.execute(delete(accounts).where(accounts.c.Rowpost_Id == account_id))
        for table in (usage, quotas, slots):
            connection.execute(delete(table).where(table.c.AccountId == account_id))
        _take_over_without(connection, account_id, known)
        lost = answered - set(answered_codes(connection))
        return row, _unused(connection, row.SMTPPassword), waiting_for(connection, tuple(lost))

    row, reference, held = application.database().run(write)
    _forget(application.secrets, reference)
    for key in (row.Rowpost_Dkim, row.Rowpost_DkimNext):
        forget_key(application.secrets, key)
    return held


def _take_over_without(connection: Connection, account_id: int, known: _Known) -> None:
    """Who had this account among its failovers has the others still."""
    keep_further(connection, account_id, ())
    for row in known.rows:
        ids = failover_ids(row, known.further)
        if account_id in ids:
            left = [each for each in ids if each != account_id]
            its_row = update(accounts).where(accounts.c.Rowpost_Id == row.Rowpost_Id)
            connection.execute(its_row.values(Rowpost_FallbackId=left[0] if left else None))
            keep_further(connection, row.Rowpost_Id, left[1:])


def _check(settings: AccountSettings, account_id: int | None, known: _Known, given: Given) -> None:
    settings.check()
    others = [row for row in known.rows if row.Rowpost_Id != account_id]
    taken = {row.ParamCode.casefold() for row in others if row.ParamCode}
    if settings.param_code.casefold() in taken:
        raise CodeTaken("Another account has this param_code: choose one of its own.")
    theirs = {row.Rowpost_Id: failover_ids(row, known.further) for row in others}
    for place, failover_id in enumerate(settings.failover_ids):
        field = f"failover_ids[{place}]" if "failover_ids" in given else "fallback_id"
        if problem := _problem(failover_id, account_id, theirs):
            raise BadAccountValue(field, problem)
        if failover_id in settings.failover_ids[:place]:
            raise BadAccountValue(field, "It is named before: name each account once.")


def _problem(
    failover_id: int, account_id: int | None, theirs: Mapping[int, Sequence[int]]
) -> str | None:
    """Why this account can't take over. `theirs`: failovers of the other accounts, by id."""
    if failover_id not in theirs:
        return "Name another account that is there."
    if theirs[failover_id]:
        return "That account has a failover itself: name one that has none."
    if any(account_id in ids for ids in theirs.values()):
        return "This account is a failover itself: it can't have one of its own."
    return None


def _require_the_same_connection(before: AccountSettings, after: AccountSettings) -> None:
    """A password goes only where it was given for."""
    if after.binding is None:
        return
    if before.binding is None or not same_connection(before.binding, after.binding):
        raise _password_missing(
            after, "Give the password again: host, port, TLS or user has changed."
        )


def _password_missing(settings: AccountSettings, message: str) -> BadAccountValue:
    return BadAccountValue("client_secret" if settings.tenant_id else "password", message)


def _be_the_only_default(
    connection: Connection, settings: AccountSettings, account_id: int
) -> None:
    if settings.default:
        connection.execute(
            update(accounts)
            .where(accounts.c.Rowpost_Id != account_id, accounts.c.Rowpost_Default.is_not(None))
            .values(Rowpost_Default=None)
        )


def _with_password(
    application: Application,
    settings: AccountSettings,
    password: str | None,
    write: Callable[[Connection, str | None], T],
) -> T:
    """Store the password, then write the row that refers to it, or leave neither."""
    reference = None
    if password is not None:
        if settings.binding is None:
            raise BadAccountValue("username", "Give the user name that the password belongs to.")
        name = passwords.new_name(settings.param_code)
        reference = passwords.keep(application.secrets, name, password, settings.binding)
    try:
        return application.database().run(lambda connection: write(connection, reference))
    except CommitUncertain:
        raise  # The row may be there, and then its password must be.
    except BaseException:
        _forget(application.secrets, reference)
        raise


class _Known(NamedTuple):
    """All accounts: their rows, and the failovers beyond those that the rows name."""

    rows: Sequence[Row[Any]]
    further: Further


def _known(application: Application) -> _Known:
    number_new_accounts(application.database())
    with application.database().read() as connection:
        return _read(connection)


def _read(connection: Connection) -> _Known:
    return _Known(connection.execute(_ALL).all(), further_failovers(connection))


def _row(rows: Sequence[Row[Any]], account_id: int) -> Row[Any]:
    for row in rows:
        if row.Rowpost_Id == account_id:
            return row
    raise AccountNotFound


def _unused(connection: Connection, reference: str | None) -> str | None:
    """The reference, unless an account still has it."""
    users = select(accounts.c.Rowpost_Id).where(accounts.c.SMTPPassword == reference)
    return None if reference is None or connection.execute(users).first() else reference


def _forget(secrets: SecretStore, reference: str | None) -> None:
    """A secret that nothing refers to does no harm, so a store that is away holds nobody up."""
    try:
        passwords.forget(secrets, reference)
    except SecretStoreUnavailable:
        log.warning("a password that is no longer used could not be deleted from the secret store")
