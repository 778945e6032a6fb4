"""Events from a Redis channel (Pub/Sub). Redis keeps none: what nobody listens to is gone."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import closing
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from shared.errors import RowpostError

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

Take = Callable[[bytes], None]
"""What is done with an event; it logs what goes wrong, and raises nothing."""

# What the client raises of a reply that it cannot understand.
_NONSENSE = (ValueError, TypeError, LookupError, AttributeError)
_LOOK_SECONDS = 0.5
_CONNECT_SECONDS = 5.0
_PING_SECONDS = 15
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0


class BadRedisAddress(RowpostError):
    """REDIS_URL cannot be understood."""


class RedisEvents:
    """Hands the events of one channel to `take`, one at a time, until `stop` is set.

    A connection that is lost is made again, after waits that grow to ten seconds.
    """

    def __init__(self, url: str, channel: str, take: Take, stop: Event) -> None:
        """Raises BadRedisAddress. Nothing is asked of Redis before `start`."""
        self._client = _client(url)
        self._channel = channel
        self._take = take
        self._stop = stop
        self._wait = _FIRST_WAIT
        self._problem: str | None = "it has not answered yet"
        self._thread = Thread(target=self._repeat, name=f"redis {channel}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the event at work, up to `timeout` seconds."""
        self._thread.join(timeout)

    def problem(self) -> str | None:
        """What keeps events from coming, in words for the operator; None while it listens."""
        return self._problem

    def _repeat(self) -> None:
        from redis.exceptions import RedisError

        while not self._stop.is_set():
            try:
                self._listen()
            except (RedisError, OSError, *_NONSENSE) as error:
                kind = type(error).__name__
                log.warning("Redis does not answer (%s): events are lost", kind)
                self._problem = f"it does not answer ({kind}), and what it is told now is lost"
                self._stop.wait(self._wait * random.uniform(0.5, 1))
                self._wait = min(self._wait * 2, _LONGEST_WAIT)
        self._client.close()

    def _listen(self) -> None:
        with closing(self._client.pubsub()) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(self._channel)
            while not self._stop.is_set():
                message = subscription.get_message(timeout=_LOOK_SECONDS)
                if message is not None:
                    self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            log.info("listening to the Redis channel %s", self._channel)
            self._wait = _FIRST_WAIT
            self._problem = None
        elif message["type"] == "message":
            self._take(message["data"])


def _client(url: str) -> Redis:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_CONNECT_SECONDS,
            socket_keepalive=True,
            health_check_interval=_PING_SECONDS,
            # We wait ourselves: a process that ends must not wait for Redis.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        # The cause is left out: it may quote the address with its password.
        raise BadRedisAddress(
            "REDIS_URL is no address of a Redis server, like redis://localhost:6379/0."
        ) from None
