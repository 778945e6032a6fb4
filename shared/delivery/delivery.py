"""One email on its way, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.delivery.composing.prepare import Prepared, addressed_to, part_of, without_smtputf8
from shared.delivery.outcome import Attempt
from shared.delivery.recorder import PendingMark
from shared.mime.address_form import domain_of
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Result
from shared.transports.base import Message

if TYPE_CHECKING:
    from shared.monitoring.telemetry.spans import EmailSpans


@dataclass(slots=True)
class Delivery:
    """One email on its way: what was claimed, its message and envelope, its account, its attempt.

    `octets`: what it takes of the memory that all emails under way may have.
    """

    attempt: Attempt
    message: Message
    started: float
    octets: int = 0
    pending_mark: PendingMark | None = None
    is_beyond: bool = False
    """The point of no return may be behind it."""
    spans: EmailSpans | None = None
    """Where this email leaves a trace."""

    @classmethod
    def of(cls, attempt: Attempt, started: float, octets: int = 0) -> Delivery:
        prepared = attempt.prepared
        return cls(attempt, Message(prepared.envelope, prepared.content), started, octets)

    @property
    def email(self) -> ClaimedEmail:
        return self.attempt.prepared.email

    @property
    def says_all_ahead(self) -> bool:
        """Whether its mark has nothing to say that only the replies to its envelope tell: of a
        single recipient the email's own state says all."""
        prepared = self.attempt.prepared
        return len(prepared.recipients) == 1 and not prepared.email.recipients

    def leave_out_wide_addresses(self) -> None:
        """Prepare it for a server without SMTPUTF8, if that can be."""
        if (fitting := without_smtputf8(self.attempt.prepared)) is not None:
            self._become(fitting)

    def ask_at_most(self, recipients: int | None, domains: int | None) -> None:
        """Address so many of its recipients, and of so many domains, if they are more; the others
        get theirs after. None: any number."""
        named = self.message.envelope.recipients
        if (recipients is not None and len(named) > recipients) or (
            domains is not None and len(set(map(domain_of, named))) > domains
        ):
            self._become(part_of(self.attempt.prepared, recipients, domains))

    def ask_only(self, places: Sequence[int]) -> None:
        """Address the envelope's recipients in these places alone."""
        self._become(addressed_to(self.attempt.prepared, places))

    def _become(self, prepared: Prepared) -> None:
        self.attempt = self.attempt._replace(prepared=prepared)
        self.message = Message(prepared.envelope, prepared.content)

    def step(self, name: str) -> None:
        """The next step of its way begins."""
        if self.spans is not None:
            self.spans.step(name)

    def came_to(self, result: Result) -> None:
        """What becomes of it."""
        if self.spans is not None:
            self.spans.came_to(result)
