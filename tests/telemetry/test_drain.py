"""What a drain tells of itself: measures of what became of the emails, and a trace of each one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from shared.delivery import tick
from shared.delivery.wakeups import Wakeup
from shared.outbox.states import BOTH_LANES, Flag
from tests.faults.senders import settings_for
from tests.support.emails import email_in, let_leases_run_out
from tests.support.queue import Queue, make_queue
from tests.support.smtp import SmtpServer
from tests.telemetry.captured import Captured, children_of

Servers = Callable[..., SmtpServer]
PRIVATE = "the very private words"
REQUEST_ID = "0f9d1c5be2a84a3f9a54d7a1f8a1b2c3"


@pytest.fixture
def captured() -> Captured:
    return Captured()


@pytest.fixture
def queue(tmp_path: Path, captured: Captured) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    made.application.telemetry = captured.telemetry
    yield made
    made.application.close()


def _drain(queue: Queue) -> None:
    tick.drain_woken(queue.application, Wakeup(BOTH_LANES).to_text())


def _attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_what_became_of_the_emails_is_counted_by_account(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    queue.account(smtp_server(), "GOOD", Rowpost_Default="Y")
    queue.account(smtp_server(reactions={"RCPT": b"550 5.1.1 no such user"}), "REFUSES")
    queue.account(smtp_server(reactions={"RCPT": b"451 4.3.0 try later"}), "PUTS OFF")
    for code, number in {"GOOD": 5, "REFUSES": 2, "PUTS OFF": 1}.items():
        queue.add(number, dd_EmailParamCode=code)

    _drain(queue)

    points = captured.points()
    assert points["rowpost.emails.sent"] == {"GOOD": 5}
    assert points["rowpost.emails.failed"] == {"REFUSES": 2}
    assert points["rowpost.emails.retried"]["PUTS OFF"] >= 1
    assert "rowpost.emails.unknown" not in points
    ((runs, rate),) = points["rowpost.drain.rate"].values()
    assert runs == 1
    assert rate > 0


def test_how_long_an_email_took_from_stored_to_accepted_is_measured(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    queue.account(smtp_server())
    queue.add(2, dd_CreatedDate=datetime.now(UTC) - timedelta(seconds=100))

    _drain(queue)

    count, total = captured.points()["rowpost.delivery.seconds"]["SHOP"]
    assert count == 2
    assert 200 <= total < 260


def test_an_email_is_a_trace_from_its_storing_over_its_attempt_to_each_step_of_smtp(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    queue.account(smtp_server())
    stored = datetime.now(UTC) - timedelta(seconds=100)
    (number,) = queue.add(dd_CreatedDate=stored, dd_RequestId=REQUEST_ID)

    _drain(queue)

    (email,), (attempt,) = captured.spans("email"), captured.spans("attempt")
    (drain,) = captured.spans("drain")
    said = _attributes(email)
    assert (said["email"], said["account"], said["requestId"]) == (number, "SHOP", REQUEST_ID)
    assert said["run"] == _attributes(drain)["run"]
    assert said["outcome"] == "sent"
    assert said["smtp.code"] == 250
    assert email.parent is None
    assert email.start_time == pytest.approx(stored.timestamp() * 1e9, abs=1e9)
    assert [link.context for link in email.links] == [drain.get_span_context()]
    assert children_of(email, captured.spans()) == [attempt]
    assert _attributes(attempt)["attempt"] == 1
    steps = children_of(attempt, captured.spans())
    assert [one.name for one in steps] == [
        "smtp connect",
        "smtp envelope",
        "smtp message",
        "mark",
        "smtp reply",
    ]
    assert {_attributes(one)["server.address"] for one in steps} == {"127.0.0.1"}
    assert _attributes(drain)["sent"] == 1


def test_an_email_that_is_given_up_is_a_trace_with_the_servers_codes_and_not_its_words(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    queue.account(smtp_server(reactions={"RCPT": b"550 5.1.1 <ann@example.com>: no such user"}))
    queue.add(dd_toEmailid="ann@example.com")

    _drain(queue)

    (email,) = captured.spans("email")
    said = _attributes(email)
    assert (said["outcome"], said["smtp.code"]) == ("failed", 550)
    assert said["smtp.enhancedCode"] == "5.1.1"
    assert email.status.status_code is StatusCode.ERROR
    assert email.status.description is None


def test_an_email_whose_account_cannot_be_reached_is_a_trace_that_says_it_was_given_back(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    server = smtp_server()
    queue.account(server)
    server.stop()
    queue.add()

    _drain(queue)

    assert [_attributes(one)["outcome"] for one in captured.spans("email")] == ["given back"]


def test_nothing_that_leaves_holds_an_address_a_subject_a_body_or_a_file_name(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    refusal = f"550 5.1.1 <ann@example.com>: {PRIVATE}".encode()
    queue.account(smtp_server(), "GOOD", Rowpost_Default="Y")
    queue.account(smtp_server(reactions={"RCPT": refusal}), "REFUSES")
    private = {
        "dd_toEmailid": '"Ann Secret" <ann@example.com>',
        "dd_ccEmailid": "bob@example.com",
        "dd_subject": PRIVATE,
        "dd_bodyText": PRIVATE,
        "dd_document": PRIVATE.encode(),
        "dd_filename": f"{PRIVATE}.txt",
    }
    queue.add(3, **private)
    queue.add(2, dd_EmailParamCode="REFUSES", **private)

    tick.tick(queue.application)
    _drain(queue)

    everything = captured.everything()
    assert len(captured.spans("email")) == 5
    assert "@" not in everything
    assert PRIVATE not in everything
    assert "Ann Secret" not in everything


def test_a_tick_measures_the_queue_and_how_full_the_limits_are(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    queue.account(smtp_server(), Rowpost_Default="Y", Rowpost_DayLimit=10, Rowpost_HourLimit=5)
    queue.account(smtp_server(), "FREE")
    queue.add(2)
    _drain(queue)
    now = datetime.now(UTC)
    queue.add(2, dd_CreatedDate=now - timedelta(days=1), dd_SendAt=_tomorrow())
    queue.add(1, dd_CreatedDate=now - timedelta(seconds=150))

    tick.tick(queue.application)

    points = captured.points()
    assert points["rowpost.queue.depth"] == {None: 3}
    assert 100 <= points["rowpost.queue.oldest_waiting_seconds"][None] < 160
    assert points["rowpost.account.usage"] == {"SHOP": pytest.approx(2 / 5)}


def test_an_empty_queue_has_no_depth_and_no_age(queue: Queue, captured: Captured) -> None:
    tick.tick(queue.application)

    points = captured.points()
    assert points["rowpost.queue.depth"] == {None: 0}
    assert points["rowpost.queue.oldest_waiting_seconds"] == {None: 0}


def test_emails_that_a_dead_sender_left_are_counted_as_unknown(
    queue: Queue, captured: Captured
) -> None:
    for _ in range(2):
        email_in(queue.database, Flag.TRANSMITTING)
    let_leases_run_out(queue.database)

    tick.tick(queue.application)

    assert captured.points()["rowpost.emails.unknown"] == {"": 2}


def test_where_the_sampler_leaves_emails_out_they_are_counted_all_the_same(
    queue: Queue, smtp_server: Servers
) -> None:
    captured = Captured(ALWAYS_OFF)
    queue.application.telemetry = captured.telemetry
    queue.account(smtp_server())
    queue.add(5)

    _drain(queue)

    assert captured.spans() == []
    assert captured.points()["rowpost.emails.sent"] == {"SHOP": 5}


def test_every_measure_of_the_workbook_and_the_alerts_is_one_that_is_taken(
    queue: Queue, smtp_server: Servers, captured: Captured
) -> None:
    root = Path(__file__).parents[2] / "infra" / "modules"
    shown = (root / "workbook.json").read_text("utf-8") + (root / "alerts.bicep").read_text("utf-8")
    good, refuses = smtp_server(), smtp_server(reactions={"RCPT": b"550 5.1.1 no such user"})
    queue.account(good, Rowpost_Default="Y", Rowpost_DayLimit=10)
    queue.account(refuses, "REFUSES")
    queue.account(smtp_server(reactions={"RCPT": b"451 4.3.0 try later"}), "PUTS OFF")
    for code in ("SHOP", "REFUSES", "PUTS OFF"):
        queue.add(dd_EmailParamCode=code, dd_Lane="immediate")
    email_in(queue.database, Flag.TRANSMITTING)
    let_leases_run_out(queue.database)

    tick.tick(queue.application)

    taken = captured.points()
    for name in taken:
        assert json.dumps(name)[1:-1] in shown
    assert len(taken) == 9


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
