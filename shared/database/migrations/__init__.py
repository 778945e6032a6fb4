"""Bringing a database's schema up to what this version needs (Alembic, `Rowpost_Migrations`).

A revision is two SQL files, written out and never changed once released: it imports nothing of
the live tables. What a fresh database gets and what an upgraded one has are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError

from shared.database.errors import DatabaseUnreachable, SchemaBehind, is_transient
from shared.database.migrations import sqlite, sqlserver
from shared.database.migrations.lost import Lost, lost, standing_steps
from shared.database.migrations.revisions import (
    HEAD,
    alembic_configuration,
    is_known,
    require_released,
    revisions_after,
    steps_for,
)
from shared.database.migrations.steps import Kind
from shared.database.migrations.version_table import VERSION_TABLE


def is_current(connection: Connection) -> bool:
    """Whether the schema has what this version needs: one row is read.

    That of a newer version has: migrations only add. So the former version goes on working while
    a deployment is on its way, and when it is taken back. Raises SchemaRefused for a schema from
    before the first release.
    """
    version = version_of(connection)
    require_released(version)
    return version is not None and (version == HEAD or not is_known(version))


def version_of(connection: Connection) -> str | None:
    """The name of the last revision that the database has; None where Rowpost is not in it yet."""
    if connection.dialect.name == "mssql":
        return sqlserver.version_of(connection)
    return sqlite.version_of(connection)


def schema_of(connection: Connection) -> str | None:
    """Where our tables are: a login's default schema may be another."""
    return sqlserver.SCHEMA if connection.dialect.name == "mssql" else None


def upgrade(engine: Engine) -> None:
    """Bring the schema up to date, adopting tables that are already there.

    Several instances may start at once: one does the work under an application lock, the others
    wait for it and find it done. On SQLite a failed migration leaves nothing; on SQL Server it
    leaves what is done, and goes on from there the next time. Raises SchemaRefused, before
    anything is changed, where what is there does not fit; DatabaseUnreachable where others keep
    the tables locked.
    """
    with engine.connect() as connection:
        if is_current(connection):
            return
    with _alone(engine) as connection:
        if not is_current(connection):
            _require_fit(connection)
            _run(connection)


def complete(engine: Engine) -> tuple[Lost, ...]:
    """As `upgrade`; what somebody has dropped since then is made again, tables empty.

    Answers what was gone. Raises as `upgrade`.
    """
    upgrade(engine)
    with _alone(engine) as connection:
        gone = lost(connection)
        if gone:
            steps, dialect = standing_steps(connection.dialect.name), _of(connection)
            dialect.require_fit(connection, steps)
            dialect.run(connection, steps)
    return gone


def require_current(engine: Engine) -> None:
    """Raise SchemaBehind unless the schema is current (`ROWPOST_MIGRATE=off`)."""
    with engine.connect() as connection:
        if not is_current(connection):
            raise SchemaBehind(
                "the database's schema is not up to date and ROWPOST_MIGRATE is off: "
                "run `rowpost migrate` with an account that may change the schema"
            )


def version_at(engine: Engine) -> str | None:
    """As `version_of`; of a SQLite file that is not there, without making it."""
    file = engine.url.database or ""
    if engine.dialect.name == "sqlite" and not Path(file).exists():
        return None
    with engine.connect() as connection:
        return version_of(connection)


def as_sql(url: str, start: str | None = None) -> str:
    """The SQL that brings a database of this kind from the version `start` to the last one.

    None: from a database without Rowpost. From the last one: what makes again all that somebody
    has dropped. It is for `sqlcmd -b` or `sqlite3 -bail`. Raises SchemaRefused for a version that
    is none.
    """
    dialect = make_url(url).get_backend_name()
    revisions = [(name, steps_for(name, dialect)) for name in revisions_after(start)]
    again = standing_steps(dialect)
    if dialect == "mssql":
        batches = (
            sqlserver.printed(revisions, start)
            if revisions
            else sqlserver.printed_again(again, HEAD)
        )
        return "".join(f"{batch}\nGO\n\n" for batch in batches)
    statements = sqlite.printed(revisions) if revisions else sqlite.printed_again(again)
    return "".join(f"{statement}\n" for statement in statements)


def service_rights() -> list[str]:
    """T-SQL that makes the role of the service and gives it its rights, where it may; it may be
    run again. For a database that was migrated by somebody who might not do that."""
    return [
        sqlserver.guarded(step)
        for step in standing_steps("mssql")
        if step.kind in (Kind.ROLE, Kind.GRANT)
    ]


def _require_fit(connection: Connection) -> None:
    lacking = revisions_after(version_of(connection))
    steps = [step for name in lacking for step in steps_for(name, connection.dialect.name)]
    _of(connection).require_fit(connection, steps)


def _of(connection: Connection) -> ModuleType:
    return sqlserver if connection.dialect.name == "mssql" else sqlite


def _run(connection: Connection) -> None:
    from alembic import command

    configuration = alembic_configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection on which no other instance's migration runs beside ours.

    SQLite: one transaction for all. SQL Server: a lock of the session, and each statement by
    itself. The connection leaves the pool: closing it lets the lock go.
    """
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection
            return
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()
            sqlserver.prepare(connection)
            sqlserver.take_lock(connection)
            yield connection
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnreachable("the database went away during the migration") from error
        if is_transient(error):
            raise DatabaseUnreachable(sqlserver.OTHERS_HOLD_THEM) from error
        raise


__all__ = [
    "HEAD",
    "VERSION_TABLE",
    "Lost",
    "as_sql",
    "complete",
    "is_current",
    "lost",
    "require_current",
    "schema_of",
    "service_rights",
    "upgrade",
    "version_at",
    "version_of",
]
