"""A driver's errors as SQLAlchemy's, where a statement went to the driver directly."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def wrapped(connection: Connection, sql: str, error: Exception) -> BaseException:
    """The error as SQLAlchemy raises it, without the parameters.

    A connection that broke is thrown away, as SQLAlchemy does.
    """
    driver = connection.dialect.loaded_dbapi
    translated = DBAPIError.instance(
        sql, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
    )
    if isinstance(translated, DBAPIError):
        raw = connection.connection.dbapi_connection
        translated.connection_invalidated = connection.dialect.is_disconnect(
            error,  # type: ignore[arg-type]
            raw,
            None,
        )
        if translated.connection_invalidated:
            connection.invalidate(error)
    return translated
