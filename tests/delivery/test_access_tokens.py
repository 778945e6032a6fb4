"""XOAUTH2: tokens are kept, renewed when they end or are refused, and let us in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from shared.smtp.connection import SmtpSession
from shared.smtp.oauth import SCOPE, AccessTokens, TokenUnavailable
from shared.smtp.opening import Server, TlsMode
from shared.transports.base import AccountFault
from tests.support.smtp import SmtpServer, TlsFiles, refused_port
from tests.support.token_endpoint import CLIENT, SECRET, TENANT, TokenEndpoint, token_endpoint

Servers = Callable[..., SmtpServer]
MAILBOX = "shop@contoso.example"


@pytest.fixture
def endpoint(tls_files: TlsFiles) -> Iterator[TokenEndpoint]:
    with token_endpoint(tls_files) as endpoint:
        yield endpoint


@pytest.fixture
def tokens(endpoint: TokenEndpoint, tls_files: TlsFiles) -> AccessTokens:
    return made(endpoint, tls_files)


def made(endpoint: TokenEndpoint, tls: TlsFiles, secret: str = SECRET) -> AccessTokens:
    return AccessTokens(
        TENANT, CLIENT, secret, authority=endpoint.address, ca_file=str(tls.authority)
    )


def server_for(server: SmtpServer, tokens: AccessTokens) -> Server:
    return Server("127.0.0.1", server.port, TlsMode.NONE, username=MAILBOX, tokens=tokens)


def mail_server(smtp_server: Servers, *good: str, methods: str = "PLAIN XOAUTH2") -> SmtpServer:
    return smtp_server(login=(MAILBOX, "x"), login_methods=methods, access_tokens=set(good))


async def greeted(server: Server) -> None:
    """Log in, and say goodbye."""
    await (await SmtpSession.connect(server)).quit()


def test_a_token_is_asked_for_once(tokens: AccessTokens, endpoint: TokenEndpoint) -> None:
    assert [tokens.get() for _ in range(3)] == ["token-1"] * 3
    assert endpoint.asked[0]["scope"] == SCOPE
    assert endpoint.asked[0]["grant_type"] == "client_credentials"


def test_a_token_that_ends_soon_is_replaced(tokens: AccessTokens, endpoint: TokenEndpoint) -> None:
    endpoint.lifetime = 200

    assert [tokens.get(), tokens.get()] == ["token-1", "token-2"]


def test_of_several_that_saw_it_refused_one_renews_it(tokens: AccessTokens) -> None:
    refused = tokens.get()

    assert [tokens.renew(refused), tokens.renew(refused), tokens.get()] == ["token-2"] * 3


def test_the_login_services_own_words_are_told_and_not_the_secret(
    endpoint: TokenEndpoint, tls_files: TlsFiles
) -> None:
    with pytest.raises(TokenUnavailable, match="AADSTS7000215") as failed:
        made(endpoint, tls_files, "the wrong secret").get()

    assert failed.value.refused
    assert "the wrong secret" not in str(failed.value)


def test_a_login_service_that_is_away_is_no_refusal(tls_files: TlsFiles) -> None:
    with refused_port() as port:
        tokens = AccessTokens(TENANT, CLIENT, SECRET, authority=f"https://localhost:{port}")
        with pytest.raises(TokenUnavailable) as failed:
            tokens.get()

    assert not failed.value.refused


def test_a_token_lets_us_in(tokens: AccessTokens, smtp_server: Servers) -> None:
    server = mail_server(smtp_server, "token-1")

    asyncio.run(greeted(server_for(server, tokens)))

    said = [line for _, line in server.commands if line.startswith("AUTH")]
    assert said[0].startswith("AUTH XOAUTH2 ")


def test_a_refused_token_is_renewed_on_the_spot(
    tokens: AccessTokens, smtp_server: Servers, endpoint: TokenEndpoint
) -> None:
    server = mail_server(smtp_server, "token-1", "token-2")
    tokens.get()
    server.access_tokens.discard("token-1")

    asyncio.run(greeted(server_for(server, tokens)))

    assert endpoint.given == ["token-1", "token-2"]
    assert server.connections == 1


def test_when_the_new_token_is_refused_too_the_login_is(
    tokens: AccessTokens, smtp_server: Servers, endpoint: TokenEndpoint
) -> None:
    server = mail_server(smtp_server)

    with pytest.raises(AccountFault, match=r"login refused: 535 5\.7\.3") as fault:
        asyncio.run(greeted(server_for(server, tokens)))

    assert fault.value.login_refused
    assert len(endpoint.given) == 2
    assert "token-" not in str(fault.value)


def test_a_server_that_does_not_offer_it_is_told(
    tokens: AccessTokens, smtp_server: Servers, endpoint: TokenEndpoint
) -> None:
    with pytest.raises(AccountFault, match="does not offer XOAUTH2"):
        asyncio.run(greeted(server_for(mail_server(smtp_server, methods="PLAIN"), tokens)))

    assert endpoint.given == []
