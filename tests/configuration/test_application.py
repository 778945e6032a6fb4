"""Which store an application keeps its secrets in, and whom it lets in first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.app import Application
from shared.configuration.encrypted_file import EncryptedFileSecretStore
from shared.configuration.key_vault import KeyVaultSecretStore
from shared.security.logins import FIRST_PASSWORD_SECRET
from shared.settings import Settings
from tests.support.key_vault import KeyVault

Start = Callable[..., Application]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(**settings)`: the parts of a process that has just started."""
    started: list[Application] = []

    def start(**settings: str) -> Application:
        application = Application(Settings.model_validate({"ROWPOST_DATA": tmp_path, **settings}))
        started.append(application)
        return application

    yield start
    for application in started:
        application.close()


def test_a_vault_is_used_where_one_is_named(key_vault: KeyVault, start: Start) -> None:
    assert isinstance(start().secrets, KeyVaultSecretStore)


def test_without_a_vault_it_is_the_file_in_the_data_folder(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY_VAULT_URI", raising=False)

    assert isinstance(start().secrets, EncryptedFileSecretStore)


def test_the_first_admins_password_is_the_vaults_until_it_is_changed(
    key_vault: KeyVault, start: Start
) -> None:
    key_vault.put(FIRST_PASSWORD_SECRET, "from the vault\n")

    first = start().logins
    assert first.check("admin", "from the vault")
    first.change("admin", "changed later")
    assert start().logins.check("admin", "changed later")

    key_vault.put(FIRST_PASSWORD_SECRET, "given anew")
    assert start().logins.check("admin", "given anew")


def test_a_first_password_that_is_no_longer_there_is_not_missed(
    key_vault: KeyVault, start: Start
) -> None:
    key_vault.put(FIRST_PASSWORD_SECRET, "from the vault")
    assert start().logins.check("admin", "from the vault")

    key_vault.disabled.add(FIRST_PASSWORD_SECRET)
    assert start().logins.check("admin", "from the vault")
    key_vault.disabled.clear()
    del key_vault.secrets[FIRST_PASSWORD_SECRET]
    assert start().logins.check("admin", "from the vault")
