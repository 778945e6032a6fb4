"""Wrong settings: one line each, which names the setting, its value and what is allowed."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from sqlalchemy import make_url

from shared.settings import Settings, WrongSettings, misspelled, read_local_settings, settings

PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    settings.cache_clear()


def lines_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        with pytest.raises(WrongSettings) as refused:
            settings()
    finally:
        settings.cache_clear()
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ROWPOST_PORT", "http", "give a whole number from 1 to 65535"),
        ("ROWPOST_PORT", "70000", "give a whole number from 1 to 65535"),
        ("ROWPOST_CATCHER_PORT", "-1", "give a whole number from 0 to 65535"),
        ("ROWPOST_RETRY_SECONDS", "soon", "give a number above 0 to 86400"),
        ("ROWPOST_KEEP_DAYS", "0", "give a number above 0 to 36500"),
        ("ROWPOST_MIGRATE", "perhaps", "give on or off"),
        ("ROWPOST_EHLO_NAME", "my machine", "give a host's name, or an address in brackets"),
        ("ROWPOST_METRICS", "all", "give token or open or off"),
        ("ROWPOST_TRUSTED_PROXIES", "10.0.0.1, proxy", "give IP addresses or networks"),
        ("PYTHON_THREADPOOL_THREAD_COUNT", "many", "give a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_value_is_one_line(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = lines_of(monkeypatch, **{name: value})

    assert line.startswith(f'{name} is "{value}": {allowed}')


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_of(monkeypatch, ROWPOST_PORT="x", ROWPOST_RESET_TTL="y")

    assert [line.split()[0] for line in lines] == ["ROWPOST_PORT", "ROWPOST_RESET_TTL"]


@pytest.mark.parametrize("written", ["on", "ON", " On ", "true", "yes", "1"])
def test_a_switch_may_be_written_in_any_way(written: str) -> None:
    assert Settings(ROWPOST_RESEND_UNKNOWN=written).resend_unknown == "on"


def test_proxies_are_addresses_and_networks() -> None:
    chosen = Settings(ROWPOST_TRUSTED_PROXIES="10.0.0.1, 2001:db8::/32")

    assert chosen.proxies == (ip_network("10.0.0.1/32"), ip_network("2001:db8::/32"))


class TestTheDatabasesAddress:
    @pytest.mark.parametrize(
        ("text", "server", "port", "database", "user", "password"),
        [
            (
                f"Server=tcp:db.example.com,1434;Initial Catalog=Mail;User ID=ann;Pwd={PASSWORD};",
                "db.example.com",
                1434,
                "Mail",
                "ann",
                PASSWORD,
            ),
            (
                'data source = . ; DATABASE = "My Mail" ; uid=ann; pwd="a;""b@c"',
                "localhost",
                1433,
                "My Mail",
                "ann",
                'a;"b@c',
            ),
            (
                "Server=db.example.com;Database=Mail;Authentication=Active Directory Default",
                "db.example.com",
                1433,
                "Mail",
                None,
                None,
            ),
            (
                f"Driver={{FreeTDS}};Server=db.example.com;Database=Mail;Uid=ann;Pwd={{{PASSWORD}}}",
                "db.example.com",
                1433,
                "Mail",
                "ann",
                PASSWORD,
            ),
        ],
    )
    def test_a_connection_string_of_ado_net_is_understood(
        self,
        text: str,
        server: str,
        port: int,
        database: str,
        user: str | None,
        password: str | None,
    ) -> None:
        address = make_url(Settings(DATABASE_URL=text).database_url or "")

        found = (address.host, address.port, address.database, address.username, address.password)
        assert found == (server, port, database, user, password)
        assert address.drivername == "mssql+pyodbc"

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (f"mssql+pyodbc://ann:{PASSWORD}@{PASSWORD}@db.example.com/Mail", "write it as %40"),
            (f"mssql+pyodbc://ann:{PASSWORD}@db.example.com:port/Mail", "give an address like"),
            (f"Server=db.example.com;Password={PASSWORD}", "names no Server or no Database"),
            (f"Server=a,{PASSWORD};Database=b", "no number"),
            (f"Server=a;{PASSWORD}", "no NAME=VALUE"),
            (PASSWORD, "give an address like"),
        ],
    )
    def test_what_is_wrong_with_it_is_told_without_any_part_of_it(
        self, text: str, told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (line,) = lines_of(monkeypatch, DATABASE_URL=text)

        assert line.startswith("DATABASE_URL cannot be used: ")
        assert told in line
        assert PASSWORD not in line

    def test_a_url_is_taken_as_it_is(self) -> None:
        url = "mssql+pyodbc://ann:p%40ss@db.example.com/Mail?Encrypt=strict"

        assert Settings(DATABASE_URL=url).database_url == url


class TestLocalSettings:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ('{\n "Values": {"A" "b"}}', "line 2, column 17"),
            ("[]", "has to hold"),
            ('{"Values": ["A"]}', "has to hold"),
            ('{"Values": {"ROWPOST_X": {"a": 1}}}', "ROWPOST_X has to be text"),
            (b"\xff\xfe\x00", "cannot be read"),
        ],
    )
    def test_a_file_that_is_wrong_is_one_line(
        self, content: str | bytes, told: str, tmp_path: Path
    ) -> None:
        written = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "local.settings.json").write_bytes(written)

        with pytest.raises(WrongSettings, match=told) as refused:
            read_local_settings(tmp_path)

        assert len(str(refused.value).splitlines()) == 1

    def test_a_byte_order_mark_does_no_harm(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ROWPOST_FROM_FILE", "is restored after the test")
        monkeypatch.delenv("ROWPOST_FROM_FILE")
        file = tmp_path / "local.settings.json"
        file.write_text('{"Values": {"ROWPOST_FROM_FILE": "1"}}', "utf-8-sig")

        read_local_settings(tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ROWPOST_PROT", "ROWPOST_PORT"),
        ("ROWPOST_ADMIN_USER", "ROWPOST_ADMIN_USERNAME"),
        ("ROWPOST_MAX_RETRYS", "ROWPOST_MAX_RETRIES"),
        ("rowpost_trusted_proxy", "ROWPOST_TRUSTED_PROXIES"),
    ],
)
def test_a_misspelled_setting_is_named_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert list(misspelled([name, "PATH"])) == [f"{name} is no setting: did you mean {meant}?"]


@pytest.mark.parametrize(
    "name",
    ["ROWPOST_PORT", "rowpost_port", "ROWPOST_URL", "ROWPOST_ALERT_EMAIL", "ROWPOST_SQL_CORES"],
)
def test_what_is_right_or_somebody_else_s_is_not(name: str) -> None:
    assert list(misspelled([name])) == []
