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
    service: Literal["email-service"] = "email-service"


class Unhealthy(Answer):
    http_status: ClassVar[int] = 503

    status: Literal["unhealthy"] = "unhealthy"
    service: Literal["email-service"] = "email-service"
    reason: Literal["database_unreachable"] = "database_unreachable"


class DatabaseHealth(Answer):
    connected: bool
    source: Literal["configuration", "DATABASE_URL", "local file"]
    server: str | None
    database: str | None
    driver: str | None
    response_time: int | None
    problem: str | None


class PartHealth(Answer):
    kind: str
    problem: str | None


class AccountHealth(Answer):
    code: str
    state: Literal["ready", "paused", "out_of_quota", "unusable"]
    reason: str | None
    until: Timestamp | None
    test_mode: str | None


class TimerHealth(Answer):
    last_tick: Timestamp | None
    stale: bool


class HeldEmails(Answer):
    code: str
    emails: int


class QueueHealth(Answer):
    waiting: int
    unknown: int
    held: tuple[HeldEmails, ...]
    oldest_waiting_seconds: int | None


class WholeHealth(Answer):
    status: Literal["healthy", "degraded", "unhealthy"]
    service: Literal["email-service"] = "email-service"
    checked_at: Timestamp
    problems: tuple[str, ...]
    database: DatabaseHealth
    secret_store: PartHealth
    storage: PartHealth
    timer: TimerHealth | None
    queue: QueueHealth | None
    accounts: tuple[AccountHealth, ...] | None
    plain_passwords: tuple[str, ...] | None


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
