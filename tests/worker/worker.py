"""A process of Microsoft's Python worker with an app in it, as tests see it."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.tools import WORKER_PYTHON, installed

DRIVER = Path(__file__).with_name("driver.py")
LONGEST_SECONDS = 100

TIMER = {
    "Schedule": {"AdjustForDST": True},
    "ScheduleStatus": {
        "Last": "2026-01-02T03:04:00+00:00",
        "LastUpdated": "2026-01-02T03:04:00+00:00",
        "Next": "2026-01-02T03:05:00+00:00",
    },
    "IsPastDue": False,
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the worker reports it to the host."""

    name: str
    id: str
    bindings: list[dict[str, Any]]

    @property
    def trigger(self) -> dict[str, Any]:
        return next(binding for binding in self.bindings if binding["type"].endswith("Trigger"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP function gave back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Worker:
    process: subprocess.Popen[str]
    functions: Mapping[str, Function]
    error: str | None
    trace_parent: str = ""
    """The trace that the host counts its invocations to."""

    def request(
        self,
        function: str,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call an HTTP function as the host does when it has chosen one by its route."""
        http = {
            "method": method,
            "url": f"http://127.0.0.1:7071{path}",
            "headers": dict(headers or {}) | ({"content-length": str(len(body))} if body else {}),
            "params": dict(params or {}),
            "query": {},
            "body": base64.b64encode(body).decode(),
        }
        answer = self._invoke(function, {"http": http}, {})["http"]
        return Answer(answer["status"], answer["headers"], base64.b64decode(answer["body"]))

    def tick(self, function: str) -> None:
        """Call a timer function."""
        self._invoke(function, {"json": json.dumps(TIMER)}, {})

    def deliver(self, function: str, message: str) -> None:
        """Call a queue-triggered function with a message as it is after the base64 is taken off."""
        metadata = {
            "Id": {"string": "6b8f2ac5-1a52-4f5a-9d3c-0f5f0d3a9b11"},
            "DequeueCount": {"json": "1"},
            "InsertionTime": {"json": '"2026-01-02T03:04:05+00:00"'},
            "ExpirationTime": {"json": '"2026-01-09T03:04:05+00:00"'},
            "NextVisibleTime": {"json": '"2026-01-02T03:14:05+00:00"'},
            "PopReceipt": {"string": "AgAAAAMAAAAAAAAA"},
        }
        self._invoke(function, {"string": message}, metadata)

    def _invoke(self, name: str, trigger: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
        function = self.functions[name]
        call = {
            "function": function.id,
            "parameter": function.trigger["name"],
            "input": trigger,
            "metadata": metadata,
            "trace": self.trace_parent,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        answer = _read(self.process)
        assert answer["error"] is None, answer["error"]
        return answer


@contextmanager
def worker(app: Path, environment: Mapping[str, str]) -> Iterator[Worker]:
    """Start a worker, let it index the app in the folder `app`, and end it afterwards."""
    with subprocess.Popen(
        [str(installed(WORKER_PYTHON)), "-P", str(DRIVER), str(app)],
        env={"PATH": "/usr/bin:/bin", "FUNCTIONS_WORKER_RUNTIME": "python", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        too_long = threading.Timer(LONGEST_SECONDS, process.kill)
        too_long.start()
        try:
            found = _read(process)
            functions = {
                name: Function(name, function["id"], function["bindings"])
                for name, function in found["functions"].items()
            }
            yield Worker(process, functions, found["error"])
        finally:
            too_long.cancel()
            process.kill()


def _read(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the worker ended without an answer"
    answer: dict[str, Any] = json.loads(line)
    return answer
