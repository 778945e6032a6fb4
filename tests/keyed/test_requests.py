"""What became of a keyed request, in the words of its answer; and the log of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, insert

from shared.app import Application
from shared.database.tables import accounts
from shared.outbox.queries import requests
from shared.outbox.queries.requests import Wish, status_of
from shared.outbox.sending.finish import Outcome
from shared.outbox.states import Flag
from shared.submissions.submission import Origin
from tests.support.emails import attempt, overwrite, stored_email

GUID = "0b5c1a52-5f0e-4a4e-9d5e-3a8f5f1f8f{:02}"


def stored(application: Application, number: int = 0, **fields: Any) -> int:
    """One more keyed email, or one of another origin."""
    values: dict[str, Any] = {
        "to": "user@example.com",
        "subject": "Welcome",
        "body": "never shown",
        "account_code": "SHOP",
        "origin": Origin.KEY.value,
        "request_id": GUID.format(number),
    }
    return stored_email(application.database(), **values | fields)


@pytest.mark.parametrize(
    ("flag", "code", "enhanced", "status"),
    [
        (Flag.WAITING, None, None, "queued"),
        (Flag.WAITING, 451, "4.7.1", "queued"),
        (Flag.PREPARING, None, None, "sending"),
        (Flag.TRANSMITTING, None, None, "sending"),
        (Flag.UNKNOWN, None, None, "sending"),
        (Flag.SENT, 250, "2.0.0", "sent"),
        (Flag.FAILED, 550, "5.1.1", "failed (550 5.1.1 permanent)"),
        (Flag.FAILED, 554, None, "failed (554 permanent)"),
        (Flag.FAILED, 451, "4.7.1", "failed (451 4.7.1 temporary)"),
        (Flag.FAILED, None, None, "failed (no reply code)"),
        (Flag.CANCELLED, None, None, "failed (cancelled)"),
    ],
)
def test_the_states_of_the_queue_in_its_words(
    flag: Flag, code: int | None, enhanced: str | None, status: str
) -> None:
    assert status_of(flag, code, enhanced) == status


def test_the_last_attempt_is_the_one_that_counts(application: Application) -> None:
    email_id = stored(application)
    database = application.database()
    attempt(database, email_id, Outcome.RETRY, code=451, enhanced_code="4.3.0")
    attempt(database, email_id, Outcome.FAILED, code=550, enhanced_code="5.1.1")

    with database.read() as connection:
        status = requests.find(connection, GUID.format(0))

    assert status == "failed (550 5.1.1 permanent)"


def test_only_keyed_requests_are_found_by_their_number(application: Application) -> None:
    stored(application, 1, origin=Origin.API.value)

    with application.database().read() as connection:
        assert requests.find(connection, GUID.format(1)) is None
        assert requests.find(connection, GUID.format(2)) is None
        assert requests.page(connection, None, 10).requests == ()


def test_the_log_has_the_latest_first_and_goes_on_below_a_number(application: Application) -> None:
    with application.database().write() as connection:
        connection.execute(
            insert(accounts).values(SMTPServer="m", SMTPMailId="shop@example.com", ParamCode="SHOP")
        )
    numbers = [stored(application, number) for number in range(5)]
    stored(application, 9, origin=Origin.API.value)
    stored(application, 10, account_code="GONE")

    with application.database().read() as connection:
        gone, *latest = requests.page(connection, None, 3).requests
        rest = requests.page(connection, latest[-1].number, 10).requests

    assert gone.sender == "GONE"
    assert [one.number for one in (*latest, *rest)] == numbers[::-1]
    assert {(one.sender, one.recipient, one.status) for one in (*latest, *rest)} == {
        ("shop@example.com", "user@example.com", "queued")
    }


def test_a_filtered_page_looks_at_so_many_and_says_where_to_go_on(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "LOOKED_AT", 3)
    monkeypatch.setattr(requests, "LOOK", requests.LOOK.limit(3))
    wanted = Wish(text="bob_b@", state="queued")
    oldest = stored(application, 0, to="bob_b@example.com")
    for number in range(1, 5):
        stored(application, number, to="bobxb@example.com")

    with application.database().read() as connection:
        first = requests.page(connection, None, 10, wanted)
        second = requests.page(connection, first.after, 10, wanted)
        sent = requests.page(connection, None, 10, Wish(state="sent"))

    assert (first.requests, first.after is not None) == ((), True)
    assert [one.number for one in second.requests] == [oldest]
    assert second.after is None
    assert sent.requests == ()


def test_neither_reads_more_than_it_shows(application: Application) -> None:
    database = application.database()
    executed: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        executed.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.read() as connection:
        requests.find(connection, GUID.format(0))
        requests.page(connection, 7, 10)
    event.remove(database.engine, "before_cursor_execute", note)

    plans = []
    with database.read() as connection:
        for statement, parameters in executed:
            if "Rowpost_Emails" in statement:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.append(" / ".join(str(row[3]) for row in plan))
    one, log = plans
    assert "IX_Rowpost_Request (RequestId=?)" in one
    assert "IX_Rowpost_Keyed" in log
    assert "TEMP B-TREE" not in one + log
    assert "SCAN" not in one + log.replace("SCAN CONSTANT ROW", "")


def test_a_row_that_somebody_else_wrote_over_breaks_neither(application: Application) -> None:
    nothing = {"dd_toEmailid": None, "dd_EmailParamCode": None, "dd_RequestId": None}
    for number, letter in enumerate((None, "Z")):
        overwrite(application.database(), stored(application, number), letter, **nothing)

    with application.database().read() as connection:
        found = requests.page(connection, None, 10).requests

    assert [(one.id, one.recipient, one.status) for one in found] == [
        (GUID.format(1), "", "queued"),
        (GUID.format(0), "", "queued"),
    ]
