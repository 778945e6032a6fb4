"""What every secret store promises."""

from __future__ import annotations

import pytest

from shared.configuration.secret_store import BadSecretName, SecretStore


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
        store.set(name, "x")
    with pytest.raises(BadSecretName):
        store.update(name, lambda _: "x")
    with pytest.raises(BadSecretName):
        store.delete(name)
    assert store.set("x" * 127, "the longest name").value


def test_a_secret_does_not_show_its_value(store: SecretStore) -> None:
    assert "hush" not in repr(store.set("a", "hush"))
