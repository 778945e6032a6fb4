"""Which mail profile a call goes over, and who may use which: of callers of the API.

Users of the database are principals, too: what the procedures decide about them follows the same
rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from shared.database.tables import mail_principals, mail_profiles
from shared.features.database_mail import refusal
from shared.features.database_mail.refusal import Refused

PUBLIC = "public"


class Grant(NamedTuple):
    """Somebody may use a profile; by default it is the one of calls that name none."""

    principal: str
    profile_id: int
    profile_name: str
    is_default: bool


class Who(NamedTuple):
    """Whoever calls: the principals that count for them, their own first; and whether any profile
    is theirs to use."""

    principals: tuple[str, ...]
    any_profile: bool = False


def caller_principal(identity: str) -> str:
    """The principal of a caller of the API: `caller:login:ann`, `caller:key:7`."""
    return f"caller:{identity}"


def resolve(name: str | None, who: Who, names: dict[str, int], grants: Sequence[Grant]) -> int:
    """The number of the profile that a call goes over. Pure. `names`: all profiles, by their names
    in small letters.

    Raises Refused: of a profile that is not theirs a caller learns no more than of none.
    """
    if name:
        wanted = names.get(name.strip().lower())
        theirs = {grant.profile_id for grant in grants if grant.principal in who.principals}
        if wanted is None or not (who.any_profile or wanted in theirs):
            raise Refused(
                refusal.UNKNOWN_PROFILE,
                "profile_name",
                "profile name is not valid: name one that you may use.",
            )
        return wanted
    for principal in who.principals:
        for grant in grants:
            if grant.principal == principal and grant.is_default:
                return grant.profile_id
    raise Refused(
        refusal.NO_DEFAULT_PROFILE,
        "profile_name",
        "No global profile is configured. Specify a profile name in the @profile_name parameter.",
    )


def profile_names(connection: Connection) -> dict[str, int]:
    """All profiles, by their names in small letters."""
    rows = connection.execute(select(mail_profiles.c.Name, mail_profiles.c.Id))
    return {row.Name.lower(): row.Id for row in rows}


def grants_of(connection: Connection, principals: Sequence[str]) -> list[Grant]:
    """What these principals may use."""
    found = connection.execute(
        select(
            mail_principals.c.Principal,
            mail_principals.c.ProfileId,
            mail_profiles.c.Name,
            mail_principals.c.IsDefault,
        )
        .join(mail_profiles, mail_profiles.c.Id == mail_principals.c.ProfileId)
        .where(mail_principals.c.Principal.in_(principals))
        .order_by(mail_principals.c.ProfileId)
    )
    return [Grant(principal, number, name, bool(own)) for principal, number, name, own in found]
