"""The app runs with the settings that the Bicep sets, and no others.

Its identity, vault and storage answer under their own names (tests/infra/azure.py). The database
is the exception: no SQL Server is at hand, so a SQLite file takes its place.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from azure.keyvault.secrets import SecretClient
from sqlalchemy import make_url

from infra.postprovision import CannotPrepare, put_first_password
from shared.accounts.directory import ensure_catcher
from shared.configuration.key_vault import KeyVaultSecretStore
from shared.database.database import Database
from shared.database.dialects.sqlserver.entra import asks_for_token
from shared.database.dialects.sqlserver.odbc import connection_string
from shared.database.engine import file_url, open_engine
from shared.security.logins import FIRST_ADMIN, FIRST_PASSWORD_SECRET
from standalone.catcher import Catcher
from tests.infra import checks
from tests.infra.azure import CLIENT_ID, STORAGE_ACCOUNT, Azure, azure
from tests.infra.bicep import Bicep, text
from tests.infra.image import Image
from tests.support import key_vault
from tests.support.key_vault import KeyVault, StaticCredential
from tests.support.standalone import Standalone, wait_until
from tests.support.tools import ROOT, free_port

APP = Bicep.read(ROOT / "infra" / "modules" / "app.bicep")
TELEMETRY_NOWHERE = "InstrumentationKey=00000000-0000-0000-0000-000000000000"
OF_THE_DEPLOYMENT = {
    "storageAccountName": STORAGE_ACCOUNT,
    "identityClientId": CLIENT_ID,
    "vaultUri": key_vault.ADDRESS,
    "sqlServer": "sql-rowpost.database.windows.net",
    "sqlDatabase": "rowpost",
    "string(httpConcurrency)": "16",
    "insights.properties.ConnectionString": TELEMETRY_NOWHERE,
}

_INTERPOLATED = re.compile(r"\$\{([^}]+)\}")


def bicep_settings() -> dict[str, str]:
    """The app's settings as a deployment would have them."""
    found = {}
    for name, node in checks.app_settings(APP).items():
        written = text(node)
        if node.type == "string":
            parts = _INTERPOLATED.sub(lambda part: OF_THE_DEPLOYMENT[part[1]], written[1:-1])
            found[name] = parts
        else:
            found[name] = OF_THE_DEPLOYMENT[written]
    return found


def test_the_database_is_opened_with_the_identity_and_encrypted() -> None:
    address = make_url(bicep_settings()["DATABASE_URL"])
    assert asks_for_token(address)
    assert address.username == CLIENT_ID

    said = connection_string(address, "ODBC Driver 18 for SQL Server", by_token=True)

    assert "server={sql-rowpost.database.windows.net,1433}" in said.lower()
    assert "encrypt={yes}" in said.lower()
    assert "trust" not in said.lower()
    assert CLIENT_ID not in said


@dataclass(frozen=True)
class Deployed:
    service: Standalone
    azure: Azure
    catcher: Catcher

    def admin(self) -> str:
        """A token, by the password that the deployment has put into the vault."""
        password = self.azure.vault.value(FIRST_PASSWORD_SECRET)
        answer = self.service.post(
            "/api/authenticate", {"username": FIRST_ADMIN, "password": password}
        )
        assert answer.status == 200, (answer, self.service.written())
        return str(answer.json["token"])


@pytest.fixture
def deployed(tmp_path: Path, migrated_file: Path) -> Iterator[Deployed]:
    folder = tmp_path
    data = folder / "data"
    data.mkdir()
    database = Path(shutil.copy(migrated_file, folder / "rowpost.db"))
    catcher = Catcher(data / "mail", 0)
    catcher.start()
    with closing(Database(open_engine(file_url(database)))) as opened:
        opened.run(partial(ensure_catcher, port=catcher.port))
    with azure(folder) as here, pytest.MonkeyPatch.context() as patch:
        for name, value in here.vault.environment().items():
            patch.setenv(name, value)
        with SecretClient(key_vault.ADDRESS, StaticCredential()) as client:
            assert put_first_password(client)
        settings = {**bicep_settings(), "DATABASE_URL": file_url(database)}
        # Where this machine differs from Azure's: a free port, and no mail server of its own.
        local = {"ROWPOST_PORT": str(free_port()), "ROWPOST_CATCHER_PORT": "off"}
        service = _start(folder, {**here.environment(), **settings, **local})
        try:
            wait_until(lambda: _answers(service), 60, "the service")
            yield Deployed(service, here, catcher)
        finally:
            service.kill()
            catcher.stop()


def _start(folder: Path, environment: dict[str, str]) -> Standalone:
    output = folder / "standalone.log"
    work = folder / "app"
    work.mkdir()
    Image.read().lay_out(work)
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "standalone"],
            cwd=work,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return Standalone(folder / "data", environment, process, output)


def _files_are_kept(service: Standalone) -> str:
    """What another process with the same settings reads back from the attachment store."""
    there_and_back = """
from datetime import UTC, datetime
from shared.attachments.blobs import BlobStore
from shared.attachments.names import new_key
from shared.settings import settings

store, key = BlobStore(settings()), new_key("invoice.pdf", datetime.now(UTC))
store.check()
store.write(key, [b"kept"])
print(b"".join(store.read(key)).decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", there_and_back],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **service.settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _answers(service: Standalone) -> bool:
    assert service.process.poll() is None, service.written()
    try:
        return service.get("/health").status == 200
    except OSError:
        return False


def test_the_app_sends_and_keeps_nothing_secret_on_its_instance(deployed: Deployed) -> None:
    admin = deployed.admin()

    health = deployed.service.get("/api/health", token=admin).json
    assert health["secretStore"] == {"kind": "Key Vault", "problem": None}
    assert health["storage"] == {"kind": "Azure Storage", "problem": None}
    assert health["database"]["source"] == "DATABASE_URL"

    stored = deployed.service.post(
        "/api/emails",
        {"subject": "From Azure", "recipients": ["ann@example.com"], "text_content": "Hi Ann"},
        token=admin,
    )
    assert stored.status == 202, stored
    (email,) = deployed.service.wait_for_mail(1)
    assert email["Subject"] == "From Azure"
    assert f"{STORAGE_ACCOUNT}.queue.core.windows.net" in deployed.azure.reached

    assert _files_are_kept(deployed.service) == "kept"
    assert f"{STORAGE_ACCOUNT}.blob.core.windows.net" in deployed.azure.reached

    assert deployed.azure.identities == {CLIENT_ID}, "all tokens are those of the one identity"
    assert all(name.endswith((".azure.net", ".windows.net")) for name in deployed.azure.reached)
    assert not list(deployed.service.folder.parent.rglob("secrets"))
    assert deployed.azure.vault.value(FIRST_PASSWORD_SECRET) not in deployed.service.written()
    assert "First login" not in deployed.service.written()


def _client(vault: KeyVault) -> SecretClient:
    return SecretClient(key_vault.ADDRESS, StaticCredential(), retry_total=0)


def test_a_second_deployment_leaves_the_first_password_as_it_is(key_vault: KeyVault) -> None:
    assert put_first_password(_client(key_vault))
    password = key_vault.value(FIRST_PASSWORD_SECRET)

    assert not put_first_password(_client(key_vault))

    assert key_vault.value(FIRST_PASSWORD_SECRET) == password


@pytest.mark.parametrize("what", ["disabled", "deleted"])
def test_a_first_password_that_somebody_has_put_away_is_not_made_anew(
    key_vault: KeyVault, what: str
) -> None:
    put_first_password(_client(key_vault))
    if what == "disabled":
        key_vault.disabled.add(FIRST_PASSWORD_SECRET)
    else:
        KeyVaultSecretStore(_client(key_vault).vault_url, StaticCredential()).delete(
            FIRST_PASSWORD_SECRET
        )

    assert not put_first_password(_client(key_vault))

    assert what == "disabled" or FIRST_PASSWORD_SECRET not in key_vault.secrets


@pytest.mark.parametrize("reason", ["ForbiddenByConnection", "ForbiddenByFirewall"])
def test_a_vault_in_a_private_network_is_not_waited_for_from_outside(
    key_vault: KeyVault, reason: str
) -> None:
    waits: list[float] = []

    with (
        key_vault.refusing(403, "Forbidden", reason),
        pytest.raises(CannotPrepare, match="on a machine inside of it"),
    ):
        put_first_password(_client(key_vault), waits.append)

    assert waits == []


def test_a_role_that_has_just_been_given_is_waited_for(key_vault: KeyVault) -> None:
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            key_vault.refusal = None

    with key_vault.refusing(403):
        assert put_first_password(_client(key_vault), pause)

    assert len(waits) == 3
