"""Work on a thread of its own, for those who can wait only so long."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

from shared.errors import RowpostError
from shared.monitoring.logs import in_this_context

T = TypeVar("T")

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 3.0


class NoAnswerYet(RowpostError):
    """The work goes on, longer than somebody wanted to wait for it."""


class Work(Generic[T]):
    """Something that is being done on a thread of its own.

    `daemon`: the process may end in the middle of it.
    """

    def __init__(self, do: Callable[[], T], name: str, *, daemon: bool) -> None:
        self.began = time.monotonic()
        self._do = do
        self._ended: Future[T] = Future()
        threading.Thread(target=in_this_context(self._run), name=name, daemon=daemon).start()

    @property
    def ended(self) -> bool:
        return self._ended.done()

    def then(self, act: Callable[[Future[T]], None]) -> None:
        """Have `act` called at its end, on the thread of the work."""
        self._ended.add_done_callback(act)

    def wait(self, seconds: float | None = None) -> None:
        """Wait for its end. Raises NoAnswerYet after so many seconds."""
        if not wait([self._ended], None if seconds is None else max(0.0, seconds)).done:
            raise NoAnswerYet("This takes longer than expected: ask again soon.")

    def result(self, seconds: float | None = None) -> T:
        """What came of it, or what it raised. Raises NoAnswerYet after so many seconds."""
        self.wait(seconds)
        return self._ended.result()

    def _run(self) -> None:
        try:
            self._ended.set_result(self._do())
        except Exception as error:  # noqa: BLE001 - it is for whoever asks for the result
            self._ended.set_exception(error)


async def on_own_thread(do: Callable[[], T], name: str) -> T:
    """What `do` answers, for a loop that goes on meanwhile; raises what it raises.

    For what may hang longer than anybody waits for it, and so must not take a thread of a pool:
    when the waiting is cancelled, nobody learns what becomes of it.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def tell(work: Future[T]) -> None:
        if ended.done():
            return
        if (error := work.exception()) is not None:
            ended.set_exception(error)
        else:
            ended.set_result(work.result())

    def when_done(work: Future[T]) -> None:
        with suppress(RuntimeError):  # The loop was closed meanwhile.
            loop.call_soon_threadsafe(tell, work)

    Work(do, name, daemon=True).then(when_done)
    return await ended


async def set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set; after so many seconds it is set here."""
    if event.is_set():
        return
    alarm = asyncio.get_running_loop().call_later(seconds, event.set)
    await event.wait()
    alarm.cancel()


class Repeated:
    """While the block runs, something is done every so many seconds on a thread of its own."""

    def __init__(
        self,
        do: Callable[[], object],
        seconds: float,
        name: str,
        at_the_end: Callable[[], object] | None = None,
    ) -> None:
        """What `do` and `at_the_end` raise ends the thread."""
        self._do = do
        self._seconds = seconds
        self._at_the_end = at_the_end
        self.ended = threading.Event()
        """Set when the block ends: what takes long is to look."""
        self._thread = threading.Thread(target=in_this_context(self._repeat), name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self.ended.wait(self._seconds):
            self._do()
        if self._at_the_end is not None:
            self._at_the_end()


class Soon:
    """Does something soon after somebody has asked for it; nobody who asks waits.

    It is done at least once after each question, and by one thread at a time: however many ask
    while it is being done, it is done once more. What it raises is logged.
    """

    def __init__(self, do: Callable[[], object], name: str) -> None:
        self._do = do
        self._name = name
        self._turn = threading.Lock()
        self._asked = False
        self._at_work = False

    def ask(self) -> None:
        with self._turn:
            self._asked = True
            if self._at_work:
                return
            self._at_work = True
        Work(self._repeat, self._name, daemon=True)

    def _repeat(self) -> None:
        while self._is_wanted():
            try:
                self._do()
            except Exception:
                log.exception("%s: an unexpected error", self._name)

    def _is_wanted(self) -> bool:
        with self._turn:
            self._at_work, self._asked = self._asked, False
            return self._at_work


class OneEach:
    """Works with a thread for each key: none begins for a key while one of it is under way. Safe to
    use from any thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn = threading.Lock()
        self._at_work: dict[int, Work[None]] = {}

    def keys(self) -> frozenset[int]:
        """Those for which something is under way."""
        with self._turn:
            return self._still_at_work()

    def begin(self, key: int, do: Callable[[], None]) -> bool:
        """Begin, unless something is under way for this key; whether it has."""
        with self._turn:
            if key in self._still_at_work():
                return False
            self._at_work[key] = Work(do, self._name, daemon=True)
            return True

    def wait(self, seconds: float, key: int | None = None) -> None:
        """Wait for all that is under way now, or for that of one key, for so many seconds at
        most."""
        deadline = time.monotonic() + seconds
        with self._turn:
            at_work = [work for each, work in self._at_work.items() if key in (None, each)]
        with suppress(NoAnswerYet):
            for work in at_work:
                work.wait(deadline - time.monotonic())

    def _still_at_work(self) -> frozenset[int]:
        self._at_work = {key: work for key, work in self._at_work.items() if not work.ended}
        return frozenset(self._at_work)


class Watch(Generic[T]):
    """Looks at something that may hang, such as a database, for any number of askers.

    One look is under way at a time, and all who asked before it began share what it saw. So what
    an asker gets is never older than the question, and whatever hangs costs one thread.
    """

    def __init__(
        self, look: Callable[[], T], name: str, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._look = look
        self._name = name
        self._patience = patience
        self._turn = threading.Lock()
        self._latest: Work[T] | None = None

    def ask(self) -> T:
        """What is seen now. Raises NoAnswerYet when that takes too long, and what the look raises.

        A look that has hung for long keeps nobody waiting.
        """
        asked = time.monotonic()
        while True:
            work = self._work_since(asked)
            left = min(asked, work.began) + self._patience - time.monotonic()
            if work.began >= asked:
                return work.result(left)
            work.wait(left)

    def _work_since(self, asked: float) -> Work[T]:
        """The look that is under way, or began after the question; else a new one."""
        with self._turn:
            if self._latest is None or (self._latest.ended and self._latest.began < asked):
                self._latest = Work(self._look, self._name, daemon=True)
            return self._latest
