"""The configuration document: where the database is, and when scheduled emails go."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializationInfo,
    Strict,
    ValidationInfo,
    field_serializer,
    field_validator,
)
from pydantic.alias_generators import to_camel

from shared.database.engine import SERVER
from shared.scheduling.schedule import Schedule

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_INTERVAL = timedelta(hours=24)

_WITH_SECRETS = "with_secrets"


def _blank_is_none(value: Any) -> Any:
    return None if value == "" else value


def _number_in_text(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(_PORT, value, re.ASCII) else value


# Of the white space around a name nothing is kept.
_NO_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_VISIBLE = rf"[^\s{_NO_CONTROL}]"
_NAME = rf"^\s*{_VISIBLE}([^{_NO_CONTROL}]*{_VISIBLE})?\s*$"
# 1 to 65535.
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=_NAME)]
ServerName = Annotated[str, Field(min_length=1, max_length=255, pattern=rf"^\s*({SERVER})\s*$")]
Port = Annotated[
    Annotated[int, Field(ge=1, le=65535)],
    BeforeValidator(
        _number_in_text,
        json_schema_input_type=Annotated[int, Field(ge=1, le=65535)]
        | Annotated[str, Field(pattern=rf"^({_PORT})$")],
    ),
]
OptionalName = Annotated[
    Name | None, BeforeValidator(_blank_is_none, json_schema_input_type=Name | Literal[""] | None)
]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_blank_is_none)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
EndOfDay = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Milliseconds = Annotated[int, Strict(), Field(ge=1_000, le=600_000)]


class _Part(BaseModel):
    """In JSON its fields have the contract's camelCase names."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


class DatabaseAddress(_Part):
    """A SQL Server database. Without a user the process's own identity logs in."""

    server: ServerName
    """The server's name, without its port."""
    port: Port = 1433
    """Its port, as a number or as text."""
    user: OptionalName = None
    """What to log in as; null, with no password: by managed identity."""
    password: OptionalSecret = None
    """Its password; left out, that of the same server and user stays."""
    database: Name
    """The database's name."""

    @field_serializer("password", when_used="json-unless-none")
    def _masked(self, password: SecretStr, context: SerializationInfo) -> str:
        wanted = bool(context.context and context.context.get(_WITH_SECRETS))
        return password.get_secret_value() if wanted else str(password)


class EmailSchedule(_Part):
    """When scheduled emails go, and how long a database may take (milliseconds)."""

    start_time: TimeOfDay = "00:00"
    end_time: EndOfDay = "00:00"
    interval_unit: Literal["minutes", "hours"] = "minutes"
    interval: Annotated[int, Strict(), Field(ge=1)] = 1
    time_zone: str = "UTC"
    """The IANA name of a time zone, such as `Europe/Berlin`."""
    days: tuple[Day, ...] = WEEK
    """The days on which scheduled emails go; left out: all."""
    db_request_timeout: Milliseconds = 30_000
    """How long a statement may take, in milliseconds."""
    db_connection_timeout: Milliseconds = 30_000
    """How long a connection may take to come about, in milliseconds."""

    @field_validator("interval")
    @classmethod
    def _is_at_most_a_day(cls, interval: int, fields: ValidationInfo) -> int:
        unit = fields.data.get("interval_unit")
        if unit and interval > LONGEST_INTERVAL / timedelta(**{unit: 1}):
            raise ValueError("The interval may be 24 hours at most.")
        return interval

    @field_validator("time_zone")
    @classmethod
    def _is_an_iana_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError('The time zone must be an IANA name, as "Europe/Berlin".') from None
        return name

    @field_validator("days")
    @classmethod
    def _are_in_order(cls, days: tuple[Day, ...]) -> tuple[Day, ...]:
        if not days:
            raise ValueError("Name at least one day, or leave the days out for all.")
        return tuple(day for day in WEEK if day in days)

    def to_schedule(self) -> Schedule:
        """The same as shared.scheduling.schedule reckons with it."""
        return Schedule(
            start=time.fromisoformat(self.start_time),
            end=time.fromisoformat(self.end_time.replace("24:00", "00:00")),
            interval=timedelta(**{self.interval_unit: self.interval}),
            zone=ZoneInfo(self.time_zone),
            days=frozenset(WEEK.index(day) for day in self.days),
        )


class Configuration(_Part):
    """All that an operator has configured; `version` counts the times it was saved."""

    version: int = Field(0, ge=0)
    database: DatabaseAddress | None = None
    email: EmailSchedule = EmailSchedule()
    ticked_steps: tuple[str, ...] = ()
    """Steps of the first visit that somebody has ticked off."""

    @property
    def has_email(self) -> bool:
        """Whether somebody has saved an email schedule, be it the default one."""
        return "email" in self.model_fields_set

    @classmethod
    def from_secret(cls, text: str | None) -> Configuration:
        """The document as `to_secret` wrote it, the default one for None. Raises ValueError."""
        return cls() if text is None else cls.model_validate_json(text)

    def to_secret(self) -> str:
        """The document as JSON for the secret store, with its password: for nowhere else."""
        return self.model_dump_json(
            exclude=None if self.has_email else {"email"}, context={_WITH_SECRETS: True}
        )
