"""What every secret store promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.configuration.secret_store import BadSecretName, SecretStore, SecretStoreUnavailable
from tests.support.configuration import StorePlace


def test_a_secret_is_there_until_it_is_deleted(store: SecretStore) -> None:
    assert store.get("a-1") is None

    store.set("a-1", "pässwörd \U0001f511")
    kept = store.get("a-1")
    assert kept is not None
    assert kept.value == "pässwörd \U0001f511"

    store.delete("a-1")
    store.delete("a-1")
    assert store.get("a-1") is None


def test_every_write_makes_a_new_version(store: SecretStore) -> None:
    first = store.set("a", "same")
    second = store.set("a", "same")

    assert first.version != second.version
    assert store.get("a") == second


def test_names_are_those_with_the_prefix_in_order(store: SecretStore) -> None:
    for name in ("smtp-b", "smtp-a", "other"):
        store.set(name, "x")

    assert store.names("smtp-") == ["smtp-a", "smtp-b"]
    assert store.names() == ["other", "smtp-a", "smtp-b"]


def test_an_update_sees_the_present_value(store: SecretStore) -> None:
    assert store.update("a", lambda present: f"{present}1").value == "None1"
    assert store.update("a", lambda present: f"{present}2").value == "None12"


def test_an_update_that_changes_nothing_writes_nothing(store: SecretStore) -> None:
    before = store.set("a", "same")

    assert store.update("a", lambda _: "same").version == before.version


def test_an_update_that_fails_leaves_all_as_it_was(store: SecretStore) -> None:
    before = store.set("a", "same")

    with pytest.raises(ZeroDivisionError):
        store.update("a", lambda _: str(1 / 0))

    assert store.get("a") == before
    assert store.set("a", "the lock is free again").value


@pytest.mark.parametrize("name", ["", "a_b", "../a", "a b", "ä", "a\n", "x" * 128])
def test_a_name_that_key_vault_would_refuse_is_refused(store: SecretStore, name: str) -> None:
    with pytest.raises(BadSecretName):
        store.get(name)
    with pytest.raises(BadSecretName):
        store.recent(name)
    with pytest.raises(BadSecretName):
        store.set(name, "x")
    with pytest.raises(BadSecretName):
        store.update(name, lambda _: "x")
    with pytest.raises(BadSecretName):
        store.delete(name)
    assert store.set("x" * 127, "the longest name").value


def test_a_secret_does_not_show_its_value(store: SecretStore) -> None:
    assert "hush" not in repr(store.set("a", "hush"))


def test_a_change_by_another_instance_is_seen_at_once(place: StorePlace) -> None:
    here, there = place.store(), place.store()

    for number in range(10):
        written = there.set("a", str(number % 3))
        assert here.get("a") == written
    there.delete("a")
    assert here.get("a") is None


def test_threads_that_write_different_names_lose_nothing(store: SecretStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.set(f"n-{number:02}", "x"), range(40)))

    assert store.names() == [f"n-{number:02}" for number in range(40)]


def test_threads_that_update_one_secret_lose_no_update(store: SecretStore) -> None:
    def count_up(_: int) -> None:
        store.update("n", lambda present: str(int(present or 0) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(16)))

    counted = store.get("n")
    assert counted
    assert counted.value == "16"


def test_a_deleted_name_can_be_written_again(store: SecretStore) -> None:
    store.set("a", "old")
    store.delete("a")

    assert store.update("a", lambda present: f"{present}, but new").value == "None, but new"
    store.delete("a")
    written = store.set("a", "newer")

    assert store.get("a") == written
    assert store.names() == ["a"]


def test_a_store_that_is_away_says_so_and_comes_back(place: StorePlace) -> None:
    store = place.store()
    kept = store.set("a", "x")

    with place.away():
        with pytest.raises(SecretStoreUnavailable):
            store.get("a")
        with pytest.raises(SecretStoreUnavailable):
            store.set("a", "y")
        with pytest.raises(SecretStoreUnavailable):
            store.update("a", lambda _: "y")
        with pytest.raises(SecretStoreUnavailable):
            store.recent("never-seen")

    assert store.get("a") == kept
    assert store.problem() is None


def test_what_was_just_written_is_recent(store: SecretStore) -> None:
    assert store.recent("a") is None

    assert store.set("a", "x") == store.recent("a")
    store.update("a", lambda present: f"{present}y")
    recent = store.recent("a")
    assert recent
    assert recent.value == "xy"
    store.delete("a")
    assert store.recent("a") is None
