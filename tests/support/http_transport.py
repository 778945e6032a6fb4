"""A transport that is not SMTP: it posts a message to an HTTP server. The seam is held by it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.accounts.directory import Account
from shared.smtp.reply import Reply, Stage
from shared.transports.base import (
    AccountFault,
    ConnectionLost,
    Message,
    Offer,
    OutcomeUnknown,
    Unfit,
)

_PATIENCE = 5.0


class HttpTransport:
    """See `shared.transports.base.Transport`: nothing is asked before the POST, which commits."""

    takes_smtputf8 = True
    takes_along = True
    most_recipients = None
    most_domains = None

    def __init__(self, account: Account) -> None:
        self._address = (account.server.host, account.server.port)
        self._is_open = False
        self.carried = 0

    async def open(self) -> None:
        try:
            _, writer = await asyncio.open_connection(*self._address)
        except OSError as error:
            raise AccountFault("the service does not answer", Stage.CONNECT) from error
        writer.close()
        self._is_open = True

    def takes(self, message: Message) -> bool:
        return self._is_open

    def unfit(self, message: Message) -> Unfit | None:
        if message.envelope.size > 1_000_000:
            return Unfit("5.3.4", "the service takes a megabyte")
        return None

    def operation_of(self, message: Message) -> str | None:
        return None

    async def offer(self, message: Message) -> Offer:
        if not self._is_open:
            raise ConnectionLost("the connection is closed")
        good = Reply(250, "taken")
        everybody = message.envelope.recipients
        return Offer(good, (good,) * len(everybody), Reply(354), tuple(range(len(everybody))))

    async def send(self, message: Message) -> None:
        """All of it goes with the POST."""

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        try:
            reader, writer = await asyncio.open_connection(*self._address)
        except OSError as error:
            raise ConnectionLost("the service does not answer") from error
        try:
            async with asyncio.timeout(_PATIENCE):
                writer.write(
                    b"POST /send HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(message.content)
                )
                writer.write(message.content)
                await writer.drain()
                answer = await reader.read()
        except (OSError, TimeoutError) as error:
            raise OutcomeUnknown("the service did not answer the POST") from error
        finally:
            writer.close()
        if not answer:
            raise OutcomeUnknown("the service did not answer the POST")
        self.carried += 1
        return _reply(answer)

    async def close(self) -> None:
        self._is_open = False

    def abort(self) -> None:
        self._is_open = False


def _reply(answer: bytes) -> Reply:
    status = int(answer.split(b" ", 2)[1])
    body = answer.partition(b"\r\n\r\n")[2]
    text = json.loads(body)["message"]
    if status == 202:
        return Reply(250, text)
    return Reply(450 if status in (429, 503) else 550, text)


@dataclass
class Service:
    """The HTTP server: what it took, and what it says next (an HTTP status; None: it hangs up
    after it has taken the message)."""

    port: int
    says: Callable[[int], int | None] = lambda _: 202
    taken: list[bytes] = field(default_factory=list)
    asked: int = 0

    def copies(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(
            line.decode()
            for content in self.taken
            for line in content.split(b"\r\n")
            if line.lower().startswith(b"message-id:")
        )


@contextmanager
def running_service() -> Iterator[Service]:
    """The service on a port of its own."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            with turn:
                service.asked += 1
                status = service.says(service.asked)
                if status in (202, None):
                    service.taken.append(content)
            if status is None:
                self.close_connection = True
                return
            body = json.dumps({"message": f"status {status}"}).encode()
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    service = Service(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
