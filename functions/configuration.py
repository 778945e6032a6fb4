"""Where the database is, when scheduled emails go, and whether what is configured works."""

from __future__ import annotations

import time
from typing import Literal, Self

from pydantic import Field, model_validator

from shared.api.admission import Who
from shared.api.endpoint import Request, Room, Routes
from shared.api.models import Answer, Input, Timestamp, example
from shared.app import Application, Source, application
from shared.configuration.document import (
    DatabaseAddress,
    EmailSchedule,
    EndOfDay,
    OptionalName,
    OptionalSecret,
    TimeOfDay,
)
from shared.database import probe
from shared.database.place import place_of
from shared.features.database_mail import former_users
from shared.scheduling import relocation
from shared.security import passwords
from shared.security.roles import Role

routes = Routes()


_SAVED = "Email service configuration saved"


class NewDatabase(Input, DatabaseAddress):
    model_config = example(
        server="myserver.database.windows.net",
        port=1433,
        user="rowpost",
        password="a long password",
        database="EmailDB",
    )

    force: bool = False
    """Save it even where the database can't be reached now."""

    def to_address(self) -> DatabaseAddress:
        """The address alone."""
        return DatabaseAddress.model_validate(self.model_dump(exclude={"force"}))


class NewSchedule(Input, EmailSchedule):
    model_config = example(
        startTime="09:00",
        endTime="18:00",
        interval=30,
        intervalUnit="minutes",
        timeZone="Europe/Berlin",
        days=["mon", "tue", "wed", "thu", "fri"],
        dbRequestTimeout=30_000,
        dbConnectionTimeout=30_000,
        username="olga",
        password="a long password",
    )

    start_time: TimeOfDay
    """When scheduled emails begin to go, as `HH:MM` in the time zone."""
    end_time: EndOfDay
    """When they cease, as `HH:MM`; `24:00` is the day's end. 22:00 to 06:00 works; the same as the
    start means all day."""
    interval_unit: Literal["minutes", "hours"]
    """The unit of `interval`."""
    interval: int = Field(ge=1, strict=True)
    """How long after a run the next one begins."""
    username: OptionalName = Field(None, max_length=100)
    """The operator's login, which takes the place of the former operator's; left out with the
    password, it stays."""
    password: OptionalSecret = None
    """The operator's password, 72 bytes in UTF-8 at most."""

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("Give username and password together, or neither.")
        return self

    def to_schedule_document(self) -> EmailSchedule:
        """The schedule alone."""
        return EmailSchedule.model_validate(self.model_dump(exclude={"username", "password"}))


class Left(Answer):
    waiting: int
    """How many emails still wait in the former database."""
    unknown: int
    """How many there have an outcome that is unknown: somebody has to decide about them there."""


class DatabaseSaved(Answer):
    model_config = example(
        success=True,
        message="Database configuration saved",
        leftBehind={"waiting": 3, "unknown": 0},
    )

    success: Literal[True] = True
    """Always true."""
    message: str = "Database configuration saved"
    """The same in words."""
    left_behind: Left
    """What the former database still holds."""


class Forget(Input):
    force: bool = False
    """Forget it even where the database that is used then can't be reached now."""


class DatabaseForgotten(Answer):
    model_config = example(
        success=True,
        message="Database configuration forgotten",
        source="local file",
        leftBehind={"waiting": 3, "unknown": 0},
    )

    success: Literal[True] = True
    """Always true."""
    message: str = "Database configuration forgotten"
    """The same in words."""
    source: Source
    """Where the address in use comes from now."""
    left_behind: Left
    """What the former database still holds."""


class ScheduleSaved(Answer):
    success: Literal[True] = True
    """Always true."""
    message: str = _SAVED
    """The same in words; whether the password is weak, and whether mail profiles are still given to
    the former operator's name."""


class CurrentDatabase(Answer):
    server: str | None
    """The server's name; null for a file."""
    port: int | None
    """Its port; null for a file."""
    user: str | None
    """What Rowpost logs in as; null for a managed identity or a file."""
    database: str | None
    """The database's name, or the file's."""
    source: Source
    """Where the address comes from: a saved configuration wins over `DATABASE_URL`, which wins over
    the local file."""


class CurrentSchedule(Answer):
    start_time: str
    """When scheduled emails begin to go, as `HH:MM` in the time zone."""
    end_time: str
    """When they cease."""
    interval: int
    """How long after a run the next one begins, in `intervalUnit`."""
    interval_unit: Literal["minutes", "hours"]
    """The unit of `interval`."""
    time_zone: str
    """The IANA name of the time zone."""
    days: tuple[str, ...]
    """The days on which they go."""
    db_request_timeout: int
    """How long a statement may take, in milliseconds."""
    db_connection_timeout: int
    """How long a connection may take to come about, in milliseconds."""
    username: str | None
    """The operator's login; null: there is none."""


class Current(Answer):
    database: CurrentDatabase
    """Where the queue is."""
    email: CurrentSchedule
    """When scheduled emails go."""


class CurrentConfig(Answer):
    model_config = example(
        success=True,
        config={
            "database": {
                "server": "myserver.database.windows.net",
                "port": 1433,
                "user": "rowpost",
                "database": "EmailDB",
                "source": "configuration",
            },
            "email": {
                "startTime": "09:00",
                "endTime": "18:00",
                "interval": 30,
                "intervalUnit": "minutes",
                "timeZone": "Europe/Berlin",
                "days": ["mon", "tue", "wed", "thu", "fri"],
                "dbRequestTimeout": 30_000,
                "dbConnectionTimeout": 30_000,
                "username": "olga",
            },
        },
    )

    success: Literal[True] = True
    """Always true."""
    config: Current
    """What is in force."""


class Exists(Answer):
    model_config = example(exists=True)

    exists: bool
    """Whether it has been configured."""


class Tested(Answer):
    model_config = example(success=True, message="Database connection successful")

    success: bool
    """Whether the database can be used."""
    message: str
    """The same in words, or why not and what to do."""


class DatabaseStatus(Answer):
    model_config = example(
        success=True,
        connected=True,
        responseTime=12,
        timestamp="2026-11-21T10:00:00.000Z",
        message="The database answers.",
    )

    success: Literal[True] = True
    """Always true: the test ran."""
    connected: bool
    """Whether the database answers."""
    response_time: int | None
    """How long it took, in milliseconds; null where it did not answer."""
    timestamp: Timestamp
    """When it was asked."""
    message: str
    """The same in words, or why it does not answer."""


@routes.post("api/save-config", who=Role.ADMIN, errors={409}, room=Room.OTHER_SERVERS)
def save_config(request: Request[NewDatabase]) -> DatabaseSaved:
    """Let the queue live in another database. The service has to be stopped."""
    address = request.body.to_address()
    left = relocation.move(application(), address, force=request.body.force)
    return DatabaseSaved(left_behind=Left(waiting=left.waiting, unknown=left.unknown))


@routes.post("api/forget-config", who=Role.ADMIN, errors={409}, room=Room.OTHER_SERVERS)
def forget_config(request: Request[Forget]) -> DatabaseForgotten:
    """Go back to `DATABASE_URL`, or to the local file. The service has to be stopped."""
    here = application()
    left = relocation.forget(here, force=request.body.force)
    return DatabaseForgotten(
        source=here.database_source(),
        left_behind=Left(waiting=left.waiting, unknown=left.unknown),
    )


@routes.get("api/get-current-config", who=Role.VIEWER)
def get_current_config(request: Request) -> CurrentConfig:
    """Say what is configured; passwords are never shown."""
    here = application()
    schedule = here.configuration.current().email
    operator = here.logins.operator()
    email = CurrentSchedule(
        **schedule.model_dump(by_alias=False), username=operator.username if operator else None
    )
    return CurrentConfig(config=Current(database=_database(here), email=email))


@routes.get("api/check-db-config", who=Who.ANYONE)
def check_db_config(request: Request) -> Exists:
    """Say whether a database has been configured."""
    here = application()
    return Exists(exists=here.configuration.exists_database() or bool(here.settings.database_url))


@routes.get("api/check-email-config", who=Who.ANYONE)
def check_email_config(request: Request) -> Exists:
    """Say whether a schedule has been configured."""
    return Exists(exists=application().configuration.exists_email())


@routes.post("api/save-email-config", who=Role.ADMIN)
def save_email_config(request: Request[NewSchedule]) -> ScheduleSaved:
    """Set when scheduled emails go, and the operator's login if one is given."""
    body, here = request.body, application()
    message = _SAVED
    if body.username is not None and body.password is not None:
        password = body.password.get_secret_value()
        if not former_users.set_operator(here, body.username, password):
            message = f"{message}. {former_users.GRANTS_ARE_LEFT}"
        if passwords.is_weak(password):
            message = f"{message.removesuffix('.')}. {passwords.WEAK}"
    schedule = body.to_schedule_document()
    here.configuration.save(lambda before: before.model_copy(update={"email": schedule}))
    return ScheduleSaved(message=message)


@routes.post("api/test-connection", who=Role.ADMIN, room=Room.OTHER_SERVERS)
def test_connection(request: Request[NewDatabase]) -> Tested:
    """Try a database's address and login without saving them."""
    reason = relocation.why_closed(application(), request.body.to_address())
    return Tested(success=reason is None, message=reason or "Database connection successful")


@routes.post("api/test-db-status", who=Role.VIEWER, room=Room.OTHER_SERVERS)
def test_db_status(request: Request) -> DatabaseStatus:
    """Say whether the database in use answers, and how fast (milliseconds)."""
    here = application()
    seconds = here.configuration.current().email.db_connection_timeout / 1000
    began = time.perf_counter()
    reason = probe.why_closed(here.database_url(), seconds, here.settings.trusted_servers)
    took = round((time.perf_counter() - began) * 1000)
    return DatabaseStatus(
        connected=reason is None,
        response_time=took if reason is None else None,
        timestamp=here.clock(),
        message=reason or "The database answers.",
    )


def _database(here: Application) -> CurrentDatabase:
    place = place_of(here.database_url())
    return CurrentDatabase(
        server=place.server,
        port=place.port,
        user=place.user,
        database=place.database,
        source=here.database_source(),
    )
