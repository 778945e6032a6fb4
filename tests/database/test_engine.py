from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from shared.database.database import Database
from shared.database.dialects.sqlserver.connection import find_odbc_driver
from shared.database.engine import file_url, open_engine, server_url
from shared.database.errors import DatabaseUnreachable
from tests.support.tools import free_port

MICROSOFT_18 = "ODBC Driver 18 for SQL Server"
MICROSOFT_17 = "ODBC Driver 17 for SQL Server"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(file_url(tmp_path / "deep" / "down" / "rowpost.db"))
    yield engine
    engine.dispose()


def pragma(engine: Engine, name: str) -> Any:
    with engine.connect() as connection:
        return connection.scalar(text(f"PRAGMA {name}"))


def test_sqlite_loses_no_commit_when_the_power_fails(engine: Engine) -> None:
    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "synchronous") == 2


def test_every_pooled_connection_is_as_safe(engine: Engine) -> None:
    connections = [engine.connect() for _ in range(5)]
    for connection in connections:
        with connection:
            assert connection.scalar(text("PRAGMA synchronous")) == 2


def test_the_folder_of_a_database_is_made(engine: Engine) -> None:
    assert pragma(engine, "user_version") == 0


def test_a_path_may_hold_what_an_address_may_not(tmp_path: Path) -> None:
    file = tmp_path / "50% of #1?" / "row post.db"
    engine = open_engine(file_url(file))
    with engine.connect():
        pass
    engine.dispose()

    assert file.exists()


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    database = Database(engine)
    with database.write() as writer:
        writer.execute(text("CREATE TABLE t (n INT)"))
        with database.read() as reader:
            assert reader.scalar(text("SELECT COUNT(*) FROM sqlite_master")) == 0


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    database = Database(engine)
    with database.write() as writer:
        writer.execute(text("CREATE TABLE t (n INT)"))
    with database.read() as reader:
        assert reader.scalar(text("SELECT COUNT(*) FROM t")) == 0
        with database.write() as writer:
            writer.execute(text("INSERT INTO t VALUES (1)"))
        assert reader.scalar(text("SELECT COUNT(*) FROM t")) == 0


@pytest.mark.parametrize(
    "address",
    [
        "",
        "not an address",
        "postgresql://u:pa55@h/d",
        "mssql+pymssql://u:pa55@h/d",
        "nonsense://u:pa55@h/d",
    ],
)
def test_an_address_of_something_else_is_refused_clearly(address: str) -> None:
    with pytest.raises(DatabaseUnreachable, match=r"^DATABASE_URL ") as refusal:
        open_engine(address)

    assert "pa55" not in str(refusal.value)


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:"])
def test_sqlite_needs_a_file(address: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="needs a file"):
        open_engine(address)


def test_a_database_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    engine = open_engine(file_url(tmp_path))

    with pytest.raises(DatabaseUnreachable, match="can't be opened"), Database(engine).read():
        pass


def test_a_file_that_is_no_database_is_unreachable(tmp_path: Path) -> None:
    file = tmp_path / "rowpost.db"
    file.write_text("Dear diary, " * 1000)
    engine = open_engine(file_url(file))

    with pytest.raises(DatabaseUnreachable), Database(engine).write():
        pass


def test_a_sql_server_that_is_away_is_unreachable_and_keeps_the_password_to_itself() -> None:
    """Whatever is missing here: the driver manager, the driver or the server."""

    def connect() -> None:
        address = server_url("127.0.0.1", free_port(), "mail", "robot", "pa55/w:rd@")
        engine = open_engine(address, connect_seconds=2)
        with closing(Database(engine)) as database, database.read():
            pass

    with pytest.raises(DatabaseUnreachable) as refusal:
        connect()

    assert "pa55" not in str(refusal.value)


def test_the_address_of_a_sql_server_is_encrypted_and_holds_any_password() -> None:
    address = make_url(server_url("db.example.com", 1433, "mail", "robot", "p@ss:w/rd;#%"))

    assert (address.host, address.port, address.database) == ("db.example.com", 1433, "mail")
    assert (address.username, address.password) == ("robot", "p@ss:w/rd;#%")
    assert address.query["Encrypt"] == "yes"
    assert "TrustServerCertificate" not in address.query


@pytest.mark.parametrize(
    ("installed", "best"),
    [
        ([MICROSOFT_17, "FreeTDS", MICROSOFT_18], MICROSOFT_18),
        (["FreeTDS", MICROSOFT_17], MICROSOFT_17),
        (["PostgreSQL Unicode", "FreeTDS"], "FreeTDS"),
    ],
)
def test_the_best_driver_is_found(installed: list[str], best: str) -> None:
    assert find_odbc_driver(installed) == best


@pytest.mark.parametrize(
    ("machine", "folder"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")]
)
def test_the_driver_that_a_python_package_brought_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, folder: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    driver = f"libs/linux/debian_ubuntu/{folder}/lib/libmsodbcsql-18.so"
    install_package(
        tmp_path,
        f"libs/linux/debian_ubuntu/{folder}/lib/libodbcinst.so.2",
        "libs/linux/debian_ubuntu/another_machine/lib/libmsodbcsql-18.so",
        driver,
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert find_odbc_driver(["PostgreSQL Unicode"]) == str(tmp_path / driver)


def test_without_a_driver_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_package(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(DatabaseUnreachable, match=rf"{MICROSOFT_18}.*mssql-python-odbc"):
        find_odbc_driver(["PostgreSQL Unicode"])


def install_package(folder: Path, *files: str) -> None:
    """The package that brings a driver, as pip leaves it; it hides one that is really there."""
    information = folder / "mssql_python_odbc-18.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: mssql-python-odbc\nVersion: 18.0\n")
    (information / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
