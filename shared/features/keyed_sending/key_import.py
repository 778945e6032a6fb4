"""Keys of an older service taken over: an account for each Gmail address, and the keys hashed.

All of it or nothing: rows are written in one transaction, passwords before it, each under a name
of its own, so that an account in use keeps what it has until the commit. Once more with the same
file changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from shared.accounts.account_settings import AccountSettings, settings_of
from shared.accounts.credentials import passwords
from shared.accounts.credentials.passwords import Binding, PasswordUnavailable
from shared.accounts.directory import is_active, is_yes
from shared.accounts.numbers import insert_account, number_accounts
from shared.accounts.presets import PresetName, preset
from shared.accounts.wishes import new_settings
from shared.app import Application
from shared.configuration.secret_store import SecretStore
from shared.database.errors import CommitUncertain
from shared.database.tables import accounts
from shared.errors import RowpostError
from shared.features.keyed_sending.key_file import BadKeyFile, KeyLine
from shared.security import kept_keys
from shared.security.roles import Role

GMAIL = preset(PresetName.GMAIL, None)
SHORT_CHARACTERS = 20
"""A key with fewer may be guessed."""

_MADE_BY = "import"


class ImportedMeanwhile(RowpostError):
    """Somebody else was importing the same at the same time."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many were made; `passwords` are those that accounts which were there got anew."""

    keys: int
    accounts: int
    passwords: int


def import_keys(application: Application, lines: Sequence[KeyLine]) -> Imported:
    """Make what is missing: accounts, their passwords, keys of the role `service`.

    Raises BadKeyFile, which names the line, DatabaseUnreachable and SecretStoreUnavailable.
    """
    secrets, database = application.secrets, application.database()
    hashes = {one.line: application.keys.hash_of(one.key) for one in lines}
    with database.read() as connection:
        known = _gmail_accounts(_rows(connection))
    references = {
        address: _keep(secrets, known.get(address), one)
        for address, one in _by_address(lines).items()
        if one.app_password != _stored_password(secrets, known.get(address))
    }

    def write(connection: Connection) -> Imported:
        made, renewed = _write_accounts(connection, lines, references)
        return Imported(_write_keys(connection, lines, hashes), made, renewed)

    try:
        return database.run(write)
    except CommitUncertain:
        raise  # The rows may be there, and then their passwords must be.
    except BaseException as error:
        _forget(secrets, references.values())
        if isinstance(error, IntegrityError):
            raise ImportedMeanwhile(
                "somebody else was importing keys at the same time: run it again"
            ) from None
        raise


# Passwords.


def _stored_password(secrets: SecretStore, row: Row[Any] | None) -> str | None:
    if row is None or not passwords.is_reference(row.SMTPPassword or ""):
        return None
    with suppress(PasswordUnavailable):
        return passwords.resolve(secrets, row.SMTPPassword, _binding(settings_of(row)))
    return None


def _keep(secrets: SecretStore, row: Row[Any] | None, one: KeyLine) -> str:
    """Store the password for the account that is there, or for the one to be made."""
    settings = _new_account(one.email, frozenset()) if row is None else settings_of(row)
    name = passwords.new_name(settings.param_code)
    return passwords.keep(secrets, name, one.app_password, _binding(settings))


def _binding(settings: AccountSettings) -> Binding:
    assert settings.binding, "an account at Gmail has a user"
    return settings.binding


def _forget(secrets: SecretStore, references: Iterable[str]) -> None:
    """Secrets that nothing refers to do no harm: one that can't be deleted stays."""
    for reference in references:
        with suppress(RowpostError):
            passwords.forget(secrets, reference)


# Accounts.


def _rows(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(select(accounts).order_by(accounts.c.Rowpost_Id)).all()


def _gmail_accounts(rows: Sequence[Row[Any]]) -> dict[str, Row[Any]]:
    """Those that log in at Gmail, by their address; the oldest where there are several."""
    return {
        (row.SMTPAccountName or "").strip().casefold(): row
        for row in reversed(rows)
        if settings_of(row).smtp_host.casefold() == GMAIL.host and settings_of(row).logs_in
    }


def _by_address(lines: Sequence[KeyLine]) -> dict[str, KeyLine]:
    """The first line of each address."""
    first: dict[str, KeyLine] = {}
    for one in lines:
        first.setdefault(one.email.casefold(), one)
    return first


def _write_accounts(
    connection: Connection, lines: Sequence[KeyLine], references: Mapping[str, str]
) -> tuple[int, int]:
    """How many accounts were made, and how many got a new password."""
    number_accounts(connection)
    rows = _rows(connection)
    known, codes = _gmail_accounts(rows), {row.ParamCode or "" for row in rows}
    new = {address: one for address, one in _by_address(lines).items() if address not in known}
    if new:
        _keep_the_default(connection, rows)
    for address, one in new.items():
        settings = _new_account(one.email, frozenset(codes))
        codes.add(settings.param_code)
        values = settings.to_columns() | {"SMTPPassword": references[address]}
        insert_account(connection, values)
    renewed = [address for address in references if address in known]
    for address in renewed:
        row = accounts.c.Rowpost_Id == known[address].Rowpost_Id
        connection.execute(update(accounts).where(row).values(SMTPPassword=references[address]))
    return len(new), len(renewed)


def _keep_the_default(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """The only active account sends what names none; beside new ones it needs the mark for that."""
    active = [row for row in rows if is_active(row._mapping)]
    if len(active) == 1 and not is_yes(active[0].Rowpost_Default):
        connection.execute(
            update(accounts)
            .where(accounts.c.Rowpost_Id == active[0].Rowpost_Id)
            .values(Rowpost_Default="Y")
        )


def _new_account(email: str, codes: frozenset[str]) -> AccountSettings:
    return new_settings(
        {"name": email, "email_address": email, "username": email, "preset": PresetName.GMAIL},
        codes,
        None,
    )


# Keys.


def _write_keys(connection: Connection, lines: Sequence[KeyLine], hashes: dict[int, str]) -> int:
    """How many keys were made."""
    known = _gmail_accounts(_rows(connection))
    return sum(
        _write_key(connection, one, hashes[one.line], known[one.email.casefold()].Rowpost_Id)
        for one in lines
    )


def _write_key(connection: Connection, one: KeyLine, hashed: str, account_id: int) -> bool:
    present = kept_keys.kept(connection, hashed)
    if present is None:
        kept_keys.add(connection, hashed, one.email, account_id, Role.SERVICE, _MADE_BY)
        return True
    if present.revoked_at is not None:
        raise BadKeyFile(one.line, "this key was revoked: take another one")
    if present.account_id != account_id:
        raise BadKeyFile(one.line, "this key is bound to another account already")
    return False
