from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from shared.database.database import Database
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState, write_recipients
from shared.outbox.sending.fetch import (
    ClaimedEmail,
    UnreadableEmail,
    fetch,
    read_body,
    read_document,
)
from tests.outbox.sender import Sender, admit_all, number_of, numbers_of
from tests.support.rows import change, change_entry, insert_row, insert_rows


def fetched(database: Database, *ids: int) -> list[ClaimedEmail | UnreadableEmail]:
    """Of these emails, admitted if they were not yet."""
    admit_all(database)
    with database.read() as connection:
        return fetch(connection, numbers_of(connection, ids)).emails


def read_late(database: Database, email_id: int) -> tuple[str, bytes]:
    """Body and document, as their sender reads them when it composes the email."""
    sender = Sender(database)
    assert sender.claim() == [email_id]
    with database.read() as connection:
        (number,) = numbers_of(connection, [email_id])
        body = read_body(connection, number, sender.lease)
        return body, read_document(connection, number, sender.lease)


def fetched_one(database: Database, email_id: int) -> ClaimedEmail:
    (email,) = fetched(database, email_id)
    assert isinstance(email, ClaimedEmail)
    return email


def test_all_that_composing_needs_comes_with_it(database: Database, sender: Sender) -> None:
    email_id = insert_row(
        database,
        dd_toEmailid="ann@example.com",
        dd_ccEmailid="bob@example.com",
        dd_bccEmailid="cy@example.com",
        dd_subject="Grüße 🎉",
        dd_bodyText="<html>Hi</html>",
        dd_TextAlternative="Hi",
        dd_filename="a.pdf",
        dd_IsHtml=1,
    )
    change(database, email_id, dd_document=b"\x00" * 1000)
    change_entry(database, email_id, Retries=2, MessageId="<1@example.com>")
    sender.claim()

    email = fetched_one(database, email_id)
    assert email._replace(fingerprint="") == ClaimedEmail(
        number=number_of(database, email_id),
        id=email_id,
        to="ann@example.com",
        cc="bob@example.com",
        bcc="cy@example.com",
        subject="Grüße 🎉",
        body="<html>Hi</html>",
        text_alternative="Hi",
        is_html=True,
        filename="a.pdf",
        document_size=1000,
        message_id="<1@example.com>",
        retries=2,
    )


def test_they_come_in_the_order_in_which_they_are_to_be_sent(
    database: Database, sender: Sender
) -> None:
    low = insert_row(database, dd_Priority=5)
    high = insert_row(database, dd_Priority=1)
    immediate = insert_row(database, dd_Lane="immediate", dd_Priority=5)
    ids = sender.claim()

    assert [one.id for one in fetched(database, *ids)] == [immediate, high, low]


def test_a_large_body_stays_in_the_table_until_it_is_asked_for(database: Database) -> None:
    body = "0123456789 äöü 🎉\r\n" * 20_000
    email_id = insert_row(database, dd_bodyText=body)

    assert fetched_one(database, email_id).body is None
    assert read_late(database, email_id)[0] == body


def test_a_document_is_read_when_it_is_asked_for(database: Database) -> None:
    email_id = insert_row(database)
    document = bytes(range(256)) * 4096
    change(database, email_id, dd_document=document)

    assert fetched_one(database, email_id).document_size == len(document)
    assert read_late(database, email_id)[1] == document


def test_missing_values_are_none_and_a_missing_body_is_empty(database: Database) -> None:
    email_id = insert_row(database, dd_RetryCount=None)
    admit_all(database)
    change(database, email_id, dd_toEmailid=None, dd_subject=None, dd_bodyText=None)

    email = fetched_one(database, email_id)

    assert (email.to, email.cc, email.subject, email.filename) == (None, None, None, None)
    assert (email.body, email.document_size, email.retries) == ("", 0, 0)
    assert email.is_html is None
    assert read_late(database, email_id) == ("", b"")


def test_recipients_who_are_known_one_by_one_come_with_it(database: Database) -> None:
    plain, with_recipients = insert_rows(database, 2)
    known = (
        KnownRecipient(Kind.TO, "ann@example.com", "Ann", RecipientState.SENT),
        KnownRecipient(Kind.BCC, "bob@example.com", "", RecipientState.REFUSED, "550 no such user"),
    )
    admit_all(database)
    with database.write() as connection:
        write_recipients(connection, number_of(database, with_recipients), known)

    assert fetched_one(database, plain).recipients == ()
    assert fetched_one(database, with_recipients).recipients == known


def test_nothing_is_asked_for_no_email(database: Database) -> None:
    assert fetched(database) == []


def test_a_row_that_is_gone_hides_no_other(database: Database) -> None:
    here, gone = insert_rows(database, 2)
    admit_all(database)
    with database.write() as connection:
        connection.execute(
            text("DELETE FROM Digital_Emaildetails WHERE dd_srno = :id"), {"id": gone}
        )

    assert [one.id for one in fetched(database, here, gone)] == [here]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"bytes, but text", "bytes, but text"),
        (b"caf\xe9", "caf\udce9"),
        (4711, "4711"),
        (1.5, "1.5"),
        ("\x00NUL", "\x00NUL"),
        ("", ""),
    ],
)
def test_sqlite_what_is_not_text_is_read_as_text(
    sqlite_database: Database, value: Any, read: str
) -> None:
    email_id = insert_row(sqlite_database)
    admit_all(sqlite_database)
    with sqlite_database.write() as connection:
        connection.execute(
            text(
                "UPDATE Digital_Emaildetails SET dd_toEmailid = :value, dd_subject = :value,"
                " dd_bodyText = :value, dd_filename = :value, dd_document = :value"
            ),
            {"value": value},
        )

    email = fetched_one(sqlite_database, email_id)

    assert (email.to, email.subject, email.body, email.filename) == (read, read, read, read)
    assert read_late(sqlite_database, email_id) == (
        read,
        read.encode("utf-8", "surrogateescape"),
    )


def test_sqlite_text_that_is_not_utf_8_spoils_only_its_own_email(
    sqlite_database: Database,
) -> None:
    broken, whole = insert_rows(sqlite_database, 2)
    with sqlite_database.write() as connection:
        connection.execute(
            text(
                "UPDATE Digital_Emaildetails SET dd_subject = CAST(x'ff00fe' AS TEXT), "
                "dd_bodyText = CAST(x'80' AS TEXT) WHERE dd_srno = :id"
            ),
            {"id": broken},
        )

    first, second = fetched(sqlite_database, broken, whole)

    assert isinstance(first, ClaimedEmail)
    assert first.subject == "\udcff\x00\udcfe"
    assert isinstance(second, ClaimedEmail)
    assert second.subject == "Hello"


@pytest.mark.parametrize("wrong", ["soon", b"\xff", 10**15, ""])
def test_sqlite_nonsense_in_the_other_columns_hides_no_row(
    sqlite_database: Database, wrong: Any
) -> None:
    email_id = insert_row(
        sqlite_database,
        dd_RetryCount=wrong,
        dd_SentDate=wrong,
        dd_CreatedDate=wrong,
        dd_IsHtml=wrong,
    )

    assert fetched_one(sqlite_database, email_id).id == email_id
