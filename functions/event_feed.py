"""What happened to emails and accounts, in order."""

from __future__ import annotations

from pydantic import Field, field_validator

from shared.api.endpoint import Request, Routes
from shared.api.models import QueryNumber, SnakeAnswer, SnakeInput, Timestamp
from shared.app import application
from shared.events.event import EventType, NumberedEvent
from shared.events.numbering import number_events
from shared.events.read import read_events
from shared.security.roles import Role

routes = Routes()

_SECONDS_TO_NUMBER = 2.0


class EventQuery(SnakeInput):
    after: QueryNumber = Field(0, ge=0, le=2**63 - 1)
    """`next` of the page before; left out, from the oldest event that is kept."""
    types: str = Field("", max_length=1_000)
    """Only these, with commas between: `email.sent,email.failed`."""
    limit: QueryNumber = Field(100, ge=1, le=1_000)
    """How many events at most."""

    @field_validator("types")
    @classmethod
    def _are_known(cls, value: str) -> str:
        _types(value)
        return value

    @property
    def wanted(self) -> list[EventType]:
        """The types between the commas; none: all."""
        return _types(self.types)


def _types(written: str) -> list[EventType]:
    names = [name.strip() for name in written.split(",") if name.strip()]
    try:
        return [EventType(name) for name in names]
    except ValueError:
        raise ValueError(f"give some of these, with commas: {', '.join(EventType)}") from None


class EventDetail(SnakeAnswer):
    account: str | None = None
    """The code of the account."""
    code: int | None = None
    """The mail server's reply code."""
    enhanced_code: str | None = None
    """Its enhanced status code (RFC 3463)."""
    reason: str | None = None
    """Its words, or why it came to this."""


class EventShown(SnakeAnswer):
    id: int
    """Its number: one more than that of the event before."""
    at: Timestamp
    """When it happened."""
    type: EventType
    """What happened."""
    email_id: int | None
    """The email; null where it is about an account."""
    recipient: str | None = None
    """The recipient, where it is about one of several."""
    detail: EventDetail
    """More about it, as far as there is more."""

    @classmethod
    def of(cls, numbered: NumberedEvent) -> EventShown:
        event = numbered.event
        return cls(
            id=numbered.id,
            at=numbered.at,
            type=event.type,
            email_id=event.email_id,
            recipient=event.recipient,
            detail=EventDetail(
                account=event.account,
                code=event.code,
                enhanced_code=event.enhanced_code,
                reason=event.reason,
            ),
        )


class EventPageShown(SnakeAnswer):
    items: list[EventShown]
    """The events, the oldest first."""
    next: int
    """To be given as `after` for the next page; the same while nothing new has happened."""


@routes.get("api/events", who=Role.VIEWER)
def events(request: Request[None, EventQuery]) -> EventPageShown:
    """Read what happened, in order: `next` is the `after` of the following page.

    Ids grow by one, and none is filled in later. A page of chosen types may be empty though more
    follows: go on until `next` stays the same.
    """
    wanted, database = request.query, application().database()
    number_events(database, _SECONDS_TO_NUMBER)
    with database.read() as connection:
        page = read_events(connection, wanted.after, wanted.wanted, wanted.limit)
    return EventPageShown(items=[EventShown.of(event) for event in page.items], next=page.next)
