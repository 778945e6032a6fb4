"""A key vault on this machine: the REST API of its secrets over HTTPS, for the real SDK.

The SDK trusts a vault only under its own name, and there is no setting of ours to change that. So
the stub is a web proxy as well: `HTTPS_PROXY` leads to it, it answers CONNECT for the vault's name
by speaking TLS itself, with a certificate that `REQUESTS_CA_BUNDLE` vouches for. The same port is
App Service's identity endpoint (`IDENTITY_ENDPOINT` with `IDENTITY_HEADER`), which is all that
DefaultAzureCredential needs. `environment()` gives these variables to a process of its own.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials import AccessToken

from shared.configuration.key_vault import KeyVaultSecretStore
from shared.configuration.secret_store import SecretStore
from tests.support.smtp import TlsFiles, make_tls_files

NAME = "rowpost.vault.azure.net"
ADDRESS = f"https://{NAME}/"
TOKEN = "the identity's token"
IDENTITY_SECRET = "the endpoint's own"
PAGE = 25
LONGEST_VALUE = 25_000
HANGS_SECONDS = 30
_CHALLENGE = (
    'Bearer authorization="https://login.windows.net/7a2d4c1e-0000-4000-8000-000000000000", '
    'resource="https://vault.azure.net"'
)
_SECRETS_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


@dataclass(frozen=True)
class Refusal:
    """What the vault answers instead, whatever it is asked."""

    status: int
    code: str
    inner: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    value: str
    id: str
    tags: Mapping[str, str]
    made: int

    def bundle(self, name: str) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "value": self.value,
            "id": f"https://{NAME}/secrets/{name}/{self.id}",
            "attributes": {"enabled": True, "created": self.made, "updated": self.made},
            "tags": dict(self.tags),
        }


class KeyVault:
    """Runs between `start` and `stop`, and keeps its secrets and its port in between."""

    def __init__(self, tls: TlsFiles) -> None:
        self.authority = tls.authority
        self.secrets: dict[str, list[Version]] = {}
        self.deleted: dict[str, list[Version]] = {}
        self.disabled: set[str] = set()
        self.refusal: Refusal | None = None
        self.recovery_takes = 0
        """How many writes find the name still being recovered."""
        self.asked: list[str] = []
        """Method and path of each request that a token came with."""
        self.unauthorized: list[bytes] = []
        """Bodies of the requests that were answered with the challenge."""
        self.port = 0
        self.lock = threading.RLock()
        self.released = threading.Event()
        self.released.set()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(tls.certificate, tls.key)
        self._recovering: dict[str, int] = {}
        self._server: _Server | None = None

    def start(self) -> None:
        self._server = _Server(self)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and cut those that are open."""
        self.released.set()
        if self._server is not None:
            self._server.end()
        self._server = None

    def store(self) -> SecretStore:
        """Another instance's."""
        return vault_store()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers meanwhile."""
        self.stop()
        yield
        self.start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Requests are taken and not answered meanwhile."""
        self.released.clear()
        yield
        self.released.set()

    @contextmanager
    def refusing(
        self, status: int, code: str = "Forbidden", inner: str | None = None, **headers: str
    ) -> Iterator[None]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.refusal = Refusal(status, code, inner, named)
        yield
        self.refusal = None

    def put(self, name: str, value: str, tags: Mapping[str, str] | None = None) -> Version:
        """A new version, as anybody else might write it."""
        version = Version(value, uuid.uuid4().hex, tags or {}, int(time.time()))
        with self.lock:
            self.secrets.setdefault(name, []).append(version)
        return version

    def value(self, name: str) -> str:
        """The latest value."""
        with self.lock:
            return self.secrets[name][-1].value

    def environment(self) -> dict[str, str]:
        """The variables with which a process finds this vault and an identity that it lets in."""
        proxy = f"http://127.0.0.1:{self.port}"
        return {
            "KEY_VAULT_URI": ADDRESS,
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "IDENTITY_ENDPOINT": f"{proxy}/msi/token",
            "IDENTITY_HEADER": IDENTITY_SECRET,
        }

    # What the API's verbs do.

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Any]:
        """Status and body for a request that is let in."""
        parts = [part for part in path.split("/") if part]
        with self.lock:
            self.asked.append(f"{method} {path}")
            match method, parts:
                case "GET", ["secrets"]:
                    return self._list(query)
                case _, [_, name, *_] if not _SECRETS_NAME.fullmatch(name):
                    return error(400, "BadParameter")
                case "GET", ["secrets", name, "versions"]:
                    return self._versions(name)
                case "PUT", ["secrets", name]:
                    return self._set(name, json.loads(body))
                case "GET", ["secrets", name]:
                    return self._get(name)
                case "DELETE", ["secrets", name]:
                    return self._delete(name)
                case "POST", ["deletedsecrets", name, "recover"]:
                    return self._recover(name)
                case "DELETE", ["deletedsecrets", _]:
                    return error(403, "Forbidden", "ForbiddenByPolicy")
        return error(404, "NotFound")

    def _list(self, query: str) -> tuple[int, Any]:
        skip = int(parse_qs(query).get("$skiptoken", ["0"])[0])
        names = sorted(self.secrets)
        items = [self.secrets[name][-1].bundle(name) for name in names[skip : skip + PAGE]]
        for name, item in zip(names[skip:], items, strict=False):
            del item["value"]
            item["id"] = f"https://{NAME}/secrets/{name}"
        more = f"https://{NAME}/secrets?api-version=7.6&$skiptoken={skip + PAGE}"
        return 200, {"value": items, "nextLink": more if skip + PAGE < len(names) else None}

    def _versions(self, name: str) -> tuple[int, Any]:
        items = [version.bundle(name) for version in self.secrets.get(name, [])]
        for item in items:
            del item["value"]
        return 200, {"value": items, "nextLink": None}

    def _set(self, name: str, content: dict[str, Any]) -> tuple[int, Any]:
        if name in self.deleted:
            return error(409, "Conflict", "ObjectIsDeletedButRecoverable")
        if self._recovering.get(name):
            self._recovering[name] -= 1
            return error(409, "Conflict", "ObjectIsBeingRecovered")
        if len(content["value"].encode()) > LONGEST_VALUE:
            return error(400, "BadParameter")
        return 200, self.put(name, content["value"], content.get("tags")).bundle(name)

    def _get(self, name: str) -> tuple[int, Any]:
        if name not in self.secrets:
            return error(404, "SecretNotFound")
        if name in self.disabled:
            return error(403, "Forbidden", "SecretDisabled")
        return 200, self.secrets[name][-1].bundle(name)

    def _delete(self, name: str) -> tuple[int, Any]:
        if name not in self.secrets:
            return error(404, "SecretNotFound")
        versions = self.deleted[name] = self.secrets.pop(name)
        deleted = versions[-1].bundle(name)
        del deleted["value"]
        recovery = f"https://{NAME}/deletedsecrets/{name}"
        return 200, {**deleted, "recoveryId": recovery, "deletedDate": int(time.time())}

    def _recover(self, name: str) -> tuple[int, Any]:
        if name not in self.deleted:
            return error(404, "SecretNotFound")
        versions = self.secrets[name] = self.deleted.pop(name)
        self._recovering[name] = self.recovery_takes
        recovered = versions[-1].bundle(name)
        del recovered["value"]
        return 200, recovered


def error(status: int, code: str, inner: str | None = None) -> tuple[int, Any]:
    """As the vault words its errors: with more about the caller than anybody should read."""
    message = f"Vault: {NAME}; Caller: appid=0000; what is wrong: {inner or code}"
    content: dict[str, Any] = {"code": code, "message": message}
    if inner:
        content["innererror"] = {"code": inner}
    return status, {"error": content}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, vault: KeyVault) -> None:
        self.vault = vault
        self._open: set[socket.socket] = set()
        self._ended = False
        super().__init__(("127.0.0.1", vault.port), _Proxy)

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        with self.vault.lock:
            self._ended = True
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def opened(self, connection: socket.socket) -> None:
        with self.vault.lock:
            if self._ended:
                raise ConnectionAbortedError
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self.vault.lock:
            self._open.discard(connection)

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up, or does not like the certificate, is no trouble of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def reply(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Proxy(_Handler):
    """The outer side: a tunnel to the vault, and the identity endpoint."""

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with self.server.vault.tls.wrap_socket(self.connection, server_side=True) as secure:
            self.server.opened(secure)
            try:
                _Vault(secure, self.client_address, self.server)
            finally:
                self.server.closed(secure)

    def do_GET(self) -> None:
        if self.headers.get("X-IDENTITY-HEADER") != IDENTITY_SECRET:
            self.reply(401, {})
            return
        resource = parse_qs(urlsplit(self.path).query)["resource"][0]
        tomorrow = str(int(time.time()) + 24 * 3600)
        token = {"access_token": TOKEN, "expires_on": tomorrow, "token_type": "Bearer"}
        self.reply(200, {**token, "resource": resource})


class _Vault(_Handler):
    """The inner side."""

    def _handle(self) -> None:
        vault = self.server.vault
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not vault.released.wait(HANGS_SECONDS):
            self.close_connection = True
            return
        address = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            vault.unauthorized.append(body)
            self.reply(*error(401, "Unauthorized"), {"WWW-Authenticate": _CHALLENGE})
        elif refusal := vault.refusal:
            vault.asked.append(f"{self.command} {address.path}")
            self.reply(*error(refusal.status, refusal.code, refusal.inner), refusal.headers)
        else:
            self.reply(*vault.answer(self.command, address.path, address.query, body))

    do_GET = do_PUT = do_POST = do_DELETE = _handle


class StaticCredential:
    """An identity that the vault lets in."""

    def __init__(self, token: str = TOKEN) -> None:
        self._token = token

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)


def vault_store(**options: Any) -> KeyVaultSecretStore:
    """A store in the running vault that asks again at once after an outage."""
    hasty = {"rest_seconds": 0.0, "settle_seconds": 0.0, **options}
    return KeyVaultSecretStore(ADDRESS, StaticCredential(), **hasty)


@pytest.fixture(scope="session")
def vault_certificate(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_tls_files(tmp_path_factory.mktemp("vault"), NAME)


@pytest.fixture
def key_vault(vault_certificate: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyVault]:
    """A running vault, empty, where this process finds it."""
    vault = KeyVault(vault_certificate)
    vault.start()
    for name, value in vault.environment().items():
        monkeypatch.setenv(name, value)
    yield vault
    vault.stop()
