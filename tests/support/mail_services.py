"""Mail services over HTTP as their documents have them: Azure Communication Services and Microsoft
Graph on this machine, which fail as a test tells them, and the managed identity that lets us in."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-of-this-machine"
LONGEST_WAIT = 60.0


class Place(Enum):
    """Where a service breaks off: within the request, or before its answer, or within that."""

    REQUEST = auto()
    ANSWER = auto()
    HEADERS = auto()
    BODY = auto()


class How(Enum):
    """Whether it hangs up, with a reset or without, or says nothing more, or a byte now and then
    for ever; ANSWERS: it answers without having heard the rest."""

    ANSWERS = auto()
    CLOSES = auto()
    RESETS = auto()
    IS_SILENT = auto()
    DRIPS = auto()


class Moment(Enum):
    """Of a POST: it has begun to come; it is carried out, and not answered; it is answered."""

    BEGUN = auto()
    TAKEN = auto()
    ANSWERED = auto()


@dataclass(frozen=True)
class Says:
    """What a service does with one request.

    takes: it carries it out, whatever it says; None: where it says 202. breaks: where, and how.
    body: in place of the usual JSON.
    """

    status: int = 202
    takes: bool | None = None
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks: tuple[Place, How] | None = None
    body: bytes | None = None

    @property
    def is_taken(self) -> bool:
        if self.breaks is not None and self.breaks[0] is Place.REQUEST:
            return False
        return self.status == 202 if self.takes is None else self.takes

    def octets(self, usual: object) -> bytes:
        return json.dumps(usual).encode() if self.body is None else self.body


@dataclass
class MailService:
    """Listens on a port.

    says: by how often it was posted to, from 1 on. knows: what it says of an operation (None: what
    it did). answers: by how often it was asked about one, what it does (None: as it knows).
    at: called at moments of a POST. gate: while it is not set, no POST is answered.
    """

    port: int
    says: Callable[[int], Says] = lambda _: Says()
    knows: Callable[[str], str | None] = lambda _: None
    answers: Callable[[int], Says | None] = lambda _: None
    at: Callable[[Moment], None] = lambda _: None
    gate: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    taken: list[Any] = field(default_factory=list)
    """Requests that were carried out: what ACS was given, or Graph's MIME."""
    operations: dict[str, str] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)
    """The operation that each POST to ACS named."""
    questions: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    """Those that let somebody in."""
    at_once: int = 0
    most_at_once: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def copies(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(_message_id(one) for one in list(self.taken))

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> bool:
        """Whether it came true in time, as something was asked or taken."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)


def _message_id(taken: Any) -> str:
    if isinstance(taken, dict):
        return str(taken["headers"]["Message-ID"])
    lines = taken.partition(b"\r\n\r\n")[0].split(b"\r\n")
    line = next(line for line in lines if line.lower().startswith(b"message-id:"))
    return str(line.partition(b":")[2].strip(), "ascii")


@contextmanager
def running_mail_service() -> Iterator[MailService]:
    """The service on a port of its own."""
    over = threading.Event()
    first: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        server: Server

        def do_GET(self) -> None:
            if self.path.startswith("/msi/token"):
                until = int(time.time()) + 86_400
                self._answer(Says(200), {"access_token": TOKEN, "expires_on": str(until)})
            elif self._is_let_in():
                operation = self.path.rpartition("/")[2].partition("?")[0]
                with service.changed:
                    service.questions.append(operation)
                    service.changed.notify_all()
                    says = service.answers(len(service.questions))
                    status = service.knows(operation) or service.operations.get(operation)
                error = {"code": "EmailDropped", "message": "dropped"}
                if says is not None:
                    self._answer(says, {"error": {"code": says.code, "message": "no"}})
                elif status is None:
                    self._answer(Says(404), {"error": {"code": "OperationNotFound"}})
                else:
                    self._answer(Says(200), {"id": operation, "status": status, "error": error})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            service.at(Moment.BEGUN)
            with service.changed:
                service.asked += 1
                service.paths.append(self.path)
                service.posted.append(self.headers.get("Operation-Id", ""))
                says = service.says(service.asked)
                service.at_once += 1
                service.most_at_once = max(service.most_at_once, service.at_once)
                service.changed.notify_all()
            try:
                self._obey(says, length)
            finally:
                with service.changed:
                    service.at_once -= 1
                    service.changed.notify_all()

        def _obey(self, says: Says, length: int) -> None:
            if says.breaks is not None and says.breaks[0] is Place.REQUEST:
                self.rfile.read(length // 2)
                if says.breaks[1] is How.ANSWERS:
                    self._answer(replace(says, breaks=None), {"error": {"code": says.code}})
                return self._break_off(says.breaks[1])
            body = self.rfile.read(length)
            if len(body) < length or not self._is_let_in():
                return None
            if says.is_taken:
                with service.changed:
                    says = self._take(body) or says
                    service.changed.notify_all()
                service.at(Moment.TAKEN)
            deadline = time.monotonic() + LONGEST_WAIT
            while not service.gate.wait(0.02) and not over.is_set():
                if time.monotonic() > deadline:
                    return None
            error = {"error": {"code": says.code, "message": f"status {says.status}"}}
            self._answer(says, {} if says.status == 202 else error)
            service.at(Moment.ANSWERED)
            return None

        def _take(self, body: bytes) -> Says | None:
            """Carry it out; what is said in place of what was to be, for an operation that is there
            already: the same answer to the same request (Azure's guidelines for such names)."""
            if not self.path.startswith("/emails:send"):
                service.taken.append(base64.b64decode(body, validate=True))
                return None
            operation = self.headers["Operation-Id"]
            if operation in first:
                return None if first[operation] == body else Says(409, code="OperationIdInUse")
            first[operation] = body
            service.taken.append(json.loads(body))
            service.operations[operation] = "Succeeded"
            return None

        def _is_let_in(self) -> bool:
            if self.headers.get("Authorization", "").removeprefix("Bearer ") in service.tokens:
                return True
            error = {"code": "Unauthorized", "message": "who are you"}
            self._answer(Says(401), {"error": error})
            return False

        def _answer(self, says: Says, content: object) -> None:
            body = says.octets(content)
            place, how = says.breaks or (None, How.CLOSES)
            headers = {"Content-Type": "application/json", **says.headers}
            head = f"HTTP/1.1 {says.status} Said\r\n" + "".join(
                f"{name}: {value}\r\n" for name, value in headers.items()
            )
            length = len(body) + (1_000 if place is Place.BODY else 0)
            whole = head + f"Content-Length: {length}\r\n\r\n"
            parts = {
                Place.ANSWER: b"",
                Place.HEADERS: head.encode() + b"X-More: ",
                Place.BODY: whole.encode() + body,
            }
            with suppress(OSError):
                self.wfile.write(whole.encode() + body if place is None else parts[place])
            if place is not None:
                self._break_off(how)

        def _break_off(self, how: How) -> None:
            self.close_connection = True
            if how is How.RESETS:
                self.server.to_be_reset.add(self.connection)
            while how is How.IS_SILENT and not over.wait(0.02) and not self._is_alone():
                pass
            with suppress(OSError):
                while how is How.DRIPS and not over.wait(0.02):
                    self.wfile.write(b"x")

        def _is_alone(self) -> bool:
            """Whether the client has gone."""
            try:
                return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        to_be_reset: set[socket.socket]

        def shutdown_request(self, request: Any) -> None:
            if request in self.to_be_reset:
                self.to_be_reset.discard(request)
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_request(request)
            else:
                super().shutdown_request(request)

        def handle_error(self, *_: object) -> None:
            """Clients that were killed are no news."""

    server = Server(("127.0.0.1", 0), Handler)
    # A large request is not on its way as a whole before it is read.
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    server.to_be_reset = set()
    service = MailService(server.server_address[1])
    service.gate.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
