"""An account that logs in by access token, from its settings to the mail server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from shared.smtp.oauth import access_tokens
from tests.accounts.conftest import Ask
from tests.support.smtp import SmtpServer, TlsFiles
from tests.support.token_endpoint import CLIENT, SECRET, TENANT, token_endpoint

Servers = Callable[..., SmtpServer]
MAILBOX = "shop@contoso.example"


@pytest.fixture(autouse=True)
def login_service(trusted: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The application's login service is a local one, whose certificate is trusted."""
    access_tokens.cache_clear()
    with token_endpoint(trusted) as endpoint:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", endpoint.address)
        yield
    access_tokens.cache_clear()


def test_an_account_with_tenant_and_client_logs_in_by_token(
    ask: Ask, tls_files: TlsFiles, smtp_server: Servers
) -> None:
    server = smtp_server(
        login=(MAILBOX, "x"),
        login_methods="XOAUTH2",
        access_tokens={"token-1"},
        tls=tls_files,
    )
    settings = {"name": "Contoso", "email_address": MAILBOX, "username": MAILBOX}
    settings |= {"tenant_id": TENANT, "client_id": CLIENT}
    place = {"smtp_host": "localhost", "smtp_port": server.port}

    incomplete = ask("POST", **settings, **place)
    created = ask("POST", **settings, **place, client_secret=SECRET)
    tried = ask("POST", "/1/test")
    moved = ask("PUT", "/1", tenant_id="another.example")

    assert incomplete.json["errors"][0]["field"] == "client_secret"
    assert created.status == 201
    assert tried.json["success"], tried.json
    assert SECRET.encode() not in ask("GET", "/1").body
    assert (moved.status, moved.json["errors"][0]["field"]) == (422, "client_secret")
