from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import emails, relocation
from shared.outbox.add import BadValue, DatabaseMoved, NewEmail, add
from shared.outbox.recipients import Kind, KnownRecipient
from shared.outbox.states import Lane
from tests.outbox.sender import known
from tests.support.emails import became
from tests.support.rows import email_row, flags

PLAIN = NewEmail(to="ann@example.com", subject="Hello", body="Hi Ann")


def stored(database: Database, email: NewEmail) -> int:
    with database.write() as connection:
        return add(connection, email)


def with_text(field: str, text: str) -> NewEmail:
    changes: dict[str, Any] = {field: text}
    return replace(PLAIN, **changes)


def test_an_added_email_waits_with_all_that_was_said_of_it(database: Database) -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    email = NewEmail(
        to="ann@example.com; bob@example.com",
        cc="cy@example.com",
        bcc="di@example.com",
        subject="Zoë, 東京 🎉",
        body="Grüße " * 1000,
        text_alternative="Grüße",
        account_code="NEWS",
        document=b"%PDF-\x00\xff",
        filename="Rechnung №1.pdf",
        priority=1,
        lane=Lane.IMMEDIATE,
        is_html=True,
        send_at=tomorrow,
        expires_at=tomorrow + timedelta(hours=1),
    )

    kept = became(database, stored(database, email))

    assert kept.state == "N"
    assert (kept.to, kept.cc, kept.bcc) == (email.to, email.cc, email.bcc)
    assert (kept.subject, kept.body) == (email.subject, email.body)
    assert kept.text_alternative == email.text_alternative
    assert (bytes(kept.document or b""), kept.filename) == (email.document, email.filename)
    assert (kept.account_code, kept.priority, kept.lane) == ("NEWS", 1, "immediate")
    assert kept.is_html
    assert (kept.send_at, kept.next_attempt_at) == (email.send_at, email.send_at)
    assert kept.expires_at == email.expires_at
    assert kept.retries == 0


def test_its_row_says_at_once_that_rowpost_has_it(database: Database) -> None:
    assert email_row(database, stored(database, PLAIN)).dd_SendFlag == "P"


def test_it_is_scheduled_with_priority_3_unless_it_says_otherwise(database: Database) -> None:
    kept = became(database, stored(database, PLAIN))

    assert (kept.lane, kept.priority, kept.is_html) == ("scheduled", 3, None)


def test_it_is_in_the_queue_only_if_the_caller_commits(database: Database) -> None:
    def work() -> None:
        with database.write() as connection:
            add(connection, PLAIN)
            raise RuntimeError("the caller's own trouble")

    with pytest.raises(RuntimeError):
        work()

    assert flags(database) == ""


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("to", 500),
        ("cc", 500),
        ("bcc", 500),
        ("subject", 500),
        ("filename", 255),
        ("account_code", 50),
    ],
)
def test_a_text_may_fill_its_column_and_no_more(database: Database, field: str, most: int) -> None:
    stored(database, with_text(field, "x" * most))

    with pytest.raises(BadValue, match=f"^{field} is longer than {most}") as refusal:
        stored(database, with_text(field, "x" * (most + 1)))

    assert refusal.value.field == field


def test_widths_are_counted_as_sql_server_counts_them(database: Database) -> None:
    """A character beyond the Basic Multilingual Plane takes two places of an NVARCHAR."""
    email_id = stored(database, replace(PLAIN, subject="🎉" * 250))
    assert email_row(database, email_id).dd_subject == "🎉" * 250

    with pytest.raises(BadValue, match="subject"):
        stored(database, replace(PLAIN, subject="🎉" * 251))


@pytest.mark.parametrize("field", ["to", "subject", "body", "text_alternative", "filename"])
def test_half_a_character_is_refused_by_name(database: Database, field: str) -> None:
    with pytest.raises(BadValue, match=f"^{field} holds half a character"):
        stored(database, with_text(field, "a\ud83d"))


@pytest.mark.parametrize("priority", [-1, 0, 6])
def test_a_priority_is_1_to_5(database: Database, priority: int) -> None:
    with pytest.raises(BadValue, match="priority"):
        stored(database, replace(PLAIN, priority=priority))


def test_an_email_needs_a_recipient(database: Database) -> None:
    with pytest.raises(BadValue, match=r"^to is empty"):
        stored(database, replace(PLAIN, to="  "))


def test_a_long_list_of_recipients_is_kept_one_by_one(database: Database) -> None:
    many = tuple(
        KnownRecipient(Kind.TO, f"guest{number}@example.com", f"Guest {number}")
        for number in range(300)
    )

    email_id = stored(database, replace(PLAIN, to="", recipients=many))

    assert known(database, email_id) == many


def test_nothing_is_added_to_a_queue_that_has_moved(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(relocation).values(MovedAt=utc_now()))

    with pytest.raises(DatabaseMoved):
        stored(database, PLAIN)

    assert flags(database) == ""


def test_what_a_person_wrote_is_not_in_the_representation() -> None:
    email = replace(PLAIN, body="the code is 4711", document=b"4711", text_alternative="4711")

    assert not re.search("4711", repr(email))


def test_numbers_are_never_given_twice(sqlite_database: Database) -> None:
    first = stored(sqlite_database, PLAIN)
    with sqlite_database.write() as connection:
        connection.execute(emails.delete())

    second = stored(sqlite_database, PLAIN)

    with sqlite_database.read() as connection:
        assert connection.scalars(select(emails.c.dd_srno)).all() == [second]
    assert second > first
