"""One event, one line: what stands in it, and what never does."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shared.database.database import Database
from shared.monitoring import logs
from shared.monitoring.logs import HostLines, JsonLines, PlainLines, masked, without_secrets
from tests.support.emails import waiting_email

Write = Callable[..., dict[str, Any]]


def written(formatter: logging.Formatter, message: str, *arguments: object, **extra: Any) -> str:
    """The text of one event."""
    failed = sys.exc_info() if extra.pop("failed", False) else None
    name = extra.pop("name", "rowpost.test")
    record = logging.getLogger(name).makeRecord(
        name, logging.WARNING, __file__, 1, message, arguments, failed, extra=extra
    )
    return formatter.format(record)


def line(message: str, *arguments: object, **extra: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(written(JsonLines(), message, *arguments, **extra))
    return read


def test_an_event_tells_when_where_what_and_about_which_email() -> None:
    read = line("email %d: failed", 17, email=17, account="MAIN")

    assert read.pop("time").endswith("Z")
    assert read == {
        "level": "warning",
        "logger": "rowpost.test",
        "message": "email 17: failed",
        "email": 17,
        "account": "MAIN",
    }


def test_only_fields_that_are_known_are_told() -> None:
    assert "password" not in line("x", password="hunter2")


def test_what_is_logged_inside_a_request_or_a_run_belongs_to_it() -> None:
    with logs.request("abc"):
        with logs.run("drain"):
            inside = line("x")
        after = line("x")

    assert inside["requestId"] == "abc"
    assert inside["run"].startswith("drain-")
    assert "run" not in after
    assert "requestId" not in line("x")


def test_each_run_has_an_id_of_its_own() -> None:
    @logs.run("tick")
    def tick() -> Any:
        return line("x")["run"]

    assert tick() != tick()


def test_a_thread_belongs_to_what_started_it_only_where_that_is_asked_for() -> None:
    seen: list[dict[str, Any]] = []

    def work() -> None:
        seen.append(line("x"))

    with logs.request("abc"):
        for each in (work, logs.in_this_context(work)):
            thread = threading.Thread(target=each)
            thread.start()
            thread.join()

    assert [one.get("requestId") for one in seen] == [None, "abc"]


@given(st.text(st.characters(), max_size=200))
def test_no_text_makes_a_second_line_or_forges_a_field(message: str) -> None:
    for extra in ({}, {"account": message}):
        text = written(JsonLines(addresses=True), "%s", message, **extra)
        assert text.isascii()
        assert len(text.splitlines()) == 1
        assert json.loads(text)["level"] == "warning"


def test_values_are_cut() -> None:
    read = line("x" * 1_000_000, account="y" * 1_000_000)

    assert len(read["message"]) < 5_000
    assert len(read["account"]) < 1_000


def test_of_a_long_traceback_the_end_is_kept() -> None:
    try:
        raise ValueError("z" * 100_000 + "the end")
    except ValueError:
        read = line("x", failed=True)

    assert len(read["exception"]) < 20_000
    assert read["exception"].endswith("the end")


def test_a_message_that_does_not_fit_its_arguments_is_told_all_the_same() -> None:
    assert "%d" in line("email %d", "seventeen")["message"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("550 5.1.1 <ann@example.com>... User unknown", "<a***@example.com>"),
        ("ann.b+tag@example.com; bob@x.org", "a***@example.com; b***@x.org"),
        ('"john doe"@example.com', "j***@example.com"),
        ("jürgen@exämple.de", "j***@exämple.de"),
        ("mailto:ann%40example.com", "mailto:a***%40example.com"),
        ("x@[192.0.2.1]", "x***@[192.0.2.1]"),
        ("bounce+ann=example.com@lists.example.org", "b***@lists.example.org"),
        ("o'neil@example.com,bob@example.com", "o***@example.com,b***@example.com"),
        ("{'to': 'ann@example.com'}", "a***@example.com"),
    ],
)
def test_an_address_is_masked_wherever_it_stands(text: str, shown: str) -> None:
    assert shown in masked(text)
    assert shown in line("%s", text)["message"]
    assert shown in line("x", account=text)["account"]
    for part in ("ann", "john", "jürgen", "neil", "tag"):
        assert part not in masked(text)


def test_addresses_are_written_in_full_only_where_that_is_wanted() -> None:
    message = "to ann@example.com with password=hunter2"

    read = json.loads(written(JsonLines(addresses=True), message))["message"]

    assert read == "to ann@example.com with password=***"


@pytest.mark.parametrize(
    "text",
    [
        "mssql+pyodbc://sa:hunter2@db.example.com:1433/mail",
        "DRIVER={x};SERVER=db;UID=sa;PWD={hunter2;more hunter2};Encrypt=yes",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=hunter2==;EndpointSuffix=y",
        "https://x.queue.core.windows.net/q?se=1&sig=hunter2%3D&sp=r",
        "Authorization: Bearer hunter2hunter2",
        "Authorization: Basic hunter2hunter2",
        "token eyJhunter2.hunter2.hunter2 was refused",
        '{"username": "ann", "password": "hunter2"}',
        "SMTPPassword='hunter2', x",
        "client_secret = hunter2",
        "/api/x?code=hunter2",
        "String or binary data would be truncated in column 'x'. Truncated value: 'hunter2'.",
        "The duplicate key value is (hunter2).",
    ],
)
def test_a_secret_is_taken_out_wherever_it_stands(text: str) -> None:
    assert "hunter2" not in without_secrets(text)
    assert "hunter2" not in written(JsonLines(), "%s", text)


@pytest.mark.parametrize(
    "text",
    [
        "the password of account MAIN is wrong: enter it again",
        "421 4.7.0 try again later, closing connection",
        "/health is free",
        "the file `key` in the data folder",
        "basic rules",
    ],
)
def test_what_is_neither_address_nor_secret_stays_as_it_is(text: str) -> None:
    assert masked(without_secrets(text)) == text


@pytest.mark.parametrize(
    "part", ["a", "a.", "@", '"', '"a', "://a", "a@", ":", "eyJ", "%4", "pwd="]
)
def test_hostile_text_costs_little(part: str) -> None:
    began = time.process_time()
    line(part * 1_000_000)
    assert time.process_time() - began < 5


def test_a_traceback_tells_no_parameter_of_a_statement(database: Database) -> None:
    body = "Ann" * 10
    try:
        for _ in range(2):
            waiting_email(database, dd_srno=1, dd_bodyText=body)
    except SQLAlchemyError:
        read = line("x", failed=True)

    assert "IntegrityError" in read["exception"]
    assert body not in read["exception"]


def test_a_traceback_masks_addresses_of_every_error_in_its_chain(database: Database) -> None:
    try:
        try:
            raise ValueError("ann@example.com")
        except ValueError as error:
            with database.read() as connection:
                connection.execute(text("SELECT 'bob@example.com' FROM nowhere"))
            raise AssertionError from error
    except SQLAlchemyError:
        read = line("x", failed=True)

    assert "a***@example.com" in read["exception"]
    assert "b***@example.com" in read["exception"]


def test_a_line_for_a_terminal_leaves_its_cursor_and_colours_alone() -> None:
    shown = written(PlainLines("%(levelname)s: %(message)s"), "to ann@example.com\x1b[2J\r\x9bx")

    assert shown == "WARNING: to a***@example.com [2J  x"


class AsyncLoggingHandler(logging.StreamHandler[io.StringIO]):
    """Named as the one that the Functions worker puts on the root logger."""


@pytest.fixture
def worker() -> Iterator[AsyncLoggingHandler]:
    handler, root = AsyncLoggingHandler(io.StringIO()), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def test_under_the_functions_host_our_events_are_json_and_its_own_stay_as_they_are(
    worker: AsyncLoggingHandler,
) -> None:
    logs.speak_through_the_functions_host(addresses=lambda: False)

    logging.getLogger("rowpost.delivery").error("to ann@example.com", extra={"email": 17})
    logging.getLogger("azure_functions_worker").error("Received for bob@example.com")

    ours, theirs = worker.stream.getvalue().splitlines()
    assert json.loads(ours)["message"] == "to a***@example.com"
    assert json.loads(ours)["email"] == 17
    assert theirs == "Received for b***@example.com"


class LoggingHandler(logging.Handler):
    """Named as the one that sends to Application Insights; it keeps what it is to send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sent.append(record)


@pytest.fixture
def insights() -> Iterator[LoggingHandler]:
    handler, root = LoggingHandler(), logging.getLogger()
    before = list(root.handlers)
    root.addHandler(handler)
    yield handler
    root.handlers[:] = before


def test_what_is_sent_to_application_insights_is_as_clean_as_a_line_and_has_the_same_ids(
    insights: LoggingHandler,
) -> None:
    logs.speak_through_the_functions_host(addresses=lambda: True)

    with logs.request("abc"):
        extra = {"email": 17, "account": "MAIN", "password": "hunter2"}
        logging.getLogger("rowpost.delivery").error("to %s", "ann@example.com", extra=extra)

    (event,) = insights.sent
    assert event.getMessage() == "to a***@example.com"
    assert (event.name, event.levelno) == ("rowpost.delivery", logging.ERROR)
    told = {name: event.__dict__.get(name) for name in ("requestId", "email", "account")}
    assert told == {"requestId": "abc", "email": 17, "account": "MAIN"}
    assert "hunter2" not in str(event.__dict__)


def test_what_is_sent_to_application_insights_does_not_go_there_by_way_of_the_host_again(
    worker: AsyncLoggingHandler, insights: LoggingHandler
) -> None:
    logs.speak_through_the_functions_host(addresses=lambda: False)

    logging.getLogger("rowpost.delivery").error("ours")
    logging.getLogger("azure_functions_worker").error("theirs")

    assert worker.stream.getvalue() == "theirs\n"
    assert [one.getMessage() for one in insights.sent] == ["ours", "theirs"]


def test_an_exception_is_sent_with_its_kind_and_without_what_it_must_not_say(
    insights: LoggingHandler,
) -> None:
    logs.speak_through_the_functions_host(addresses=lambda: False)

    try:
        raise ValueError("password=hunter2 of ann@example.com")
    except ValueError:
        logging.getLogger("rowpost.delivery").exception("it failed")

    (event,) = insights.sent
    assert event.exc_info is None
    assert event.__dict__["exception.type"] == "ValueError"
    assert "ValueError: password=*** of a***@example.com" in event.__dict__["exception.stacktrace"]
    assert "hunter2" not in str(event.__dict__)


def test_elsewhere_no_handler_is_touched() -> None:
    before = [handler.formatter for handler in logging.getLogger().handlers]

    logs.speak_through_the_functions_host(addresses=lambda: False)

    assert [handler.formatter for handler in logging.getLogger().handlers] == before
    assert HostLines().format(logging.makeLogRecord({"msg": "x", "name": "other"})) == "x"
