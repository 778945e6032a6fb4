"""One POST: bounded in time and size, no redirect followed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from shared.webhooks import post
from shared.webhooks.post import Poster
from shared.webhooks.signature import new_secret, signed_headers
from tests.support.smtp import TlsFiles, make_tls_files
from tests.support.webhook_receiver import Receiver, Reply

HOME = {"127.0.0.1"}
HEADERS = {"webhook-id": "msg_1"}


def test_a_connection_is_kept_for_the_next_message() -> None:
    with Receiver().running() as receiver, Poster(receiver.url, HOME) as poster:
        assert [poster.post(b"{}", HEADERS).status for _ in range(3)] == [204] * 3
        assert receiver.connections == 1


def test_a_redirect_is_a_failure() -> None:
    with Receiver().running() as target, Receiver().running() as receiver:
        receiver.reply = lambda _: Reply(302, {"Location": target.url})
        with Poster(receiver.url, HOME) as poster:
            answer = poster.post(b"{}", HEADERS)

        assert (answer.status, answer.delivered) == (302, False)
        assert "redirects are not followed" in (answer.fault or "")
        assert target.messages == []


def test_a_long_answer_is_not_read_to_its_end() -> None:
    with Receiver().running() as receiver, Poster(receiver.url, HOME) as poster:
        receiver.reply = lambda _: Reply(200, body=b"x" * 10_000_000)
        assert poster.post(b"{}", HEADERS).delivered
        assert poster.post(b"{}", HEADERS).delivered
        assert receiver.connections == 2


@pytest.mark.parametrize(("written", "seconds"), [("120", 120.0), ("soon", None), ("-1", None)])
def test_how_long_to_wait_is_taken_from_the_answer(written: str, seconds: float | None) -> None:
    with Receiver().running() as receiver, Poster(receiver.url, HOME) as poster:
        receiver.reply = lambda _: Reply(503, {"Retry-After": written})
        assert poster.post(b"{}", HEADERS).retry_after == seconds


@contextmanager
def dripping() -> Iterator[int]:
    """A server that says a byte of its answer now and then, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connected, _ = listener.accept()
            with connected:
                connected.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not over.wait(0.02):
                    connected.sendall(b"x")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    over.set()
    listener.close()
    thread.join()


def test_a_receiver_that_drips_is_cut_off() -> None:
    with dripping() as port, Poster(f"http://127.0.0.1:{port}/", HOME, seconds=0.2) as poster:
        began = time.monotonic()
        answer = poster.post(b"{}", HEADERS)

    assert answer.status is None
    assert "no answer within 0.2 seconds" in (answer.fault or "")
    assert time.monotonic() - began < 10


def test_nobody_there_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Poster(f"http://127.0.0.1:{port}/", HOME) as poster:
        assert poster.post(b"{}", HEADERS).fault == "its server refuses the connection"


def make_trusted(tls: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts the authority that signed it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority))
    post._tls.cache_clear()


@pytest.fixture
def forget_what_is_trusted() -> Iterator[None]:
    yield
    post._tls.cache_clear()


@pytest.mark.usefixtures("forget_what_is_trusted")
def test_over_tls_a_certificate_that_is_good_is_taken(
    tls_files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_trusted(tls_files, monkeypatch)
    secret, body = new_secret(), b'{"type":"email.sent"}'
    headers = signed_headers("msg_1", int(time.time()), body, [secret])
    with Receiver(tls_files).running() as receiver, Poster(receiver.url, HOME) as poster:
        assert [poster.post(body, headers).status for _ in range(2)] == [204] * 2

        assert receiver.connections == 1
        receiver.messages[0].verify(secret)


@pytest.mark.usefixtures("forget_what_is_trusted")
@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"address": "127.0.0.2"}, "certificate is not valid for '127.0.0.1'"),
        ({"days": -1}, "certificate has expired"),
        ({"self_signed": True}, "self-signed certificate"),
    ],
)
def test_one_that_is_not_good_gets_nothing_and_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, Any], words: str
) -> None:
    tls = make_tls_files(tmp_path, **made)
    make_trusted(tls, monkeypatch)
    with Receiver(tls).running() as receiver, Poster(receiver.url, HOME) as poster:
        answer = poster.post(b"{}", HEADERS)

        assert receiver.messages == []
    assert (answer.status, answer.delivered) == (None, False)
    assert (answer.fault or "").startswith("its certificate is not valid: ")
    assert words in (answer.fault or "")


def test_one_of_an_unknown_authority_gets_nothing(tls_files: TlsFiles) -> None:
    with Receiver(tls_files).running() as receiver, Poster(receiver.url, HOME) as poster:
        answer = poster.post(b"{}", HEADERS)

        assert receiver.messages == []
    assert "its certificate is not valid: unable to get local issuer" in (answer.fault or "")


def test_a_receiver_without_a_certificate_gets_nothing() -> None:
    with (
        Receiver().running() as receiver,
        Poster(receiver.url.replace("http:", "https:"), HOME, seconds=2) as poster,
    ):
        answer = poster.post(b"{}", HEADERS)

    assert answer.status is None
    assert receiver.messages == []
