"""Where access tokens come from: the part of Microsoft's login service that an application uses."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.support.smtp import TlsFiles

TENANT, CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "the-client", "the client's secret"


class TokenEndpoint(ThreadingHTTPServer):
    """Gives `token-1`, `token-2` and so on to the client that has the secret."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.given: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.lifetime = 3600

    @property
    def address(self) -> str:
        return f"https://localhost:{self.server_address[1]}"


@contextmanager
def token_endpoint(tls: TlsFiles) -> Iterator[TokenEndpoint]:
    """One that listens on a free port, with a certificate for `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    with TokenEndpoint() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    server: TokenEndpoint

    def do_GET(self) -> None:
        base = f"{self.server.address}/{TENANT}"
        self._answer(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.asked.append(asked)
        if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT, SECRET):
            words = "AADSTS7000215: Invalid client secret provided."
            self._answer(401, {"error": "invalid_client", "error_description": words})
            return
        token = f"token-{len(self.server.given) + 1}"
        self.server.given.append(token)
        lifetime = self.server.lifetime
        self._answer(200, {"token_type": "Bearer", "expires_in": lifetime, "access_token": token})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests say what went wrong."""
