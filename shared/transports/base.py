"""Transports: how a finished message leaves, in two phases, so that the promise holds for each.

`offer` does everything that can be refused before the point of no return; `commit`, called only
when the email's mark is committed, goes beyond it. A transport carries one message at a time, one
after another, for one worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from shared.errors import RowpostError
from shared.smtp.reply import Reply, Stage


class AccountFault(RowpostError):
    """The server can't be used as the account says: its text says why, `stage` at what.

    reply: the server's words, if it had any.
    login_refused: user name or password were refused; trying again will not help.
    """

    def __init__(
        self, reason: str, stage: Stage, reply: Reply | None = None, *, login_refused: bool = False
    ) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reply = reply
        self.login_refused = login_refused


class ConnectionLost(RowpostError):
    """The connection ended, or what came made no sense, and nothing irrevocable was done."""


class OutcomeUnknown(ConnectionLost):
    """The same beyond the point of no return: the message may have been accepted."""


class Envelope(NamedTuple):
    """Who an email goes from and to, and its size in octets.

    smtputf8: an address or a header is not ASCII (RFC 6531).
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A finished email (RFC 5322), each line ended with CRLF, and the envelope it travels in."""

    envelope: Envelope
    content: bytes = field(repr=False)


class Offer(NamedTuple):
    """What was answered to an envelope, in SMTP's words, whatever the transport.

    Recipients and DATA may lack their reply where something ended the exchange; `lost` says why,
    where that was the end of the connection.
    """

    sender: Reply
    recipients: tuple[Reply, ...]
    data: Reply | None
    accepted: tuple[int, ...]
    """Which of the envelope's recipients the message is taken for."""
    lost: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the message may be committed now."""
        return self.data is not None and self.data.code == 354 and self.accepted != ()


class Unfit(NamedTuple):
    """Why a message can't go this way, known without asking, with its status code (RFC 3463)."""

    enhanced_code: str
    reason: str


class Transport(Protocol):
    """One way out of one account.

    carried: messages that got a final reply since it was opened, whatever it was.
    takes_smtputf8: international addresses (RFC 6531) go this way; known once it is open.
    most_recipients: so many an envelope may have; None: any number; known once it is open.
    most_domains: so many different domains they may have; None: any number; known likewise.
    takes_along: the next envelope may travel with a commit, so its mark may be asked for ahead.
    """

    @property
    def carried(self) -> int: ...

    @property
    def takes_smtputf8(self) -> bool: ...

    @property
    def most_recipients(self) -> int | None: ...

    @property
    def most_domains(self) -> int | None: ...

    @property
    def takes_along(self) -> bool: ...

    async def open(self) -> None:
        """Open it. Raises AccountFault."""
        ...

    def takes(self, message: Message) -> bool:
        """Whether it is open, and this message may go over it: else it is opened anew."""
        ...

    def unfit(self, message: Message) -> Unfit | None:
        """What rules this message out, as far as the open transport knows by itself."""
        ...

    def operation_of(self, message: Message) -> str | None:
        """The name by which the service will know the commit of this message, to be written down
        with the mark: whoever finds the mark can ask what became of it. None: it has no such
        names."""
        ...

    async def offer(self, message: Message) -> Offer:
        """Everything that can be refused before the point of no return.

        Raises ConnectionLost where nothing was said that counts, and BadEmail where the message
        can't be said this way.
        """
        ...

    async def send(self, message: Message) -> None:
        """The content of the message last offered, as far as it can go before the commit: cut
        before that, it does not arrive. Raises ConnectionLost, BadEmail."""
        ...

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """Go beyond the point of no return with the message last offered; answers what was said.

        `following` is the message that will be offered next: its envelope may travel along.
        Raises ConnectionLost while nothing has happened yet, OutcomeUnknown after that.
        """
        ...

    async def close(self) -> None:
        """Say goodbye. Never raises."""
        ...

    def abort(self) -> None:
        """Cut it: what was offered and not committed does not arrive. Never raises."""
        ...
