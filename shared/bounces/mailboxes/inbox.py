"""What reading a mailbox needs of it, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from shared.bounces.mailboxes.mailbox import Position
from shared.errors import RowpostError

CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 30.0


class MailboxFault(RowpostError):
    """A mailbox can't be read or its messages not be filed; the text says why, without secrets.

    `retry_after`: seconds that its server wants to be left alone.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def number_in(answer: object) -> int:
    """The number that a server has answered; 0 where it is none, or below."""
    return answer if isinstance(answer, int) and answer > 0 else 0


class Refused(MailboxFault):
    """The server is well and says no to what was asked of it, perhaps because of one message."""


class Found(NamedTuple):
    """A message: where it lies, in words of the inbox that found it; how far all has been read
    once it is done with; its first megabyte, or None where its server does not give this one, and
    what it says then."""

    place: str
    position: Position
    octets: bytes | None
    refusal: str = ""


class Inbox(Protocol):
    """A mailbox that is open. Each verb raises MailboxFault."""

    def count(self) -> int:
        """How many messages lay in the folder when it was opened. Never raises."""
        ...

    def new(
        self, after: Position, known: Callable[[Sequence[str]], Collection[str]], most: int
    ) -> Iterator[Found]:
        """Up to `most` messages beyond the position, the oldest first. `known`: which of some
        places are those of messages that may be left out."""
        ...

    def again(self, found: Found) -> Found | None:
        """Ask once more for a message that was not given; None: it is gone."""
        ...

    def file(self, places: Sequence[str], folder: str | None) -> None:
        """Move these messages into a folder, which is made where it is missing; None: delete them.
        One that is not there any more is done with. Raises Refused where the server does not do
        it for one of them, or for all."""
        ...

    def close(self) -> None:
        """Say goodbye. Never raises."""
        ...
