"""Accounts as they are shown: their settings, how they are, and what they have sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from shared.accounts.account_settings import AccountSettings, settings_of
from shared.accounts.directory import BadAccount, load_accounts, recipient_rules
from shared.accounts.errors import AccountNotFound
from shared.accounts.failovers import further_failovers
from shared.accounts.numbers import number_new_accounts
from shared.accounts.states import AccountState, account_states
from shared.app import Application
from shared.database.tables import accounts
from shared.outbox.queries.statistics import SentSoFar, sent_by_account
from shared.settings import Settings

_ALL = select(accounts).where(accounts.c.Rowpost_Id.is_not(None)).order_by(accounts.c.Rowpost_Id)


@dataclass(frozen=True, slots=True)
class ShownAccount:
    """One account, without its password. `state` is None for one that is not active."""

    id: int
    settings: AccountSettings
    has_password: bool
    created_at: datetime | None
    state: AccountState | None
    sent: SentSoFar
    signs: bool
    """Its emails are signed by DKIM here."""
    test_mode: str | None
    """Whom its emails may not reach, by its own values or by the settings; None: everybody."""


def shown_accounts(application: Application) -> list[ShownAccount]:
    """All accounts, the oldest first. Raises DatabaseUnreachable."""
    number_new_accounts(application.database())
    with application.database().read() as connection:
        rows = connection.execute(_ALL).all()
        further = further_failovers(connection)
        book = load_accounts(connection, application.secrets, application.settings)
        states = {one.id: one for one in account_states(connection, book)}
        sent = sent_by_account(connection)
    return [
        ShownAccount(
            id=row.Rowpost_Id,
            settings=settings_of(row, further),
            has_password=bool(row.SMTPPassword),
            created_at=row.Rowpost_CreatedDate,
            state=states.get(row.Rowpost_Id),
            sent=sent.get(row.ParamCode or "", SentSoFar()),
            signs=bool(row.Rowpost_Dkim),
            test_mode=_test_mode(row, application.settings),
        )
        for row in rows
    ]


def _test_mode(row: Row[Any], settings: Settings) -> str | None:
    try:
        rules = recipient_rules(row._mapping, settings)
    except BadAccount as error:
        return str(error)
    return "; ".join(map(str, rules)) or None


def shown_account(application: Application, account_id: int) -> ShownAccount:
    """One account. Raises AccountNotFound, DatabaseUnreachable."""
    for account in shown_accounts(application):
        if account.id == account_id:
            return account
    raise AccountNotFound
