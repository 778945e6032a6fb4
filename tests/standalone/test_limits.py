"""Limits and lock-out over two processes with one database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.standalone import PASSWORD, USERNAME, Answer, Launch, Standalone, wait_until

FAILURES = 5


@pytest.fixture
def both(standalone: Launch) -> tuple[Standalone, Standalone]:
    """Two services on one data folder."""
    limits = {"ROWPOST_REQUEST_LIMITS": "on", "ROWPOST_ANONYMOUS_REQUESTS": "60"}
    return standalone(**limits), standalone(**limits, ROWPOST_CATCHER_PORT="off")


def guess(service: Standalone, password: str = "wrong") -> Answer:
    return service.post("/api/authenticate", {"username": USERNAME, "password": password})


def test_wrong_passwords_lock_a_user_out_of_both(both: tuple[Standalone, Standalone]) -> None:
    first, second = both
    assert [guess(first).status for _ in range(3)] == [401] * 3
    assert [guess(second).status for _ in range(2)] == [401] * 2

    for service in both:
        refused = guess(service, PASSWORD)
        assert (refused.status, refused.json["code"]) == (429, "locked_out")
        assert 800 < int(refused.headers["retry-after"]) <= 900
        assert refused.json["requestId"] == refused.headers["x-request-id"]


def test_requests_to_one_count_on_the_other_and_health_is_free(
    both: tuple[Standalone, Standalone],
) -> None:
    first, second = both
    wait_until(
        lambda: first.get("/api/check-email-config").status == 429, 10, "the limit of 60 a minute"
    )
    wait_until(
        lambda: second.get("/api/check-email-config").status == 429, 10, "the other to know it"
    )

    assert {service.get("/health").status for service in both for _ in range(50)} == {200}


def test_lockout_and_limits_hold_while_no_database_is_there(
    standalone: Launch, tmp_path: Path
) -> None:
    service = standalone(ROWPOST_REQUEST_LIMITS="on")
    with closing(sqlite3.connect(service.database)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert [guess(service).status for _ in range(FAILURES)] == [401] * FAILURES
        assert guess(service, PASSWORD).status == 429
        database.rollback()
