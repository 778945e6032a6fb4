"""The configuration of this instance, which follows what is saved anywhere within 30 seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.configuration.document import Configuration
from shared.configuration.live_document import LOOK_AGAIN_SECONDS, DocumentFormat, LiveDocument
from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError

SECRET_NAME = "rowpost-configuration"


class LiveConfiguration:
    """The saved configuration, for any number of threads; without one, the default.

    Every verb may raise SecretStoreUnavailable or DocumentUnreadable; the reading ones only while
    there never was a configuration to go on with.
    """

    def __init__(
        self,
        store: SecretStore,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        document = DocumentFormat(SECRET_NAME, Configuration.from_secret, Configuration.to_secret)
        self._document = LiveDocument(store, document, look_again_seconds, clock)

    @property
    def problem(self) -> RowpostError | None:
        """Why the configuration may be old; None after a look that went well."""
        return self._document.problem

    def current(self) -> Configuration:
        """The configuration as it was at the last look, 30 seconds ago at most."""
        return self._document.current()

    def reload(self) -> Configuration:
        """Look for a newer one now."""
        return self._document.reload()

    def save(self, change: Callable[[Configuration], Configuration]) -> Configuration:
        """Store what `change` makes of the stored configuration, as the next version.

        `change` must be quick: on one machine other writers wait for it.
        """

        def next_version(before: Configuration) -> Configuration:
            return change(before).model_copy(update={"version": before.version + 1})

        return self._document.update(next_version)

    def exists_database(self) -> bool:
        """Whether a database address is saved."""
        return self.current().database is not None

    def exists_email(self) -> bool:
        """Whether an email schedule is saved."""
        return self.current().has_email
