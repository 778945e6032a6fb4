"""Account passwords: a reference gives its password to its own connection only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.accounts.credentials.passwords import (
    Binding,
    PasswordUnavailable,
    is_reference,
    keep,
    resolve,
)
from shared.configuration.secret_store import BadSecretName, SecretStore, SecretStoreUnavailable
from tests.support.configuration import StorePlace

GMAIL = Binding("smtp.gmail.com", 587, "starttls", "orders@example.com")


def test_a_reference_gives_the_password_back(store: SecretStore) -> None:
    reference = keep(store, "orders", "pä$$ {word}", GMAIL)

    assert reference == "secret:smtp-orders"
    assert is_reference(reference)
    assert not is_reference("pä$$ {word}")
    assert resolve(store, reference, GMAIL) == "pä$$ {word}"
    assert resolve(store, reference, replace(GMAIL, host="SMTP.Gmail.com ")) == "pä$$ {word}"


@pytest.mark.parametrize(
    "changed", [{"host": "evil.example"}, {"port": 25}, {"tls": "none"}, {"user": "x"}]
)
def test_another_connection_does_not_get_the_password(
    store: SecretStore, changed: dict[str, str | int]
) -> None:
    reference = keep(store, "orders", "hush", GMAIL)

    with pytest.raises(PasswordUnavailable, match="enter the password again") as refused:
        resolve(store, reference, replace(GMAIL, **changed))  # type: ignore[arg-type]
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "reference",
    [
        "secret:rowpost-signing-keys",
        "secret:rowpost-logins",
        "smtp-orders",
        "secret:smtp-nobody",
        "secret:smtp-",
        "secret:smtp-../x",
        "secret:secret:smtp-orders",
        "secret:",
        "",
    ],
)
def test_a_reference_leads_to_account_passwords_only(store: SecretStore, reference: str) -> None:
    keep(store, "orders", "hush", GMAIL)
    store.set("rowpost-signing-keys", "[]")

    with pytest.raises(PasswordUnavailable):
        resolve(store, reference, GMAIL)


@pytest.mark.parametrize("text", ["hush", "{}", '"hush"', '{"password": "hush"}'])
def test_a_secret_of_another_shape_is_as_good_as_none(store: SecretStore, text: str) -> None:
    store.set("smtp-orders", text)

    with pytest.raises(PasswordUnavailable) as refused:
        resolve(store, "secret:smtp-orders", GMAIL)
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_a_name_that_no_secret_can_have_is_refused(store: SecretStore) -> None:
    with pytest.raises(BadSecretName):
        keep(store, "or ders", "hush", GMAIL)


def test_a_store_that_is_away_is_not_a_missing_password(place: StorePlace) -> None:
    reference = keep(place.store(), "orders", "hush", GMAIL)
    never_asked = place.store()

    with place.away(), pytest.raises(SecretStoreUnavailable):
        resolve(never_asked, reference, GMAIL)
