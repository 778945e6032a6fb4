"""Bringing a database's schema up to what this version needs (Alembic, `Rowpost_Migrations`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from shared.database.errors import DatabaseUnreachable, SchemaBehind

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "Rowpost_Migrations"
HEAD = "0008"
_LOCK_MILLISECONDS = 120_000


def is_current(connection: Connection) -> bool:
    """Whether the schema has what this version needs: one row is read.

    That of a newer version has: migrations only add. So the former version goes on working while
    a deployment is on its way, and when it is taken back.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return version is not None and (version == HEAD or version not in _own_versions())


def _own_versions() -> set[str]:
    """Of the migrations that this version of Rowpost knows."""
    folder = Path(__file__).parent / "versions"
    return {file.name.partition("_")[0] for file in folder.glob("[0-9]*.py")}


def upgrade(engine: Engine) -> None:
    """Bring the schema up to date, adopting tables that are already there.

    Several instances may start at once: one does the work under an application lock, the others
    wait for it and find it done. On SQLite and SQL Server a failed migration leaves nothing.
    """
    with engine.connect() as connection:
        if is_current(connection):
            return
    from alembic import command

    with _alone(engine) as connection:
        if not is_current(connection):
            command.upgrade(_alembic(connection), "head")


def require_current(engine: Engine) -> None:
    """Raise SchemaBehind unless the schema is current (`ROWPOST_MIGRATE=off`)."""
    with engine.connect() as connection:
        if not is_current(connection):
            raise SchemaBehind(
                "the database's schema is not up to date and ROWPOST_MIGRATE is off: "
                "run `python -m standalone migrate` with an account that may change the schema"
            )


def as_sql(url: str) -> str:
    """The SQL of all migrations for a fresh database at this kind of address."""
    from alembic import command

    output = io.StringIO()
    if url.startswith("mssql"):
        # sqlcmd leaves it off, and a filtered index cannot be made then.
        output.write("SET QUOTED_IDENTIFIER ON;\n\nGO\n\n")
    config = _alembic(None)
    config.output_buffer = output
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, "head", sql=True)
    return output.getvalue()


def _alembic(connection: Connection | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection on which no other instance's migration runs beside ours.

    SQLite: one transaction for all. SQL Server: a lock of the session and a transaction for each
    statement, since an index that is built online must not wait for the others; every statement
    tests whether it is still needed. The connection leaves the pool: closing it lets the lock go.
    """
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection
            return
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()
            connection.connection.dbapi_connection.timeout = 0  # type: ignore[union-attr]
            _take_lock(connection)
            yield connection
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnreachable("the database went away during the migration") from error
        raise


def _take_lock(connection: Connection) -> None:
    answer = connection.scalar(
        text(
            "SET NOCOUNT ON; DECLARE @answer INT; "
            "EXEC @answer = sp_getapplock @Resource = 'Rowpost_Migrations', "
            "@LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = :milliseconds; "
            "SELECT @answer"
        ),
        {"milliseconds": _LOCK_MILLISECONDS},
    )
    if answer is None or answer < 0:
        raise DatabaseUnreachable("another instance has been migrating for two minutes; try again")
