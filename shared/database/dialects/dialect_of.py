"""The dialect of a connection."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine

from shared.database.dialects.base import SqlDialect
from shared.database.dialects.sqlite.dialect import Sqlite
from shared.database.dialects.sqlite.expressions import NAME as SQLITE
from shared.database.dialects.sqlserver.dialect import SqlServer
from shared.database.dialects.sqlserver.expressions import NAME as SQL_SERVER

_DIALECTS: Final[dict[str, SqlDialect]] = {SQLITE: Sqlite(), SQL_SERVER: SqlServer()}


def dialect_of(bind: Connection | Engine) -> SqlDialect:
    """What this database does differently."""
    return _DIALECTS[bind.dialect.name]
