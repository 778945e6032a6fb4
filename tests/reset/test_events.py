"""Events: the code of each is sent once, in its time; what is none is refused with the reason."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import azure.functions as func
import pytest
from sqlalchemy import text

from functions.events import password_reset_event
from shared.delivery import tick
from shared.features.reset_codes.reset_codes import BadEvent, CannotSend, take_event, take_published
from shared.scheduling import service_state
from tests.reset.conftest import CODE, EMAIL, Begin, Service
from tests.support.smtp import SmtpServer

Servers = Callable[..., SmtpServer]


@pytest.fixture
def here(begin: Begin, smtp_server: Servers) -> Service:
    return begin(smtp_server())


def event(**changes: Any) -> bytes:
    fields = {"email": EMAIL, "code": CODE, "timestamp": written(datetime.now(UTC)), "more": [1]}
    return json.dumps({k: v for k, v in (fields | changes).items() if v is not None}).encode()


def written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def trigger() -> Callable[[func.QueueMessage], None]:
    function: Callable[[func.QueueMessage], None] = (
        password_reset_event._function.get_user_function()
    )
    return function


def test_an_event_becomes_an_email_that_expires_with_its_code(
    begin: Begin, smtp_server: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = smtp_server()
    here = begin(server, ROWPOST_RESET_TTL=600)
    made_at = datetime.now(UTC) - timedelta(minutes=2)

    trigger()(func.QueueMessage(id="1", body=event(timestamp=written(made_at))))
    (email,) = here.queue.emails()
    tick.force(here.application, 5)

    assert email.expires_at is not None
    assert abs(email.expires_at - (made_at + timedelta(minutes=10))) < timedelta(milliseconds=1)
    assert (email.lane, email.origin, email.state) == ("immediate", "reset", "N")
    assert CODE.encode() in server.messages[0].content
    (email,) = here.queue.emails()
    assert (email.state, email.body, email.text_alternative) == ("Y", None, None)
    assert CODE not in caplog.text


def test_an_event_is_taken_once_in_whatever_wording_it_comes(here: Service) -> None:
    made_at = datetime.now(UTC).replace(microsecond=0)
    elsewhere = made_at.astimezone(timezone(timedelta(hours=2)))
    wordings = [
        event(timestamp=written(made_at)),
        event(timestamp=elsewhere.isoformat(), more=None),
        event(timestamp=written(made_at), email=f" <{EMAIL}>"),
    ]

    taken = [take_event(here.application, wording) for wording in wordings * 3]

    assert taken == [1] + [None] * 8
    assert len(here.queue.emails()) == 1


def test_events_that_differ_are_different_emails(here: Service) -> None:
    made_at = datetime.now(UTC)
    for changes in (
        {},
        {"code": "654321"},
        {"email": "other@example.com"},
        {"timestamp": written(made_at + timedelta(seconds=1))},
    ):
        take_event(here.application, event(**({"timestamp": written(made_at)} | changes)))

    assert len(here.queue.emails()) == 4


def test_many_who_take_the_same_event_at_once_make_one_email(here: Service) -> None:
    same, at_once, taken = event(), threading.Barrier(8), []

    def take() -> None:
        at_once.wait(10)
        taken.extend([take_event(here.application, same) for _ in range(3)])

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [one for one in taken if one is not None] == [here.queue.emails()[0].id]
    assert len(taken) == 24
    assert len(here.queue.emails()) == 1


def test_what_is_kept_of_an_event_tells_nobody_its_code(here: Service) -> None:
    take_event(here.application, event())

    with here.queue.database.read() as connection:
        kept = connection.execute(text("SELECT * FROM Rowpost_Idempotency")).all()

    assert len(kept) == 1
    assert CODE not in repr(kept)
    assert EMAIL not in repr(kept)


def test_a_code_that_is_too_old_is_not_sent_and_not_refused(
    here: Service, caplog: pytest.LogCaptureFixture
) -> None:
    old = event(timestamp=written(datetime.now(UTC) - timedelta(minutes=16)))

    assert take_event(here.application, old) is None
    assert not here.queue.emails()
    assert "too late" in caplog.text


def test_a_clock_that_is_ahead_makes_no_code_last_longer(here: Service) -> None:
    take_event(here.application, event(timestamp="2999-01-01T00:00:00Z"))

    (email,) = here.queue.emails()
    assert email.expires_at is not None
    assert email.expires_at < datetime.now(UTC) + timedelta(minutes=16)


def test_while_the_service_is_stopped_events_are_kept(here: Service) -> None:
    here.queue.database.run(lambda connection: service_state.stop(connection, "test"))

    assert take_event(here.application, event()) == 1


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'"123456"', "it: "),
        (b"[]", "it: "),
        (b"\xff\xfe", "JSON"),
        (b"[" * 50_000, "JSON"),
        (b'"' + b"x" * 70_000 + b'"', "longer"),
        ({"email": None}, "email: Field required"),
        ({"email": "nobody"}, "email: "),
        ({"email": "a@example.com;b@example.com"}, "email: "),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "email: "),
        ({"email": 7}, "email: "),
        ({"code": None}, "code: Field required"),
        ({"code": 123456}, "code: "),
        ({"code": ""}, "code: "),
        ({"code": "123456 or so"}, "code: "),
        ({"code": "123456" * 20}, "code: "),
        ({"timestamp": None}, "timestamp: Field required"),
        ({"timestamp": "yesterday"}, "timestamp: "),
        ({"timestamp": "2026-07-11T16:30:00"}, "timestamp: "),
        ({"timestamp": 1_783_787_400}, "timestamp: "),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp: "),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason_and_without_its_code(
    here: Service,
    caplog: pytest.LogCaptureFixture,
    wrong: bytes | dict[str, Any],
    word: str,
) -> None:
    message = wrong if isinstance(wrong, bytes) else event(**wrong)
    with pytest.raises(BadEvent, match=re.escape(word)) as refused:
        trigger()(func.QueueMessage(id="1", body=message))
    take_published(here.application, message)

    assert word in caplog.text
    assert not here.queue.emails()
    assert CODE not in caplog.text
    assert CODE not in repr(refused.value)
    assert refused.value.__cause__ is None


def test_an_event_that_cannot_be_stored_is_kept_by_its_queue(
    begin: Begin, smtp_server: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    here = begin(smtp_server(), RESET_ACCOUNT="NONE")

    with pytest.raises(CannotSend, match="RESET_ACCOUNT"):
        take_event(here.application, event())
    take_published(here.application, event())

    assert "RESET_ACCOUNT" in caplog.text
    assert CODE not in caplog.text
