"""The whole service as a process of its own, and its commands, for tests that use real parts."""

from __future__ import annotations

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support import forked
from tests.support.tools import ROOT, free_port

USERNAME = "admin"
PASSWORD = "a test's own password"
START_SECONDS = 60
STOP_SECONDS = 30
ANSWER_SECONDS = 60
# Two tests may be given the same free port before either has taken it.
_PORT_TRIES = 3


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of whatever status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Standalone:
    """A running service with ports and a data folder of its own."""

    folder: Path
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | forked.Forked
    output: Path
    _token: str | None = field(default=None, repr=False)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.settings['ROWPOST_PORT']}"

    @property
    def database(self) -> Path:
        return self.folder / "rowpost.db"

    def login(self) -> str:
        """The admin's token."""
        if self._token is None:
            answer = self.post(
                "/api/authenticate", {"username": USERNAME, "password": PASSWORD}, token=None
            )
            assert answer.status == 200, answer
            self._token = str(answer.json["token"])
        return self._token

    def get(self, path: str, *, token: str | None = None) -> Answer:
        return self.request("GET", path, token=token)

    def post(self, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        return self.request("POST", path, body, token=token)

    def mail(self) -> list[EmailMessage]:
        """The emails that the catcher has kept, in the order in which they came."""
        files = sorted((self.folder / "mail").glob("*.eml"))
        return [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            for file in files
        ]

    def wait_for_mail(self, count: int, seconds: float = 30) -> list[EmailMessage]:
        """The kept emails as soon as there are `count`."""
        wait_until(lambda: len(self.mail()) >= count, seconds, f"{count} emails")
        return self.mail()

    def stop(self) -> None:
        """SIGTERM; the service has to end with code 0."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        assert code == 0, f"exit code {code}:\n{self.written()}"

    def kill(self) -> None:
        """SIGKILL, as a machine that loses power would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def written(self) -> str:
        """What the process has written to its terminal and log."""
        return self.output.read_text("utf-8", "replace")

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request; a body that is bytes goes out as it is, another one as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, content, dict(headers or {}), method=method
        )
        if content is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        if method == "POST" and content is None:
            request.add_header("Content-Length", "0")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


Launch = Callable[..., Standalone]


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[Launch]:
    """`standalone(**settings)` starts the service and waits until it is healthy.

    Each call has ports of its own. All use `tmp_path / "data"`, so a second call after `kill()`
    goes on where the first one stopped.
    """
    yield from _launcher(tmp_path)


@pytest.fixture(scope="module")
def standalone_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """The same for the tests of a module that share a service."""
    yield from _launcher(tmp_path_factory.mktemp("standalone"))


def _launcher(folder: Path) -> Iterator[Launch]:
    started: list[Standalone] = []

    def launch(**settings: str) -> Standalone:
        for attempt in range(_PORT_TRIES):
            service = start(folder, f"{len(started)}", settings)
            started.append(service)
            if is_healthy(service):
                return service
            if "is in use" not in service.written() or attempt == _PORT_TRIES - 1:
                pytest.fail(f"the service did not start:\n{service.written()}")
        raise AssertionError("unreachable")

    yield launch
    for service in started:
        if service.process.poll() is None:
            service.kill()


def start(
    folder: Path, name: str, settings: Mapping[str, str], *, fresh: bool = False
) -> Standalone:
    """Start the service without waiting for it; the caller ends it.

    `fresh`: by a Python of its own, and not by a fork (`tests.support.forked`).
    """
    chosen = {
        "ROWPOST_PORT": str(free_port()),
        "ROWPOST_CATCHER_PORT": str(free_port()),
        "ROWPOST_ADMIN_USERNAME": USERNAME,
        "ROWPOST_ADMIN_PASSWORD": PASSWORD,
        "ROWPOST_REQUEST_LIMITS": "off",
        **settings,
    }
    output = folder / f"standalone-{name}.log"
    environ = environment(folder, chosen)
    if not fresh:
        process = forked.rowpost((), ROOT, environ, out=output, err=output)
        return Standalone(folder / "data", chosen, process, output)
    with output.open("wb") as file:
        python = subprocess.Popen(
            [sys.executable, "-m", "standalone"],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return Standalone(folder / "data", chosen, python, output)


def command(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m standalone ...` to its end on the same data folder as `standalone`."""
    with TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        process = forked.rowpost(arguments, ROOT, environment(folder, settings), out=out, err=err)
        try:
            code = process.wait(START_SECONDS)
        finally:
            process.kill()
        said, complained = (file.read_text("utf-8") if file.exists() else "" for file in (out, err))
    return subprocess.CompletedProcess(arguments, code, said, complained)


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without its own Rowpost settings."""
    foreign = ("ROWPOST_", "DATABASE_URL", "KEY_VAULT_URI", "AzureWebJobs", "REDIS_URL")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return {**inherited, "ROWPOST_DATA": str(folder / "data"), **settings}


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `condition` holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def is_healthy(service: Standalone) -> bool:
    """Whether the service answers, as soon as it does; False when it has ended or is too slow."""
    deadline = time.monotonic() + START_SECONDS
    while service.process.poll() is None and time.monotonic() < deadline:
        try:
            if service.get("/health").status == 200:
                return True
        except OSError:
            time.sleep(0.02)
    return False
