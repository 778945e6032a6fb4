"""Moving the queue to another database, so that no email is sent from both or forgotten in one.

The old database is marked as moved before the new address is stored: from that commit on nobody
adds to it or claims from it, and whoever finds the mark looks for the new address at once. Should
the mover die in between, the configuration still names the marked database, and `settled` takes the
mark away again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, bindparam, null, select, update
from sqlalchemy.exc import DBAPIError

from shared.app import Application
from shared.configuration.document import Configuration, DatabaseAddress
from shared.database import probe
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import relocation, service
from shared.errors import RowpostError
from shared.outbox.queries import counts
from shared.outbox.rows.write_back import everything_is_written, write_all_back
from shared.scheduling import service_state
from shared.scheduling.service_state import RUNNING

_SECONDS_TO_WRITE = 10.0
_NOT_WRITTEN = (
    "Some rows have not been told yet what became of their emails: GET /api/health says why. "
    "Try again when they have been."
)
HEAL_AFTER = timedelta(minutes=5)
"""How old a mark on the database in use has to be: a mover needs seconds, never minutes."""


class ServiceRuns(RowpostError):
    """Emails are being claimed, or some are still being sent: the queue can't be moved now."""


class PasswordNeeded(RowpostError):
    """A password belongs to the server that it was given for: it is not taken to another one."""


class TargetUnreachable(RowpostError):
    """The new database does not let us in; the text says why."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What stays in the old database; neither is counted beyond the limit of `counts`."""

    waiting: int = 0
    unknown: int = 0


def completed(address: DatabaseAddress, saved: DatabaseAddress | None) -> DatabaseAddress:
    """The address with the saved password, where it is for the same server, port and user.

    Raises PasswordNeeded.
    """
    if address.user is None or address.password is not None:
        return address
    if saved is None or saved.password is None or _login_of(saved) != _login_of(address):
        raise PasswordNeeded(
            "Give the password too: the stored one belongs to another server, port or user."
        )
    return address.model_copy(update={"password": saved.password})


def why_closed(application: Application, address: DatabaseAddress) -> str | None:
    """Why the database at this address can't be used, for a person to read; None: it can."""
    try:
        address = completed(address, application.configuration.current().database)
    except PasswordNeeded as needed:
        return str(needed)
    seconds = application.configuration.current().email.db_connection_timeout / 1000
    trusted = application.settings.trusted_servers
    return probe.why_closed(application.url_of(address), seconds, trusted)


def move(application: Application, address: DatabaseAddress, *, force: bool = False) -> LeftBehind:
    """Make this the service's database; `force`: though it does not let us in just now.

    Raises PasswordNeeded, ServiceRuns and TargetUnreachable. A database in use that does not answer
    holds nobody up: its address may be what has to be corrected.
    """
    application.configuration.reload()
    address = completed(address, application.configuration.current().database)
    old = _opened(application)
    _require_rest(old)
    if not force and (reason := why_closed(application, address)) is not None:
        raise _unreachable(reason, "save")
    return leave(application, old, address)


def forget(application: Application, *, force: bool = False) -> LeftBehind:
    """Forget the saved address: DATABASE_URL counts again, or else the file in the data folder.

    Nothing else that is saved is touched, passwords of accounts and logins least of all. `force`:
    though the database to go back to does not let us in. Raises ServiceRuns and TargetUnreachable.
    """
    application.configuration.reload()
    if application.configuration.current().database is None:
        return LeftBehind()
    old = _opened(application)
    _require_rest(old)
    if not force and (reason := _why_no_way_back(application)) is not None:
        raise _unreachable(reason, "forget")
    return leave(application, old, None)


def _unreachable(reason: str, wanted: str) -> TargetUnreachable:
    sentence = f"{reason.removesuffix('.')}."
    return TargetUnreachable(f'{sentence} To {wanted} the address all the same, add "force": true.')


def _why_no_way_back(application: Application) -> str | None:
    seconds = application.configuration.current().email.db_connection_timeout / 1000
    url, trusted = application.unsaved_database_url(), application.settings.trusted_servers
    return probe.why_closed(url, seconds, trusted)


def leave(
    application: Application, old: Database | None, address: DatabaseAddress | None
) -> LeftBehind:
    """Mark the old database, store the new address, and clear a mark that the new one has.

    None: no address is saved any more. The same place with another login is not left.
    """
    before = application.configuration.current().database
    if before is not None and address is not None and _place_of(before) == _place_of(address):
        _save(application, address)
        return LeftBehind()
    left = _mark(old)
    try:
        _save(application, address)
    except BaseException:
        if old is not None:
            old.run(_unmark)
        raise
    if (new := _opened(application)) is not None:
        new.run(_unmark)
        new.run(service_state.settle_here)
    return left


def settled(application: Application) -> Database:
    """The database in use, after a look for a new address if this one has been left.

    Raises DatabaseUnreachable.
    """
    database = application.database()
    if not _is_left(database):
        return database
    application.configuration.reload()
    database = application.database()
    database.run(_heal)
    return database


def _is_left(database: Database) -> bool:
    with database.read() as connection:
        return service_state.status(connection).moved


def _heal(connection: Connection) -> None:
    """Take away an old mark: its mover died before the new address was stored."""
    connection.execute(_UNMARK_OLD, {"age": -HEAL_AFTER.total_seconds()})


def _opened(application: Application) -> Database | None:
    """The database in use; none where it does not answer, for its address may be the mistake."""
    try:
        database = application.database()
        with database.read() as connection:
            service_state.status(connection)
    except (DatabaseUnreachable, DBAPIError):
        return None
    return database


def _require_rest(old: Database | None) -> None:
    if old is None:
        return
    with old.read() as connection:
        if service_state.status(connection).running:
            raise ServiceRuns("Stop the service first: POST /api/service-control.")
        sending = counts.sending(connection)
    if sending:
        raise ServiceRuns(f"Emails are still being sent ({sending}): try again in a minute.")
    write_all_back(old, _SECONDS_TO_WRITE)


def _mark(old: Database | None) -> LeftBehind:
    """In one step with another look whether it is at rest."""
    if old is None:
        return LeftBehind()

    def mark(connection: Connection) -> LeftBehind:
        # From here on whoever adds or claims waits for us, and finds the mark; whom we waited for
        # has committed.
        connection.execute(_MARK)
        if connection.scalar(_RUNS) is not None or counts.sending(connection):
            raise ServiceRuns("The service was started meanwhile: stop it, then try again.")
        if not everything_is_written(connection):
            raise ServiceRuns(_NOT_WRITTEN)
        return LeftBehind(counts.waiting(connection), counts.unknown(connection))

    return old.run(mark)


def _save(application: Application, address: DatabaseAddress | None) -> None:
    def with_address(configuration: Configuration) -> Configuration:
        return configuration.model_copy(update={"database": address})

    application.configuration.save(with_address)


def _unmark(connection: Connection) -> None:
    connection.execute(_UNMARK)


def _place_of(address: DatabaseAddress) -> tuple[str, int, str]:
    return address.server.lower(), address.port, address.database.lower()


def _login_of(address: DatabaseAddress) -> tuple[str, int, str | None]:
    return address.server.lower(), address.port, address.user


_the_row = relocation.c.Id == 1
_UNMARK = update(relocation).where(_the_row).values(MovedAt=null())
_UNMARK_OLD = _UNMARK.where(relocation.c.MovedAt < utc_now(bindparam("age")))
_MARK = update(relocation).where(_the_row).values(MovedAt=utc_now())
_RUNS = select(service.c.State).where(service.c.Id == 1, service.c.State == RUNNING)
