"""A receiver of webhooks on this machine, which verifies what it gets as its users would."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks import Webhook as Verifier

from tests.support.smtp import TlsFiles


class Received(NamedTuple):
    id: str
    body: Any
    headers: Mapping[str, str]
    raw: bytes

    @property
    def event_id(self) -> int:
        return int(self.body["data"]["id"])

    def verify(self, secret: str) -> None:
        """Raises what the package of Standard Webhooks raises."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        Verifier(secret).verify(self.raw, headers)


class Reply(NamedTuple):
    status: int = 204
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Receiver:
    """`reply` says what is answered; `messages` is what came, answered or not."""

    def __init__(self, tls: TlsFiles | None = None) -> None:
        self.messages: list[Received] = []
        self.reply: Callable[[Received], Reply] = lambda _: Reply()
        self.changed = threading.Condition()
        self.connections = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with receiver.changed:
                    receiver.connections += 1

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                message = Received(
                    self.headers["webhook-id"], json.loads(raw), dict(self.headers), raw
                )
                with receiver.changed:
                    receiver.messages.append(message)
                    receiver.changed.notify_all()
                reply = receiver.reply(message)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            # The handshake is the handler's: else one that fails would end the server's loop.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/hook"

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.messages]

    def wait_for(self, number: int, seconds: float = 60) -> None:
        """Until so many messages came."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.messages) >= number, seconds)

    @contextmanager
    def running(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield self
        self._server.shutdown()
        self._server.server_close()
        thread.join()
