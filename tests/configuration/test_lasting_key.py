"""A key that is made on first use: once, for every instance, and never in place of another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.configuration.lasting_key import lasting_key
from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStore

NAME = "rowpost-some-key"


def test_it_is_made_once_whoever_asks_first(store: SecretStore) -> None:
    with ThreadPoolExecutor(4) as threads:
        keys = set(threads.map(lambda _: lasting_key(store, NAME), range(8)))

    (key,) = keys
    assert lasting_key(store, NAME) == key
    assert lasting_key(store, "rowpost-another-key") != key


def test_what_is_no_key_is_told_without_its_text_and_stays(store: SecretStore) -> None:
    store.set(NAME, "swordfish")

    with pytest.raises(DocumentUnreadable) as refused:
        lasting_key(store, NAME)

    assert NAME in str(refused.value)
    assert "swordfish" not in str(refused.value)
    kept = store.get(NAME)
    assert kept is not None
    assert kept.value == "swordfish"
