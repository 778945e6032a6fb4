"""Decisions about many emails at once: those of a list, or all that a filter matches."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from shared.api.cursor import PATTERN as CURSOR
from shared.api.cursor import read_cursor, write_cursor
from shared.api.endpoint import Request, Routes
from shared.api.models import SnakeAnswer, SnakeInput, example
from shared.app import application
from shared.outbox.bulk.decide import (
    LONGEST_SECONDS,
    MOST_AT_ONCE,
    MOST_IDS,
    Action,
    Decided,
    decide_all,
    decide_each,
)
from shared.outbox.queries.search import Wish
from shared.outbox.states import Status
from shared.security.roles import Role

routes = Routes()

_NONE: JsonValue = {"enum": [None, ""]}
EmailId = Annotated[int, Field(ge=1, le=2**31 - 1)]
_ONE_OF: list[JsonValue] = [
    {
        "required": ["ids"],
        "properties": {"ids": {"type": "array"}, "filter": {"type": "null"}, "cursor": _NONE},
    },
    {
        "required": ["filter"],
        "properties": {"filter": {"type": "object"}, "ids": {"type": "null"}},
    },
]


def _either(*examples: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"oneOf": _ONE_OF, "examples": list(examples)})


_SAYS_SOMETHING: list[JsonValue] = [
    {"required": ["status"]},
    {"required": ["query"], "properties": {"query": {"minLength": 1, "pattern": r"\S"}}},
]


class EmailFilter(SnakeInput):
    """Which emails are meant: those of a status, or what is searched for.

    One that says neither is refused: it may be a mistake, and would mean all of them.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": _SAYS_SOMETHING})

    query: str = Field(
        "",
        max_length=200,
        description="Looked for in subjects and recipients, as in the list of emails; empty for "
        "all of the `status` that is named.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if "status" not in self.model_fields_set and not self.query.strip():
            raise PydanticCustomError(
                "empty_filter", "Name a status or a query: an empty filter would mean all emails."
            )
        return self


class WaitingEmails(EmailFilter):
    status: Literal["queued", "retry", "held"] = Field(
        "queued", description="`queued`: never tried; `retry`: waits after a try; `held`."
    )


class EndedEmails(EmailFilter):
    status: Literal["failed", "cancelled"] = Field("failed", description="How they ended.")


class UnknownEmails(EmailFilter):
    status: Literal["unknown"] = Field("unknown", description="Only these can be resolved.")


class ManyEmails(SnakeInput):
    """Either `ids` or a `filter`."""

    ids: list[EmailId] | None = Field(
        None,
        min_length=1,
        max_length=MOST_IDS,
        description=f"The emails' numbers, up to {MOST_IDS:,}; each counts once.",
    )
    cursor: Annotated[str, Field(pattern=CURSOR)] | None = Field(
        None, description="With a filter: `next_cursor` of the answer before, to go on from there."
    )

    def meant(self) -> WaitingEmails | EndedEmails | UnknownEmails | None:
        """The filter; None: the ids are meant."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.meant() is None):
            raise PydanticCustomError("ids_or_filter", "Give ids or a filter, one of them.")
        if self.cursor and self.ids is not None:
            raise PydanticCustomError("ids_or_filter", "A cursor goes with a filter, not with ids.")
        return self


class EmailsToCancel(ManyEmails):
    model_config = _either({"ids": [17, 18]}, {"filter": {"query": "@example.com"}})

    filter: WaitingEmails | None = Field(None, description="All emails that it matches.")

    def meant(self) -> WaitingEmails | None:
        return self.filter


class EmailsToRetry(ManyEmails):
    model_config = _either({"ids": [17, 18]}, {"filter": {"status": "failed"}})

    filter: EndedEmails | None = Field(None, description="All emails that it matches.")

    def meant(self) -> EndedEmails | None:
        return self.filter


class EmailsToResolve(ManyEmails):
    model_config = _either(
        {"ids": [17], "decision": "sent"}, {"filter": {"status": "unknown"}, "decision": "resend"}
    )

    filter: UnknownEmails | None = Field(None, description="All emails that it matches.")
    decision: Literal["resend", "sent"] = Field(
        description="`resend`: send them again to whoever may not have had them. `sent`: count "
        "them as sent."
    )

    def meant(self) -> UnknownEmails | None:
        return self.filter


class RefusedDecision(SnakeAnswer):
    email_id: int = Field(description="The email's number.")
    message: str = Field(description="Why nothing was decided about it.")


class EmailsDecided(SnakeAnswer):
    """What came of it, email by email, as counts."""

    model_config = example(
        message="Emails queued again: 2",
        decided=2,
        refused=1,
        errors=[{"email_id": 19, "message": "there is no email with this number"}],
        more=False,
        next_cursor=None,
    )

    message: str = Field(description="The same in a sentence.")
    decided: int = Field(description="How many emails it was done to.")
    refused: int = Field(description="How many it could not be done to.")
    errors: list[RefusedDecision] = Field(description="Of those, the first 100, each with why.")
    more: bool = Field(
        description=f"Whether there may be more: a request ends after {MOST_AT_ONCE:,} emails or "
        f"about {LONGEST_SECONDS:.0f} seconds."
    )
    next_cursor: str | None = Field(
        description="Where to go on with the same filter; null when all have been met."
    )


@routes.post("api/emails/cancel", who=Role.OPERATOR)
def cancel_emails(request: Request[EmailsToCancel]) -> EmailsDecided:
    """Let many waiting emails not be sent."""
    decided = _decided(Action.CANCEL, request.body)
    application().waker.tell()
    return _answer("Emails cancelled", decided)


@routes.post("api/emails/retry", who=Role.OPERATOR)
def retry_emails(request: Request[EmailsToRetry]) -> EmailsDecided:
    """Try many emails again that failed or were cancelled."""
    decided = _decided(Action.RETRY, request.body)
    application().waker.wake()
    return _answer("Emails queued again", decided)


@routes.post("api/emails/resolve", who=Role.OPERATOR)
def resolve_emails(request: Request[EmailsToResolve]) -> EmailsDecided:
    """Decide about many emails whose outcome is unknown: send them again, or count them as sent."""
    resend = request.body.decision == "resend"
    decided = _decided(Action.RESEND if resend else Action.COUNT_AS_SENT, request.body)
    application().waker.wake()
    return _answer("Emails resolved", decided)


def _decided(action: Action, request: ManyEmails) -> Decided:
    database, meant = application().database(), request.meant()
    if meant is None:
        return decide_each(database, action, request.ids or ())
    wish = Wish(Status(meant.status), meant.query)
    return decide_all(database, action, wish, read_cursor(request.cursor))


def _answer(done: str, decided: Decided) -> EmailsDecided:
    return EmailsDecided(
        message=f"{done}: {decided.done}",
        decided=decided.done,
        refused=decided.refused,
        errors=[
            RefusedDecision(email_id=one.email_id, message=one.reason)
            for one in decided.first_refused
        ],
        more=decided.more,
        next_cursor=write_cursor(decided.after) if decided.more else None,
    )
