"""The T-SQL of lists, decisions, kept answers, suppressions and retention, as pyodbc gets it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import ClauseElement

from shared.bounces import matching
from shared.maintenance import retention
from shared.outbox import cancel_retry_resolve, removal, suppressions, transitions
from shared.outbox.queries import search
from shared.outbox.queries.search import Position, Wish, look, page_statement
from shared.outbox.sending import operations
from shared.outbox.states import Status
from shared.submissions import kept_answers
from shared.unsubscribing import unsubscribed
from tests.support.t_sql import t_sql

HERE = Position(datetime(2026, 11, 21, tzinfo=UTC), 4711)
TIMELESS = Position(None, 4711)
STATUSES = (None, *(status for status in Status if status is not Status.HELD))
DAY_AGO = "DATEADD(millisecond, CAST(1000 * CAST(-86400 AS FLOAT) AS INT), SYSUTCDATETIME())"
IN_30_DAYS = "DATEADD(minute, CAST(1440 * CAST(30 AS FLOAT) AS INT), SYSUTCDATETIME())"
IN_DAYS = "DATEADD(minute, CAST(1440 * CAST(? AS FLOAT) AS INT), SYSUTCDATETIME())"
IN_ANY_END = "Rowpost_Emails.State IN ('Y', 'F', 'C')"
ENDED = "Rowpost_Emails.EndedAt"


def _narrow(status: Status | None) -> Wish:
    """With every filter that there is."""
    return Wish(
        status,
        account="SHOP",
        origin="",
        tag="invoice",
        since=HERE.time,
        until=HERE.time,
        from_number=1,
        below_number=9,
    )


STATEMENTS: dict[str, ClauseElement] = {
    "cancel": transitions.CANCEL,
    "forget expiry": cancel_retry_resolve.FORGET_EXPIRY,
    "ask again": cancel_retry_resolve.ASK_AGAIN,
    "find answer": kept_answers.FIND,
    "forget this answer": kept_answers.FORGET_THIS,
    "keep answer": kept_answers.KEEP,
    "complete answer": kept_answers.COMPLETE,
    "forget old answers": kept_answers.FORGET_OLD,
    "suppress again": suppressions.AGAIN,
    "any suppressed": suppressions.ANY,
    "suppressed among": suppressions.AMONG,
    "suppressed list": suppressions.list_statement("a@example.com", 50),
    "let go": suppressions.FORGET,
    "note operation": operations.NOTE,
    "open operations": operations.OPEN,
    "ask again of operation": operations.ASK_AGAIN,
    "ask no more": operations.ASK_NO_MORE,
    "email of operation": operations.OF,
    "unknown, and asked no more": cancel_retry_resolve.UNKNOWN_IDS,
    "entry of a token": matching.EMAIL_ID,
    "entry of a message id": matching.ENTRY,
    "first entry of a message id": matching.FIRST_ENTRY,
    "unsubscribed among": unsubscribed.AMONG,
    "unsubscribed list": unsubscribed.page_statement("news", "a@example.com", 50),
    "unsubscribed of an address": unsubscribed.OF_ADDRESS,
    "unsubscribed of any list": unsubscribed.FROM_ANY.limit(50),
    "subscribe again": unsubscribed.FORGET,
    "forget suppressions": suppressions.FORGET_OVER,
    "with content": retention.WITH_CONTENT,
    "with record": retention.WITH_RECORD,
    "empty": retention.EMPTY,
    "empty contact": retention.EMPTY_CONTACT,
    "note": retention.NOTE,
    "remove": removal.REMOVE,
    "attempts": search.ATTEMPTS,
    "held rows": search.held_statement(Wish(Status.HELD)),
    "held rows that say it": search.held_statement(
        Wish(Status.HELD, "50% [off]", account="", since=HERE.time, until=HERE.time)
    ),
    "made at": search.MADE_AT,
}
STATEMENTS |= {f"forget {number}": one for number, one in enumerate(removal.FORGET)}
LISTS: dict[str, ClauseElement] = {
    f"{kind} of {status or 'all'} {name}": made
    for status in STATUSES
    for name, after in (("first", None), ("later", HERE), ("timeless", TIMELESS))
    for kind, made in (
        ("page", page_statement(Wish(status, "50% [off]", "login:shop"), after, 50)),
        ("plain page", page_statement(Wish(status), after, 50)),
        ("narrow page", page_statement(_narrow(status), after, 50)),
        ("end", look(Wish(status), after).offset(4_999).limit(2)),
    )
}
STATEMENTS |= LISTS


def test_a_decision_names_the_state_that_it_is_about() -> None:
    assert t_sql(STATEMENTS["cancel"]).endswith(
        "WHERE Rowpost_Emails.Number = ? AND Rowpost_Emails.State = 'N'"
    )
    assert t_sql(STATEMENTS["forget expiry"]).endswith(
        "AND Rowpost_Emails.IsCurrent = 1 AND Rowpost_Emails.State = 'N' "
        "AND Rowpost_Emails.ExpiresAt <= SYSUTCDATETIME()"
    )


def test_the_email_of_a_bounce_is_looked_up_by_what_has_an_index() -> None:
    table = "Rowpost_Emails"
    assert t_sql(STATEMENTS["entry of a token"]).endswith(f"WHERE {table}.Number = ?")
    assert t_sql(STATEMENTS["entry of a message id"]).endswith(
        f"WHERE {table}.EmailId = ? AND {table}.IsCurrent = 1"
    )
    assert t_sql(STATEMENTS["first entry of a message id"]).endswith(
        f"WHERE {table}.Number = ? AND {table}.EmailId = ?"
    )


def test_an_answer_is_kept_for_a_day_by_the_servers_clock() -> None:
    table = "Rowpost_Idempotency"
    assert t_sql(STATEMENTS["find answer"]) == (
        f"SELECT {table}.Digest, {table}.Status, {table}.Answer FROM {table} "
        f"WHERE {table}.Id = ? AND {table}.CreatedAt > {DAY_AGO}"
    )
    assert t_sql(STATEMENTS["forget old answers"]) == (
        f"DELETE FROM {table} WHERE {table}.Id IN (SELECT TOP 500 {table}.Id FROM {table} "
        f"WHERE {table}.CreatedAt <= {DAY_AGO} ORDER BY {table}.CreatedAt)"
    )


def test_an_address_is_spared_for_thirty_days() -> None:
    table = "Rowpost_Suppressions"
    assert t_sql(STATEMENTS["suppress again"]) == (
        f"UPDATE {table} SET Reason=?, EmailId=?, Since=SYSUTCDATETIME(), Until={IN_30_DAYS} "
        f"WHERE {table}.Address = ?"
    )
    assert t_sql(STATEMENTS["any suppressed"]) == (
        f"SELECT TOP 1 {table}.Address FROM {table} WHERE {table}.Until > SYSUTCDATETIME() "
        f"ORDER BY {table}.Until DESC"
    )


def test_what_is_old_is_read_state_by_state_from_the_index_of_what_has_ended() -> None:
    for name, since in (("with record", ""), ("with content", f"{ENDED} >= ?")):
        text = t_sql(STATEMENTS[name])
        for state in "YFC":
            assert f"WHERE Rowpost_Emails.State = '{state}' AND {IN_ANY_END}" in text
        assert text.count(f"{ENDED} < {IN_DAYS}") == 3
        assert text.count("Rowpost_Emails.WriteAfter IS NULL") == 3
        assert text.count(f"ORDER BY {ENDED}) AS") == 3
        assert since in text


def test_only_what_has_ended_is_emptied() -> None:
    emptied = t_sql(STATEMENTS["empty"])

    assert emptied.endswith(f"WHERE Rowpost_Emails.Number IN (?) AND {IN_ANY_END}")


@pytest.mark.parametrize(("status", "letter"), [("sent", "Y"), ("failed", "F"), ("cancelled", "C")])
def test_a_list_of_what_has_ended_goes_on_where_it_was(status: str, letter: str) -> None:
    assert t_sql(look(Wish(Status(status)), HERE).limit(51)) == (
        f"SELECT TOP 51 Rowpost_Emails.Number AS id, {ENDED} AS time FROM Rowpost_Emails "
        f"WHERE Rowpost_Emails.State = '{letter}' AND {IN_ANY_END} "
        "AND Rowpost_Emails.IsCurrent = 1 "
        f"AND {ENDED} <= ? AND ({ENDED} < ? OR Rowpost_Emails.Number < ?) "
        f"ORDER BY {ENDED} DESC, Rowpost_Emails.Number DESC"
    )


def test_a_list_of_all_has_a_condition_that_the_server_knows() -> None:
    assert t_sql(look(Wish(), None).limit(51)) == (
        "SELECT TOP 51 Rowpost_Emails.Number AS id, NULL AS time FROM Rowpost_Emails "
        "WHERE Rowpost_Emails.IsCurrent = 1 ORDER BY Rowpost_Emails.Number DESC"
    )


def test_a_search_looks_for_the_text_as_it_stands() -> None:
    statement = page_statement(Wish(text="50% [o_f/f]"), None, 50)

    assert t_sql(statement).count("LIKE ? ESCAPE '/'") == 4
    assert "%50/% /[o/_f//f]%" in statement.compile().params.values()


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_is_one_that_sql_server_takes(name: str) -> None:
    text = t_sql(STATEMENTS[name])

    assert not re.search(r"\bLIMIT\b|RETURNING|\bWITH \w+ AS|\b(true|false)\b|\|\|", text)
    assert not re.search(r"\bIS (NOT )?[01?]|(WHERE|AND|OR|NOT) \(?\d+\b(?! =)", text)
    assert not re.search(r"GETDATE|CURRENT_TIMESTAMP|strftime|__", text)
    # A derived table is sorted only together with TOP, a page only together with ORDER BY.
    for inner in re.findall(r"\((SELECT (?:[^()]|\([^()]*\))*)\)", text):
        assert "ORDER BY" not in inner or inner.startswith("SELECT TOP"), inner
    assert "OFFSET" not in text or re.search(r"ORDER BY .+ OFFSET ", text)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_parameter_stands_where_its_type_is_anybodys_guess(name: str) -> None:
    text = t_sql(STATEMENTS[name])

    assert not re.search(r"\? *[=<>+*-]+ *\?|-\?|\? [<>+]|'[^']*' \+ \?", text)


@pytest.mark.parametrize("name", STATEMENTS)
def test_milliseconds_are_counted_no_further_than_an_int_goes(name: str) -> None:
    for seconds in re.findall(
        r"millisecond, CAST\(1000 \* CAST\((-?[\d.]+) AS", t_sql(STATEMENTS[name])
    ):
        assert abs(float(seconds)) * 1000 < 2**31


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_text_of_an_email_is_never_read_compared_or_sorted(name: str) -> None:
    """NTEXT can be neither compared nor sorted."""
    assert not re.search(r"dd_bodyText(?!=)", t_sql(STATEMENTS[name]))
