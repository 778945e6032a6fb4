"""A real Redis server, as a process of the test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotConnected

from tests.support.standalone import wait_until
from tests.support.tools import free_port, program

START_SECONDS = 30


class RedisServer:
    """Redis on a port of its own that it keeps over restarts; nothing is written to disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.client = Redis.from_url(self.url)

    def start(self) -> None:
        command = [program("redis-server"), "--port", str(self._port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, START_SECONDS, "Redis")

    def stop(self) -> None:
        """Without a word to its clients, as a machine that loses power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait_for_listeners(self, channel: str, number: int) -> None:
        def listening() -> bool:
            counted: Any = self.client.pubsub_numsub(channel)
            return bool(counted[0][1] == number)

        wait_until(listening, START_SECONDS, f"{number} listeners")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except NotConnected:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.client.close()
    server.stop()
