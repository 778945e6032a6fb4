"""A user who is gone leaves no mail profile to whoever gets the name next."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from shared.app import Application
from shared.errors import RowpostError
from shared.features.database_mail import administration
from shared.features.database_mail.profiles import caller_principal

GRANTS_ARE_LEFT = (
    "The database does not answer: the mail profiles that this name may use are still given to it. "
    "Take them back before somebody else gets the name."
)

log = logging.getLogger("rowpost.security")


def remove_user(application: Application, username: str) -> bool:
    """Nobody logs in by this name any more, and no mail profile is given to it.

    Logins end though no database answers: False says that the profiles are still given then.
    Raises what `Logins.remove` raises.
    """
    application.logins.remove(username)
    return _take_profiles_back(application, username)


def set_operator(application: Application, username: str, password: str) -> bool:
    """The schedule's operator in place of the former one, who is removed as by `remove_user`.

    Raises what `Logins.set_operator` raises.
    """
    former = application.logins.operator()
    application.logins.set_operator(username, password)
    if former is None or former.username == username:
        return True
    return _take_profiles_back(application, former.username)


def _take_profiles_back(application: Application, username: str) -> bool:
    principal = caller_principal(f"login:{username}")
    try:
        application.database().run(
            lambda connection: administration.forbid_everywhere(connection, principal)
        )
    except (RowpostError, SQLAlchemyError) as error:
        log.warning("Mail profiles of a former user are left (%s).", type(error).__name__)
        return False
    return True
