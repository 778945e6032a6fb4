"""Trying a mail service over HTTP: a token, the service, and leave to send. No email is sent."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

from shared.smtp.opening import Server
from shared.smtp.reply import Stage
from shared.transports.acs import VERSION
from shared.transports.base import AccountFault, ConnectionLost
from shared.transports.graph import path_of
from shared.transports.kinds import TransportKind
from shared.transports.rest import Answer, RestService

_NO_MESSAGE = b"!"
"""No base64: Graph answers 400 to it where the mailbox may send, and takes nothing for an email."""


async def rehearse(
    server: Server, kind: TransportKind, mailbox: str
) -> AsyncIterator[tuple[Stage, str]]:
    """Each step that went well, and what it came to. Raises AccountFault."""
    if server.tokens is None:
        raise AccountFault("it has no way to get a token", Stage.LOGIN)
    service = RestService(server, server.tokens)
    await service.connect()
    yield Stage.CONNECT, f"{server.host} answers"
    await service.log_in()
    yield Stage.LOGIN, "there is an access token"
    try:
        answer = await _asked(service, kind, mailbox)
    except ConnectionLost as error:
        raise AccountFault(str(error), Stage.NOOP) from error
    if answer.status not in ((404, 200) if kind is TransportKind.ACS else (400,)):
        refused = answer.status in (401, 403)
        raise AccountFault(
            f"HTTP {answer.status}: {answer.text}", Stage.NOOP, login_refused=refused
        )
    yield Stage.NOOP, "the account may send"


async def _asked(service: RestService, kind: TransportKind, mailbox: str) -> Answer:
    """About an operation that nobody began, or with a message that is none."""
    if kind is TransportKind.ACS:
        path = f"/emails/operations/{uuid.uuid4()}?api-version={VERSION}"
        return await service.ask("GET", path, {})
    return await service.ask("POST", path_of(mailbox), {"Content-Type": "text/plain"}, _NO_MESSAGE)
