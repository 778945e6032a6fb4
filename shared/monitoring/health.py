"""How Rowpost is, part by part, in words that say what to do. Asking never hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol

from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import load_accounts
from shared.accounts.states import AccountState, account_states
from shared.background import NoAnswerYet, Watch
from shared.bounces.mailboxes.register import problems as mailbox_problems
from shared.database import migrations, probe
from shared.database.adoption.server_options import DelayedDurabilityForced, read_server_options
from shared.database.engine import driver_of
from shared.database.errors import DatabaseUnreachable, SchemaBehind
from shared.errors import RowpostError
from shared.monitoring.disk import disk_problem
from shared.monitoring.queue_snapshot import Overview
from shared.webhooks.register import problems as webhook_problems

if TYPE_CHECKING:
    from shared.attachments.keeper import AttachmentKeeper
    from shared.configuration.live import LiveConfiguration
    from shared.configuration.secret_store import SecretStore
    from shared.database.database import Database
    from shared.delivery.wakeups import WakeupQueue
    from shared.security.foreign_tokens import ForeignTokens
    from shared.settings import Settings

Status = Literal["healthy", "degraded", "unhealthy"]

TIMER_STALE_AFTER = timedelta(minutes=3)
AWAY = (
    DatabaseUnreachable,
    SchemaBehind,
    DelayedDurabilityForced,
    NoAnswerYet,
    SQLAlchemyError,
)
"""What is raised where a look at the database comes to nothing."""
_PROBE_SECONDS = 2.0
_RECENT_SECONDS = 10.0
MOST_HELD_CODES = 20


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the accounts need: each one's state, and codes whose password stands in the table."""

    accounts: tuple[AccountState, ...] = ()
    plain_passwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """All parts at one moment; a part's problem is None where it is well.

    `overview` and `accounts` are None while the database does not answer.
    """

    at: datetime
    overview: Overview | None
    database_problem: str | None
    driver: str | None
    secrets: Literal["Key Vault", "encrypted file"]
    secrets_problem: str | None
    storage: Literal["Azure Storage", "this process"]
    storage_problem: str | None
    accounts: Accounts | None
    trust_problem: str | None = None
    """What keeps tokens of another service, which the settings trust, from being accepted."""
    disk_problem: str | None = None
    """What is wrong with the disk of the data folder."""
    redis: bool = False
    """Whether this process listens for reset codes on a Redis channel."""
    redis_problem: str | None = None
    option_problems: tuple[str, ...] = ()
    """Options of the database that an administrator should change, and how."""
    webhook_problems: tuple[str, ...] = ()
    """Webhooks that are turned off by themselves, or whose receivers take nothing."""
    mailbox_problems: tuple[str, ...] = ()
    """Mailboxes for bounces that can't be read."""
    lost: tuple[str, ...] = ()
    """What Rowpost made in the database and somebody has dropped, and what makes it again."""

    @property
    def status(self) -> Status:
        if self.database_problem:
            return "unhealthy"
        return "degraded" if self.problems else "healthy"

    @property
    def timer_is_stale(self) -> bool:
        """Whether the timer should have come by since; False while nobody can know."""
        if self.overview is None:
            return False
        state = self.overview.state
        last = state.last_tick or state.started_at
        return last is not None and self.at - last > TIMER_STALE_AFTER

    @property
    def problems(self) -> list[str]:
        """What somebody should look at, the worst first."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        parts = {
            "database": self.database_problem,
            "secret store": self.secrets_problem,
            "storage": self.storage_problem,
            "Redis of REDIS_URL": self.redis_problem,
            "trust in another service": self.trust_problem,
        }
        yield from (f"The {part}: {problem}" for part, problem in parts.items() if problem)
        if self.disk_problem:
            yield self.disk_problem
        yield from self.lost
        yield from self.option_problems
        yield from self.webhook_problems
        yield from self.mailbox_problems
        if self.timer_is_stale:
            yield "The timer has not come by for more than 3 minutes: is the app running?"
        if self.overview is not None:
            yield from _of_queue(self.overview)
        if self.accounts is not None:
            yield from _of_accounts(self.accounts)


class Parts(Protocol):
    """What is looked at: the parts of one process."""

    clock: Callable[[], datetime]
    redis_problem: Callable[[], str | None] | None
    """What keeps reset codes from being heard on Redis; None: this process does not listen."""

    @property
    def settings(self) -> Settings: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def configuration(self) -> LiveConfiguration: ...
    @property
    def foreign_tokens(self) -> ForeignTokens: ...
    @property
    def wakeups(self) -> WakeupQueue: ...
    @property
    def attachments(self) -> AttachmentKeeper: ...
    @property
    def is_on_server(self) -> bool: ...
    def database_url(self) -> str: ...
    def database(self) -> Database: ...


class HealthCheck:
    """Looks at the parts of a process, those that may hang on threads of their own."""

    def __init__(self, parts: Parts, overview: Watch[Overview]) -> None:
        self._parts = parts
        self._overview = overview
        self._accounts = Watch(self._look_at_accounts, "accounts")
        self._options = Watch(self._look_at_options, "database options")
        self._webhooks = Watch(self._look_at_webhooks, "webhooks")
        self._mailboxes = Watch(self._look_at_mailboxes, "bounce mailboxes")
        self._lost = Watch(self._look_for_what_is_gone, "what is gone")
        self._why_closed = Watch(self._probe, "database probe")
        self._storage = Watch(self._look_at_storage, "storage")
        self._known: tuple[float, Health] | None = None
        self._disk = Watch(partial(disk_problem, parts.settings.data), "disk")

    def recent(self) -> Health:
        """All parts as they were not long ago, for a page that is asked for every two seconds."""
        known, now = self._known, time.monotonic()
        if known is None or now - known[0] > _RECENT_SECONDS:
            self._known = known = (now, self.check())
        return known[1]

    def check(self) -> Health:
        """All parts, within about 10 seconds at the worst."""
        here = self._parts
        overview, problem = self._look_at_database()
        return Health(
            at=here.clock(),
            overview=overview,
            database_problem=problem,
            driver=driver_of(here.database_url()),
            secrets="Key Vault" if here.settings.key_vault_uri else "encrypted file",
            secrets_problem=here.secrets.problem() or _words(here.configuration.problem),
            storage="Azure Storage" if here.settings.has_storage else "this process",
            storage_problem=self._storage_problem(),
            accounts=self._accounts_if(overview is not None),
            trust_problem=here.foreign_tokens.problem(),
            disk_problem=self._disk_problem(),
            redis=here.redis_problem is not None,
            redis_problem=here.redis_problem() if here.redis_problem else None,
            option_problems=self._told_by(self._options, overview),
            webhook_problems=self._told_by(self._webhooks, overview),
            mailbox_problems=self._told_by(self._mailboxes, overview),
            lost=self._told_by(self._lost, overview),
        )

    def _look_at_database(self) -> tuple[Overview | None, str | None]:
        try:
            return self._overview.ask(), None
        except (RowpostError, SQLAlchemyError) as error:
            known = str(error) if isinstance(error, RowpostError) else None
        try:
            return None, self._why_closed.ask() or known or _NO_ANSWER
        except RowpostError:
            return None, _NO_ANSWER

    def _probe(self) -> str | None:
        here = self._parts
        return probe.why_closed(here.database_url(), _PROBE_SECONDS, here.settings.trusted_servers)

    def _storage_problem(self) -> str | None:
        try:
            self._storage.ask()
        except NoAnswerYet:
            return _NO_ANSWER
        except RowpostError as error:
            return str(error)
        return None

    def _disk_problem(self) -> str | None:
        """Of the data folder, where anything is kept in it."""
        here = self._parts
        if here.settings.key_vault_uri and here.settings.has_storage and here.is_on_server:
            return None
        try:
            return self._disk.ask()
        except NoAnswerYet:
            return f"The disk of {here.settings.data} does not answer."

    def _accounts_if(self, answers: bool) -> Accounts | None:
        if not answers:
            return None
        try:
            return self._accounts.ask()
        except (RowpostError, SQLAlchemyError):
            return None

    def _told_by(self, watch: Watch[tuple[str, ...]], overview: Overview | None) -> tuple[str, ...]:
        if overview is None:
            return ()
        try:
            return watch.ask()
        except (RowpostError, SQLAlchemyError):
            return ()

    def _look_at_options(self) -> tuple[str, ...]:
        with self._parts.database().read() as connection:
            options = read_server_options(connection)
        return tuple(options.problems) if options else ()

    def _look_at_webhooks(self) -> tuple[str, ...]:
        with self._parts.database().read() as connection:
            return webhook_problems(connection)

    def _look_at_mailboxes(self) -> tuple[str, ...]:
        with self._parts.database().read() as connection:
            return mailbox_problems(connection)

    def _look_for_what_is_gone(self) -> tuple[str, ...]:
        with self._parts.database().read() as connection:
            return tuple(str(gone) for gone in migrations.lost(connection))

    def _look_at_storage(self) -> None:
        self._parts.wakeups.check()
        self._parts.attachments.store.check()

    def _look_at_accounts(self) -> Accounts:
        here = self._parts
        with here.database().read() as connection:
            book = load_accounts(connection, here.secrets, here.settings)
            return Accounts(account_states(connection, book), book.plain_passwords)


_NO_ANSWER = "it does not answer"


def _of_queue(overview: Overview) -> Iterator[str]:
    if overview.state.moved:
        yield "The queue has moved to another database: this one sends nothing."
    if overview.state.copied:
        yield (
            "The database was restored or copied: it is in another place than before, so sending "
            "was stopped. Start it here if the other one sends nothing any more."
        )
    if overview.unknown:
        yield (
            f"{_emails(overview.unknown)} may have been sent or not: look for each at its "
            "recipient, then decide with `resolve`."
        )
    for code, number in overview.held.most_common(MOST_HELD_CODES):
        whose = f"the account code {code!r}, which no active account has" if code else "no account"
        yield f"{_emails(number)} held: they name {whose}."


def _of_accounts(accounts: Accounts) -> Iterator[str]:
    for one in accounts.accounts:
        if one.state in ("paused", "unusable"):
            yield f"The account {one.code or '(default)'} is {one.state}: {one.reason}"
    for code in accounts.plain_passwords:
        yield f"The password of the account {code} stands in the table in plain text."


def _emails(number: int) -> str:
    return "1 email" if number == 1 else f"{number} emails"


def _words(error: Exception | None) -> str | None:
    return str(error) if error else None
