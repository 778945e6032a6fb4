"""Mail servers that record what they take, and that cut, stall, refuse and lie when they are told.

All of them live on one loop, on a thread of the driver's, which nobody kills: what they have
recorded is the truth about what arrived.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_HOST = "127.0.0.1"
_LONGEST_MESSAGE = 64 * 1024 * 1024
_ADDRESS = re.compile(rb"<c(\d+)-(\d+)@")
_STALL_SECONDS = 6.0


class Stage(Enum):
    """Where in the conversation something goes wrong; DOT is the reply to the whole message."""

    CONNECT = "connect"
    EHLO = "EHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    DOT = "final dot"


class Deed(Enum):
    """What a server does instead of its duty."""

    CUT = "cut"
    STALL = "stall"
    CLOSING = "421"
    DEFER = "4xx"
    REFUSE = "5xx"
    GARBAGE = "garbage"
    LIE = "250 and drop"
    KEEP_AND_CUT = "keep and cut"
    KEEP_AND_STALL = "keep and stall"


DEEDS: dict[Stage, tuple[Deed, ...]] = {
    Stage.CONNECT: (Deed.CUT, Deed.STALL, Deed.CLOSING, Deed.GARBAGE),
    Stage.EHLO: (Deed.CUT, Deed.STALL, Deed.CLOSING, Deed.GARBAGE),
    Stage.MAIL: (Deed.CUT, Deed.STALL, Deed.CLOSING, Deed.DEFER, Deed.GARBAGE),
    Stage.RCPT: (Deed.CUT, Deed.STALL, Deed.CLOSING, Deed.DEFER, Deed.REFUSE, Deed.GARBAGE),
    Stage.DATA: (Deed.CUT, Deed.STALL, Deed.CLOSING, Deed.DEFER, Deed.GARBAGE),
    Stage.BODY: (Deed.CUT, Deed.STALL),
    Stage.DOT: tuple(Deed),
}
_KEEPS = (Deed.KEEP_AND_CUT, Deed.KEEP_AND_STALL)
_REPLIES: dict[tuple[Stage, Deed], bytes] = {
    (Stage.RCPT, Deed.REFUSE): b"550 5.1.1 no such user",
    (Stage.DOT, Deed.REFUSE): b"554 5.6.0 this message is not taken",
}
_SAYS: dict[Deed, bytes] = {
    Deed.CLOSING: b"421 4.3.2 going down",
    Deed.DEFER: b"450 4.2.1 busy, later",
    Deed.GARBAGE: b"\xff\x00 nonsense",
    Deed.LIE: b"250 2.0.0 taken",
}

Recipient = tuple[int, int]
"""An email's serial number and the place of the recipient among its recipients."""


@dataclass
class Record:
    """What the servers took and did. Written by their loop alone; others read."""

    kept: Counter[Recipient] = field(default_factory=Counter)
    """Copies that were taken, whether that could be said or not."""
    dropped: Counter[Recipient] = field(default_factory=Counter)
    """Copies that were said to be taken, and were not."""
    refused: set[Recipient] = field(default_factory=set)
    """Who was refused for good, alone or with the whole message."""
    uncertain: set[int] = field(default_factory=set)
    """Emails whose final reply was kept back or made no sense, for any reason of the server's."""
    arrivals: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When something was taken, by account, in seconds of the monotonic clock."""


@dataclass(frozen=True)
class Misbehaviour:
    """One deed at one stage, to a share of those who come there until a time is over."""

    stage: Stage
    deed: Deed
    until: float
    share: float


class MailServer:
    """One account's server. `latency`: seconds from a message's end to its reply."""

    def __init__(self, code: str, record: Record, latency: tuple[float, float], seed: int) -> None:
        self.code = code
        self.port = 0
        self._record = record
        self.latency = latency
        self._chance = random.Random(seed)
        self._misbehaviour: Misbehaviour | None = None
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    def misbehave(self, misbehaviour: Misbehaviour) -> None:
        """From now on, until its time is over."""
        self._misbehaviour = misbehaviour

    async def open(self) -> None:
        """Listen: on a free port at first, on the same one after an outage."""
        self._server = await asyncio.start_server(
            self._welcome, _HOST, self.port, limit=_LONGEST_MESSAGE
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and cut all connections."""
        if self._server is not None:
            self._server.close()
        self._server = None
        for talk in list(self._talks):
            talk.cancel()
        if self._talks:
            await asyncio.wait(list(self._talks))

    @property
    def is_open(self) -> bool:
        return self._server is not None

    def deed_at(self, stage: Stage) -> Deed | None:
        """What is to go wrong here now."""
        wanted = self._misbehaviour
        if wanted is None or wanted.stage is not stage or time.monotonic() > wanted.until:
            return None
        return wanted.deed if self._chance.random() < wanted.share else None

    def take(self, recipients: list[Recipient]) -> None:
        self._record.kept.update(recipients)
        self._record.arrivals[self.code].append(time.monotonic())

    def drop(self, recipients: list[Recipient]) -> None:
        self._record.dropped.update(recipients)

    def refuse(self, recipients: list[Recipient]) -> None:
        self._record.refused.update(recipients)

    def leave_uncertain(self, recipients: list[Recipient]) -> None:
        self._record.uncertain.update(serial for serial, _ in recipients)

    async def linger(self) -> None:
        await asyncio.sleep(self._chance.uniform(*self.latency))

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(_Conversation(self, reader, writer).run())
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)


class _Over(Exception):
    """The conversation has ended."""


class _Conversation:
    """One client's connection."""

    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._recipients: list[Recipient] = []
        self._in_doubt: list[Recipient] = []
        """Whose message is complete and not answered."""
        self._last: list[Recipient] = []
        """Whose message was answered last: a cut may overtake that answer."""

    async def run(self) -> None:
        try:
            with suppress(_Over, OSError, asyncio.IncompleteReadError):
                await self._talk()
        finally:
            self._leave_in_doubt()
            self._writer.transport.abort()

    def _leave_in_doubt(self) -> None:
        """A message that was complete, or may have been, gets no answer."""
        self._server.leave_uncertain([*self._in_doubt, *self._last])

    async def _talk(self) -> None:
        await self._answer(Stage.CONNECT, b"220 sink.example ESMTP")
        while line := await self._reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                await self._answer(Stage.EHLO, b"250-sink.example\r\n250 PIPELINING")
            elif verb == b"MAIL":
                self._recipients = []
                await self._answer(Stage.MAIL, b"250 2.1.0 ok")
            elif verb == b"RCPT":
                await self._recipient(line)
            elif verb == b"DATA":
                await self._message()
            elif verb == b"QUIT":
                self._last = []
                await self._say(b"221 2.0.0 bye")
                return
            else:
                await self._say(b"250 2.0.0 ok")

    async def _recipient(self, line: bytes) -> None:
        found = _ADDRESS.search(line)
        if found is None:
            await self._say(b"501 5.1.3 what is that?")
            return
        recipient = int(found[1]), int(found[2])
        deed = self._server.deed_at(Stage.RCPT)
        if deed is Deed.REFUSE:
            self._server.refuse([recipient])
        if deed is not None:
            await self._do(Stage.RCPT, deed)
        else:
            self._recipients.append(recipient)
            await self._say(b"250 2.1.5 ok")

    async def _message(self) -> None:
        if not self._recipients:
            await self._say(b"554 5.5.1 no valid recipients")
            return
        deed = self._server.deed_at(Stage.DATA)
        if deed is not None:
            await self._do(Stage.DATA, deed)
            return
        await self._say(b"354 go ahead")
        deed = self._server.deed_at(Stage.BODY)
        if deed is not None:
            await self._reader.read(100)
            self._in_doubt = list(self._recipients)
            await self._do(Stage.BODY, deed)
        await self._reader.readuntil(b"\r\n.\r\n")
        self._in_doubt = list(self._recipients)
        await self._final_reply(self._server.deed_at(Stage.DOT))
        self._last, self._in_doubt = self._in_doubt, []

    async def _final_reply(self, deed: Deed | None) -> None:
        recipients, server = self._recipients, self._server
        if deed is None or deed in _KEEPS:
            server.take(recipients)
        await server.linger()
        if deed is None:
            await self._say(b"250 2.0.0 taken")
            return
        if deed is Deed.LIE:
            server.drop(recipients)
        elif deed is Deed.REFUSE:
            server.refuse(recipients)
        elif deed is Deed.GARBAGE:
            server.leave_uncertain(recipients)
        await self._do(Stage.DOT, deed)

    async def _answer(self, stage: Stage, usual: bytes) -> None:
        deed = self._server.deed_at(stage)
        if deed is None:
            await self._say(usual)
        else:
            await self._do(stage, deed)

    async def _do(self, stage: Stage, deed: Deed) -> None:
        if deed in (Deed.CUT, Deed.KEEP_AND_CUT):
            raise _Over
        if deed in (Deed.STALL, Deed.KEEP_AND_STALL):
            self._leave_in_doubt()
            await asyncio.sleep(_STALL_SECONDS)
            raise _Over
        await self._say(_REPLIES.get((stage, deed), _SAYS.get(deed, b"554 5.3.0 no")))
        if deed is Deed.CLOSING:
            # What was said is heard, and what follows is not.
            self._in_doubt = []
            await self._writer.drain()
            self._writer.close()
            raise _Over

    async def _say(self, reply: bytes) -> None:
        self._writer.write(reply + b"\r\n")
        await self._writer.drain()


class MailServers:
    """The servers of all accounts, on a loop of their own between `with` and its end."""

    def __init__(self, codes: Sequence[str], latency: tuple[float, float], seed: int) -> None:
        self.record = Record()
        self.by_code = {
            code: MailServer(code, self.record, latency, seed + place)
            for place, code in enumerate(codes)
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> MailServers:
        self._thread.start()
        for server in self.by_code.values():
            self._run(server.open)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.by_code.values():
            self._run(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def pace(self, latency: tuple[float, float]) -> None:
        """From now on replies to messages take so many seconds, from and to."""
        for server in self.by_code.values():
            server.latency = latency

    def is_open(self, code: str) -> bool:
        return self.by_code[code].is_open

    def close(self, code: str) -> None:
        """An outage begins: connections are refused."""
        self._run(self.by_code[code].close)

    def open(self, code: str) -> None:
        """An outage ends."""
        self._run(self.by_code[code].open)

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)
