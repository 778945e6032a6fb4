"""Which transport carries an account's emails."""

from __future__ import annotations

from shared.accounts.directory import Account
from shared.smtp.oauth import TokenSource
from shared.smtp.opening import Server
from shared.transports.acs import AcsTransport
from shared.transports.base import Transport
from shared.transports.graph import GraphTransport
from shared.transports.kinds import TransportKind
from shared.transports.rest import RestService
from shared.transports.smtp import SmtpTransport


def transport_of(account: Account) -> Transport:
    """A transport of the account's own, not open yet."""
    if account.transport is TransportKind.ACS:
        return AcsTransport(service_of(account.server))
    if account.transport is TransportKind.GRAPH:
        return GraphTransport(service_of(account.server), account.mailbox)
    return SmtpTransport(account.server)


def service_of(server: Server) -> RestService:
    """The service of an account over HTTP."""
    tokens: TokenSource | None = server.tokens
    assert tokens is not None, "such an account always has some"
    return RestService(server, tokens)
