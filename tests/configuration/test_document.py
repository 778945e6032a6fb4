"""The configuration document: the contract's names, its limits, and its schedule."""

from __future__ import annotations

import json
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from shared.configuration.document import Configuration, DatabaseAddress, EmailSchedule
from shared.scheduling.schedule import EVERY_DAY, Schedule

ADDRESS: dict[str, Any] = {
    "server": "db.example.net",
    "port": "1433",
    "user": "mail",
    "password": "hush",
    "database": "orders",
}
CONTRACT = {
    "startTime": "09:00",
    "endTime": "18:00",
    "interval": 30,
    "intervalUnit": "minutes",
    "dbRequestTimeout": 30000,
    "dbConnectionTimeout": 20000,
    "timeZone": "America/New_York",
    "days": ["fri", "mon", "mon"],
}


def test_without_a_word_emails_go_always() -> None:
    default = Configuration()

    assert default.version == 0
    assert default.database is None
    assert default.email.to_schedule() == Schedule(
        time(0), time(0), timedelta(minutes=1), ZoneInfo("UTC"), EVERY_DAY
    )
    assert default.email.db_request_timeout == default.email.db_connection_timeout == 30_000


def test_the_contract_s_json_becomes_a_schedule_and_the_same_json_again() -> None:
    email = EmailSchedule.model_validate(CONTRACT)

    assert email.to_schedule() == Schedule(
        time(9), time(18), timedelta(minutes=30), ZoneInfo("America/New_York"), frozenset({0, 4})
    )
    assert email.model_dump(mode="json") == {**CONTRACT, "days": ["mon", "fri"]}


@pytest.mark.parametrize(
    ("start", "end"), [("00:00", "24:00"), ("00:00", "00:00"), ("09:00", "09:00")]
)
def test_all_day_can_be_said_in_more_than_one_way(start: str, end: str) -> None:
    schedule = EmailSchedule(start_time=start, end_time=end).to_schedule()

    assert schedule.start == schedule.end


def test_a_window_may_end_at_24_00() -> None:
    schedule = EmailSchedule(start_time="18:00", end_time="24:00").to_schedule()

    assert (schedule.start, schedule.end) == (time(18), time(0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("startTime", "24:00"),
        ("startTime", "9:00"),
        ("startTime", "09:60"),
        ("endTime", "24:01"),
        ("endTime", "18:00:00"),
        ("interval", 0),
        ("interval", 1441),
        ("interval", "30"),
        ("interval", True),
        ("interval", 1.5),
        ("intervalUnit", "days"),
        ("timeZone", "Mars/Olympus"),
        ("timeZone", "../../etc/passwd"),
        ("timeZone", "America"),
        ("timeZone", ""),
        ("timeZone", "x" * 5000),
        ("timeZone", "a\x00b"),
        ("days", []),
        ("days", ["monday"]),
        ("dbRequestTimeout", 999),
        ("dbConnectionTimeout", 600001),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        EmailSchedule.model_validate({**CONTRACT, field: value})

    assert {error["loc"][0] for error in refused.value.errors()} == {field}


def test_an_interval_may_be_24_hours_and_not_25() -> None:
    assert EmailSchedule(interval=24, interval_unit="hours").interval == 24
    with pytest.raises(ValidationError, match="24 hours"):
        EmailSchedule(interval=25, interval_unit="hours")


def test_a_database_address_takes_its_port_as_text_and_blanks_as_nothing() -> None:
    address = DatabaseAddress.model_validate({**ADDRESS, "user": "", "password": ""})

    assert (address.port, address.user, address.password) == (1433, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("server", " "), ("server", "a\nb"), ("database", ""), ("port", 0), ("port", "x")],
)
def test_a_database_address_that_leads_nowhere_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        DatabaseAddress.model_validate({**ADDRESS, field: value})


def test_only_the_secret_store_s_text_has_the_password() -> None:
    configuration = Configuration(database=DatabaseAddress.model_validate(ADDRESS))

    for shown in (
        repr(configuration),
        str(configuration.model_dump(mode="json")),
        configuration.model_dump_json(),
    ):
        assert "hush" not in shown
    assert Configuration.from_secret(configuration.to_secret()) == configuration
    assert json.loads(configuration.to_secret())["database"]["password"] == "hush"


def test_a_saved_default_schedule_differs_from_one_that_nobody_saved() -> None:
    untouched = Configuration(version=3)
    saved = untouched.model_copy(update={"email": EmailSchedule()})

    assert not Configuration.from_secret(untouched.to_secret()).has_email
    assert Configuration.from_secret(saved.to_secret()).has_email


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"version": -1}'])
def test_a_text_that_is_no_document_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        Configuration.from_secret(text)
