"""Mail profiles made and removed, and who may use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select, update

from shared.accounts.errors import BadAccountValue
from shared.database.tables import (
    mail_principals,
    mail_profile_accounts,
    mail_profiles,
)
from shared.features.database_mail.profiles import profile_names


@dataclass(frozen=True, slots=True)
class ShownProfile:
    """A profile with its accounts in their order, and with those who may use it: whether it is
    their default, by principal."""

    id: int
    name: str
    description: str | None
    accounts: list[int] = field(default_factory=list)
    principals: dict[str, bool] = field(default_factory=dict)


def shown_profiles(connection: Connection) -> list[ShownProfile]:
    """All of them, by name."""
    found = {
        row.Id: ShownProfile(row.Id, row.Name, row.Description)
        for row in connection.execute(select(mail_profiles).order_by(mail_profiles.c.Name))
    }
    in_order = mail_profile_accounts.c.SequenceNumber, mail_profile_accounts.c.AccountId
    for row in connection.execute(select(mail_profile_accounts).order_by(*in_order)):
        if row.ProfileId in found:
            found[row.ProfileId].accounts.append(row.AccountId)
    by_name = select(mail_principals).order_by(mail_principals.c.Principal)
    for row in connection.execute(by_name):
        if row.ProfileId in found:
            found[row.ProfileId].principals[row.Principal] = bool(row.IsDefault)
    return list(found.values())


def add_profile(
    connection: Connection, name: str, description: str | None, accounts: Sequence[int], by: str
) -> int:
    """Make a profile with these accounts, in this order; answers its number.

    Raises BadAccountValue for a name that another has.
    """
    if name.lower() in profile_names(connection):
        raise BadAccountValue("name", "Another profile has this name: choose one of its own.")
    values = {"Name": name, "Description": description, "ModifiedBy": by}
    connection.execute(insert(mail_profiles), values)
    number = profile_names(connection)[name.lower()]
    for place, account in enumerate(dict.fromkeys(accounts), start=1):
        row = {"ProfileId": number, "AccountId": account, "SequenceNumber": place, "ModifiedBy": by}
        connection.execute(insert(mail_profile_accounts), row)
    return number


def remove_profile(connection: Connection, profile_id: int) -> None:
    """Remove a profile. What waits for it is held; its accounts stay."""
    for table in (mail_profile_accounts, mail_principals):
        connection.execute(delete(table).where(table.c.ProfileId == profile_id))
    connection.execute(delete(mail_profiles).where(mail_profiles.c.Id == profile_id))


def allow(
    connection: Connection, profile_id: int, principal: str, *, default: bool, by: str
) -> None:
    """Somebody may use the profile. A new default takes the place of the former one."""
    forbid(connection, profile_id, principal)
    if default:
        theirs = update(mail_principals).where(mail_principals.c.Principal == principal)
        connection.execute(theirs.values(IsDefault=0))
    row = {"Principal": principal, "ProfileId": profile_id, "IsDefault": int(default)}
    connection.execute(insert(mail_principals), {**row, "ModifiedBy": by})


def forbid(connection: Connection, profile_id: int, principal: str) -> None:
    """Somebody may use the profile no more."""
    connection.execute(
        delete(mail_principals).where(
            mail_principals.c.Principal == principal, mail_principals.c.ProfileId == profile_id
        )
    )


def forbid_everywhere(connection: Connection, principal: str) -> None:
    """Somebody may use no profile any more."""
    connection.execute(delete(mail_principals).where(mail_principals.c.Principal == principal))
