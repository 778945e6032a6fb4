"""From the account that somebody names to the code by which emails name it."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from shared.accounts.errors import AccountNotFound
from shared.database.tables import accounts

_BY_NUMBER = select(accounts.c.ParamCode).where(accounts.c.Rowpost_Id == bindparam("account"))
_BY_CODE = select(accounts.c.ParamCode).where(accounts.c.ParamCode == bindparam("account"))


def code_of(connection: Connection, account: int | str, field: str) -> str:
    """The code of an account that `field` names by number or code, active or not.

    Raises AccountNotFound, also for one that has no code.
    """
    statement = _BY_NUMBER if isinstance(account, int) else _BY_CODE
    row = connection.execute(statement, {"account": account}).first()
    if row is None:
        raise AccountNotFound(field)
    if not row.ParamCode:
        raise AccountNotFound(
            field, "This account has no code, so no email can name it: give it one."
        )
    return str(row.ParamCode)
