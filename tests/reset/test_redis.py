"""The Redis channel: events are handed over one by one, and outages of Redis are outlived."""

from __future__ import annotations

import logging
import queue
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from standalone.redis_events import BadRedisAddress, RedisEvents
from tests.support.redis import RedisServer
from tests.support.standalone import Launch, wait_until

CHANNEL = "password_reset_events"
WAIT = 20

Listen = Callable[[str], "queue.Queue[bytes]"]


@pytest.fixture
def listen() -> Iterator[Listen]:
    stop, started = threading.Event(), list[RedisEvents]()

    def listen(url: str) -> queue.Queue[bytes]:
        taken: queue.Queue[bytes] = queue.Queue()
        started.append(RedisEvents(url, CHANNEL, taken.put, stop))
        started[-1].start()
        return taken

    yield listen
    stop.set()
    for one in started:
        one.join(WAIT)


def test_events_come_in_their_order(redis_server: RedisServer, listen: Listen) -> None:
    taken = listen(redis_server.url)
    redis_server.wait_for_listeners(CHANNEL, 1)

    for number in range(100):
        redis_server.client.publish(CHANNEL, f"event {number}")
    redis_server.client.publish("another", "for others")

    assert [taken.get(timeout=WAIT) for _ in range(100)] == [b"event %d" % n for n in range(100)]
    assert taken.empty()


def wait_for_subscriptions(caplog: pytest.LogCaptureFixture, number: int) -> None:
    """By the listener's own word: Redis still counts connections that are on their way out."""
    said = "listening to the Redis channel"
    wait_until(lambda: caplog.text.count(said) == number, WAIT, f"subscription {number}")


def test_a_redis_that_was_away_is_listened_to_again(
    redis_server: RedisServer, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    taken = listen(redis_server.url)
    wait_for_subscriptions(caplog, 1)

    redis_server.stop()
    wait_until(lambda: caplog.text.count("does not answer") >= 2, WAIT, "two tries in vain")
    redis_server.start()
    wait_for_subscriptions(caplog, 2)
    redis_server.client.publish(CHANNEL, "after the outage")

    assert taken.get(timeout=WAIT) == b"after the outage"


def test_a_connection_that_the_server_ends_is_made_again(
    redis_server: RedisServer, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    taken = listen(redis_server.url)
    wait_for_subscriptions(caplog, 1)

    redis_server.client.client_kill_filter(_type="pubsub")
    wait_for_subscriptions(caplog, 2)
    redis_server.client.publish(CHANNEL, "still here")

    assert taken.get(timeout=WAIT) == b"still here"


def test_health_says_whether_redis_answers(redis_server: RedisServer, standalone: Launch) -> None:
    service = standalone(REDIS_URL=redis_server.url, ROWPOST_CATCHER_PORT="off")
    redis_server.wait_for_listeners(CHANNEL, 1)

    def health() -> Any:
        return service.get("/api/health", token=service.login()).json

    wait_until(lambda: health()["redis"] == {"kind": "Redis", "problem": None}, WAIT, "Redis")
    redis_server.stop()
    wait_until(lambda: health()["redis"]["problem"], WAIT, "its problem")

    assert health()["status"] == "degraded"
    (problem,) = [each for each in health()["problems"] if "Redis" in each]
    assert "what it is told now is lost" in problem


def test_a_wrong_password_is_told_without_it(
    redis_server: RedisServer, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    redis_server.client.config_set("requirepass", "the right one")

    listen(redis_server.url.replace("redis://", "redis://:secret-word@"))

    wait_until(lambda: "AuthenticationError" in caplog.text, WAIT, "the refusal")
    assert "secret-word" not in caplog.text


@pytest.mark.parametrize("url", ["http://:secret-word@localhost", "localhost", "redis://h:port"])
def test_an_address_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(BadRedisAddress, match="REDIS_URL") as refused:
        RedisEvents(url, CHANNEL, print, threading.Event())

    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize(
    "reply", [b"$abc\r\n", b"\x00\xff\r\n", b"*3\r\n:1\r\n", b"*1\r\n$3\r\nfoo\r\n", b"+OK\r\n"]
)
def test_a_reply_that_makes_no_sense_does_not_end_the_listening(reply: bytes) -> None:
    stop, connections = threading.Event(), queue.Queue[int]()

    class Nonsense(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connections.put(1)
            self.request.recv(4096)
            self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"redis://127.0.0.1:{server.server_address[1]}/0"
        events = RedisEvents(address, "channel", lambda event: None, stop)
        events.start()

        for _ in range(3):
            connections.get(timeout=10)

        stop.set()
        events.join(10)
        server.shutdown()
