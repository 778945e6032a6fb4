"""Real secret stores in a folder, ways to break them, and writers in processes of their own."""

from __future__ import annotations

import base64
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Protocol

from shared.configuration.encrypted_file import EncryptedFileSecretStore
from shared.configuration.secret_key import secret_key
from shared.configuration.secret_store import SecretStore
from shared.settings import Settings

KEY = base64.urlsafe_b64encode(b"k" * 32)
PATIENCE_SECONDS = 30.0

_spawning = multiprocessing.get_context("spawn")


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class StorePlace(Protocol):
    """Where secrets are kept, for the tests that every kind of store has to pass."""

    def store(self) -> SecretStore:
        """A new store there, as another instance has one."""
        ...

    def away(self) -> AbstractContextManager[None]:
        """The stores there can't be read or written meanwhile."""
        ...


def secret_file(folder: Path) -> Path:
    return folder / "secrets"


def file_store(folder: Path, key: bytes = KEY, wait: float = 10.0) -> EncryptedFileSecretStore:
    return EncryptedFileSecretStore(secret_file(folder), key, wait)


@contextmanager
def store_away(folder: Path) -> Iterator[None]:
    """The store's file can't be read meanwhile: a folder lies in its place."""
    file, aside = secret_file(folder), folder / "aside"
    existed = file.exists()
    if existed:
        file.rename(aside)
    file.mkdir()
    yield
    file.rmdir()
    if existed:
        aside.rename(file)


@dataclass(frozen=True)
class FilePlace:
    folder: Path

    def store(self) -> SecretStore:
        return file_store(self.folder)

    def away(self) -> AbstractContextManager[None]:
        return store_away(self.folder)


def event() -> Event:
    return _spawning.Event()


@contextmanager
def processes(
    work: Callable[..., None], *arguments: tuple[Any, ...]
) -> Iterator[list[BaseProcess]]:
    """One process for each tuple of arguments; none is left behind."""
    started: list[BaseProcess] = [_spawning.Process(target=work, args=each) for each in arguments]
    try:
        for process in started:
            process.start()
        yield started
    finally:
        for process in started:
            process.kill()
            process.join(PATIENCE_SECONDS)


def wait_for(started: list[BaseProcess]) -> None:
    """Until all have ended well."""
    for process in started:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in started] == [0] * len(started)


def set_many(folder: Path, prefix: str, count: int, go: Event) -> None:
    go.wait(PATIENCE_SECONDS)
    store = file_store(folder)
    for number in range(count):
        store.set(f"{prefix}-{number}", prefix)


def count_up(folder: Path, name: str, count: int, go: Event) -> None:
    go.wait(PATIENCE_SECONDS)
    store = file_store(folder)
    for _ in range(count):
        store.update(name, lambda present: str(int(present or 0) + 1))


def write_until_killed(folder: Path, started: Event) -> None:
    """Writes a large secret over and over; each value is one repeated digit."""
    store = file_store(folder)
    number = 0
    while True:
        store.set("large", str(number % 10) * 200_000)
        number += 1
        if number == 3:
            started.set()


def hold_lock(folder: Path, held: Event, release: Event) -> None:
    def holding(present: str | None) -> str:
        held.set()
        release.wait(PATIENCE_SECONDS)
        return present or ""

    file_store(folder).update("held", holding)


def write_key(folder: Path, answer: Path, go: Event) -> None:
    go.wait(PATIENCE_SECONDS)
    answer.write_bytes(secret_key(Settings(data=folder)))
