"""Lists of emails, narrowed by what is known of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from shared.database.database import Database
from shared.outbox.queries.search import Wish, page
from shared.outbox.states import Status
from tests.support.emails import many_emails


def test_a_list_is_narrowed_by_account_way_in_tag_and_time(sqlite_database: Database) -> None:
    many_emails(sqlite_database, 20)
    made = datetime(2026, 1, 10, 12, tzinfo=UTC)
    with sqlite_database.write() as connection:
        for number in range(1, 21):
            connection.execute(
                text("UPDATE Rowpost_Emails SET CreatedAt = :at WHERE EmailId = :id"),
                {"id": number, "at": f"2026-01-{number:02} 12:00:00.000"},
            )
        connection.execute(
            text(
                "UPDATE Rowpost_Emails SET AccountCode = 'NEWS', Origin = 'api' "
                "WHERE EmailId IN (3, 11)"
            )
        )
        connection.execute(
            text("UPDATE Digital_Emaildetails SET dd_Tags = 'vip' WHERE dd_srno = 11")
        )

    def numbers(wish: Wish) -> list[int]:
        with sqlite_database.read() as connection:
            return [email.id for email in page(connection, wish, None, 50).emails]

    assert numbers(Wish(account="NEWS")) == [11, 3]
    assert numbers(Wish(origin="api", since=made)) == [11]
    assert numbers(Wish(origin="", until=made)) == [9, 8, 7, 6, 5, 4, 2, 1]
    assert numbers(Wish(tag="vip")) == [11]
    for status in (None, Status.QUEUED):
        assert numbers(Wish(status, since=made, until=made + timedelta(days=2))) == [11, 10]
    assert numbers(Wish(since=made + timedelta(days=90))) == []
