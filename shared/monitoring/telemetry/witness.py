"""The witness of one drain: it measures and traces what the drain does, and has no part in it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from opentelemetry.trace import INVALID_SPAN, Link, Span, use_span
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from shared.database.database import Database
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import entries
from shared.monitoring import logs
from shared.monitoring.telemetry.spans import EmailSpans, start_email
from shared.monitoring.telemetry.telemetry import Telemetry
from shared.outbox.conditions import NUMBERS
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome, Result

log = logging.getLogger("rowpost.telemetry")


class Origin(NamedTuple):
    """When an email was stored, and by which request."""

    stored_at: datetime | None = None
    request_id: str | None = None


_UNTOLD = Origin()
_ORIGINS = select(
    entries.c.Number,
    func.coalesce(entries.c.RowCreatedAt, entries.c.CreatedAt),
    entries.c.RequestId,
).where(entries.c.Number.in_(NUMBERS))


class Witness:
    """What it is told it passes on. It never fails, and keeps nothing of an email that ended."""

    def __init__(self, telemetry: Telemetry, database: Database) -> None:
        self._measures = telemetry.measures
        self._tracer = telemetry.tracer
        self._database = database
        self._origins: dict[int, Origin] = {}
        self._ids: dict[str, str] = {}
        self._links: tuple[Link, ...] = ()

    @contextmanager
    def drain(self, lanes: Iterable[str], written: Counter[Outcome]) -> Iterator[None]:
        """The drain itself: a span, with what it came to, and its rate."""
        before, began = written.total(), time.monotonic()
        span: Span = INVALID_SPAN
        self._ids = logs.ids()
        if self._tracer is not None:
            span = self._tracer.start_span(
                "drain", attributes={"lanes": ",".join(lanes), **self._ids}
            )
            self._links = (Link(span.get_span_context()),)
        try:
            # What goes wrong is in the log; its text may name somebody.
            with use_span(
                span, end_on_exit=True, record_exception=False, set_status_on_exception=False
            ):
                yield
                span.set_attributes({one.value: number for one, number in written.items()})
        finally:
            self._measures.drained(written.total() - before, time.monotonic() - began)

    def claimed(self, numbers: Sequence[int]) -> None:
        """These emails are the drain's now."""
        if not numbers:
            return
        try:
            with self._database.read() as connection:
                for number, stored_at, request_id in connection.execute(
                    _ORIGINS, {"numbers": list(numbers)}
                ):
                    self._origins[number] = Origin(stored_at, request_id)
        except (SQLAlchemyError, DatabaseUnreachable) as error:
            log.warning("when emails were stored could not be read: %s", type(error).__name__)

    def email(
        self, email: ClaimedEmail, account: str, server: str, seconds: float
    ) -> EmailSpans | None:
        """An email's attempt, begun so many seconds ago; None where it leaves no trace."""
        if self._tracer is None:
            return None
        origin = self._origins.get(email.number, _UNTOLD)
        began = time.time_ns() - int(seconds * 1e9)
        attributes: dict[str, str | int] = {"email": email.id, "account": account, **self._ids}
        if origin.request_id is not None:
            attributes["requestId"] = origin.request_id
        span = start_email(
            self._tracer, attributes, self._links, stored_at=origin.stored_at, began=began
        )
        if span is None:
            return None
        return EmailSpans(self._tracer, span, email.retries, server, began)

    def recorded(self, results: Iterable[Result], returned: Iterable[int]) -> None:
        """These outcomes were committed, and these emails wait again."""
        now = datetime.now(UTC)
        ended: Counter[tuple[str, Outcome]] = Counter()
        for one in results:
            ended[one.account, one.outcome] += 1
            stored_at = self._origins.pop(one.number, _UNTOLD).stored_at
            if one.outcome is Outcome.SENT and stored_at is not None:
                waited = max(0.0, (now - stored_at).total_seconds())
                self._measures.delivered(one.account, waited)
        for (account, outcome), number in ended.items():
            self._measures.ended(account, outcome, number)
        for number in returned:
            self._origins.pop(number, None)
