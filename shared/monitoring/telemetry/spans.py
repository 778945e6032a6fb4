"""The spans of one email's way: email → attempt → the steps of its SMTP conversation.

Each email is a trace of its own, so that the sampler decides about each, however many a run sends;
a link leads to the run. `requestId` is that of the request that stored it, as in the log. Nothing
of the email itself is in a span: numbers, codes and the mail server's name only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from shared.outbox.sending.finish import Outcome, Result

_NOT_WELL = (Outcome.FAILED, Outcome.UNKNOWN)
_NOT_SAID = "given back"
# Azure Monitor's samplers decide anew about each child of a span that names no rate.
_WITH_ALL_ITS_CHILDREN = {"_MS.sampleRate": 100.0}


class EmailSpans:
    """One email under way. Its steps follow one another; `end` ends all that is open."""

    __slots__ = ("_attempt", "_email", "_result", "_server", "_step", "_tracer")

    def __init__(
        self, tracer: Tracer, email: Span, attempts_before: int, server: str, began: int
    ) -> None:
        """`began`: when the attempt did, in nanoseconds since 1970."""
        self._tracer = tracer
        self._email = email
        self._server = server
        self._result: Result | None = None
        self._step: Span | None = None
        self._attempt = tracer.start_span(
            "attempt",
            set_span_in_context(email, Context()),
            attributes={"attempt": attempts_before + 1},
            start_time=began,
        )

    def step(self, name: str) -> None:
        """The next step of the conversation begins, and the one before it is over."""
        self._end_step()
        self._step = self._tracer.start_span(
            name,
            set_span_in_context(self._attempt, Context()),
            SpanKind.CLIENT,
            {"server.address": self._server},
        )

    def came_to(self, result: Result) -> None:
        """What becomes of the email; unless this is said, it is given back."""
        self._result = result

    def end(self) -> None:
        self._end_step()
        for span in (self._attempt, self._email):
            span.set_attributes(_said_by(self._result))
            if self._result is not None and self._result.outcome in _NOT_WELL:
                span.set_status(Status(StatusCode.ERROR))
            span.end()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.end()
        self._step = None


def start_email(
    tracer: Tracer,
    attributes: Mapping[str, str | int],
    links: Sequence[Link],
    *,
    stored_at: datetime | None,
    began: int,
) -> Span | None:
    """The span of an email that was stored then; None when the sampler leaves it out."""
    stored = began if stored_at is None else int(stored_at.timestamp() * 1e9)
    span = tracer.start_span(
        "email",
        Context(),
        attributes={**attributes, **_WITH_ALL_ITS_CHILDREN},
        links=links,
        start_time=min(stored, began),
    )
    return span if span.is_recording() else None


def _said_by(result: Result | None) -> dict[str, str | int]:
    if result is None:
        return {"outcome": _NOT_SAID}
    said: dict[str, str | int] = {"outcome": result.outcome.value}
    if result.code is not None:
        said["smtp.code"] = result.code
    if result.enhanced_code is not None:
        said["smtp.enhancedCode"] = result.enhanced_code
    return said
