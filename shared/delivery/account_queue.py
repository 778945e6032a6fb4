"""An account's queue: the emails of one account that this drain holds, and who serves them."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from shared.accounts.directory import Account
from shared.delivery.allowance.ration import Take
from shared.outbox.sending.claim import claim, claim_blamed, claim_suspects
from shared.outbox.sending.fetch import ClaimedEmail

FEWEST_AT_ONCE = 32
MOST_AT_ONCE = 256
WORK_AHEAD_SECONDS = 2.0
_LOOK_FOR_QUOTA_SECONDS = 1.0
_ASK_FOR_SLOT_SECONDS = 0.5


class AccountQueue:
    """Emails go in at one end, workers take them at the other. Of the loop's thread alone.

    `unfinished` are those that were put in and whose fate is not yet reported.
    """

    def __init__(
        self,
        account: Account,
        most_workers: int,
        changed: Callable[[], None],
        *,
        probing: bool = False,
    ) -> None:
        """`changed` is called when there may be something to do for whoever fills the queue."""
        self.account = account
        self.most_workers = 1 if probing else most_workers
        self.probing = probing
        """The account was paused; a single worker tries it."""
        self.workers = 0
        self.open_transports = 0
        self.opening = 0
        """Transports that workers are opening now."""
        self.sent = 0
        """Emails of this queue that the account's server has accepted."""
        self.doubts = 0
        """Emails in a row whose final reply got lost."""
        self.slots = 0
        """Of an account's connections at most: those that are ours."""
        self.closed = False
        self.is_due = False
        """Something waits that a claim would find, as far as is known."""
        self.suspects = False
        """Some wait whose sender died while it prepared them."""
        self.blamed = False
        """Some wait for whose sake the account had to rest."""
        self.nothing_at = -math.inf
        """When a claim last found nothing."""
        self.batch = FEWEST_AT_ONCE
        """How many emails to claim at once: about what goes out in two seconds."""
        self._changed = changed
        self._most_after_probe = most_workers
        self._emails: deque[ClaimedEmail] = deque()
        self._suspects: set[int] = set()
        self._blamed: set[int] = set()
        self._unfinished = 0
        self._bored: deque[asyncio.Future[None]] = deque()
        self._claimed_at = 0.0
        self._rests_until = -math.inf
        self._opens_at = math.inf
        self._slot_refused_at = -math.inf

    def put(self, emails: Sequence[ClaimedEmail], take: Take = claim) -> None:
        """What a claim came to: emails that go out in this order, or none."""
        self._note_claim(len(emails))
        numbers = [email.number for email in emails]
        if take is claim_suspects:
            self._suspects.update(numbers)
        elif take is claim_blamed:
            self._blamed.update(numbers)
        self._emails.extend(emails)
        self._unfinished += len(emails)
        self._wake(len(emails))

    def put_back(self, email: ClaimedEmail) -> None:
        """Somebody else's turn: this email is next again."""
        self._emails.appendleft(email)
        self._wake(1)

    async def take(self, seconds: float) -> ClaimedEmail | None:
        """The next email; None when the queue is closed or none came in time."""
        if not self._emails and not self.closed:
            something: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._bored.append(something)
            self._changed()
            await asyncio.wait([something], timeout=seconds)
            if something in self._bored:
                self._bored.remove(something)
        return self.take_now()

    def take_now(self) -> ClaimedEmail | None:
        """The next email if one is there."""
        if not self._emails:
            return None
        if len(self._emails) == self.batch // 2 + 1:
            self._changed()
        return self._emails.popleft()

    def is_suspect(self, number: int) -> bool:
        """Whether a sender died while it prepared this email."""
        return number in self._suspects

    def is_blamed(self, number: int) -> bool:
        """Whether the account had to rest for this email's sake before."""
        return number in self._blamed

    def done(self, number: int) -> None:
        """This email's fate was reported."""
        self._unfinished -= 1
        self._suspects.discard(number)
        self._blamed.discard(number)
        if self._unfinished == 0:
            self._changed()

    def close(self) -> list[ClaimedEmail]:
        """Let nothing more be taken; answers what nobody took."""
        self.closed = True
        left = list(self._emails)
        self._emails.clear()
        self._unfinished -= len(left)
        self._wake(len(self._bored))
        self._changed()
        return left

    def works(self) -> None:
        """The probe succeeded: further workers may begin."""
        self.probing = False
        self.most_workers = self._most_after_probe
        self._changed()

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
    def wants_emails(self) -> bool:
        """Whether it runs low, may send, and something is due."""
        if self.closed or len(self._emails) > self.batch // 2:
            return False
        if time.monotonic() < self._rests_until:
            return False
        return self.next_take is not None

    @property
    def next_take(self) -> Take | None:
        """How to claim what is due; None where nothing is.

        Suspects go beside the others, and an email that was blamed for a pause behind them: once
        the account is seen to work, or where there is no other.
        """
        if self.suspects and not self._suspects and not (self.is_due and self.idle):
            return claim_suspects
        if self.is_due:
            return claim
        if self.blamed and not self._blamed and (self.idle or self.sent > 0):
            return claim_blamed
        return None

    @property
    def queued(self) -> int:
        return len(self._emails)

    @property
    def idle(self) -> bool:
        return self._unfinished == 0

    def _wake(self, most: int) -> None:
        while self._bored and most > 0:
            if not (bored := self._bored.popleft()).done():
                bored.set_result(None)
                most -= 1

    def _note_claim(self, emails: int) -> None:
        if not emails:
            return
        now = time.monotonic()
        took, self._claimed_at = now - self._claimed_at, now
        if took < WORK_AHEAD_SECONDS:
            self.batch = min(self.batch * 2, MOST_AT_ONCE)
        elif took > 2 * WORK_AHEAD_SECONDS:
            self.batch = max(self.batch // 2, FEWEST_AT_ONCE)
