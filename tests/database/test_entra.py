"""Logging in by token, with the real credentials against an identity endpoint of App Service."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import event, make_url

from shared.database.dialects.sqlserver.entra import (
    SQL_COPT_SS_ACCESS_TOKEN,
    EntraLogin,
    asks_for_token,
)
from shared.database.engine import open_engine, server_url
from shared.database.errors import DatabaseUnreachable
from tests.support.tools import free_port

SECRET = "the endpoint's own"
OURS = "mssql+pyodbc://db.example.com/mail?driver=a_driver"


class Identity:
    """What App Service offers each app: tokens, numbered, for whoever knows the header."""

    def __init__(self) -> None:
        self.lives_seconds = 24 * 3600
        self.asked: list[dict[str, list[str]]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked.append(parse_qs(urlsplit(self.path).query))
                known = self.headers.get("X-IDENTITY-HEADER") == SECRET
                answer = json.dumps(endpoint.token() if known else {}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/msi/token"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def token(self) -> dict[str, str]:
        return {
            "access_token": f"token {len(self.asked)}",
            "expires_on": str(int(time.time()) + self.lives_seconds),
            "resource": "https://database.windows.net/",
            "token_type": "Bearer",
        }

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    identity = Identity()
    monkeypatch.setenv("IDENTITY_ENDPOINT", identity.url)
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)
    yield identity
    identity.stop()


def token_in(attributes: dict[int, bytes]) -> str:
    """The token as the driver reads it: its length in bytes, then UTF-16."""
    packed = attributes[SQL_COPT_SS_ACCESS_TOKEN]
    (length,) = struct.unpack("<I", packed[:4])
    assert length == len(packed) - 4
    return packed[4:].decode("utf-16-le")


@pytest.mark.parametrize(
    ("address", "by_token"),
    [
        (server_url("db", 1433, "mail", None, None), True),
        (server_url("db", 1433, "mail", "robot", "pa55"), False),
        ("mssql+pyodbc://db/mail", True),
        ("mssql+pyodbc://db/mail?Authentication=ActiveDirectoryManagedIdentity", True),
        ("mssql+pyodbc://an-identity@db/mail?authentication=ActiveDirectoryMsi", True),
        ("mssql+pyodbc://db/mail?Authentication=ActiveDirectoryDefault", True),
        ("mssql+pyodbc://u:p@db/mail?Authentication=ActiveDirectoryPassword", False),
        ("mssql+pyodbc://db/mail?Trusted_Connection=yes", False),
        ("mssql+pyodbc://db/mail?UID=u&PWD=p", False),
        ("mssql+pyodbc:///?odbc_connect=DSN%3Dmail", False),
    ],
)
def test_the_own_identity_logs_in_where_the_address_names_no_other(
    address: str, by_token: bool
) -> None:
    assert asks_for_token(make_url(address)) is by_token


@pytest.mark.parametrize("named", ["", "&Authentication=ActiveDirectoryManagedIdentity"])
def test_the_app_s_identity_gives_a_token_for_databases(identity: Identity, named: str) -> None:
    login = EntraLogin.of(make_url(OURS + named))

    assert token_in(login.attributes()) == "token 1"
    assert identity.asked[0]["resource"] == ["https://database.windows.net"]
    assert "client_id" not in identity.asked[0]


def test_one_of_several_identities_is_named_by_its_client_id(identity: Identity) -> None:
    address = OURS.replace("//", "//an-identity@") + "&Authentication=ActiveDirectoryMsi"

    EntraLogin.of(make_url(address)).attributes()

    assert identity.asked[0]["client_id"] == ["an-identity"]


def test_a_good_token_serves_many_connections(identity: Identity) -> None:
    login = EntraLogin.of(make_url(OURS))

    assert {token_in(login.attributes()) for _ in range(5)} == {"token 1"}
    assert len(identity.asked) == 1


def test_one_that_is_about_to_expire_is_replaced_before_the_next_connection(
    identity: Identity,
) -> None:
    identity.lives_seconds = 60
    login = EntraLogin.of(make_url(OURS))

    assert [token_in(login.attributes()) for _ in range(2)] == ["token 1", "token 2"]


def test_without_an_identity_it_says_what_to_do_and_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{free_port()}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)
    address = OURS + "&Authentication=ActiveDirectoryMsi"

    began = time.monotonic()
    with pytest.raises(DatabaseUnreachable, match="managed identity") as refusal:
        EntraLogin.of(make_url(address)).attributes()

    assert time.monotonic() - began < 15
    assert SECRET not in str(refusal.value)


class Reached(Exception):
    """As far as a test goes: what would be handed to the driver now."""


def handed_to_driver(address: str, **options: Any) -> tuple[str, dict[str, Any]]:
    engine = open_engine(address, **options)
    handed: list[tuple[str, dict[str, Any]]] = []

    @event.listens_for(engine, "do_connect")
    def look(_: Any, __: Any, arguments: list[str], options: dict[str, Any]) -> None:
        handed.append((arguments[0], dict(options)))
        raise Reached

    with pytest.raises(Reached):
        engine.connect()
    return handed[0]


def test_each_new_connection_asks_for_a_token_that_is_good_now(identity: Identity) -> None:
    identity.lives_seconds = 60
    engine = open_engine(OURS)
    tokens: list[str] = []

    @event.listens_for(engine, "do_connect")
    def look(_: Any, __: Any, ___: Any, options: dict[str, Any]) -> None:
        tokens.append(token_in(options["attrs_before"]))
        raise Reached

    for _ in range(2):
        with pytest.raises(Reached):
            engine.connect()
    assert tokens == ["token 1", "token 2"]


def test_the_driver_is_told_no_login_beside_the_token(identity: Identity) -> None:
    text, options = handed_to_driver(OURS, connect_seconds=7)

    assert text == "driver={a_driver};server={db.example.com};database={mail};encrypt={yes}"
    assert options["timeout"] == 7


def test_a_login_by_password_brings_no_token() -> None:
    address = make_url(server_url("db", 1433, "mail", "robot", "a;b}c{"))
    text, options = handed_to_driver(
        address.update_query_dict({"driver": "a_driver"}).render_as_string(hide_password=False),
        trusted_servers=["DB"],
    )

    assert "attrs_before" not in options
    assert "uid={robot};pwd={a;b}}c{}" in text
    assert "trustservercertificate={yes}" in text
    assert "Trusted_Connection" not in text
