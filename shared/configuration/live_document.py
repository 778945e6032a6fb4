"""A document in the secret store, as an instance sees it: cached, looked at again now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 30.0

_log = logging.getLogger(__name__)


class DocumentUnreadable(RowpostError):
    """The secret is there, but its text is not what it should be."""


@dataclass(frozen=True, slots=True)
class DocumentFormat(Generic[T]):
    """How a document is kept: `read` of None gives the document that nobody has written yet.

    `read` raises ValueError for a text that it does not understand.
    """

    name: str
    read: Callable[[str | None], T]
    write: Callable[[T], str]


class LiveDocument(Generic[T]):
    """One secret as a typed value, for any number of threads.

    A change by another instance is seen within `look_again_seconds`. While the store is away, or
    holds a text that it does not understand, the last good value stays and `problem` tells why.
    """

    def __init__(
        self,
        store: SecretStore,
        document: DocumentFormat[T],
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._format = document
        self._look_again_seconds = look_again_seconds
        self._clock = clock
        self._looking = threading.RLock()
        self._seen: _Seen[T] | None = None
        self._problem: RowpostError | None = None

    @property
    def problem(self) -> RowpostError | None:
        """Why the value may be old; None after a look that went well."""
        return self._problem

    def current(self) -> T:
        """The value as it was at the last look.

        Raises SecretStoreUnavailable or DocumentUnreadable only if there never was a good one.
        While one thread looks again, the others go on with the value that they know.
        """
        seen = self._seen
        if seen is None:
            return self.reload()
        if self._age(seen) < self._look_again_seconds or not self._looking.acquire(blocking=False):
            return seen.value
        try:
            return self.reload(self._look_again_seconds)
        finally:
            self._looking.release()

    def reload(self, max_age_seconds: float = 0.0) -> T:
        """Look now, unless somebody has looked within `max_age_seconds`. Raises as `current`."""
        with self._looking:
            seen = self._seen
            return seen.value if seen and self._age(seen) < max_age_seconds else self._look()

    def update(self, change: Callable[[T], T]) -> T:
        """Store what `change` makes of the stored value; other writers are kept out if possible.

        `change` must be quick. Raises SecretStoreUnavailable and DocumentUnreadable.
        """

        def changed(text: str | None) -> str:
            before = self._read(text)
            after = change(before)
            return text if text is not None and after == before else self._format.write(after)

        with self._looking:
            secret = self._store.update(self._format.name, changed)
            return self._keep(self._read(secret.value))

    def _look(self) -> T:
        try:
            secret = self._store.get(self._format.name)
            return self._keep(self._read(secret.value if secret else None))
        except RowpostError as problem:
            return self._go_on(problem)

    def _read(self, text: str | None) -> T:
        try:
            return self._format.read(text)
        except ValueError:
            # The cause is left out: it may quote the secret's text.
            raise DocumentUnreadable(
                f"The secret {self._format.name} can't be understood: another version of Rowpost "
                "or a hand has written it. Put an earlier version of it back, or delete it."
            ) from None

    def _keep(self, value: T) -> T:
        self._seen = _Seen(value, self._clock())
        self._problem = None
        return value

    def _go_on(self, problem: RowpostError) -> T:
        known, new = self._seen, self._problem is None
        self._problem = problem
        if known is None:
            raise problem
        if new:
            _log.warning("Going on with what is known of %s: %s", self._format.name, problem)
        self._seen = _Seen(known.value, self._clock())
        return known.value

    def _age(self, seen: _Seen[T]) -> float:
        return self._clock() - seen.at


@dataclass(frozen=True, slots=True)
class _Seen(Generic[T]):
    value: T
    at: float
