"""Bodies made to take memory, and how much of it a running service takes for them (Linux)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.standalone import Standalone

MEGABYTE = 1024 * 1024
SIZE = 6 * MEGABYTE
MOST_WITHOUT_A_LOGIN = 20 * MEGABYTE
MOST_TIMES_THE_SIZE = 10
# What threads, caches and the allocator take whatever the request.
ANYHOW = 12 * MEGABYTE
OPEN_DOORS = ("/api/authenticate", "/send-email", "/api/email/emails")
LARGE_DOORS = ("/api/emails", "/api/emails/batch")


def is_measurable() -> bool:
    """Whether this system tells a process's peak."""
    return Path("/proc/self/clear_refs").exists()


@contextmanager
def measured(service: Standalone) -> Iterator[list[int]]:
    """The bytes by which the process grew at its largest meanwhile, as the list's one item."""
    process = Path(f"/proc/{service.process.pid}")
    (process / "clear_refs").write_text("5")
    before = memory(process, "VmRSS")
    grown: list[int] = []
    yield grown
    grown.append(memory(process, "VmHWM") - before)


def memory(process: Path, name: str) -> int:
    line = next(
        line for line in (process / "status").read_text().splitlines() if line.startswith(name)
    )
    return int(line.split()[1]) * 1024


def filled(piece: bytes, size: int = SIZE) -> bytes:
    """A list under a name, of as many of this piece as the size allows."""
    return b'{"emails": [' + b",".join([piece] * (size // (len(piece) + 1))) + b"]}"


def numbered(piece: bytes) -> bytes:
    """400,000 of them, each with a number twice."""
    return b",".join(piece % (n, n) for n in range(400_000))


def text(letter: str, size: int = SIZE) -> bytes:
    return json.dumps(
        {
            "subject": "long",
            "recipients": ["ann@example.com"],
            "text_content": letter + "x" * (size - 200),
        },
        ensure_ascii=False,
    ).encode()


STRUCTURES: dict[str, Callable[[], bytes]] = {
    "empty objects": lambda: filled(b"{}"),
    "empty lists": lambda: filled(b"[]"),
    "numbers": lambda: filled(b"1"),
    "long numbers": lambda: filled(b"1.25e3"),
    "short texts": lambda: filled(b'"a"'),
    "objects": lambda: filled(b'{"a":1}'),
    "objects of other names": lambda: b'{"emails": [%s]}' % numbered(b'{"%d":%d}'),
    "many names": lambda: b"{%s}" % numbered(b'"%d":%d'),
    "lists in lists": lambda: filled(b"[[[[[[[[]]]]]]]]"),
    "deep": lambda: b"[" * SIZE,
    "an open text": lambda: b'{"a": "' + b"a" * SIZE,
    "quotation marks": lambda: b'{"a": "' + b'\\"' * (SIZE // 2) + b'"}',
    "latin text": lambda: text("x"),
    "text with a picture": lambda: text("😀"),
}


@cache
def structure(name: str) -> bytes:
    """The body of this name, a moment's work each."""
    return STRUCTURES[name]()


def body_for(path: str, name: str) -> bytes:
    """The body of this name, as one of a batch where the path takes batches."""
    body = structure(name)
    is_email = name.endswith(("text", "picture"))
    return b'{"emails": [' + body + b"]}" if path.endswith("batch") and is_email else body


def warm_up(service: Standalone) -> None:
    """Let the service load what it needs, whatever the request."""
    for path in (*OPEN_DOORS, *LARGE_DOORS):
        service.post(path, {}, token=service.login())


def taken_by_anyone(service: Standalone, path: str, name: str) -> tuple[int, int]:
    """The answer's status and the bytes taken, for a body too large and some that are not."""
    body = structure(name)
    with measured(service) as grown:
        answer = service.request("POST", path, body)
        for _ in range(5):
            service.request("POST", path, body[: 64 * 1024])
    return answer.status, grown[0]


def taken_by_admin(service: Standalone, path: str, name: str) -> tuple[int, int]:
    """The answer's status, and the bytes taken beyond those that any request may take."""
    with measured(service) as grown:
        answer = service.request("POST", path, body_for(path, name), token=service.login())
    return answer.status, max(0, grown[0] - ANYHOW)
