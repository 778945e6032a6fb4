"""The key vault: soft delete, other writers, outages, refusals, and what is said of them."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from shared.accounts.credentials import passwords
from shared.accounts.credentials.passwords import Binding
from shared.api.errors import as_api_error
from shared.configuration.key_vault import (
    LONGEST_VALUE_BYTES,
    RECENT_SECONDS,
    BadVaultAddress,
    KeyVaultSecretStore,
)
from shared.configuration.live import LiveConfiguration
from shared.configuration.secret_store import (
    SecretDisabled,
    SecretStoreUnavailable,
    SecretTooLarge,
)
from tests.support.configuration import Clock
from tests.support.key_vault import ADDRESS, NAME, TOKEN, KeyVault, StaticCredential, vault_store
from tests.support.smtp import make_tls_files

Outage = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def store(key_vault: KeyVault) -> KeyVaultSecretStore:
    return vault_store()


class TestWriting:
    def test_a_deleted_name_is_recovered_and_waited_for(self, key_vault: KeyVault) -> None:
        waits: list[float] = []
        store = vault_store(pause=waits.append)
        store.set("a", "old")
        store.delete("a")
        key_vault.recovery_takes = 2
        key_vault.asked.clear()

        assert store.set("a", "new") == store.get("a")

        recoveries = [each for each in key_vault.asked if each.startswith("POST")]
        assert recoveries == ["POST /deletedsecrets/a/recover"]
        assert len(waits) == 3
        assert [version.value for version in key_vault.secrets["a"]] == ["old", "new"]

    def test_a_recovery_is_not_waited_for_without_end(self, key_vault: KeyVault) -> None:
        waits: list[float] = []
        store = vault_store(pause=waits.append)
        store.set("a", "old")
        store.delete("a")
        key_vault.recovery_takes = 1_000

        with pytest.raises(SecretStoreUnavailable, match="try again in a minute"):
            store.set("a", "new")

        assert 10 < sum(waits) < 60
        assert store.problem() is None

    def test_a_value_of_25_000_bytes_fits_and_no_longer_one(
        self, key_vault: KeyVault, store: KeyVaultSecretStore
    ) -> None:
        whole = "ü" * (LONGEST_VALUE_BYTES // 2)

        store.set("a", whole)
        with pytest.raises(SecretTooLarge, match="25000 bytes"):
            store.set("a", whole + "x")
        with pytest.raises(SecretTooLarge) as refused:
            store.update("a", lambda present: f"{present}x")

        assert as_api_error(refused.value).status == 422
        assert key_vault.value("a") == whole

    def test_a_change_that_somebody_has_written_over_is_made_once_more(
        self, key_vault: KeyVault
    ) -> None:
        def intrude(_: float) -> None:
            if key_vault.value("n") == "old+ours":
                key_vault.put("n", "old+theirs")

        store = vault_store(pause=intrude)
        store.set("n", "old")

        updated = store.update("n", lambda present: f"{present}+ours")

        assert updated.value == key_vault.value("n") == "old+theirs+ours"

    def test_a_change_that_somebody_has_built_upon_is_made_once_only(
        self, key_vault: KeyVault
    ) -> None:
        elsewhere = vault_store()

        def build_upon(_: float) -> None:
            for number in range(3):
                elsewhere.update("n", lambda present, more=number: f"{present}+{more}")  # type: ignore[misc]

        store = vault_store(pause=build_upon)
        store.set("n", "old")

        store.update("n", lambda present: f"{present}+ours")

        assert key_vault.value("n") == "old+ours+0+1+2"

    def test_who_never_gets_a_word_in_says_so(self, key_vault: KeyVault) -> None:
        store = vault_store(pause=lambda _: key_vault.put("n", "theirs") and None)

        with pytest.raises(SecretStoreUnavailable, match="Several instances"):
            store.update("n", lambda present: f"{present}+ours")

    def test_instances_that_start_at_once_end_up_with_the_same_value(
        self, key_vault: KeyVault
    ) -> None:
        def meanwhile(_: float) -> None:
            if len(key_vault.secrets["ring"]) == 1:
                key_vault.put("ring", "theirs")

        store = vault_store(pause=meanwhile)

        assert store.update("ring", lambda present: present or "ours").value == "theirs"

    def test_a_write_that_cannot_be_looked_at_again_counts(self, key_vault: KeyVault) -> None:
        store = vault_store(pause=lambda _: key_vault.stop())

        assert store.update("a", lambda _: "x").value == "x"
        assert key_vault.value("a") == "x"


class TestReading:
    def test_more_names_than_a_page_holds_are_listed(
        self, key_vault: KeyVault, store: KeyVaultSecretStore
    ) -> None:
        for number in range(60):
            key_vault.put(f"smtp-{number:02}", "x")
        key_vault.put("other", "x")

        assert store.names("smtp-") == [f"smtp-{number:02}" for number in range(60)]

    def test_what_is_looked_at_all_the_time_is_asked_for_every_30_seconds(
        self, key_vault: KeyVault, clock: Clock
    ) -> None:
        store = vault_store(clock=clock)
        key_vault.put("a", "old")

        def recent() -> str:
            secret = store.recent("a")
            assert secret
            return secret.value

        assert recent() == "old"
        key_vault.put("a", "new")
        key_vault.asked.clear()

        clock.advance(RECENT_SECONDS - 0.1)
        assert [recent() for _ in range(10)] == ["old"] * 10
        assert key_vault.asked == []
        clock.advance(0.1)
        assert [recent() for _ in range(10)] == ["new"] * 10
        assert len(key_vault.asked) == 1

    def test_a_name_without_a_secret_is_not_asked_for_each_time_either(
        self, key_vault: KeyVault, store: KeyVaultSecretStore
    ) -> None:
        assert [store.recent("a") for _ in range(10)] == [None] * 10
        assert len(key_vault.asked) == 1

    def test_what_is_remembered_is_bounded(
        self, key_vault: KeyVault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.configuration.key_vault._NAMES_REMEMBERED", 2)
        store = vault_store()
        for name in ("a", "b", "c"):
            store.set(name, "x")

        with key_vault.away():
            assert store.recent("b")
            assert store.recent("c")
        key_vault.asked.clear()
        assert store.recent("a")
        assert key_vault.asked == ["GET /secrets/a/"]


class TestOutages:
    @pytest.fixture(params=["away", "throttled", "broken", "no role", "moved house"])
    def outage(self, request: pytest.FixtureRequest, key_vault: KeyVault) -> Outage:
        return {
            "away": key_vault.away,
            "throttled": lambda: key_vault.refusing(429, "Throttled", Retry_After="2"),
            "broken": lambda: key_vault.refusing(500, "InternalError"),
            "no role": lambda: key_vault.refusing(403, "Forbidden", "ForbiddenByRbac"),
            "moved house": lambda: key_vault.refusing(418, "Teapot"),
        }[request.param]

    def test_what_was_read_goes_on_working_and_the_store_says_what_is_wrong(
        self, key_vault: KeyVault, clock: Clock, outage: Outage
    ) -> None:
        store = vault_store(clock=clock)
        configuration = LiveConfiguration(store, clock=clock)
        binding = Binding("smtp.example.com", 587, "starttls", "orders")
        reference = passwords.keep(store, "orders", "hush", binding)
        known = configuration.current()
        assert store.problem() is None

        with outage():
            clock.advance(3600)
            assert configuration.current() == known
            assert passwords.resolve(store, reference, binding) == "hush"
            problem = store.problem()

        assert problem
        assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", problem)
        assert NAME not in problem
        clock.advance(3600)
        assert passwords.resolve(store, reference, binding) == "hush"
        assert store.problem() is None

    def test_a_problem_lasts_since_it_began(self, key_vault: KeyVault) -> None:
        store = vault_store()

        def fails() -> str:
            with pytest.raises(SecretStoreUnavailable):
                store.get("a")
            problem = store.problem()
            assert problem
            return problem.partition("since")[2]

        with key_vault.refusing(500):
            first = fails()
            time.sleep(1.01)
            second = fails()

        assert first == second

    def test_a_silent_vault_keeps_one_request_waiting_and_nobody_for_long(
        self, key_vault: KeyVault
    ) -> None:
        store = vault_store(rest_seconds=5.0)
        known = store.set("a", "x")

        with key_vault.hanging():
            began = time.monotonic()
            with pytest.raises(SecretStoreUnavailable, match="does not answer in time"):
                store.get("a")
            first = time.monotonic() - began
            for _ in range(20):
                with pytest.raises(SecretStoreUnavailable, match="does not answer in time"):
                    store.set("b", "y")
            assert store.recent("a") == known
            rest = time.monotonic() - began - first

        assert first < 20
        assert rest < 20  # Of 60, if each were kept waiting.

    def test_a_throttling_vault_is_left_alone_as_long_as_it_wants(
        self, key_vault: KeyVault, clock: Clock
    ) -> None:
        store = vault_store(clock=clock)
        throttled = key_vault.refusing(429, "Throttled", Retry_After="7")
        with throttled, pytest.raises(SecretStoreUnavailable, match="asked too often"):
            store.get("a")
        key_vault.asked.clear()

        clock.advance(6.9)
        with pytest.raises(SecretStoreUnavailable, match="asked too often"):
            store.get("a")
        assert key_vault.asked == []
        clock.advance(0.1)
        assert store.get("a") is None

    def test_a_connection_that_broke_meanwhile_is_made_anew(
        self, key_vault: KeyVault, store: KeyVaultSecretStore
    ) -> None:
        store.set("a", "x")
        key_vault.stop()
        key_vault.start()

        assert store.get("a")


class TestRefusals:
    @pytest.mark.parametrize(
        ("inner", "told"),
        [
            ("ForbiddenByRbac", "Key Vault Secrets Officer"),
            ("AccessDenied", "Key Vault Secrets Officer"),
            (None, "Key Vault Secrets Officer"),
            ("ForbiddenByFirewall", "network rules"),
            ("ForbiddenByConnection", "network rules"),
        ],
    )
    def test_a_refusal_says_what_is_missing_and_nothing_of_the_vaults_own_words(
        self, key_vault: KeyVault, store: KeyVaultSecretStore, inner: str | None, told: str
    ) -> None:
        forbidden = key_vault.refusing(403, "Forbidden", inner)
        with forbidden, pytest.raises(SecretStoreUnavailable, match=told) as refused:
            store.set("a", "hush")

        error: BaseException = refused.value
        assert error.__cause__ is error.__context__ is None
        assert not re.search(r"hush|appid|vault\.azure\.net", str(error))

    def test_a_disabled_secret_is_no_trouble_of_the_vault(
        self, key_vault: KeyVault, store: KeyVaultSecretStore
    ) -> None:
        key_vault.put("a", "x")
        key_vault.disabled.add("a")

        with pytest.raises(SecretDisabled, match="enable it"):
            store.get("a")
        assert store.problem() is None

    def test_an_identity_that_the_vault_does_not_know_is_told_so(self, key_vault: KeyVault) -> None:
        store = KeyVaultSecretStore(ADDRESS, StaticCredential("another's"))

        with pytest.raises(SecretStoreUnavailable, match="managed identity"):
            store.get("a")

    def test_a_stranger_without_the_right_certificate_is_told_nothing(
        self, key_vault: KeyVault
    ) -> None:
        store = KeyVaultSecretStore("https://vault.example.com", StaticCredential())

        with pytest.raises(SecretStoreUnavailable, match="can't be reached"):
            store.set("a", "hush")
        assert key_vault.asked == []
        assert key_vault.unauthorized == []

    def test_another_service_that_asks_for_the_vaults_token_does_not_get_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = KeyVault(make_tls_files(tmp_path, "vault.example.com"))
        other.start()
        for name, value in other.environment().items():
            monkeypatch.setenv(name, value)
        store = KeyVaultSecretStore("https://vault.example.com", StaticCredential())

        with pytest.raises(SecretStoreUnavailable, match="no key vault"):
            store.set("a", "hush")
        other.stop()

        assert other.asked == []
        assert other.unauthorized == [b""]

    @pytest.mark.parametrize(
        "address", ["", "http://rowpost.vault.azure.net", "rowpost", "https://a/secrets/b", "ftp:"]
    )
    def test_what_is_no_vaults_address_is_refused(self, address: str) -> None:
        with pytest.raises(BadVaultAddress, match="KEY_VAULT_URI"):
            KeyVaultSecretStore(address, StaticCredential())


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_no_log_holds_a_secret_whatever_its_level(
    key_vault: KeyVault, everything_logged: pytest.LogCaptureFixture
) -> None:
    store = vault_store()

    store.set("a", "hush-hush")
    store.update("a", lambda present: f"{present}!")
    store.get("a")
    store.delete("a")
    store.set("a", "hush-hush")
    with key_vault.refusing(400, "BadParameter"), pytest.raises(SecretStoreUnavailable):
        store.set("a", "hush-hush")

    assert "/secrets/a" in everything_logged.text
    assert "hush" not in everything_logged.text
    assert TOKEN not in everything_logged.text
