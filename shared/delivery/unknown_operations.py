"""Emails that are unknown, and whose mail service can be asked what became of them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.accounts.directory import Account, load_accounts
from shared.app import Application
from shared.database.database import Database
from shared.delivery.transport_of import service_of
from shared.outbox.cancel_retry_resolve import Decision, NotUnknown, resolve
from shared.outbox.entries import EmailNotFound
from shared.outbox.sending.operations import (
    OpenOperation,
    ask_again,
    ask_no_more,
    open_operations,
)
from shared.transports.acs import Fate, ask_what_became
from shared.transports.base import AccountFault
from shared.transports.kinds import TransportKind
from shared.transports.rest import RestService

log = logging.getLogger("rowpost.delivery")

MOST_AT_ONCE = 20
"""Questions of one tick: a service allows few."""
LONGEST_SECONDS = 15.0


def resolve_by_asking(application: Application) -> int:
    """Ask about the emails that are due for it, for 15 seconds at most; answers how many are known
    now. What was taken counts as sent, what failed waits again. One whose row can't be told, as a
    trigger may have it, is asked about later. Raises DatabaseUnreachable."""
    database = application.database()
    with database.read() as connection:
        due = open_operations(connection, MOST_AT_ONCE)
        if not due:
            return 0
        book = load_accounts(connection, application.secrets, application.settings)
    services = {account.code: account for account in book.usable}
    fates = asyncio.run(_asked(due, services))
    known = 0
    for operation in due:
        fate = fates.get(operation.operation, Fate.NOT_KNOWN)
        known += _settled(database, operation, fate)
    return known


def _settled(database: Database, asked: OpenOperation, fate: Fate) -> bool:
    try:
        return database.run(partial(_settle, asked=asked, fate=fate))
    except DBAPIError as error:
        log.warning(
            "email %d: what became of it can't be written: %s",
            asked.email_id,
            type(error).__name__,
            extra={"email": asked.email_id},
        )
        database.run(partial(ask_again, asked=asked))
        return False


async def _asked(due: list[OpenOperation], accounts: dict[str, Account]) -> dict[str, Fate]:
    """What the services say, as far as that goes in time; one after another for each account."""
    fates: dict[str, Fate] = {}

    async def ask_all(account: Account) -> None:
        service = service_of(account.server)
        with suppress(AccountFault):
            await service.log_in()
            for operation in due:
                if operation.account == account.code:
                    fates[operation.operation] = await _fate(service, operation)

    wanted = {operation.account for operation in due}
    asked = [
        ask_all(account)
        for code, account in accounts.items()
        if code in wanted and account.transport is TransportKind.ACS
    ]
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SECONDS):
            await asyncio.gather(*asked)
    return fates


async def _fate(service: RestService, operation: OpenOperation) -> Fate:
    fate, _ = await ask_what_became(service, operation.operation)
    return fate


def _settle(connection: Connection, asked: OpenOperation, fate: Fate) -> bool:
    """Write what is known now; whether that is anything."""
    if fate is Fate.NOT_KNOWN:
        ask_again(connection, asked)
        return False
    decision = Decision.SENT if fate is Fate.TAKEN else Decision.RESEND
    with suppress(NotUnknown, EmailNotFound):  # Somebody has decided meanwhile.
        resolve(connection, asked.email_id, decision)
        log.info(
            "email %d: the mail service says that it was %s",
            asked.email_id,
            "taken" if fate is Fate.TAKEN else "not sent",
            extra={"email": asked.email_id},
        )
    ask_no_more(connection, asked)
    return True
