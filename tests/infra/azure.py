"""Azure as an app in it sees it: its identity, its vault and its storage, under their own names.

A web proxy (`HTTPS_PROXY`) leads each name to what stands for it here: the vault of
tests/support/key_vault.py, and an Azurite that takes tokens only. The same port is App Service's
identity endpoint.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.azurite import running_azurite
from tests.support.key_vault import NAME as VAULT_HOST
from tests.support.key_vault import TOKEN as VAULT_TOKEN
from tests.support.key_vault import KeyVault
from tests.support.smtp import make_tls_files

STORAGE_ACCOUNT = "strowposttest"
CLIENT_ID = "11111111-2222-4333-8444-555555555555"
_IDENTITY_SECRET = "the identity endpoint's own"
_STORAGE_HOSTS = {kind: f"{STORAGE_ACCOUNT}.{kind}.core.windows.net" for kind in ("blob", "queue")}
_LONGEST_WAIT_SECONDS = 60


class Azure:
    """The proxy, and what it knows: the ports behind each name, and who asked for tokens."""

    def __init__(self, ports: Mapping[str, int], vault: KeyVault, authorities: Path) -> None:
        self.ports = ports
        self.vault = vault
        self.authorities = authorities
        self.identities: set[str | None] = set()
        """The client ids for which tokens were asked."""
        self.reached: set[str] = set()
        """The names that were connected to."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
        self._server.daemon_threads = True
        self._server.azure = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What Azure's machines have set, and the way to what stands for Azure here."""
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        return {
            "IDENTITY_ENDPOINT": f"{proxy}/msi/token",
            "IDENTITY_HEADER": _IDENTITY_SECRET,
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(self.authorities),
        }


@contextmanager
def azure(folder: Path) -> Iterator[Azure]:
    """Starts all of it, and ends it."""
    of_storage = make_tls_files(
        folder, _STORAGE_HOSTS["queue"], "127.0.0.1", _STORAGE_HOSTS["blob"]
    )
    (folder / "vault").mkdir()
    of_vault = make_tls_files(folder / "vault", VAULT_HOST)
    authorities = folder / "authorities.pem"
    authorities.write_bytes(of_storage.authority.read_bytes() + of_vault.authority.read_bytes())
    vault = KeyVault(of_vault)
    vault.start()
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    tls = ["--cert", str(of_storage.certificate), "--key", str(of_storage.key)]
    try:
        with running_azurite(
            *tls, "--oauth", "basic", accounts=f"{STORAGE_ACCOUNT}:{key}"
        ) as addresses:
            ports = {
                _STORAGE_HOSTS["blob"]: _port(addresses["Blob"]),
                _STORAGE_HOSTS["queue"]: _port(addresses["Queue"]),
            }
            running = Azure(ports, vault, authorities)
            try:
                yield running
            finally:
                running.stop()
    finally:
        vault.stop()


def _port(address: str) -> int:
    port = urlsplit(address).port
    assert port
    return port


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def azure(self) -> Azure:
        azure: Azure = self.server.azure  # type: ignore[attr-defined]
        return azure

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        self.close_connection = True
        host = self.path.partition(":")[0]
        self.azure.reached.add(host)
        with suppress(OSError), self._behind(host) as behind:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(behind, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, behind)
            back.join(_LONGEST_WAIT_SECONDS)

    def _behind(self, host: str) -> socket.socket:
        """A connection to what stands for this host; nobody else is let out."""
        if host != VAULT_HOST:
            if host not in self.azure.ports:
                self.send_error(403)
                raise ConnectionRefusedError(host)
            return socket.create_connection(("127.0.0.1", self.azure.ports[host]))
        # The vault is behind a proxy of its own.
        behind = socket.create_connection(("127.0.0.1", self.azure.vault.port))
        behind.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += behind.recv(1)
        return behind

    def do_GET(self) -> None:
        """The identity endpoint: a token for the resource that is named."""
        query = parse_qs(urlsplit(self.path).query)
        if self.headers.get("X-IDENTITY-HEADER") != _IDENTITY_SECRET:
            self.send_error(401)
            return
        self.azure.identities.add(query.get("client_id", [None])[0])
        resource = query["resource"][0]
        token = VAULT_TOKEN if "vault" in resource else _storage_token(resource)
        tomorrow = str(int(time.time()) + 24 * 3600)
        answer = {"access_token": token, "expires_on": tomorrow, "token_type": "Bearer"}
        body = json.dumps({**answer, "resource": resource}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Bytes from one to the other, until there are no more."""
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _storage_token(audience: str) -> str:
    """As Azurite wants it: it looks at everything but the signature."""
    import jwt

    now = int(time.time())
    claims = {"aud": audience, "iss": "https://sts.windows.net/test/", "sub": CLIENT_ID}
    times = {"iat": now - 60, "nbf": now - 60, "exp": now + 24 * 3600}
    return jwt.encode({**claims, **times}, secrets.token_hex(32), algorithm="HS256")
