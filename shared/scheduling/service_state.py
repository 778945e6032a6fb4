"""The service's state, the same for all instances: started or stopped, last run, last tick."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    select,
    update,
)

from shared.database.columns.times import utc_now
from shared.database.columns.widths import cut
from shared.database.database import Database
from shared.database.dialects.dialect_of import dialect_of
from shared.database.statements.changes import changed
from shared.database.tables import relocation, service
from shared.scheduling.schedule import Schedule, next_run

RUNNING = "running"
STOPPED = "stopped"
_NAME_WIDTH = 100
_PLACE_WIDTH = 400
COPIED = "Rowpost: the database was restored or copied"
"""Who stopped the service of a database that is found in another place than before."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Times are None for what has not happened yet."""

    running: bool
    started_at: datetime | None
    last_activity: datetime | None
    last_run: datetime | None
    last_tick: datetime | None
    moved: bool
    """The queue lives in another database now."""
    runs: int
    """Scheduled runs so far: whoever takes the next one names the number that it saw."""
    copied: bool = False
    """It was stopped because the database is in another place than before."""
    run_since: datetime | None = None
    """Since when a scheduled run is open: not all of its emails are gone, and its window has not
    closed. None: none is."""
    run_last_id: int | None = None
    """The last row of the queue that is of that run."""

    def next_run(self, schedule: Schedule, now: datetime) -> datetime | None:
        """When the next scheduled run is expected; None while the service is stopped."""
        return next_run(schedule, self.last_run, now) if self.running else None


_the_row = service.c.Id == 1
_KNOWN_PLACE = select(service.c.Place).where(_the_row)
_STATUS = select(service, relocation.c.MovedAt).where(_the_row, relocation.c.Id == service.c.Id)
_not_moved = ~exists().where(relocation.c.Id == 1, relocation.c.MovedAt.is_not(None))
_LAST_ID: BindParameter[int | None] = bindparam("last_id")
_TAKE_RUN = (
    update(service)
    .where(
        _the_row,
        service.c.State == RUNNING,
        _not_moved,
        service.c.Runs == bindparam("seen"),
    )
    .values(
        Runs=service.c.Runs + 1,
        LastRun=utc_now(),
        LastActivity=utc_now(),
        RunSince=utc_now(),
        RunLastId=_LAST_ID,
    )
)
_FINISH_RUN = (
    update(service)
    .where(_the_row, service.c.Runs == bindparam("seen"))
    .values(RunSince=null(), RunLastId=null())
)


def status(connection: Connection) -> ServiceState:
    """The state at this moment."""
    row = connection.execute(_STATUS).one()
    return ServiceState(
        running=row.State == RUNNING and row.MovedAt is None,
        started_at=row.StartedAt,
        last_activity=row.LastActivity,
        last_run=row.LastRun,
        last_tick=row.LastTick,
        moved=row.MovedAt is not None,
        copied=row.State == STOPPED and row.ChangedBy == COPIED,
        runs=row.Runs,
        run_since=row.RunSince,
        run_last_id=row.RunLastId,
    )


def note_place(database: Database) -> None:
    """Note where the database is; where it has been elsewhere before, stop the service.

    So a copy or a restored database sends nothing until somebody starts it there.
    """
    with database.read() as connection:
        if connection.scalar(_KNOWN_PLACE) == _place(connection):
            return

    def note(connection: Connection) -> None:
        known, here = connection.scalar(_KNOWN_PLACE), _place(connection)
        if known is None:
            connection.execute(update(service).where(_the_row).values(Place=here))
        elif known != here:
            stop(connection, COPIED)

    database.run(note)


def settle_here(connection: Connection) -> None:
    """Somebody moved the queue to this place on purpose; a copy that was stopped stays so."""
    connection.execute(
        update(service).where(_the_row).values(Place=_place(connection), ChangedBy=None)
    )


def needs_first_id(connection: Connection) -> bool:
    """Whether the queue was adopted, and nobody has said yet which of its rows are to be sent."""
    row = connection.execute(select(service.c.Adopted, service.c.StartedAt).where(_the_row)).one()
    return bool(row.Adopted) and row.StartedAt is None


def start_from(connection: Connection, first_id: int) -> None:
    """Rows with lower ids mean nothing; 0: all of them count."""
    connection.execute(update(service).where(_the_row).values(FirstId=first_id))


def _place(connection: Connection) -> str:
    return cut(dialect_of(connection).place(connection), _PLACE_WIDTH)


def start(connection: Connection, by: str) -> None:
    """Let emails be claimed, here. Starting twice is fine and keeps the first time."""
    connection.execute(
        update(service)
        .where(_the_row)
        .values(
            StartedAt=case(
                (service.c.State == RUNNING, func.coalesce(service.c.StartedAt, utc_now())),
                else_=utc_now(),
            ),
            State=RUNNING,
            Place=_place(connection),
            ChangedBy=cut(by, _NAME_WIDTH),
            LastActivity=utc_now(),
        )
    )


def stop(connection: Connection, by: str) -> None:
    """Let nothing more be claimed from the moment of the commit."""
    connection.execute(
        update(service)
        .where(_the_row)
        .values(State=STOPPED, ChangedBy=cut(by, _NAME_WIDTH), LastActivity=utc_now())
    )


def record_tick(connection: Connection) -> None:
    """Note that the timer came by."""
    connection.execute(update(service).where(_the_row).values(LastTick=utc_now()))


def record_activity(connection: Connection) -> None:
    """Note that emails were worked on."""
    connection.execute(update(service).where(_the_row).values(LastActivity=utc_now()))


def record_run(connection: Connection, last_id: int | None) -> None:
    """Note that a run was begun outside the schedule; what it leaves, up to the row `last_id`, is
    of the scheduled one that is open."""
    connection.execute(
        update(service)
        .where(_the_row)
        .values(
            Runs=service.c.Runs + 1,
            LastRun=utc_now(),
            LastActivity=utc_now(),
            RunLastId=case((service.c.RunSince.is_not(None), literal(last_id, Integer()))),
        )
    )


def take_run(connection: Connection, seen: int, last_id: int | None) -> bool:
    """Take the scheduled run that is due, unless somebody took one since `runs` was `seen`.

    Of it are the queue's rows up to `last_id`; it stays open until `finish_run`.
    """
    return changed(connection, _TAKE_RUN, {"seen": seen, "last_id": last_id}) == 1


def finish_run(connection: Connection, seen: int) -> None:
    """The open run is done, or its window has closed; unless there was another since `seen`."""
    connection.execute(_FINISH_RUN, {"seen": seen})
