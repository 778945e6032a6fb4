"""Trying an account's server: connect, TLS, EHLO, login and goodbye; no email is sent.

What was said is told, without what is secret, and what the server lets the account do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from sqlalchemy import select

from shared.accounts.credentials.passwords import PasswordUnavailable
from shared.accounts.directory import BadAccount, server_of, transport_kind
from shared.accounts.errors import AccountNotFound
from shared.app import Application
from shared.database.tables import accounts
from shared.smtp.limits import read_limits, read_size_limit
from shared.smtp.opening import Rehearsal, Said, Server, try_connection
from shared.smtp.reply import Stage
from shared.smtp.wire import Tls
from shared.transports.base import AccountFault
from shared.transports.kinds import TransportKind
from shared.transports.rehearsal import rehearse

LONGEST_SECONDS = 30.0
_LATE = f"the server did not answer within {LONGEST_SECONDS:.0f} seconds"

StepName = Literal["connect", "tls", "ehlo", "login", "noop", "quit", "account"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and what the server answered; `account` where the row itself is at fault."""

    name: StepName
    success: bool
    answer: str


class Offered(NamedTuple):
    """What the server says that it takes: octets of an email, emails over one connection and
    recipients of one email (None: it names no limit), ways to log in, international addresses,
    several commands at once, and all extensions by their keywords."""

    message_octets: int | None
    emails_per_connection: int | None
    recipients_per_email: int | None
    login_methods: tuple[str, ...]
    smtputf8: bool
    pipelining: bool
    extensions: tuple[str, ...]

    @classmethod
    def of(cls, extensions: Mapping[str, str]) -> Offered:
        """What these lines of EHLO's answer say."""
        limits = read_limits(extensions.get("limits"))
        return cls(
            read_size_limit(extensions.get("size")),
            limits.most_emails,
            limits.most_recipients,
            tuple(dict.fromkeys(extensions.get("auth", "").upper().split())),
            "smtputf8" in extensions,
            "pipelining" in extensions,
            tuple(keyword.upper() for keyword in extensions),
        )


@dataclass(frozen=True, slots=True)
class Tryout:
    """How it went: the steps in their order, the last one failed unless it is a success.

    conversation: what both sides said. tls, offered: None where it did not come to that.
    """

    steps: tuple[Step, ...] = ()
    conversation: tuple[Said, ...] = ()
    tls: Tls | None = None
    offered: Offered | None = None

    @property
    def success(self) -> bool:
        return bool(self.steps) and all(step.success for step in self.steps)

    @property
    def message(self) -> str:
        if self.success:
            return "The account works: the server let us in."
        return f"The account does not work: {self.steps[-1].answer}"


def try_account(application: Application, account_id: int) -> Tryout:
    """Try the account, active or not, paused or not, for 30 seconds at most.

    Raises AccountNotFound, DatabaseUnreachable, SecretStoreUnavailable.
    """
    with application.database().read() as connection:
        its_row = select(accounts).where(accounts.c.Rowpost_Id == account_id)
        row = connection.execute(its_row).one_or_none()
    if row is None:
        raise AccountNotFound
    try:
        server = server_of(row, application.secrets, application.settings)
        kind = transport_kind(row._mapping)
    except (BadAccount, PasswordUnavailable) as error:
        return Tryout((Step("account", False, str(error)),))
    if kind is not TransportKind.SMTP:
        return _tried_service(server, kind, server.username or row.SMTPMailId or "")
    return _tried(server)


def _tried_service(server: Server, kind: TransportKind, mailbox: str) -> Tryout:
    """A mail service over HTTP: a token, the service, and whether it lets the account send; asked
    with what can't become an email."""
    steps: list[Step] = []

    async def in_time() -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            async for stage, answer in rehearse(_hasty(server), kind, mailbox):
                steps.append(Step(_name(stage), True, answer))

    try:
        asyncio.run(in_time())
    except AccountFault as fault:
        steps.append(Step(_name(fault.stage), False, str(fault)))
    except TimeoutError:
        steps.append(Step("connect", False, _LATE))
    return Tryout(tuple(steps))


def _tried(server: Server) -> Tryout:
    rehearsal = Rehearsal()
    failed = _failure(server, rehearsal)
    steps = [Step(_name(stage), True, answer) for stage, answer in rehearsal.steps]
    offers = rehearsal.extensions
    return Tryout(
        (*steps, *([failed] if failed else [])),
        tuple(rehearsal.said),
        rehearsal.tls,
        None if offers is None else Offered.of(offers),
    )


def _failure(server: Server, rehearsal: Rehearsal) -> Step | None:
    """Try it; the step that failed, if one did."""
    hasty = _hasty(server)

    async def in_time() -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            await try_connection(hasty, rehearsal)

    try:
        asyncio.run(in_time())
    except AccountFault as fault:
        return Step(_name(fault.stage), False, str(fault))
    except TimeoutError:
        stage = rehearsal.steps[-1][0] if rehearsal.steps else Stage.CONNECT
        return Step(_name(stage), False, _LATE)
    return None


def _hasty(server: Server) -> Server:
    return replace(
        server,
        connect_timeout=min(server.connect_timeout, LONGEST_SECONDS),
        command_timeout=min(server.command_timeout, LONGEST_SECONDS),
    )


def _name(stage: Stage) -> StepName:
    return _NAMES[stage]


_NAMES: dict[Stage, StepName] = {
    Stage.CONNECT: "connect",
    Stage.EHLO: "ehlo",
    Stage.STARTTLS: "tls",
    Stage.LOGIN: "login",
    Stage.NOOP: "noop",
    Stage.QUIT: "quit",
}
