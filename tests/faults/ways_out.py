"""The three ways out, each with a server on this machine: what holds for one holds for all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from shared.accounts.directory import Account
from shared.delivery.transport_of import service_of, transport_of
from shared.transports.acs import AcsTransport
from shared.transports.base import Transport
from tests.support.mail_services import MailService, running_mail_service
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

IDENTITY = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")
OVER_HTTP = ("acs", "graph")
KINDS = ("smtp", *OVER_HTTP)
EVERYTHING = os.environ.get("ROWPOST_FAULTS") == "all"
"""Every way out with every fault (`make test-faults`), not each fault with one or two of them."""


def hasty(account: Account) -> Transport:
    """As the product's, but without a wait before a question."""
    if account.transport == "acs":
        return AcsTransport(service_of(account.server), (0.0, 0.0))
    return transport_of(account)


def of_this_process(service: MailService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have the managed identity that the service knows, as App Service tells
    one."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{service.port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "a header")


def identity() -> dict[str, str]:
    """The same for another process."""
    return {name: os.environ[name] for name in IDENTITY if name in os.environ}


@dataclass(frozen=True)
class WaysOut:
    """An account for each, with the codes SMTP, ACS and GRAPH."""

    queue: Queue
    smtp: SmtpServer
    acs: MailService
    graph: MailService

    def add(self, over_smtp: int, over_each_service: int) -> None:
        """So many emails over each of them."""
        self.queue.add(over_smtp, dd_EmailParamCode="SMTP")
        for code in ("ACS", "GRAPH"):
            self.queue.add(over_each_service, dd_EmailParamCode=code)

    def copies(self) -> Counter[str]:
        """How often each message was accepted, wherever that was."""
        return self.smtp.copies() + self.acs.copies() + self.graph.copies()

    def are_busy(self, over_smtp: int) -> bool:
        """Whether each of them comes to accept something, and SMTP so many emails."""
        return self.smtp.wait_for_messages(over_smtp, 60) and all(
            service.wait_for(partial(bool, service.taken)) for service in (self.acs, self.graph)
        )


@contextmanager
def ways_out(queue: Queue, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[WaysOut]:
    """All three. `smtp` is running already."""
    with ExitStack() as stack:
        acs, graph = (stack.enter_context(running_mail_service()) for _ in range(2))
        of_this_process(acs, monkeypatch)
        queue.account(smtp, "SMTP")
        queue.account(acs.port, "ACS", Rowpost_Transport="acs")
        queue.account(graph.port, "GRAPH", Rowpost_Transport="graph")
        yield WaysOut(queue, smtp, acs, graph)
