"""Receivers of webhooks in a process of their own: some take everything, some are a nuisance."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from bench.postfix import free_port

SECONDS_OF_THE_VERY_SLOW = 2.0
_SPAWN = multiprocessing.get_context("spawn")
_LENGTH = b"content-length:"


class Manner(StrEnum):
    """What a receiver does with a message."""

    GOOD = "good"
    REFUSING = "refusing"
    """Nobody listens there."""
    SILENT = "silent"
    """It takes the message and never answers."""
    SLOW = "slow"
    """It answers after two seconds."""


class Came(NamedTuple):
    """A message: the event's number, and the seconds from the event until it was received."""

    event_id: int
    delay: float


class Receivers:
    """The addresses, in the order of the manners; `counts` and `came` ask the process."""

    def __init__(self, manners: list[Manner], ports: list[int], asking: Connection) -> None:
        self.urls = [f"http://127.0.0.1:{port}/hook" for port in ports]
        self._manners = manners
        self._asking = asking

    def counts(self) -> list[int]:
        """How many messages each has had so far."""
        self._asking.send("count")
        answer: list[int] = self._asking.recv()
        return answer

    def came(self) -> list[list[Came]]:
        """What each has had."""
        self._asking.send("came")
        answer: list[list[Came]] = self._asking.recv()
        return answer


@contextmanager
def receivers(manners: list[Manner], seconds: float) -> Iterator[Receivers]:
    """Run them; they end with the block. The good ones answer after so many seconds."""
    ports = [free_port() for _ in manners]
    asking, asked = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_run, args=(manners, ports, asked, seconds), daemon=True)
    process.start()
    asked.close()
    asking.recv()
    yield Receivers(manners, ports, asking)
    asking.close()
    process.join()


def _run(manners: list[Manner], ports: list[int], asked: Connection, seconds: float) -> None:
    asyncio.run(_serve(manners, ports, asked, seconds))


async def _serve(
    manners: list[Manner], ports: list[int], asked: Connection, seconds: float
) -> None:
    takes = {Manner.GOOD: seconds, Manner.SILENT: None, Manner.SLOW: SECONDS_OF_THE_VERY_SLOW}
    loop = asyncio.get_running_loop()
    inboxes: list[list[tuple[float, bytes]]] = [[] for _ in manners]
    for manner, port, inbox in zip(manners, ports, inboxes, strict=True):
        if manner is not Manner.REFUSING:
            taker = partial(_Taker, takes[manner], inbox)
            await loop.create_server(taker, "127.0.0.1", port)
    asked.send("ready")
    over = asyncio.Event()

    def answer() -> None:
        try:
            question = asked.recv()
        except EOFError:
            loop.remove_reader(asked.fileno())
            over.set()
            return
        if question == "count":
            asked.send([len(inbox) for inbox in inboxes])
        else:
            asked.send([[_came(at, body) for at, body in inbox] for inbox in inboxes])

    loop.add_reader(asked.fileno(), answer)
    await over.wait()


class _Taker(asyncio.Protocol):
    """As little HTTP as will do, so that the receiver is not what is measured."""

    def __init__(self, seconds: float | None, inbox: list[tuple[float, bytes]]) -> None:
        """It answers after so many seconds; None: never."""
        self._seconds = seconds
        self._inbox = inbox
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, received: bytes) -> None:
        self._buffer += received
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._inbox.append((time.time(), rest[:length]))
        if self._seconds == 0:
            self._answer()
        elif self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def _came(at: float, body: bytes) -> Came:
    message = json.loads(body)
    happened = datetime.fromisoformat(message["timestamp"]).timestamp()
    return Came(message["data"]["id"], at - happened)
