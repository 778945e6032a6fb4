"""Moving plain passwords from the accounts table into the secret store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, update

from shared.accounts.credentials import passwords
from shared.accounts.credentials.passwords import Binding
from shared.accounts.directory import binding_of, has_plain_password
from shared.accounts.numbers import number_new_accounts
from shared.app import Application
from shared.database.statements.changes import changed
from shared.database.tables import accounts


def move_passwords(application: Application) -> list[str]:
    """Move them; answers the codes of the accounts whose password was moved.

    Each is bound to the connection that its row names now. A password that no login uses is
    removed. One that somebody changes meanwhile is left for the next time. Raises
    DatabaseUnreachable, SecretStoreUnavailable.
    """
    number_new_accounts(application.database())
    with application.database().read() as connection:
        rows = connection.execute(select(accounts).order_by(accounts.c.Rowpost_Id)).all()
    plain = [row for row in rows if has_plain_password(row)]
    return [row.ParamCode or "" for row in plain if _move(application, row)]


def _move(application: Application, row: Row[Any]) -> bool:
    binding = binding_of(row._mapping)
    reference = _keep(application, row, binding) if binding else None
    moved = application.database().run(lambda connection: _refer(connection, row, reference))
    if not moved:
        passwords.forget(application.secrets, reference)
    return moved


def _keep(application: Application, row: Row[Any], binding: Binding) -> str:
    name = passwords.new_name(row.ParamCode or "")
    return passwords.keep(application.secrets, name, row.SMTPPassword, binding)


def _refer(connection: Connection, row: Row[Any], reference: str | None) -> bool:
    unchanged = (
        accounts.c.Rowpost_Id == row.Rowpost_Id,
        accounts.c.SMTPPassword == row.SMTPPassword,
    )
    statement = update(accounts).where(*unchanged).values(SMTPPassword=reference)
    return changed(connection, statement) == 1
