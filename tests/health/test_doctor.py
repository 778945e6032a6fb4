"""Doctor: whatever keeps emails from being sent, it finds, and says what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from shared.app import Application, utc_now
from shared.database.adoption.rules import Finding, Level
from shared.monitoring.diagnosis import diagnose
from shared.scheduling import service_state
from shared.settings import Settings
from tests.support.command_line import Rowpost
from tests.support.emails import waiting_email
from tests.support.key_vault import ADDRESS as VAULT
from tests.support.key_vault import KeyVault, vault_store
from tests.support.odbc_stand_in import ADDRESS, Rows, Server, odbc_error
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer
from tests.support.tools import free_port

Make = Callable[..., Application]


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Make]:
    """`application(clock=None, **settings)` over the data folder `tmp_path`."""
    made: list[Application] = []

    def make(clock: Callable[[], datetime] = utc_now, **settings: Any) -> Application:
        made.append(Application(Settings(ROWPOST_DATA=tmp_path, **settings), clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


def found(application: Application) -> dict[str, Finding]:
    return {finding.code: finding for finding in diagnose(application).findings}


def told(application: Application) -> dict[str, Finding]:
    """What is not fine."""
    return {code: one for code, one in found(application).items() if one.level is not Level.FINE}


def test_a_service_that_works_is_told_to_be_fine(
    application: Make, smtp_server: Callable[..., SmtpServer]
) -> None:
    here = application()
    assert told(here) == {}
    assert not (here.settings.data / "rowpost.db").exists()
    Queue(here).account(smtp_server())

    assert told(here) == {}
    assert {"disk", "secret_store", "driver", "clock", "accounts"} <= found(here).keys()


def test_a_driver_that_is_missing(application: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    driver = told(application(DATABASE_URL=ADDRESS))["driver"]
    assert driver.level is Level.REFUSED
    assert "install unixODBC" in driver.message

    class WithoutDrivers(ModuleType):
        @staticmethod
        def drivers() -> list[str]:
            return []

    monkeypatch.setitem(sys.modules, "pyodbc", WithoutDrivers("pyodbc"))
    driver = told(application(DATABASE_URL=ADDRESS))["driver"]
    assert "ODBC Driver 18 for SQL Server" in driver.message


def test_a_wrong_password(
    application: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise odbc_error("28000", "Login failed for user 'user'.", 18456, "SQLDriverConnect")

    monkeypatch.setattr(sys.modules["pyodbc"], "connect", refuse)

    database = told(application(DATABASE_URL=ADDRESS))["database"]

    assert database.level is Level.REFUSED
    assert "check user and password" in database.message
    assert "secret" not in database.message


@pytest.mark.parametrize(("minutes", "word"), [(10, "ahead of"), (-10, "behind")])
def test_a_clock_that_is_off_by_ten_minutes(application: Make, minutes: int, word: str) -> None:
    application().database()
    clock = told(application(lambda: datetime.now(UTC) + timedelta(minutes=minutes)))["clock"]

    assert clock.level is Level.REFUSED
    assert f"10 minutes {word} the database's" in clock.message


def test_a_clock_that_was_wrong_and_is_right_again(application: Make) -> None:
    here = application()
    here.database().run(service_state.record_tick)
    before = application(lambda: datetime.now(UTC) - timedelta(hours=2))

    assert "in the future" in told(before)["clock_set_back"].message


def test_a_vault_that_refuses(application: Make, key_vault: KeyVault) -> None:
    here = application(KEY_VAULT_URI=VAULT)
    here._secrets = vault_store()
    with key_vault.refusing(403):
        findings = told(here)

    assert findings["secret_store"].level is Level.REFUSED
    assert "Key Vault Secrets Officer" in findings["secret_store"].message
    assert "secret store" in findings["database"].message


def test_storage_that_is_away(application: Make) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/devstoreaccount1"
    storage = f"AccountName=devstoreaccount1;AccountKey=a2V5;QueueEndpoint={endpoint}"

    away = told(application(AzureWebJobsStorage=f"{storage};BlobEndpoint={endpoint}"))["storage"]
    nonsense = told(application(AzureWebJobsStorage="nonsense"))["storage"]

    assert away.level is nonsense.level is Level.REFUSED
    assert "does not answer" in away.message
    assert "AzureWebJobsStorage" in nonsense.message


def test_a_code_in_rows_that_no_account_has(
    application: Make, smtp_server: Callable[..., SmtpServer]
) -> None:
    here = application()
    Queue(here).account(smtp_server(), ParamCode="ORDERS")
    for code in ("ODERS", "ODERS", "orders ", None):
        waiting_email(here.database(), dd_EmailParamCode=code)

    message = told(here)["unknown_code"].message

    assert "2 emails can't be sent: no active account has the code 'ODERS'" in message
    assert "mean 'ORDERS'?" in message


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk(application: Make, monkeypatch: pytest.MonkeyPatch, rowpost: Rowpost) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 2**20, 2**20))
    here = application()

    disk = told(here)["disk"]
    assert disk.level is Level.REFUSED
    assert "nearly full (1 MB left)" in disk.message
    assert any("nearly full" in problem for problem in here.health.check().problems)

    doctor = rowpost("doctor")
    assert doctor.returncode == 1
    assert "refused  disk: " in doctor.stdout


def test_readers_that_wait_for_writers(application: Make, server: Server) -> None:
    options = ("is_read_committed_snapshot_on", "delayed_durability_desc")
    server.answer("sys.databases", Rows(options, ((False, "DISABLED"),)))
    may = ("unmask", "definitions", "user_options", "offset_minutes")
    server.answer("HAS_PERMS_BY_NAME", Rows(may, ((1, 1, 0, 0),)))
    server.answer(r"OBJECT_ID\(N'dbo.Rowpost_Emails'", Rows(("",), ((None,),)))
    server.answer("Rowpost_Migrations", Rows(("",), ((None,),)))
    server.answer("EngineEdition", Rows(("step_name",)))
    server.answer("SYSUTCDATETIME", Rows(("",), ((datetime.now(UTC).replace(tzinfo=None),),)))

    snapshot = told(application(DATABASE_URL=ADDRESS))["snapshot_off"]

    assert snapshot.statement is not None
    assert "READ_COMMITTED_SNAPSHOT ON" in snapshot.statement


def test_accounts_that_cannot_send_and_a_service_that_is_stopped(
    application: Make, smtp_server: Callable[..., SmtpServer]
) -> None:
    here = application()
    database = here.database()
    database.run(lambda connection: service_state.stop(connection, "olga"))
    assert {"accounts", "stopped"} <= told(here).keys()

    Queue(here).account(smtp_server(), ParamCode="SHOP", SMTPServer="")
    assert "SHOP is unusable" in told(here)["account"].message


def test_an_index_of_ours_that_somebody_has_dropped(application: Make) -> None:
    here = application()
    with here.database().write() as connection:
        ours = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'IX_Rowpost%'"
        name = connection.exec_driver_sql(ours).scalar()
        connection.exec_driver_sql(f"DROP INDEX {name}")

    assert str(name) in told(here)["dropped"].message


def test_a_database_file_that_is_damaged_is_told_to_be_so(application: Make) -> None:
    here = application()
    (here.settings.data / "rowpost.db").write_bytes(b"this is no database " * 1000)

    assert "damaged" in told(here)["database"].message
    problem = here.health.check().database_problem
    assert problem is not None
    assert "damaged" in problem
    assert "firewall" not in problem
