"""Mail services over HTTP as their documents have them: Azure Communication Services and Microsoft
Graph on this machine, which fail as a test tells them, and the managed identity that lets us in."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-of-this-machine"


@dataclass(frozen=True)
class Says:
    """What a service does with one POST. `takes`: it carries it out, whatever it says. `hangs_up`:
    it says nothing."""

    status: int = 202
    takes: bool | None = None
    hangs_up: bool = False
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_taken(self) -> bool:
        return self.status == 202 if self.takes is None else self.takes


@dataclass
class MailService:
    """Listens on a port. `says`: by how often it was asked, from 1 on. `knows`: what it says of an
    operation (None: what it did)."""

    port: int
    says: Callable[[int], Says] = lambda _: Says()
    knows: Callable[[str], str | None] = lambda _: None
    asked: int = 0
    taken: list[Any] = field(default_factory=list)
    """Requests that were carried out: what ACS was given, or Graph's MIME."""
    operations: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def copies(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(_message_id(one) for one in self.taken)


def _message_id(taken: Any) -> str:
    if isinstance(taken, dict):
        return str(taken["headers"]["Message-ID"])
    lines = taken.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return next(str(line, "ascii") for line in lines if line.lower().startswith(b"message-id:"))


@contextmanager
def running_mail_service() -> Iterator[MailService]:
    """The service on a port of its own."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/msi/token"):
                until = int(time.time()) + 86_400
                self._answer(200, {"access_token": TOKEN, "expires_on": str(until)})
            elif self._is_let_in():
                operation = self.path.rpartition("/")[2].partition("?")[0]
                service.questions.append(operation)
                status = service.knows(operation) or service.operations.get(operation)
                if status is None:
                    self._answer(404, {"error": {"code": "OperationNotFound"}})
                else:
                    error = {"code": "EmailDropped", "message": "dropped"}
                    self._answer(200, {"id": operation, "status": status, "error": error})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]) or not self._is_let_in():
                return
            with turn:
                service.asked += 1
                service.paths.append(self.path)
                says = service.says(service.asked)
                if says.is_taken:
                    self._take(body)
            if says.hangs_up:
                self.close_connection = True
                return
            error = {"error": {"code": says.code, "message": f"status {says.status}"}}
            self._answer(says.status, {} if says.status == 202 else error, says.headers)

        def _take(self, body: bytes) -> None:
            if self.path.startswith("/emails:send"):
                service.taken.append(json.loads(body))
                service.operations[self.headers["Operation-Id"]] = "Succeeded"
            else:
                service.taken.append(base64.b64decode(body, validate=True))

        def _is_let_in(self) -> bool:
            if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                return True
            self._answer(401, {"error": {"code": "Unauthorized", "message": "who are you"}})
            return False

        def _answer(
            self, status: int, content: Any, headers: Mapping[str, str] | None = None
        ) -> None:
            body = json.dumps(content).encode()
            with suppress(OSError):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    service = MailService(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
