"""The secret store of an app in Azure: a key vault, read through a cache that outlives outages."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from shared.configuration.key_vault_trouble import Conflict, Trouble, conflict_of, trouble_of
from shared.configuration.secret_store import (
    Change,
    Secret,
    SecretDisabled,
    SecretStoreUnavailable,
    SecretTooLarge,
    checked_name,
)
from shared.errors import RowpostError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.secrets import KeyVaultSecret, SecretClient

T = TypeVar("T")

RECENT_SECONDS = 30.0
REST_SECONDS = 5.0
SETTLE_SECONDS = 0.3
LONGEST_VALUE_BYTES = 25_000

_NAMES_REMEMBERED = 1_000
_NAMES_LISTED = 10_000
_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 3
_UPDATE_ROUNDS = 5
# Half a minute in all, which Azure seldom needs.
_RECOVERY_PAUSES_SECONDS = (0.1, 0.4, *[1.0] * 30)
# A tag's value has 256 characters at most, a version 32.
_ANCESTORS = 7
_ANCESTORS_TAG = "rowpost-made-from"
_ADDRESS = re.compile(r"https://[0-9a-zA-Z.-]+(:[0-9]+)?/?")

_log = logging.getLogger(__name__)


class BadVaultAddress(RowpostError):
    """KEY_VAULT_URI is not the address of a vault."""


class KeyVaultSecretStore:
    """A SecretStore in Azure Key Vault, for any number of threads.

    A request waits for a silent vault for about 3 seconds (6 if it has to be let in anew), and for
    `rest_seconds` afterwards, or as long as a throttling vault asks for, nobody asks it: every verb
    fails at once, and `recent` goes on with what it saw last.

    `update` has no lock and no compare-and-swap to build on. Threads of one process take turns.
    Between processes: each version names those that it was made of, a writer looks at the secret
    again `settle_seconds` after its write, and a version that knows nothing of that write gets the
    change once more. So no change is lost if every writer needs less than `settle_seconds` from
    reading to writing; of one that stalls in between for longer, the last write wins.

    A name that was deleted is recovered when it is written again, which takes Azure some seconds.
    """

    def __init__(
        self,
        address: str,
        credential: TokenCredential,
        *,
        rest_seconds: float = REST_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`address`: as in the portal, https://NAME.vault.azure.net. Raises BadVaultAddress."""
        self._client = _client(address, credential)
        self._rest_seconds = rest_seconds
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._pause = pause
        self._updating = threading.Lock()
        self._memory = _Memory()
        self._trouble: Trouble | None = None
        self._resting_until = 0.0

    def get(self, name: str) -> Secret | None:
        found = self._find(checked_name(name))
        return found.secret if found else None

    def recent(self, name: str) -> Secret | None:
        seen = self._memory.recall(checked_name(name))
        if seen and self._clock() - seen.at < RECENT_SECONDS:
            return seen.secret
        try:
            return self.get(name)
        except SecretStoreUnavailable:
            if seen is None:
                raise
            return seen.secret

    def set(self, name: str, value: str) -> Secret:
        return self._write(checked_name(name), value, None).secret

    def update(self, name: str, change: Change) -> Secret:
        with self._updating:
            present = self._find(checked_name(name))
            for _ in range(_UPDATE_ROUNDS):
                value = change(present.secret.value if present else None)
                if present and present.secret.value == value:
                    return present.secret
                written = self._write(name, value, present)
                present = self._overwritten(name, written)
                if present is None:
                    return written.secret
        raise SecretStoreUnavailable(
            f"Several instances change the secret {name} at once: look how it is, then try again."
        )

    def delete(self, name: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        checked_name(name)
        with suppress(ResourceNotFoundError):
            self._ask(lambda client: client.begin_delete_secret(name))
        self._remember(name, None)

    def names(self, prefix: str = "") -> list[str]:
        def listed(client: SecretClient) -> list[str]:
            names: list[str] = []
            for count, each in enumerate(client.list_properties_of_secrets()):
                if count == _NAMES_LISTED:
                    raise SecretStoreUnavailable(
                        f"The key vault holds more than {_NAMES_LISTED} secrets: give Rowpost one "
                        "of its own."
                    )
                if each.name and each.name.startswith(prefix):
                    names.append(each.name)
            return sorted(names)

        return self._ask(listed)

    def problem(self) -> str | None:
        trouble = self._trouble
        if trouble is None:
            return None
        return (
            f"{trouble.text} It has been so since {trouble.since:%Y-%m-%dT%H:%M:%SZ}; what was "
            "read before is used meanwhile."
        )

    # The verbs' steps.

    def _find(self, name: str) -> _Found | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            found = _Found.of(self._ask(lambda client: client.get_secret(name)))
        except ResourceNotFoundError:
            self._remember(name, None)
            return None
        self._remember(name, found.secret)
        return found

    def _write(self, name: str, value: str, before: _Found | None) -> _Found:
        """A new version, which says what it was made of."""
        if len(value.encode("utf-8", "surrogatepass")) > LONGEST_VALUE_BYTES:
            raise SecretTooLarge(
                f"The value for the secret {name} is too long: Key Vault takes "
                f"{LONGEST_VALUE_BYTES} bytes at most."
            )
        tags = before.tags_of_next() if before else None
        written = _Found.of(
            self._over_the_deleted(name, lambda client: client.set_secret(name, value, tags=tags))
        )
        self._remember(name, written.secret)
        return written

    def _over_the_deleted(self, name: str, write: Callable[[SecretClient], T]) -> T:
        """Write; where a deleted secret has the name, recover that first and wait for it."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        for seconds in _RECOVERY_PAUSES_SECONDS:
            try:
                return self._ask(write)
            except ResourceExistsError as error:
                conflict = conflict_of(error)
            if conflict is Conflict.DELETED:
                # Somebody else may be recovering it already.
                with suppress(ResourceExistsError, ResourceNotFoundError):
                    self._ask(lambda client: client.begin_recover_deleted_secret(name))
            self._pause(seconds)
        raise SecretStoreUnavailable(
            f"The secret {name} was deleted a moment ago, and the key vault is not done with that: "
            "try again in a minute."
        )

    def _overwritten(self, name: str, written: _Found) -> _Found | None:
        """What somebody has put in place of what was written, without knowing of it."""
        self._pause(self._settle_seconds)
        try:
            latest = self._find(name)
        except SecretStoreUnavailable:
            return None
        if latest is None or latest.includes(written):
            return None
        return latest

    def _remember(self, name: str, secret: Secret | None) -> None:
        self._memory.keep(name, _Seen(secret, self._clock()))

    # The vault, asked.

    def _ask(self, question: Callable[[SecretClient], T]) -> T:
        """The vault's answer, be it that there is no such secret (as the SDK's own error).

        Raises SecretStoreUnavailable for all that is no answer, without the SDK's error as its
        cause: that one quotes the vault's words, with names and identities in them.
        """
        from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError

        lasting = self._trouble
        if lasting and self._clock() < self._resting_until:
            raise SecretStoreUnavailable(lasting.text)
        try:
            answer = question(self._client)
        except (ResourceNotFoundError, ResourceExistsError):
            self._trouble = None
            raise
        except (AzureError, ValueError) as error:
            trouble = trouble_of(error)
        else:
            self._trouble = None
            return answer
        if trouble.of_one_secret:
            raise SecretDisabled(trouble.text)
        self._rest(trouble)
        raise SecretStoreUnavailable(trouble.text)

    def _rest(self, trouble: Trouble) -> None:
        before = self._trouble
        if before is None or before.text != trouble.text:
            _log.warning("%s", trouble.text)
        self._trouble = trouble.lasting_since(before.since) if before else trouble
        self._resting_until = self._clock() + max(self._rest_seconds, trouble.retry_after)


@dataclass(frozen=True, slots=True)
class _Found:
    """A version in the vault, and those that it was made of, the last one first."""

    secret: Secret
    ancestors: tuple[str, ...]

    @classmethod
    def of(cls, found: KeyVaultSecret) -> _Found:
        tags = found.properties.tags or {}
        secret = Secret(found.value or "", found.properties.version or "")
        return cls(secret, tuple(tags.get(_ANCESTORS_TAG, "").split()))

    def tags_of_next(self) -> dict[str, str]:
        ancestors = (self.secret.version, *self.ancestors)[:_ANCESTORS]
        return {_ANCESTORS_TAG: " ".join(ancestors)}

    def includes(self, other: _Found) -> bool:
        return other.secret.version in (self.secret.version, *self.ancestors)


@dataclass(frozen=True, slots=True)
class _Seen:
    secret: Secret | None
    at: float


class _Memory:
    """What was last seen under each name; bounded, the longest untouched name goes first."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, name: str) -> _Seen | None:
        with self._lock:
            return self._seen.get(name)

    def keep(self, name: str, seen: _Seen) -> None:
        with self._lock:
            self._seen.pop(name, None)
            self._seen[name] = seen
            if len(self._seen) > _NAMES_REMEMBERED:
                self._seen.popitem(last=False)


def _client(address: str, credential: TokenCredential) -> SecretClient:
    from azure.keyvault.secrets import SecretClient

    if not _ADDRESS.fullmatch(address):
        raise BadVaultAddress(
            "KEY_VAULT_URI must be a vault's address: https://NAME.vault.azure.net"
        )
    return SecretClient(
        address,
        credential,
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=_ANSWER_SECONDS,
        # One more try at once where a connection broke, none where the time is over or the vault
        # has said no: it is not to be slept for in a request.
        timeout=_ANSWER_SECONDS,
        retry_total=1,
        retry_status=0,
        # Bodies hold secrets, whatever the level of the log.
        logging_enable=False,
    )
