"""What sysmail_configure_sp has set, as it counts here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from shared.accounts.profiles import STATUS, STOPPED
from shared.database.tables import mail_configuration
from shared.features.database_mail.call import Bounds

_ALL = select(mail_configuration.c.Name, mail_configuration.c.Value)
_FALLBACK_BYTES = 100_000
_MOST_BYTES = 2**31 - 1


class EventType(StrEnum):
    """What kind of event it is."""

    SUCCESS = "success"
    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


_SHOWN = {
    1: frozenset({EventType.ERROR}),
    2: frozenset({EventType.ERROR, EventType.WARNING, EventType.INFORMATION}),
    3: frozenset(EventType),
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Whether Database Mail takes emails, what files may be, and what the event log shows."""

    stopped: bool
    bounds: Bounds
    shown: frozenset[EventType]


def configuration(connection: Connection) -> Configuration:
    """As it stands now. What is no number counts as it always did."""
    values = {name: (value or "").strip() for name, value in connection.execute(_ALL)}
    extensions = values.get("ProhibitedExtensions", "").lower().split(",")
    return Configuration(
        stopped=values.get(STATUS, "").upper() == STOPPED,
        bounds=Bounds(
            min(_number(values.get("MaxFileSize", ""), _FALLBACK_BYTES), _MOST_BYTES),
            frozenset(each.strip() for each in extensions if each.strip()),
        ),
        shown=_SHOWN.get(_number(values.get("LoggingLevel", ""), 2), _SHOWN[2]),
    )


def _number(value: str, otherwise: int) -> int:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else otherwise
