"""The secret store of one machine: a single encrypted file, for any number of processes."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.configuration import private_file
from shared.configuration.secret_store import (
    Change,
    Secret,
    SecretStoreUnavailable,
    checked_name,
)

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

Secrets = Mapping[str, Secret]

# Two writes within the file system's clock tick can leave the same time, size and inode behind.
_TICK_NS = 50_000_000


class WrongSecretKey(SecretStoreUnavailable):
    """The file is there, but not readable with this key."""


class EncryptedFileSecretStore:
    """A SecretStore in one file (Fernet over JSON, mode 0600), changed atomically and durably.

    Reading takes no lock: a file is replaced whole, and is read again only when it has changed.
    """

    def __init__(self, path: Path, key: bytes, wait_seconds: float = 10.0) -> None:
        self._path = path
        self._fernet = _fernet(key)
        self._wait_seconds = wait_seconds
        self._seen = _Seen(None, {})

    def get(self, name: str) -> Secret | None:
        return self._read().get(checked_name(name))

    def recent(self, name: str) -> Secret | None:
        return self.get(name)

    def set(self, name: str, value: str) -> Secret:
        return self._change(name, lambda _: Secret(value, _new_version()))

    def update(self, name: str, change: Change) -> Secret:
        def changed(present: Secret | None) -> Secret:
            value = change(present.value if present else None)
            if present and present.value == value:
                return present
            return Secret(value, _new_version())

        return self._change(name, changed)

    def delete(self, name: str) -> None:
        checked_name(name)
        with self._writing() as secrets:
            if name in secrets:
                self._write({other: secrets[other] for other in secrets if other != name})

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self._read() if name.startswith(prefix))

    def problem(self) -> str | None:
        """None: whoever reads or writes the file is told at once."""
        return None

    def _change(self, name: str, change: Callable[[Secret | None], Secret]) -> Secret:
        checked_name(name)
        with self._writing() as secrets:
            present = secrets.get(name)
            secret = change(present)
            if secret is not present:
                self._write({**secrets, name: secret})
            return secret

    @contextmanager
    def _writing(self) -> Iterator[Secrets]:
        with ExitStack() as held:
            with _telling("written"):
                held.enter_context(private_file.locked(self._path, self._wait_seconds))
            yield self._read()

    def _read(self) -> Secrets:
        seen = self._seen
        with _telling("read"):
            try:
                if _Stamp.of(self._path.stat()) == seen.stamp:
                    return seen.secrets
                with self._path.open("rb") as file:
                    stamp, content = _Stamp.of(os.fstat(file.fileno())), file.read()
            except FileNotFoundError:
                return {}
        secrets = self._decrypt(content)
        self._seen = _Seen(stamp if stamp.is_settled() else None, secrets)
        return secrets

    def _decrypt(self, content: bytes) -> Secrets:
        from cryptography.fernet import InvalidToken

        try:
            plain = self._fernet.decrypt(content)
        except InvalidToken as error:
            raise WrongSecretKey(
                "The secrets in the data folder can't be read with this key. Give the "
                "ROWPOST_SECRET_KEY that they were written with, or put the file `key` back that "
                "belongs to them. If it is lost, move the file `secrets` away, start again and "
                "enter the passwords anew."
            ) from error
        return {name: Secret(**fields) for name, fields in json.loads(plain).items()}

    def _write(self, secrets: Secrets) -> None:
        plain = json.dumps(
            {name: {"value": s.value, "version": s.version} for name, s in secrets.items()}
        )
        with _telling("written"):
            private_file.replace(self._path, self._fernet.encrypt(plain.encode()))


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one content of a file from the next without reading it."""

    modified_ns: int
    inode: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Stamp:
        return cls(status.st_mtime_ns, status.st_ino, status.st_size)

    def is_settled(self) -> bool:
        return time.time_ns() - self.modified_ns > _TICK_NS


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: _Stamp | None
    secrets: Secrets


def _fernet(key: bytes) -> Fernet:
    from cryptography.fernet import Fernet

    return Fernet(key)


def _new_version() -> str:
    return uuid.uuid4().hex


@contextmanager
def _telling(verb: str) -> Iterator[None]:
    """Turn what the system says into what a person can do."""
    try:
        yield
    except OSError as error:
        raise SecretStoreUnavailable(
            f"The secrets in the data folder can't be {verb} ({error.strerror or error}). Look at "
            "the folder's rights and free space."
        ) from error
