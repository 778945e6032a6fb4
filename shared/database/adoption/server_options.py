"""Options of a SQL Server database that decide what sending waits for and what it can promise.

They belong to whoever administers the database; SQLite has none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from shared.errors import RowpostError

# By its name: in Azure SQL Database the numbers of sys.databases are not those of DB_ID().
_OPTIONS = text(
    "SELECT is_read_committed_snapshot_on, delayed_durability_desc "
    "FROM sys.databases WHERE name = DB_NAME()"
)
# ALTER DATABASE takes no notice of LOCK_TIMEOUT and waits for ever; with NO_WAIT it fails while
# anybody else is connected, and nobody is rolled back.
_TURN_SNAPSHOT_ON = "ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH NO_WAIT"
_ALLOW_DELAYED_DURABILITY = "ALTER DATABASE CURRENT SET DELAYED_DURABILITY = ALLOWED"

SNAPSHOT_IS_OFF = (
    "The database's option READ_COMMITTED_SNAPSHOT is off: whenever somebody else's transaction "
    "stays open on the queue, counting and sending wait for it. Have an administrator run, while "
    f"nobody else is connected: `{_TURN_SNAPSHOT_ON}`."
)
DURABILITY_IS_DELAYED = (
    "The database's option DELAYED_DURABILITY is FORCED: a commit is answered before it is on "
    "disk, and after a crash emails that were sent would be sent again. Have an administrator "
    f"run `{_ALLOW_DELAYED_DURABILITY}`."
)


class DelayedDurabilityForced(RowpostError):
    """The database forgets commits in a crash, so that Rowpost could not keep its promise."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server does for every transaction in this database, whoever's it is."""

    read_committed_snapshot: bool
    """Whether readers see the last committed rows instead of waiting for writers."""
    forced_delayed_durability: bool
    """Whether every commit is answered before its log is on disk."""

    @property
    def problems(self) -> Iterator[str]:
        """What an administrator should change, and how; the worst first."""
        if self.forced_delayed_durability:
            yield DURABILITY_IS_DELAYED
        if not self.read_committed_snapshot:
            yield SNAPSHOT_IS_OFF


def read_server_options(connection: Connection) -> ServerOptions | None:
    """The options of the connection's database, by one read that needs no permission.

    None on SQLite. https://learn.microsoft.com/sql/relational-databases/system-catalog-views/
    sys-databases-transact-sql
    """
    return options_in_catalog(connection) if connection.dialect.name == "mssql" else None


def options_in_catalog(connection: Connection) -> ServerOptions:
    """The same, of a database that is known to be a SQL Server's."""
    row = connection.execute(_OPTIONS).one()
    return ServerOptions(
        read_committed_snapshot=bool(row.is_read_committed_snapshot_on),
        forced_delayed_durability=row.delayed_durability_desc == "FORCED",
    )


def refuse_forced_delayed_durability(connection: Connection) -> None:
    """Raise DelayedDurabilityForced where a crash of the server would forget what was committed.

    To be called when a database is opened. ALLOWED does no harm, since nobody here asks for it.
    """
    options = read_server_options(connection)
    if options is not None and options.forced_delayed_durability:
        raise DelayedDurabilityForced(DURABILITY_IS_DELAYED)


def turn_on_read_committed_snapshot(connection: Connection) -> None:
    """Turn READ_COMMITTED_SNAPSHOT on at once, or raise DBAPIError while others are connected.

    The connection must be in autocommit; its login needs ALTER on the database.
    """
    connection.exec_driver_sql(_TURN_SNAPSHOT_ON)
