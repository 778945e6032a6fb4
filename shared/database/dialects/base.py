"""What a database must be able to say and do, so that nothing else asks which one it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]


class Answer(NamedTuple):
    """What a text answered: its rows, if it has any, and how many it changed. Of several statements
    `rows` are the first ones', and `results` has those of each that has any."""

    rows: Sequence[Any]
    changed: int
    results: Sequence[Sequence[Any]] = ()


class Expressions(Protocol):
    """Pieces of SQL text. Times are in UTC, by the database's own clock, to the millisecond."""

    def time_type(self, *, legacy: bool) -> TypeEngine[Any]:
        """The type of a column that holds an instant; `legacy`: as the seed's tables have it."""

    def stored_time(self, utc: datetime) -> Any:
        """A naive instant in UTC as the driver is handed it."""

    def now(self) -> str:
        """The database's clock."""

    def in_seconds(self, seconds: str) -> str:
        """The database's clock in so many seconds, up to 24 days; below nought, so many ago."""

    def in_days(self, days: str) -> str:
        """The database's clock in so many days; below nought, so many days ago."""

    def this_hour(self) -> str:
        """The hour that the database's clock is in, as the instant it began."""

    def as_stored_time(self, column: str) -> str:
        """A time that an application wrote, as we compare with it; NULL if it is no time."""

    def local_time(self, utc: str) -> str:
        """A time in UTC as the clock shows it where the database is."""

    def stored_size(self, column: str) -> str:
        """How large a value is, without reading it: bytes, or characters of a text."""

    def size_of_text(self, text: str) -> int:
        """What that will be of this text, once it is stored."""


class SqlDialect(Protocol):
    """What is done differently, each in the caller's transaction."""

    has_one_writer: bool
    """One transaction writes at a time: several callers gain by sharing one."""
    is_local_file: bool

    def changed(self, connection: Connection, statement: UpdateBase, values: Values) -> int:
        """Execute it; how many rows it changed, whatever triggers and settings say."""

    def insert_if_absent(
        self, connection: Connection, table: Table, key: Values, values: Values
    ) -> bool:
        """Insert a row unless one has this key; whether it was inserted.

        Fails neither for a row that another transaction inserts at the same moment, nor by a
        savepoint: the failure of its rollback would hide what went wrong.
        """

    def take_turn(self, connection: Connection, name: str) -> bool:
        """Be the only one with this name until the transaction ends; False: somebody else is."""

    def last_identity(self, connection: Connection, table: Table) -> int | None:
        """The last number that the table gave to a row; None where it gave none yet."""

    def sweep(self, engine: Engine) -> None:
        """Let what was deleted leave no trace in files, if nobody is kept waiting by that."""

    def place(self, connection: Connection) -> str:
        """Where this database is, as one text: a copy and a restored one are elsewhere."""

    def counted(self, sql: str) -> str:
        """The text of an INSERT, UPDATE or DELETE, so that `execute` tells how many it changed."""

    def briefly(self, sql: str) -> str:
        """The text of a statement with parameters, so that it waits for others' locks for a
        second at most, and then fails."""

    def execute(
        self,
        connection: Connection,
        sql: str,
        parameters: Sequence[Any] = (),
        types: Sequence[TypeEngine[Any]] = (),
    ) -> Answer:
        """Execute a text by the driver and read all of its results. Raises SQLAlchemy's errors.

        `types`: the parameters', if they are known; a NULL without one costs a round trip.
        """
