"""A line: the emails of one account that this drain holds, and the connections that serve them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from shared.delivery.accounts import Account
from shared.outbox.claim import ClaimedEmail

FEWEST_AT_ONCE = 32
MOST_AT_ONCE = 256
WORK_AHEAD_SECONDS = 2.0


class Line:
    """Emails go in at one end, connections take them at the other.

    `unfinished` are those that were put in and whose fate is not yet reported.
    """

    def __init__(self, account: Account, most_connections: int, *, probing: bool) -> None:
        self.account = account
        self.most_connections = 1 if probing else most_connections
        self.probing = probing
        """The account was paused; a single connection tries it."""
        self.open_sessions = 0
        self.threads: list[threading.Thread] = []
        self._most_after_probe = most_connections
        self._emails: deque[ClaimedEmail] = deque()
        self._unfinished = 0
        self._closed = False
        self._moved = threading.Condition()
        self.batch = FEWEST_AT_ONCE
        """How many emails to claim at once: about what goes out in two seconds."""
        self._claimed_at = 0.0

    def put(self, emails: Sequence[ClaimedEmail]) -> None:
        self._adjust_batch()
        with self._moved:
            self._emails.extend(emails)
            self._unfinished += len(emails)
            self._moved.notify_all()

    def put_back(self, email: ClaimedEmail) -> None:
        """Somebody else's turn: this email is next again."""
        with self._moved:
            self._emails.appendleft(email)
            self._moved.notify()

    def take(self, timeout: float) -> ClaimedEmail | None:
        """The next email; None when the line is closed or none came in time."""
        with self._moved:
            if not self._emails and not self._closed:
                self._moved.wait(timeout)
            return None if self._closed or not self._emails else self._emails.popleft()

    def take_now(self) -> ClaimedEmail | None:
        """The next email if one is there."""
        with self._moved:
            return None if self._closed or not self._emails else self._emails.popleft()

    def done(self) -> None:
        """An email's fate was reported."""
        with self._moved:
            self._unfinished -= 1
            if self._unfinished == 0:
                self._moved.notify_all()

    def close(self) -> list[ClaimedEmail]:
        """Let nothing more be taken; answers what nobody took."""
        with self._moved:
            self._closed = True
            left = list(self._emails)
            self._emails.clear()
            self._unfinished -= len(left)
            self._moved.notify_all()
            return left

    def session_opened(self) -> None:
        with self._moved:
            self.open_sessions += 1

    def session_closed(self) -> None:
        with self._moved:
            self.open_sessions -= 1

    def works(self) -> None:
        """The probe succeeded: further connections may open."""
        self.probing = False
        self.most_connections = self._most_after_probe

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether every email's fate was reported within so many seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: self._unfinished == 0 or self._closed, timeout)

    def _adjust_batch(self) -> None:
        now = time.monotonic()
        took, self._claimed_at = now - self._claimed_at, now
        if took < WORK_AHEAD_SECONDS:
            self.batch = min(self.batch * 2, MOST_AT_ONCE)
        elif took > 2 * WORK_AHEAD_SECONDS:
            self.batch = max(self.batch // 2, FEWEST_AT_ONCE)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def queued(self) -> int:
        return len(self._emails)

    @property
    def idle(self) -> bool:
        return self._unfinished == 0
