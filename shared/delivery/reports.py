"""Reports: what became of an account's emails, told to whoever writes it down."""

from __future__ import annotations

import random

from shared.delivery.account_queue import AccountQueue
from shared.delivery.recorder import Recorder
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome, Result


class Reports:
    """Each email of the queue is reported once, by one of these."""

    def __init__(self, queue: AccountQueue, recorder: Recorder) -> None:
        self._queue = queue
        self._recorder = recorder

    def finish(self, result: Result) -> None:
        """What an attempt came to."""
        self._recorder.finish(result)
        self._queue.done(result.number)

    def fail(self, email: ClaimedEmail, reason: str) -> Result:
        """The email itself is at fault: it ends."""
        result = self._result(email, Outcome.FAILED, reason)
        self.finish(result)
        return result

    def nobody_left(self, email: ClaimedEmail, reason: str) -> None:
        """Whoever had it keeps it, and nobody else is to get it: it is done."""
        self.finish(self._result(email, Outcome.SENT, reason))

    def postpone(self, email: ClaimedEmail, reason: str, seconds: float) -> None:
        """Something that it needs is away for a moment: it waits, at no cost, and others go on."""
        wait = seconds * (1 + random.random() / 5)
        self.finish(self._result(email, Outcome.POSTPONED, reason)._replace(wait=wait))

    def give_back(self, email: ClaimedEmail) -> None:
        """Nothing was done with it: it waits again."""
        self._recorder.give_back(email.number)
        self._queue.done(email.number)

    def _result(self, email: ClaimedEmail, outcome: Outcome, reason: str) -> Result:
        code = self._queue.account.code
        return Result(email.number, outcome, code, reason=reason, email_id=email.id)
