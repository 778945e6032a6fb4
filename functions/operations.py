"""Is Rowpost well, and what should somebody look at?"""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.api.admission import Who
from shared.api.endpoint import Request, Room, Routes
from shared.api.models import Answer, Timestamp
from shared.app import Application, application
from shared.database.place import place_of
from shared.monitoring.health import AWAY, MOST_HELD_CODES, Accounts, Health
from shared.security.roles import Role

routes = Routes()


class Healthy(Answer):
    status: Literal["healthy"] = "healthy"
    """The database answers."""
    service: Literal["email-service"] = "email-service"
    """Which service this is."""


class Unhealthy(Answer):
    http_status: ClassVar[int] = 503

    status: Literal["unhealthy"] = "unhealthy"
    """The database does not answer."""
    service: Literal["email-service"] = "email-service"
    """Which service this is."""
    reason: Literal["database_unreachable"] = "database_unreachable"
    """Why; more is in GET /api/health for those who are logged in."""


class DatabaseHealth(Answer):
    connected: bool
    """Whether it answers."""
    source: Literal["configuration", "DATABASE_URL", "local file"]
    """Where its address comes from."""
    server: str | None
    """The server's name; null for a file."""
    database: str | None
    """The database's name, or the file's."""
    driver: str | None
    """What it is reached with; null for a file."""
    response_time: int | None
    """How long it took, in milliseconds."""
    problem: str | None
    """What is wrong, and what to do; null: nothing."""


class PartHealth(Answer):
    kind: str
    """What is in use."""
    problem: str | None
    """What is wrong, and what to do; null: nothing."""


class AccountHealth(Answer):
    code: str
    """The account's code; empty for the one without a code."""
    state: Literal["ready", "paused", "out_of_quota", "unusable"]
    """How it is."""
    reason: str | None
    """Why it is not ready; null where it is."""
    until: Timestamp | None
    """When it is tried again."""
    test_mode: str | None
    """What test mode does to its emails; null: nothing."""


class TimerHealth(Answer):
    last_tick: Timestamp | None
    """When the timer last came by; null: never."""
    stale: bool
    """Whether it should have come by since."""


class HeldEmails(Answer):
    code: str
    """The account's code, where nobody answers for it; empty for other reasons."""
    emails: int
    """How many rows are held."""


class QueueHealth(Answer):
    waiting: int
    """How many emails wait, counted up to 10,000."""
    unknown: int
    """How many have an outcome that is unknown: somebody has to decide."""
    held: tuple[HeldEmails, ...]
    """Rows that can't be sent as they are, by the code of their account."""
    oldest_waiting_seconds: int | None
    """How long the oldest has been due, in seconds; null: nothing is due."""


class WholeHealth(Answer):
    status: Literal["healthy", "degraded", "unhealthy"]
    """`degraded`: emails go, and somebody should look at the problems."""
    service: Literal["email-service"] = "email-service"
    """Which service this is."""
    checked_at: Timestamp
    """When it was looked at."""
    problems: tuple[str, ...]
    """What somebody should look at, the worst first."""
    database: DatabaseHealth
    """The queue's database."""
    secret_store: PartHealth
    """Where passwords and configuration are kept."""
    storage: PartHealth
    """Where wakeups and attachments are kept."""
    redis: PartHealth | None
    """The Redis that reset codes are listened for at; null where none is."""
    timer: TimerHealth | None
    """The timer that begins the runs; null while the database does not answer."""
    queue: QueueHealth | None
    """What is in the queue; null while the database does not answer."""
    accounts: tuple[AccountHealth, ...] | None
    """How each active account is; null while the database does not answer."""
    plain_passwords: tuple[str, ...] | None
    """Codes of accounts whose password stands in the table itself: `rowpost move-passwords` moves
    them."""


@routes.get("health", who=Who.ANYONE, limits=(), room=Room.HEALTH)
def health(request: Request) -> Healthy | Unhealthy:
    """Say whether the database answers."""
    try:
        application().pulse.ask()
    except AWAY:
        return Unhealthy()
    return Healthy()


@routes.get("api/health", who=Role.VIEWER)
def whole_health(request: Request) -> WholeHealth:
    """Say how each part is, and what somebody should look at."""
    here = application()
    found = here.health.check()
    return WholeHealth(
        status=found.status,
        checked_at=found.at,
        problems=tuple(found.problems),
        database=_database_health(here, found),
        secret_store=PartHealth(kind=found.secrets, problem=found.secrets_problem),
        storage=PartHealth(kind=found.storage, problem=found.storage_problem),
        redis=PartHealth(kind="Redis", problem=found.redis_problem) if found.redis else None,
        timer=_timer_health(found),
        queue=_queue_health(found),
        accounts=_account_health(found.accounts),
        plain_passwords=found.accounts.plain_passwords if found.accounts else None,
    )


def _database_health(here: Application, found: Health) -> DatabaseHealth:
    place = place_of(here.database_url())
    return DatabaseHealth(
        connected=found.overview is not None,
        source=here.database_source(),
        server=place.server,
        database=place.database,
        driver=found.driver,
        response_time=found.overview.response_ms if found.overview else None,
        problem=found.database_problem,
    )


def _timer_health(found: Health) -> TimerHealth | None:
    if found.overview is None:
        return None
    return TimerHealth(last_tick=found.overview.state.last_tick, stale=found.timer_is_stale)


def _queue_health(found: Health) -> QueueHealth | None:
    overview = found.overview
    if overview is None:
        return None
    return QueueHealth(
        waiting=overview.waiting,
        unknown=overview.unknown,
        held=tuple(
            HeldEmails(code=code, emails=number)
            for code, number in overview.held.most_common(MOST_HELD_CODES)
        ),
        oldest_waiting_seconds=overview.seconds_waited(found.at),
    )


def _account_health(found: Accounts | None) -> tuple[AccountHealth, ...] | None:
    if found is None:
        return None
    return tuple(
        AccountHealth(
            code=one.code,
            state=one.state,
            reason=one.reason,
            until=one.until,
            test_mode=one.test_mode,
        )
        for one in found.accounts
    )
