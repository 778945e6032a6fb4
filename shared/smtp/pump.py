"""The pump: one thread that carries many conversations on, each as far as it can go.

A conversation is a coroutine. It waits for its socket, for a `Signal`, or for work that has to be
done in a thread of its own; while it waits the others go on. With a thread for each of them an
email cost ten handovers of the interpreter, more time than all the rest of its way.

asyncio would not do: it does not take over a connection that has its TLS already, and knows no
moment at which nothing else can go on, which is when marks and results are best committed.
"""

from __future__ import annotations

import math
import queue
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from time import monotonic
from types import coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Conversation = Coroutine["_Wait", None, T]

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

_LOOK_AT_CLOCK_SECONDS = 0.1


@dataclass(slots=True)
class _Wait:
    """For a socket or for a signal, until then (by the monotonic clock)."""

    until: float
    sock: socket.socket | None = None
    events: int = 0
    signal: Signal[Any] | None = None


@coroutine
def ready(sock: socket.socket, events: int, until: float) -> Generator[_Wait, None, None]:
    """Wait until the socket can be read (READ) or written (WRITE), or so it seems.

    Raises TimeoutError when the monotonic clock is at `until`.
    """
    yield _Wait(until, sock, events)


class Signal(Generic[T]):
    """Something that happens once and has a value; one conversation may wait for it."""

    __slots__ = ("_happened", "_value", "resume")

    def __init__(self) -> None:
        self._happened = False
        self._value: T
        self.resume: Callable[[], None] | None = None
        """Set by the pump while somebody waits."""

    def set(self, value: T) -> None:
        """It happens. On the pump's own thread."""
        self._happened, self._value = True, value
        if self.resume is not None:
            self.resume()

    @coroutine
    def wait(self, seconds: float = math.inf) -> Generator[_Wait, None, T]:
        """Its value. Raises TimeoutError when it has not happened after `seconds`."""
        if not self._happened:
            yield _Wait(monotonic() + seconds, signal=self)
        return self._value


class Task:
    """A conversation that was given to a pump."""

    __slots__ = ("conversation", "done", "wait")

    def __init__(self, conversation: Conversation[None]) -> None:
        self.conversation = conversation
        self.wait: _Wait | None = None
        self.done = False


class Pump:
    """Carries conversations on, on the thread that calls `turn`."""

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._waiting: set[Task] = set()
        self._selector = selectors.DefaultSelector()
        self._clock_looked_at = 0.0
        self._finished_work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell, self._bell_rope = socket.socketpair()
        self._bell.setblocking(False)
        self._selector.register(self._bell, READ)

    def start(self, conversation: Conversation[None]) -> Task:
        """Let a conversation begin at the next turn."""
        task = Task(conversation)
        self._ready.append(task)
        return task

    def turn(self, seconds: float) -> bool:
        """Carry on whoever can go on; wait for one at most `seconds`. False: there was none.

        Raises what a conversation lets escape.
        """
        self._look_at_sockets(0 if self._ready else min(seconds, _LOOK_AT_CLOCK_SECONDS))
        self._look_at_clock()
        able = len(self._ready)
        for _ in range(able):
            self._carry_on(self._ready.popleft())
        return able > 0

    def interrupt(self, task: Task, error: Exception) -> None:
        """Raise the error in a conversation where it waits."""
        if not task.done:
            self._carry_on(task, error)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What `work` answers, done in a thread of its own; raises what it raises.

        Work has its own bounds in time. What becomes of it when the conversation is interrupted,
        nobody learns.
        """
        done: Signal[Callable[[], T]] = Signal()
        threading.Thread(target=self._work, args=(work, done), daemon=True).start()
        return (await done.wait())()

    def carry_out(self, conversation: Conversation[T], seconds: float = math.inf) -> T:
        """Carry on a conversation to its end; answers and raises what it does.

        Raises TimeoutError in it when it has not ended after `seconds`.
        """
        ended: list[T] = []

        async def to_the_end() -> None:
            ended.append(await conversation)

        deadline = monotonic() + seconds
        task = self.start(to_the_end())
        while not task.done:
            self.turn(_LOOK_AT_CLOCK_SECONDS)
            if monotonic() > deadline:
                self.interrupt(task, TimeoutError())
        return ended[0]

    def close(self) -> None:
        """End the conversations that have not ended, and let go of their sockets."""
        for task in (*self._ready, *self._waiting):
            task.conversation.close()
        self._selector.close()
        self._bell.close()
        self._bell_rope.close()

    def _carry_on(self, task: Task, error: Exception | None = None) -> None:
        self._no_longer_waits(task)
        try:
            wait = task.conversation.throw(error) if error else task.conversation.send(None)
        except StopIteration:
            task.done = True
            return
        except BaseException:
            task.done = True
            raise
        task.wait = wait
        self._waiting.add(task)
        if wait.signal is not None:
            wait.signal.resume = lambda: self._resume(task)
        elif wait.sock is not None:
            self._watch(task, wait.sock, wait.events)

    def _no_longer_waits(self, task: Task) -> None:
        self._waiting.discard(task)
        if task.wait is not None and task.wait.signal is not None:
            task.wait.signal.resume = None
        task.wait = None

    def _resume(self, task: Task) -> None:
        if task in self._waiting:
            self._waiting.discard(task)
            self._ready.append(task)

    def _watch(self, task: Task, sock: socket.socket, events: int) -> None:
        """A socket stays registered from one wait to the next, since most of them wait to read."""
        key = self._selector.get_map().get(sock.fileno())
        if key is not None and key.fileobj is not sock:  # A closed one had this number before.
            self._selector.unregister(key.fileobj)
            key = None
        if key is None:
            self._selector.register(sock, events, task)
        elif key.events != events or key.data is not task:
            self._selector.modify(sock, events, task)

    def _look_at_sockets(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            task = key.data
            if task is None:
                self._answer_the_bell()
            elif task.wait is not None and task.wait.sock is key.fileobj:
                self._resume(task)
            else:  # Nobody listens: it is watched again when somebody does.
                self._selector.unregister(key.fileobj)

    def _look_at_clock(self) -> None:
        now = monotonic()
        if now - self._clock_looked_at < _LOOK_AT_CLOCK_SECONDS:
            return
        self._clock_looked_at = now
        for task in [one for one in self._waiting if one.wait and one.wait.until <= now]:
            self._carry_on(task, TimeoutError())

    def _work(self, work: Callable[[], T], done: Signal[Callable[[], T]]) -> None:
        try:
            value = work()
            answer: Callable[[], T] = lambda: value  # noqa: E731
        except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
            answer = _raising(error)
        self._finished_work.put(lambda: done.set(answer))
        with suppress(OSError):  # The pump was closed meanwhile.
            self._bell_rope.send(b".")

    def _answer_the_bell(self) -> None:
        with suppress(BlockingIOError):
            self._bell.recv(4096)
        with suppress(queue.Empty):
            while True:
                self._finished_work.get_nowait()()


def carry_out(conversation: Conversation[T]) -> T:
    """Carry on a single conversation, on a pump of its own."""
    with closing(Pump()) as pump:
        return pump.carry_out(conversation)


def _raising(error: Exception) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer
