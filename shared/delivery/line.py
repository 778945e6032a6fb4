"""A line: the emails of one account that this drain holds, and the connections that serve them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from shared.accounts.directory import Account
from shared.outbox.fetch import ClaimedEmail
from shared.smtp.pump import Signal

FEWEST_AT_ONCE = 32
MOST_AT_ONCE = 256
WORK_AHEAD_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.1
_LOOK_FOR_QUOTA_SECONDS = 1.0
_ASK_FOR_SLOT_SECONDS = 0.5


class Line:
    """Emails go in at one end, connections take them at the other.

    `unfinished` are those that were put in and whose fate is not yet reported.
    """

    def __init__(self, account: Account, most_connections: int, *, probing: bool) -> None:
        self.account = account
        self.most_connections = 1 if probing else most_connections
        self.probing = probing
        """The account was paused; a single connection tries it."""
        self.connections = 0
        self.open_sessions = 0
        self.slots = 0
        """Of an account's connections at most: those that are ours."""
        self.closed = False
        self.batch = FEWEST_AT_ONCE
        """How many emails to claim at once: about what goes out in two seconds."""
        self._most_after_probe = most_connections
        self._emails: deque[ClaimedEmail] = deque()
        self._unfinished = 0
        self._bored: deque[Signal[None]] = deque()
        self._claimed_at = 0.0
        self._nothing_at = -math.inf
        self._rests_until = -math.inf
        self._opens_at = math.inf
        self._slot_refused_at = -math.inf

    def put(self, emails: Sequence[ClaimedEmail]) -> None:
        """What a claim came to: emails that go out in this order, or none."""
        self._note_claim(len(emails))
        self._emails.extend(emails)
        self._unfinished += len(emails)
        self._wake(len(emails))

    def put_back(self, email: ClaimedEmail) -> None:
        """Somebody else's turn: this email is next again."""
        self._emails.appendleft(email)
        self._wake(1)

    async def take(self, seconds: float) -> ClaimedEmail | None:
        """The next email; None when the line is closed or none came in time."""
        if not self._emails and not self.closed:
            something: Signal[None] = Signal()
            self._bored.append(something)
            with suppress(TimeoutError):
                await something.wait(seconds)
            with suppress(ValueError):
                self._bored.remove(something)
        return self.take_now()

    def take_now(self) -> ClaimedEmail | None:
        """The next email if one is there."""
        return self._emails.popleft() if self._emails else None

    def done(self) -> None:
        """An email's fate was reported."""
        self._unfinished -= 1

    def close(self) -> list[ClaimedEmail]:
        """Let nothing more be taken; answers what nobody took."""
        self.closed = True
        left = list(self._emails)
        self._emails.clear()
        self._unfinished -= len(left)
        self._wake(len(self._bored))
        return left

    def works(self) -> None:
        """The probe succeeded: further connections may open."""
        self.probing = False
        self.most_connections = self._most_after_probe

    def rest(self, opens_in: float) -> None:
        """The account is out of quota, for so many seconds if nobody releases any."""
        now = time.monotonic()
        self._rests_until = now + min(opens_in, _LOOK_FOR_QUOTA_SECONDS)
        self._opens_at = now + opens_in

    def refuse_slot(self) -> None:
        """No slot was free; it is asked for again after a while."""
        self._slot_refused_at = time.monotonic()

    @property
    def may_ask_for_slot(self) -> bool:
        return time.monotonic() > self._slot_refused_at + _ASK_FOR_SLOT_SECONDS

    def opens_within(self, seconds: float) -> bool:
        """Whether it rests, and may send again so soon."""
        now = time.monotonic()
        return not self.closed and now < self._opens_at <= now + seconds

    @property
    def is_worth_a_claim(self) -> bool:
        """Whether it runs low, may send, and did not find the queue empty a moment ago.

        Before it is left as finished it is worth one in any case.
        """
        if self.closed or len(self._emails) > self.batch // 2:
            return False
        if time.monotonic() < self._rests_until:
            return False
        return self.idle or time.monotonic() > self._nothing_at + _LOOK_AGAIN_SECONDS

    @property
    def queued(self) -> int:
        return len(self._emails)

    @property
    def idle(self) -> bool:
        return self._unfinished == 0

    def _wake(self, most: int) -> None:
        for _ in range(min(most, len(self._bored))):
            self._bored.popleft().set(None)

    def _note_claim(self, emails: int) -> None:
        now = time.monotonic()
        if not emails:
            self._nothing_at = now
            return
        took, self._claimed_at = now - self._claimed_at, now
        if took < WORK_AHEAD_SECONDS:
            self.batch = min(self.batch * 2, MOST_AT_ONCE)
        elif took > 2 * WORK_AHEAD_SECONDS:
            self.batch = max(self.batch // 2, FEWEST_AT_ONCE)
