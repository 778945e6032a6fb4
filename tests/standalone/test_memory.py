"""How much memory a request takes: a small multiple of its size, and little without a login."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.standalone.test_attacks import connected
from tests.support.forms import Part, form
from tests.support.standalone import Launch, Standalone

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a process's peak"
)

MEGABYTE = 1024 * 1024
MOST_WITHOUT_A_LOGIN = 20 * MEGABYTE
MOST_TIMES_THE_SIZE = 10
# What threads, caches and the allocator take whatever the request.
ANYHOW = 12 * MEGABYTE
LIMIT = 6 * MEGABYTE


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    service = standalone_module(ROWPOST_CATCHER_PORT="off", CONTACT_EMAIL="support@example.com")
    token = service.login()
    for path in ("/api/emails", "/api/emails/batch", "/api/authenticate", "/send-email"):
        service.post(path, {}, token=token)
    return service


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


def filled(piece: bytes, size: int = LIMIT) -> bytes:
    """A list under a name, of as many of this piece as the size allows."""
    return b'{"emails": [' + b",".join([piece] * (size // (len(piece) + 1))) + b"]}"


def text(letter: str, size: int = LIMIT) -> bytes:
    return json.dumps(
        {
            "subject": "long",
            "recipients": ["ann@example.com"],
            "text_content": letter + "x" * (size - 200),
        },
        ensure_ascii=False,
    ).encode()


STRUCTURES = {
    "empty objects": filled(b"{}"),
    "empty lists": filled(b"[]"),
    "numbers": filled(b"1"),
    "long numbers": filled(b"1.25e3"),
    "short texts": filled(b'"a"'),
    "objects": filled(b'{"a":1}'),
    "objects of other names": b'{"emails": [%s]}'
    % b",".join(b'{"%d":%d}' % (n, n) for n in range(400_000)),
    "many names": b"{%s}" % b",".join(b'"%d":%d' % (n, n) for n in range(400_000)),
    "lists in lists": filled(b"[[[[[[[[]]]]]]]]"),
    "deep": b"[" * LIMIT,
    "an open text": b'{"a": "' + b"a" * LIMIT,
    "quotation marks": b'{"a": "' + b'\\"' * (LIMIT // 2) + b'"}',
    "latin text": text("x"),
    "text with a picture": text("😀"),
}


@pytest.mark.parametrize("path", ["/api/authenticate", "/send-email", "/api/email/emails"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_whoever_has_no_login_takes_little_memory(
    service: Standalone, path: str, name: str
) -> None:
    body = STRUCTURES[name]

    with measured(service) as grown:
        answer = service.request("POST", path, body)
        for _ in range(5):
            service.request("POST", path, body[: 64 * 1024])

    assert 400 <= answer.status < 500
    assert grown[0] < MOST_WITHOUT_A_LOGIN


@pytest.mark.parametrize("path", ["/api/emails", "/api/emails/batch"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_body_takes_a_few_times_its_size(service: Standalone, path: str, name: str) -> None:
    body = STRUCTURES[name]
    if path.endswith("batch") and name.endswith(("text", "picture")):
        body = b'{"emails": [' + body + b"]}"

    with measured(service) as grown:
        answer = service.request("POST", path, body, token=service.login())

    assert answer.status < 500
    assert grown[0] < MOST_TIMES_THE_SIZE * len(body) + ANYHOW


def test_a_body_is_not_held_before_its_caller_is_known(service: Standalone) -> None:
    with measured(service) as grown, ExitStack() as stack:
        for _ in range(10):
            client = stack.enter_context(connected(service))
            client.sendall(
                b"POST /api/emails HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % (2 * LIMIT)
            )
            client.settimeout(2)
            try:
                client.sendall(b"x" * LIMIT)
            except OSError:
                continue
        assert service.get("/health").status == 200

    assert grown[0] < MOST_WITHOUT_A_LOGIN


def test_a_form_with_the_largest_file_takes_little_memory(service: Standalone) -> None:
    fields = {
        "full_name": "Ann",
        "email": "ann@example.com",
        "subject": "hello",
        "message": "A file.",
    }
    file = Part("file_attached", "notes.txt", b"x" * (10 * MEGABYTE), "text/plain")
    content_type, body = form(fields, file)

    with measured(service) as grown:
        answer = service.request(
            "POST", "/api/email/emails", body, headers={"Content-Type": content_type}
        )

    assert answer.status == 201, answer
    assert grown[0] < MOST_WITHOUT_A_LOGIN
