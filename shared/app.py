"""The parts of one process, joined: settings, secrets, configuration, database, wakeups."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from shared.background import Watch
from shared.configuration.document import Configuration, DatabaseAddress
from shared.configuration.live import LiveConfiguration
from shared.configuration.secret_store import SecretDisabled
from shared.database import migrations
from shared.database.adoption import questions as adoption
from shared.database.circuit_breaker import CircuitBreaker
from shared.database.database import Database, open_database
from shared.database.engine import file_url, server_url
from shared.database.errors import unreachable
from shared.database.place import is_file
from shared.scheduling import service_state
from shared.security.foreign_tokens import ForeignTokens
from shared.security.keys import Keys
from shared.security.limits import RequestLimits
from shared.security.lockout import Lockout, LockoutEverywhere, LockoutInMemory
from shared.security.logins import FIRST_PASSWORD_SECRET, Logins
from shared.security.pseudonyms import Pseudonyms
from shared.security.tokens import SigningKeys
from shared.settings import Settings, settings
from shared.unsubscribing.links import UnsubscribeKey

if TYPE_CHECKING:
    from shared.accounts.directory import AccountBook
    from shared.attachments.keeper import AttachmentKeeper
    from shared.bounces.collect import BounceCollector
    from shared.bounces.mailboxes.admin import MailboxAdmin
    from shared.configuration.secret_store import SecretStore
    from shared.delivery.wakeups import WakeupQueue
    from shared.monitoring.figures import Figures
    from shared.monitoring.health import HealthCheck
    from shared.monitoring.queue_snapshot import Overview
    from shared.monitoring.telemetry.telemetry import Telemetry
    from shared.outbox.admission.loose_options import Sweep
    from shared.scheduling.schedule import Schedule
    from shared.submissions.waking import Waker
    from shared.webhooks.admin import WebhookAdmin
    from shared.webhooks.sender import WebhookSender
    from shared.webhooks.signing_secrets import SigningSecrets


Source = Literal["configuration", "DATABASE_URL", "local file"]


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class Application:
    """One process's parts, each made when it is first asked for. Safe to use from any thread."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.clock = clock
        """What the time is, for all that a schedule decides."""
        self.stop = threading.Event()
        """Set when the process is to end: drains finish what is being sent, no more."""
        self.account_book: AccountBook | None = None
        """The accounts as a drain last read them, for one whose vault does not answer."""
        self.redis_problem: Callable[[], str | None] | None = None
        """What keeps reset codes from being heard on Redis; None: this process does not listen."""
        self._choosing_store = threading.Lock()
        self._secrets: SecretStore | None = None
        self._opening = threading.Lock()
        self._opened: tuple[_Wanted, Database] | None = None
        self._asked_for: tuple[Configuration, _Wanted] | None = None

    @property
    def secrets(self) -> SecretStore:
        """The key vault if one is named, else the data folder's encrypted file; one a process."""
        with self._choosing_store:
            if self._secrets is None:
                self._secrets = _secret_store(self.settings)
            return self._secrets

    @cached_property
    def configuration(self) -> LiveConfiguration:
        return LiveConfiguration(self.secrets)

    @cached_property
    def logins(self) -> Logins:
        logins = Logins(self.secrets)
        if password := self._first_password():
            logins.ensure_first_admin(self.settings.admin_username, password)
        return logins

    @cached_property
    def signing(self) -> SigningKeys:
        return SigningKeys(self.secrets)

    @cached_property
    def foreign_tokens(self) -> ForeignTokens:
        return ForeignTokens(self.settings, self.secrets)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        return Pseudonyms(self.secrets)

    @cached_property
    def unsubscribe_key(self) -> UnsubscribeKey:
        return UnsubscribeKey(self.secrets, self.settings.public_address)

    @cached_property
    def lockout(self) -> Lockout:
        return LockoutEverywhere(
            self.database, self.pseudonyms, LockoutInMemory(), CircuitBreaker()
        )

    @cached_property
    def limits(self) -> RequestLimits | None:
        """None where request limits are turned off."""
        if self.settings.request_limits == "off":
            return None
        return RequestLimits(self.database, self.pseudonyms)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.database, self.pseudonyms)

    @cached_property
    def wakeups(self) -> WakeupQueue:
        from shared.delivery.wakeups import wakeup_queue

        return wakeup_queue(self.settings)

    @cached_property
    def waker(self) -> Waker:
        from shared.submissions.waking import Waker
        from shared.webhooks.presence import Presence

        webhooks = Presence(self.database)
        return Waker(lambda: self.wakeups, webhooks, away=self.settings.has_storage)

    @cached_property
    def attachments(self) -> AttachmentKeeper:
        """Files for emails: in Blob storage where there is a storage account, else in a folder."""
        from shared.attachments.blobs import BlobStore
        from shared.attachments.folder import FolderStore
        from shared.attachments.keeper import AttachmentKeeper

        settings = self.settings
        folder = settings.data / "attachments"
        store = BlobStore(settings) if settings.has_storage else FolderStore(folder)
        return AttachmentKeeper(store, self.database, self.clock)

    @cached_property
    def loose_options(self) -> Sweep:
        """Options that applications gave to no email."""
        from shared.outbox.admission.loose_options import Sweep

        return Sweep()

    @cached_property
    def signing_secrets(self) -> SigningSecrets:
        """What webhooks are signed with."""
        from shared.webhooks.signing_secrets import SigningSecrets

        return SigningSecrets(self.secrets)

    @cached_property
    def webhooks(self) -> WebhookSender:
        """What sends events to webhooks."""
        from shared.webhooks.sender import WebhookSender
        from shared.webhooks.turn import Means

        hosts = frozenset(self.settings.webhook_hosts)
        return WebhookSender(
            Means(self.database, self.signing_secrets, hosts, self.clock, self.stop)
        )

    def webhook_admin(self) -> WebhookAdmin:
        """What an admin does with webhooks. Raises DatabaseUnreachable."""
        from shared.webhooks.admin import WebhookAdmin

        hosts = frozenset(self.settings.webhook_hosts)
        return WebhookAdmin(self.database(), self.signing_secrets, hosts)

    @cached_property
    def bounces(self) -> BounceCollector:
        """What reads the mailboxes that bounces come into."""
        from shared.bounces.collect import BounceCollector
        from shared.bounces.turn import Means

        return BounceCollector(Means(self.database, lambda: self.secrets, self.stop))

    def mailbox_admin(self) -> MailboxAdmin:
        """What an admin does with bounce mailboxes. Raises DatabaseUnreachable."""
        from shared.bounces.mailboxes.admin import MailboxAdmin

        return MailboxAdmin(self.database(), self.secrets)

    @cached_property
    def telemetry(self) -> Telemetry | None:
        """Where measures and traces go; None: nobody takes them."""
        if not self.settings.has_telemetry:
            return None
        from shared.monitoring.telemetry.telemetry import of_this_process

        return of_this_process()

    @cached_property
    def overview(self) -> Watch[Overview]:
        """The service and its queue, as the database tells of them now."""
        from shared.monitoring.queue_snapshot import OverviewReader

        return Watch(OverviewReader(self.database, self.schedule, self.clock).look, "overview")

    @cached_property
    def figures(self) -> Watch[Figures]:
        """What the console's first page shows beside the overview, as the database has it now."""
        from shared.monitoring.figures import FigureReader

        return Watch(FigureReader(self.database, self.schedule, self.clock).look, "figures")

    @cached_property
    def pulse(self) -> Watch[None]:
        """Whether the database answers now."""
        return Watch(self._feel_pulse, "pulse")

    @cached_property
    def health(self) -> HealthCheck:
        from shared.monitoring.health import HealthCheck

        return HealthCheck(self, self.overview)

    def database(self) -> Database:
        """The queue's database, migrated. A saved address wins over DATABASE_URL over SQLite.

        Raises DatabaseUnreachable, and SchemaBehind when the schema is old and may not be changed.
        """
        wanted = self._wanted()
        with self._opening:
            if self._opened is None or self._opened[0] != wanted:
                database = self._open(wanted)
                if self._opened is not None:
                    self._opened[1].close()
                self._opened = (wanted, database)
            return self._opened[1]

    def adoption(self) -> adoption.Adoption:
        """What stands in the way of working on the tables that are there; changes nothing.

        Raises DatabaseUnreachable.
        """
        with self.looking() as database, unreachable():
            return adoption.examine_at(database, writes_utc=self.settings.legacy_dates == "utc")

    @contextmanager
    def looking(self) -> Iterator[Database]:
        """The same database as it is: nothing is migrated or noted in it.

        Raises DatabaseUnreachable where its address or its driver is at fault.
        """
        database = self._unopened(self._wanted())
        try:
            yield database
        finally:
            database.close()

    def close(self) -> None:
        """Close what is open."""
        if "webhooks" in vars(self):
            self.webhooks.close()
        if self.limits is not None:
            self.limits.close()
        with self._opening:
            if self._opened is not None:
                self._opened[1].close()
            self._opened = None

    def schedule(self) -> Schedule:
        """When the scheduled lane is open, as it is configured now."""
        return self.configuration.current().email.to_schedule()

    def database_source(self) -> Source:
        """Where the address in force comes from."""
        if self.configuration.current().database is not None:
            return "configuration"
        return "DATABASE_URL" if self.settings.database_url else "local file"

    @property
    def is_on_server(self) -> bool:
        """Whether the database is a server's, and no file of this machine."""
        return not is_file(self.database_url())

    def database_url(self) -> str:
        """The address in force, with its password: for opening, never for showing."""
        saved = self.configuration.current().database
        if saved is not None:
            return self.url_of(saved)
        return self.unsaved_database_url()

    def unsaved_database_url(self) -> str:
        """The address that counts where none is saved."""
        return self.settings.database_url or file_url(self.settings.data / "rowpost.db")

    def url_of(self, address: DatabaseAddress) -> str:
        """The address as SQLAlchemy reads it, with its password."""
        password = address.password.get_secret_value() if address.password else None
        return server_url(address.server, address.port, address.database, address.user, password)

    def _first_password(self) -> str | None:
        """The first admin's, from the settings or, as in Azure, from the secret store."""
        if self.settings.admin_password:
            return self.settings.admin_password
        try:
            kept = self.secrets.get(FIRST_PASSWORD_SECRET)
        except SecretDisabled:
            return None
        return kept.value.strip("\r\n") if kept else None

    def _feel_pulse(self) -> None:
        with self.database().read() as connection:
            service_state.status(connection)

    def _wanted(self) -> _Wanted:
        """What the configuration asks for; worked out once for each version of it."""
        configuration, asked_for = self.configuration.current(), self._asked_for
        if asked_for is None or asked_for[0] is not configuration:
            limits = configuration.email
            wanted = _Wanted(
                self.database_url(),
                limits.db_connection_timeout / 1000,
                limits.db_request_timeout / 1000,
            )
            self._asked_for = asked_for = (configuration, wanted)
        return asked_for[1]

    def _open(self, wanted: _Wanted) -> Database:
        database = self._unopened(wanted)
        with unreachable():
            if self.settings.migrate == "on":
                adoption.require_adoptable_at(database.engine)
                migrations.upgrade(database.engine)
            else:
                migrations.require_current(database.engine)
            service_state.note_place(database)
        return database

    def _unopened(self, wanted: _Wanted) -> Database:
        return open_database(
            wanted.url,
            connect_seconds=wanted.connect_seconds,
            request_seconds=wanted.request_seconds,
            pool_size=self.settings.connections + 8,
            trusted_servers=self.settings.trusted_servers,
        )


def _secret_store(settings: Settings) -> SecretStore:
    if settings.key_vault_uri:
        from shared.configuration.key_vault import KeyVaultSecretStore
        from shared.identity import any_identity

        return KeyVaultSecretStore(settings.key_vault_uri, any_identity())
    from shared.configuration.encrypted_file import EncryptedFileSecretStore
    from shared.configuration.secret_key import secret_key

    return EncryptedFileSecretStore(settings.data / "secrets", secret_key(settings))


class _Wanted(NamedTuple):
    """The database as the configuration would have it: when it differs, it is opened anew."""

    url: str
    connect_seconds: float
    request_seconds: float


_here: Application | None = None
_making = threading.Lock()


def application() -> Application:
    """This process's parts."""
    global _here
    with _making:
        if _here is None:
            _here = Application(settings())
        return _here


def use(application: Application | None) -> None:
    """Let these be the process's parts; None: make them anew from the settings when asked for."""
    global _here
    with _making:
        _here = application
