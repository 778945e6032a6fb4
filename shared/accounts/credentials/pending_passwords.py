"""Passwords that procedures were given: the next tick takes them into the secret store.

They stand in SQL for no longer than that, in a table of their own that only the procedures and
Rowpost read. Until then their accounts send nothing.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import DBAPIError

from shared.accounts.credentials import passwords
from shared.accounts.directory import binding_of
from shared.accounts.pauses import end_pause
from shared.app import Application
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.database.errors import is_transient
from shared.database.statements.changes import changed
from shared.database.tables import accounts, pending_passwords

log = logging.getLogger("rowpost.accounts")

_MOST_AT_ONCE = 100
_PENDING = (
    select(pending_passwords.c.AccountId, pending_passwords.c.Password)
    .order_by(pending_passwords.c.Since)
    .limit(_MOST_AT_ONCE)
)


def take_pending_passwords(application: Application) -> int:
    """Take those that are there into the secret store; answers how many were taken.

    One whose account is gone, or does not log in, is removed. While the store is away all of them
    wait, and nobody for it more than once. One whose account's row can't be changed, as a trigger
    may have it, waits alone: nothing that is to be sent depends on it. Raises DatabaseUnreachable.
    """
    with application.database().read() as connection:
        pending = connection.execute(_PENDING).all()
    taken = 0
    for given in pending:
        try:
            taken += _take(application, given)
        except SecretStoreUnavailable:
            log.warning("passwords given in SQL wait: the secret store does not answer")
            break
        except DBAPIError as error:
            log.warning(
                "the password of account %d waits: its row can't be changed (%s)",
                given.AccountId,
                type(error).__name__,
            )
            if is_transient(error):
                break
    return taken


def _take(application: Application, given: Row[int, str]) -> bool:
    with application.database().read() as connection:
        account = connection.execute(
            select(accounts).where(accounts.c.Rowpost_Id == given.AccountId)
        ).first()
    binding = None if account is None else binding_of(account._mapping)
    reference = None
    if account is not None and binding is not None:
        name = passwords.new_name(account.ParamCode or "")
        reference = passwords.keep(application.secrets, name, given.Password, binding)

    def settle(connection: Connection) -> bool:
        """Unless another was given meanwhile: that one has its turn."""
        removed = delete(pending_passwords).where(
            pending_passwords.c.AccountId == given.AccountId,
            pending_passwords.c.Password == given.Password,
        )
        if changed(connection, removed) != 1:
            return False
        if reference is not None:
            its_row = update(accounts).where(accounts.c.Rowpost_Id == given.AccountId)
            connection.execute(its_row.values(SMTPPassword=reference))
            end_pause(connection, given.AccountId)
        return reference is not None

    try:
        taken = application.database().run(settle)
    except DBAPIError:
        _forget(application, reference)  # The next try makes another.
        raise
    _forget(application, account.SMTPPassword if taken and account is not None else reference)
    return taken


def _forget(application: Application, reference: str | None) -> None:
    try:
        passwords.forget(application.secrets, reference)
    except SecretStoreUnavailable:
        log.warning("a password that nobody uses any more stays in the secret store")
