"""Trying an account's server: connect, TLS, EHLO, login and goodbye; no email is sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import select

from shared.accounts.directory import BadAccount, server_of
from shared.accounts.errors import AccountNotFound
from shared.accounts.passwords import PasswordUnavailable
from shared.app import Application
from shared.database.tables import accounts
from shared.smtp.opening import Server, try_connection
from shared.smtp.reply import Stage
from shared.transports.base import AccountFault

LONGEST_SECONDS = 30.0

StepName = Literal["connect", "tls", "ehlo", "login", "noop", "quit", "account"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and what the server answered; `account` where the row itself is at fault."""

    name: StepName
    success: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Tryout:
    """How it went: the steps in their order, the last one failed unless it is a success."""

    steps: tuple[Step, ...] = field(default=())

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
    except (BadAccount, PasswordUnavailable) as error:
        return Tryout((Step("account", False, str(error)),))
    return _tried(server)


def _tried(server: Server) -> Tryout:
    steps: list[Step] = []
    hasty = replace(
        server,
        connect_timeout=min(server.connect_timeout, LONGEST_SECONDS),
        command_timeout=min(server.command_timeout, LONGEST_SECONDS),
    )

    def hear(stage: Stage, answer: str) -> None:
        steps.append(Step(_name(stage), True, answer))

    async def in_time() -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            await try_connection(hasty, hear)

    try:
        asyncio.run(in_time())
    except AccountFault as fault:
        return Tryout((*steps, Step(_name(fault.stage), False, str(fault))))
    except TimeoutError:
        late = f"the server did not answer within {LONGEST_SECONDS:.0f} seconds"
        name = steps[-1].name if steps else "connect"
        return Tryout((*steps, Step(name, False, late)))
    return Tryout(tuple(steps))


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
