"""The configuration while the service runs: new within 30 seconds, old rather than none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.configuration.document import Configuration, DatabaseAddress, EmailSchedule
from shared.configuration.live import SECRET_NAME, LiveConfiguration
from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStore, SecretStoreUnavailable
from tests.support.configuration import Clock, StorePlace, file_store

DATABASE = DatabaseAddress(server="db.example.net", database="orders")


def with_database(configuration: Configuration) -> Configuration:
    return configuration.model_copy(update={"database": DATABASE})


def with_email(configuration: Configuration) -> Configuration:
    return configuration.model_copy(update={"email": EmailSchedule(interval=5)})


def test_without_a_document_the_default_counts(store: SecretStore) -> None:
    live = LiveConfiguration(store)

    assert live.current() == Configuration()
    assert not live.exists_database()
    assert not live.exists_email()
    assert store.names() == []


def test_what_is_saved_counts_at_once_as_the_next_version(store: SecretStore) -> None:
    live = LiveConfiguration(store)

    live.save(with_database)
    saved = live.save(with_email)

    assert saved.version == 2
    assert saved.database == DATABASE
    assert live.current() == saved == LiveConfiguration(store).current()
    assert live.exists_database()
    assert live.exists_email()


def test_another_instance_s_change_counts_after_30_seconds(
    store: SecretStore, clock: Clock
) -> None:
    here = LiveConfiguration(store, clock=clock)
    assert here.current().version == 0
    LiveConfiguration(store).save(with_email)

    clock.advance(29.9)
    assert here.current().version == 0
    clock.advance(0.1)
    assert here.current().version == 1


def test_a_reload_does_not_wait(store: SecretStore, clock: Clock) -> None:
    here = LiveConfiguration(store, clock=clock)
    assert here.current().version == 0
    LiveConfiguration(store).save(with_email)

    assert here.reload().version == 1


def test_while_the_store_is_away_the_last_configuration_stays(
    place: StorePlace, clock: Clock
) -> None:
    live = LiveConfiguration(place.store(), clock=clock)
    saved = live.save(with_database)
    assert live.problem is None

    with place.away():
        clock.advance(60)
        assert live.current() == saved
        assert isinstance(live.problem, SecretStoreUnavailable)
        with pytest.raises(SecretStoreUnavailable):
            live.save(with_email)

    clock.advance(30)
    assert live.current() == saved
    assert live.problem is None


def test_an_instance_that_never_saw_the_store_says_so(place: StorePlace) -> None:
    live = LiveConfiguration(place.store())

    with place.away():
        with pytest.raises(SecretStoreUnavailable):
            live.current()
        assert isinstance(live.problem, SecretStoreUnavailable)

    assert live.current() == Configuration()
    assert live.problem is None


def test_a_document_that_nobody_understands_is_neither_used_nor_overwritten(
    store: SecretStore,
) -> None:
    live = LiveConfiguration(store)
    saved = live.save(with_email)
    store.set(SECRET_NAME, '{"version": "hush"}')

    assert live.reload() == saved
    assert isinstance(live.problem, DocumentUnreadable)
    with pytest.raises(DocumentUnreadable) as refused:
        live.save(with_database)
    assert "hush" not in str(refused.value)
    kept = store.get(SECRET_NAME)
    assert kept
    assert "hush" in kept.value


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    instances = [LiveConfiguration(file_store(tmp_path)) for _ in range(4)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: instances[number % 4].save(with_email), range(20)))

    assert instances[0].reload().version == 20


def test_a_change_that_is_refused_leaves_the_configuration_as_it_was(store: SecretStore) -> None:
    live = LiveConfiguration(store)
    saved = live.save(with_email)

    def refuse(_: Configuration) -> Configuration:
        raise PermissionError

    with pytest.raises(PermissionError):
        live.save(refuse)
    assert live.reload() == saved
