"""Emails that are unknown, and whose mail service can be asked what became of them."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from functools import partial
from typing import NamedTuple

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
    accounts_to_ask,
    ask_again,
    ask_no_more,
    open_operations,
    put_off,
)
from shared.transports.acs import Fate, ask_what_became
from shared.transports.base import AccountFault
from shared.transports.kinds import TransportKind

log = logging.getLogger("rowpost.delivery")

MOST_SERVICES = 20
MOST_QUESTIONS = 10
"""To one service, of one tick: what a resource with a domain of Azure's is answered in a minute."""
LONGEST_SECONDS = 15.0


class _Said(NamedTuple):
    """What a service said of an operation. `rest`: so long it wants to be left alone."""

    fate: Fate
    rest: float = 0.0


_SILENCE = _Said(Fate.NO_ANSWER)


def resolve_by_asking(application: Application) -> int:
    """Ask about the emails that are due for it, for 15 seconds at most; answers how many are known
    now. What was taken counts as sent, what failed waits again. One whose row can't be told, as a
    trigger may have it, is asked about later, and so is one of which the service says nothing.

    Raises DatabaseUnreachable.
    """
    database = application.database()
    with database.read() as connection:
        codes = accounts_to_ask(connection)
        if not codes:
            return 0
        if len(codes) > MOST_SERVICES:  # Those that never answer are not the first each time.
            codes = random.sample(codes, MOST_SERVICES)
        due = {code: open_operations(connection, code, MOST_QUESTIONS) for code in codes}
        book = load_accounts(connection, application.secrets, application.settings)
    services = {
        account.code: account
        for account in book.usable
        if account.transport is TransportKind.ACS and account.code in due
    }
    said = asyncio.run(_asked(due, services))
    known = 0
    for code in codes:
        for operation in due[code]:
            known += _settled(database, operation, said.get(operation.operation, _SILENCE))
    return known


def _settled(database: Database, asked: OpenOperation, said: _Said) -> bool:
    try:
        return database.run(partial(_settle, asked=asked, said=said))
    except DBAPIError as error:
        log.warning(
            "email %d: what became of it can't be written: %s",
            asked.email_id,
            type(error).__name__,
            extra={"email": asked.email_id},
        )
        database.run(partial(ask_again, asked=asked))
        return False


async def _asked(
    due: dict[str, list[OpenOperation]], accounts: dict[str, Account]
) -> dict[str, _Said]:
    """What the services say, as far as that goes in time; one after another for each account."""
    said: dict[str, _Said] = {}

    async def ask_all(account: Account) -> None:
        service = service_of(account.server)
        with suppress(AccountFault):
            await service.log_in()
            for operation in due[account.code]:
                fate, answer = await ask_what_became(service, operation.operation)
                rest = answer.retry_after if answer is not None else None
                word = said[operation.operation] = _Said(fate, rest or 0.0)
                if fate is Fate.NO_ANSWER:  # Nor will it have one to the next question.
                    said.update({each.operation: word for each in due[account.code]} | said)
                    return

    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SECONDS):
            await asyncio.gather(*(ask_all(account) for account in accounts.values()))
    return said


def _settle(connection: Connection, asked: OpenOperation, said: _Said) -> bool:
    """Write what is known now; whether that is anything."""
    fate = said.fate
    if fate is Fate.NO_ANSWER:
        put_off(connection, asked, said.rest)
        return False
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
