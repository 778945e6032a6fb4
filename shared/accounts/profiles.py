"""Mail profiles: lists of accounts in their order, for callers of Database Mail."""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, exists, literal_column, select

from shared.accounts.routing import ActiveProfile
from shared.database.tables import mail_configuration, mail_profile_accounts, mail_profiles
from shared.outbox.states import profile_of

STATUS = "Rowpost.Status"
STOPPED = "STOPPED"

_is_stopped = exists(literal_column("1")).where(
    mail_configuration.c.Name == STATUS, mail_configuration.c.Value == STOPPED
)
_RETRIES = select(mail_configuration.c.Name, mail_configuration.c.Value).where(
    mail_configuration.c.Name.in_(["AccountRetryAttempts", "AccountRetryDelay"])
)
# Up to eleven days of seconds.
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)
_ACCOUNTS = (
    select(mail_profile_accounts.c.ProfileId, mail_profile_accounts.c.AccountId)
    .join(mail_profiles, mail_profiles.c.Id == mail_profile_accounts.c.ProfileId)
    .where(~_is_stopped)
    .order_by(
        mail_profile_accounts.c.ProfileId,
        mail_profile_accounts.c.SequenceNumber,
        mail_profile_accounts.c.AccountId,
    )
)


class ProfileRetries(NamedTuple):
    """When emails of profiles are tried again: how often at most, and after how many seconds.
    None: as all emails are."""

    most: int | None = None
    seconds: float | None = None


AS_ALL_EMAILS = ProfileRetries()


def profile_retries(connection: Connection) -> ProfileRetries:
    """What AccountRetryAttempts and AccountRetryDelay say; what is no number says nothing."""
    values = {name: _number(value) for name, value in connection.execute(_RETRIES)}
    seconds = values.get("AccountRetryDelay")
    return ProfileRetries(
        values.get("AccountRetryAttempts"), None if seconds is None else float(max(seconds, 1))
    )


def _number(value: str | None) -> int | None:
    word = (value or "").strip()
    return int(word) if _NUMBER.fullmatch(word) else None


def active_profiles(connection: Connection) -> tuple[ActiveProfile, ...]:
    """The profiles that have accounts, by number; none while Database Mail is stopped."""
    rows = connection.execute(_ACCOUNTS)
    return tuple(
        ActiveProfile(profile_id, tuple(row.AccountId for row in several))
        for profile_id, several in groupby(rows, key=lambda row: int(row.ProfileId))
    )


def profile_name(connection: Connection, code: str | None) -> str | None:
    """The name of the mail profile whose emails have this account code, if it is one's."""
    number = profile_of(code)
    if number is None:
        return None
    found = select(mail_profiles.c.Name).where(mail_profiles.c.Id == number)
    name: str | None = connection.scalar(found)
    return name or f"number {number}, which is gone"
