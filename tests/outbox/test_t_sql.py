"""The T-SQL that SQL Server gets, as pyodbc gets it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from sqlalchemy import ClauseElement, Executable
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex

import shared
from shared.database.migrations.revisions import revisions_after, steps_for
from shared.database.statements.prepared import PreparedStatement, PreparedUpdate
from shared.database.tables import OPTION_COLUMNS, emails
from shared.limits.connection_slots import RENEW_SLOTS, RETURN_ALL, RETURN_ONE, TAKE
from shared.limits.reservations import FORGET, RESERVE
from shared.limits.reservations import RELEASE as RELEASE_QUOTA
from shared.outbox import confidential, relocation_mark, transitions
from shared.outbox.admission import admit
from shared.outbox.admission.immediate import FIRST_OF_NEWEST, immediate_among
from shared.outbox.admission.row_content import content_statement
from shared.outbox.queries import requests
from shared.outbox.queries.counts import gaps_between, held_statement, oldest_new_statement
from shared.outbox.queries.search import Position, Wish, look, page_statement
from shared.outbox.queries.statistics import ADD
from shared.outbox.rows import their_rows, write_back
from shared.outbox.sending.claim import (
    blamed_statement,
    claim_one_statement,
    claim_statement,
    suspects_statement,
)
from shared.outbox.sending.due import due_statement
from shared.outbox.sending.fetch import fetch_statement, look_statement
from shared.outbox.sending.finish import Outcome
from shared.outbox.sending.lease import RENEW
from shared.outbox.suppressions import list_statement
from tests.support.t_sql import t_sql

HINTS = "WITH (ROWLOCK, READPAST, UPDLOCK, READCOMMITTEDLOCK)"
MOVED_HINTS = "WITH (READCOMMITTEDLOCK, HOLDLOCK)"
LEASE_END = "DATEADD(millisecond, CAST(1000 * CAST(? AS FLOAT) AS INT), SYSUTCDATETIME())"
SERVICE_RUNS = (
    "(EXISTS (SELECT * FROM Rowpost_Service WHERE Rowpost_Service.Id = ? "
    "AND Rowpost_Service.State = 'running')) "
    f"AND (EXISTS (SELECT 1 FROM Rowpost_Relocation {MOVED_HINTS} "
    "WHERE Rowpost_Relocation.Id = 1 AND Rowpost_Relocation.MovedAt IS NULL))"
)
OVER = "LeaseToken IS NOT NULL AND LeaseUntil < SYSUTCDATETIME()"
NO_LEASE = "LeaseToken=NULL, LeaseUntil=NULL"
TELL_ROW = "WriteAfter=SYSUTCDATETIME(), WriteTries=0, WriteFault=NULL"
ENDS = f"EndedAt=SYSUTCDATETIME(), {TELL_ROW}"
ANSWERS = "OUTPUT inserted.Number, inserted.Origin, inserted.EmailId, inserted.State"
WAIT = "CAST(? AS DOUBLE PRECISION)"
IN_WAIT = LEASE_END.replace("CAST(? AS FLOAT)", f"CAST({WAIT} AS FLOAT)")
SAYS_NEW = "dd_SendFlag IN ('N', 'n', ' N', 'N ', ' n', 'n ')"
ALL_OPTIONS = frozenset(OPTION_COLUMNS)
NO_OPTIONS: frozenset[str] = frozenset()
NOT_HELD = (
    "NOT (EXISTS (SELECT * FROM Rowpost_Held WHERE Rowpost_Held.EmailId = dd_srno "
    "AND Rowpost_Held.LookAgainAt > SYSUTCDATETIME()))"
)

CLAIMS = ("claim", "claim of many", "claim one", "suspects", "blamed", "claim for a failover")

# Those that are made as they are needed; whatever stands in a module is found there.
MADE: dict[str, ClauseElement] = {
    "claim": claim_statement((False,), 1, 200),
    "claim of many": claim_statement((True, False, False), 2, 200),
    "claim one": claim_one_statement((True, False), 2),
    "suspects": suspects_statement((True, False), 2, 1, 8),
    "blamed": blamed_statement((True, False), 2),
    "due": due_statement(2),
    "due in one lane": due_statement(1),
    "claim for a failover": claim_statement((False,), 1, 200, True),
    "held": held_statement(gaps_between([None, "", "MAIN"]), 10_000),
    "suppressed list": list_statement("a@example.com", 50),
    "requests": requests.wished_statement(requests.Wish("50%", "sending")),
    "list": page_statement(Wish(text="50%"), None, 50),
    "telling": their_rows.telling(None, False).statement(2),
    "telling narrow": their_rows.telling(100, True).statement(2),
    "oldest new row, of those due": oldest_new_statement(True),
    "oldest new row, where all are due": oldest_new_statement(False),
    "later list": look(Wish(), Position(None, 7)).offset(4_999).limit(2),
}
for name, there in {"an adopted table": NO_OPTIONS, "a fresh table": ALL_OPTIONS}.items():
    MADE |= {
        f"new rows of {name}": admit.rows_statement(there),
        f"immediate rows of {name}": immediate_among("dd_Lane" in there),
        f"content of {name}": content_statement(there),
        f"claimed emails of {name}": fetch_statement(there),
        f"an email of {name}, for who looks at it": look_statement(there),
        f"list of {name}": page_statement(Wish(), None, 50, there),
    }


def statements_of_modules() -> Iterator[tuple[str, ClauseElement]]:
    """Every statement that a module of `shared` holds, by itself or in a collection."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        if ".migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for number, statement in enumerate(statements_in(value)):
                yield f"{module.name}.{name}.{number}", statement


def statements_in(value: object) -> Iterator[ClauseElement]:
    match value:
        case PreparedUpdate():
            yield value.statement(2)
        case PreparedStatement():
            yield value.statement
        case Mapping():
            for each in value.values():
                yield from statements_in(each)
        case list() | tuple():
            for each in value:
                yield from statements_in(each)
        case ClauseElement() if isinstance(value, Executable) and (
            getattr(value, "is_dml", False) or getattr(value, "is_select", False)
        ):
            yield value


STATEMENTS: dict[str, ClauseElement] = {
    t_sql(statement): statement for _, statement in statements_of_modules()
} | {t_sql(statement): statement for statement in MADE.values()}
"""Every statement of ours that is made of expressions, by its text."""


def each_of(chosen: Callable[[str], bool]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """A test of each of our statements that is chosen, in one: which there are is found out."""

    def of(test: Callable[[str], None]) -> Callable[[], None]:
        def test_each() -> None:
            for text in STATEMENTS:
                if chosen(text):
                    test(text)

        test_each.__name__ = test.__name__
        return test_each

    return of


def made(statement: ClauseElement) -> str:
    """Its text, less the names of the ledger's table before its columns."""
    assert t_sql(statement) in STATEMENTS
    return t_sql(statement).replace("Rowpost_Emails.", "")


def test_the_statements_are_found() -> None:
    assert len(STATEMENTS) > 100
    for statement in (RENEW, transitions.CANCEL, their_rows.TAKE, write_back.UNWRITTEN):
        assert t_sql(statement) in STATEMENTS


# What is theirs.


@each_of(lambda text: "Digital_Emaildetails" in text)
def test_no_statement_on_the_applications_table_has_an_output_or_alters_it(text: str) -> None:
    """A table with triggers refuses an OUTPUT (334)."""
    if re.match(r"(INSERT INTO|UPDATE|DELETE FROM) Digital_Emaildetails\b", text):
        assert "OUTPUT" not in text
    assert not re.search(r"\b(ALTER|DROP|TRUNCATE|CREATE)\b|SELECT \* FROM Digital", text)


def test_an_insert_asks_for_its_number_without_an_output() -> None:
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    text = str(their_rows.INSERT.values(dd_subject="x").compile(dialect=dialect))

    assert text.startswith("INSERT INTO [Digital_Emaildetails] ")
    assert "OUTPUT" not in text
    assert not emails.implicit_returning


def test_the_applications_table_gets_one_plain_index_and_no_column() -> None:
    """A filtered index would refuse sessions whose SET options are old (1934)."""
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    (index,) = emails.indexes
    text = str(CreateIndex(index).compile(dialect=dialect))
    assert re.sub(r"[\[\]]", "", text) == (
        "CREATE INDEX IX_Rowpost_New ON Digital_Emaildetails (dd_SendFlag, dd_srno)"
    )

    steps = [step for name in revisions_after(None) for step in steps_for(name, "mssql")]
    theirs = [step.sql for step in steps if step.table == "Digital_Emaildetails"]
    assert [sql.partition(" (")[0] for sql in theirs] == [
        "CREATE TABLE dbo.Digital_Emaildetails",
        "CREATE INDEX IX_Rowpost_New ON dbo.Digital_Emaildetails",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Digital_Emaildetails TO rowpost_service",
    ]
    assert "WHERE" not in theirs[1]


def test_what_other_sessions_insert_into_has_no_filtered_index() -> None:
    steps = [step for name in revisions_after(None) for step in steps_for(name, "mssql")]
    theirs = ("Digital_Emaildetails", "tbl_EMailParameters", "Rowpost_Options")
    indexes = [step.sql for step in steps if step.table in theirs and "INDEX" in step.sql]

    assert len(indexes) == 3
    assert not [sql for sql in indexes if "WHERE" in sql]


def test_an_end_is_told_only_where_our_letter_stands() -> None:
    text = made(MADE["telling"])
    ended = "CASE WHEN (State IN ('Y', 'F', 'U', 'C')) THEN"
    assert text == (
        f"UPDATE Digital_Emaildetails SET dd_SendFlag={ended} State ELSE dd_SendFlag END, "
        f"dd_RetryCount=Retries, dd_SentDate={ended} SentAt ELSE dd_SentDate END, "
        "dd_BounceReason=Reason, dd_LastRetryDate=LastTriedAt "
        "FROM Digital_Emaildetails, Rowpost_Emails "
        "WHERE dd_srno = EmailId AND Number IN (?, ?) AND WriteAfter IS NOT NULL "
        "AND (dd_SendFlag = 'P' OR dd_SendFlag = 'U' AND State IN ('Y', 'F', 'U'))"
    )
    assert "dd_BounceReason=coalesce(substring(Reason, ?, ?), ?)" in made(MADE["telling narrow"])
    assert made(their_rows.TAKE) == (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='P' "
        f"WHERE dd_srno IN (?) AND ({SAYS_NEW} OR dd_SendFlag IS NULL)"
    )
    for statement in (their_rows.GIVE_LETTER, their_rows.EMPTY, their_rows.REMOVE):
        assert made(statement).endswith("WHERE dd_srno = ? AND dd_SendFlag = ?")


# Admission.


def test_new_ids_come_from_the_index_alone_and_pass_over_what_somebody_holds() -> None:
    assert made(admit.NEW_IDS) == (
        f"SELECT TOP {admit.AT_ONCE} dd_srno FROM Digital_Emaildetails {HINTS} "
        f"WHERE dd_SendFlag = 'N' AND ? <= dd_srno AND {NOT_HELD} ORDER BY dd_srno"
    )


def test_the_newest_are_found_by_the_index_alone_and_pass_over_what_somebody_holds() -> None:
    assert made(FIRST_OF_NEWEST) == (
        f"SELECT min(dd_srno) AS min_1 FROM (SELECT TOP {admit.AT_ONCE} dd_srno AS dd_srno "
        f"FROM Digital_Emaildetails {HINTS} WHERE dd_SendFlag = 'N' ORDER BY dd_srno DESC) "
        "AS newest"
    )


def test_letters_are_given_to_new_rows_and_those_that_somebody_holds_are_passed_over() -> None:
    text = made(their_rows.TAKE_ENTERED)

    assert text.startswith(f"UPDATE Digital_Emaildetails {HINTS} SET dd_SendFlag='P' WHERE ")
    assert f"FROM Digital_Emaildetails {HINTS} WHERE dd_SendFlag = 'N'" in made(admit.NEW_AMONG)


def test_rows_are_read_by_key_and_passed_over_where_somebody_holds_them() -> None:
    text = made(admit.rows_statement(NO_OPTIONS))

    assert f"FROM Digital_Emaildetails {HINTS} LEFT OUTER JOIN Rowpost_Options ON" in text
    assert f"WHERE dd_srno IN (?) AND ({SAYS_NEW} OR dd_SendFlag IS NULL) ORDER BY" in text


@pytest.mark.parametrize("name", [name for name in MADE if name.endswith(" an adopted table")])
def test_of_an_adopted_table_only_the_seeds_columns_are_named(name: str) -> None:
    text = t_sql(MADE[name])

    assert "dd_srno" in text
    assert not [column for column in OPTION_COLUMNS if column in text]


# The mark of a queue that has moved.


def test_the_queue_reads_the_mark_that_it_has_moved_under_a_lock_until_the_commit() -> None:
    """With READ_COMMITTED_SNAPSHOT a reader would be given the mark as it was."""
    of_the_queue = [
        t_sql(statement)
        for name, statement in statements_of_modules()
        if name.startswith("shared.outbox.")
    ] + [t_sql(statement) for statement in MADE.values()]
    readers = [text for text in of_the_queue if "FROM Rowpost_Relocation" in text]

    assert len(readers) >= 7
    for text in readers:
        assert re.findall(r"Rowpost_Relocation( WITH \([^)]*\)|(?= WHERE))", text) == [
            f" {MOVED_HINTS}"
        ]


def test_whoever_adds_claims_or_admits_reads_that_mark() -> None:
    assert made(relocation_mark.MOVED_AT) == (
        f"SELECT Rowpost_Relocation.MovedAt FROM Rowpost_Relocation {MOVED_HINTS} "
        "WHERE Rowpost_Relocation.Id = 1"
    )
    assert SERVICE_RUNS in made(admit.FIRST_ID)
    for name in CLAIMS:
        assert made(MADE[name]).endswith(f"AND State = 'N' AND {SERVICE_RUNS}"), name


# N → P → T.


def test_a_claim_takes_the_first_entries_that_nobody_holds() -> None:
    assert made(MADE["claim"]) == (
        f"UPDATE Rowpost_Emails SET State='P', LeaseToken=?, LeaseUntil={LEASE_END}, "
        "MessageId=coalesce(MessageId, "
        "'<' + CAST(EmailId AS VARCHAR(12)) + CAST(? AS VARCHAR(240))) "
        "OUTPUT inserted.Number "
        "WHERE Number IN (SELECT anon_1.Number FROM ("
        "SELECT TOP 200 Lane AS Lane, Priority AS Priority, Number AS Number "
        f"FROM Rowpost_Emails {HINTS} "
        "WHERE State = 'N' AND NotBefore IS NULL "
        "AND AccountCode = ? AND Lane = ? AND LostLeases IS NULL AND Blamed IS NULL "
        "AND (ExpiresAt IS NULL OR ExpiresAt > SYSUTCDATETIME()) "
        "ORDER BY Priority, Number) AS anon_1) "
        f"AND State = 'N' AND {SERVICE_RUNS}"
    )


def test_a_claim_of_several_codes_and_lanes_reads_each_as_one_range_of_the_index() -> None:
    text = made(MADE["claim of many"])

    assert text.count(HINTS) == 6
    assert text.count("AccountCode = ? AND Lane = ?") == 4
    assert text.count("AccountCode IS NULL AND Lane = ?") == 2
    assert text.count("UNION ALL") == 5
    assert text.count("SELECT TOP 200") == 7
    assert "ORDER BY anon_1.Lane, anon_1.Priority, anon_1.Number)" in text


def test_suspects_and_single_emails_are_taken_under_the_same_hints() -> None:
    suspects, single = made(MADE["suspects"]), made(MADE["claim one"])

    assert f"SELECT TOP 8 Number FROM Rowpost_Emails {HINTS} WHERE" in suspects
    assert "State = 'N' AND LostLeases = 1" in suspects
    assert (
        f"SELECT Number FROM Rowpost_Emails {HINTS} WHERE EmailId = ? AND IsCurrent = 1" in single
    )


def test_a_failover_claims_no_email_of_which_a_copy_may_have_gone_out() -> None:
    assert "AND Uncertain IS NULL ORDER BY" in made(MADE["claim for a failover"])


def test_a_claim_touches_no_row_of_the_applications() -> None:
    for name in CLAIMS:
        assert "Digital_Emaildetails" not in t_sql(MADE[name])


def test_a_mark_checks_state_token_and_lease_and_answers_what_it_marked() -> None:
    assert made(transitions.MARK.statement(2)) == (
        f"UPDATE Rowpost_Emails SET State='T', LeaseUntil={LEASE_END}, "
        "Fingerprint=CASE WHEN (Number = ?) THEN ? WHEN (Number = ?) THEN ? "
        "ELSE Fingerprint END "
        "OUTPUT inserted.Number, inserted.EmailId WHERE Number IN (?, ?) AND LeaseToken = ? "
        "AND State = 'P' AND IsCurrent = 1 AND LeaseUntil > SYSUTCDATETIME()"
    )


# What became of it.


def test_sent_is_written_for_many_at_once_under_the_fence() -> None:
    assert made(transitions.SENT.statement(2)) == (
        f"UPDATE Rowpost_Emails SET State='Y', {NO_LEASE}, SentAt=SYSUTCDATETIME(), "
        f"EndedAt=SYSUTCDATETIME(), Reason=NULL, {TELL_ROW} "
        f"{ANSWERS} "
        "WHERE Number IN (?, ?) AND LeaseToken = ? AND State IN ('T', 'U')"
    )


@pytest.mark.parametrize(
    ("outcome", "sets"),
    [
        (
            Outcome.SENT,
            (
                "State='Y', NotBefore=NULL, Retries=(Retries + ?), LeaseToken=NULL, "
                "LeaseUntil=NULL, "
                "SentAt=SYSUTCDATETIME(), LastTriedAt=SYSUTCDATETIME(), EndedAt=SYSUTCDATETIME(), "
            ),
        ),
        (
            Outcome.RETRY,
            (
                "State=CASE WHEN (State = 'U') THEN 'U' ELSE 'N' END, "
                f"NotBefore=CASE WHEN (State != 'U') THEN "
                f"CASE WHEN ({WAIT} > 0) THEN {IN_WAIT} END END, "
                f"DueSince=CASE WHEN ({WAIT} > 0) THEN {IN_WAIT} ELSE SYSUTCDATETIME() END, "
                "Retries=(Retries + ?), LeaseToken=NULL, LeaseUntil=NULL, "
                "LastTriedAt=SYSUTCDATETIME(), "
            ),
        ),
        (
            Outcome.FAILED,
            (
                "State='F', NotBefore=NULL, Retries=(Retries + ?), LeaseToken=NULL, "
                "LeaseUntil=NULL, "
                "LastTriedAt=SYSUTCDATETIME(), EndedAt=SYSUTCDATETIME(), "
            ),
        ),
        (
            Outcome.UNKNOWN,
            (
                "State='U', NotBefore=NULL, Retries=(Retries + ?), LeaseToken=LeaseToken, "
                "LeaseUntil=NULL, LastTriedAt=SYSUTCDATETIME(), "
            ),
        ),
        (
            Outcome.POSTPONED,
            (
                f"State='N', NotBefore={IN_WAIT}, DueSince=DueSince, Retries=(Retries + ?), "
                "LeaseToken=NULL, LeaseUntil=NULL, LastTriedAt=LastTriedAt, "
            ),
        ),
        (
            Outcome.BLAMED,
            (
                "State='N', NotBefore=NULL, DueSince=DueSince, Retries=(Retries + ?), "
                "LeaseToken=NULL, LeaseUntil=NULL, Blamed=(coalesce(Blamed, 0) + 1), "
                "LastTriedAt=SYSUTCDATETIME(), "
            ),
        ),
    ],
)
def test_every_other_end_is_written_under_the_fence(outcome: Outcome, sets: str) -> None:
    statement = {
        Outcome.SENT: transitions.SENT_TO_SOME,
        Outcome.RETRY: transitions.RETRY,
        Outcome.FAILED: transitions.FAILED,
        Outcome.UNKNOWN: transitions.UNKNOWN,
        Outcome.POSTPONED: transitions.POSTPONED,
        Outcome.BLAMED: transitions.BLAMED,
    }[outcome]
    states = {Outcome.POSTPONED: "= 'P'", Outcome.BLAMED: "IN ('P', 'T')"}.get(
        outcome, "IN ('P', 'T', 'U')"
    )
    assert made(statement) == (
        f"UPDATE Rowpost_Emails SET {sets}Reason=?, {TELL_ROW} "
        f"{ANSWERS} "
        f"WHERE Number = ? AND LeaseToken = ? AND State {states}"
    )


def test_what_is_given_back_is_answered() -> None:
    assert made(transitions.GIVE_BACK.statement(2)) == (
        f"UPDATE Rowpost_Emails SET State='N', {NO_LEASE} OUTPUT inserted.Number "
        "WHERE Number IN (?, ?) AND LeaseToken = ? AND State IN ('P', 'T')"
    )


def test_what_its_row_takes_back_is_taken_back_under_the_fence_and_told_to_nobody() -> None:
    assert made(transitions.TAKE_BACK.statement(2)) == (
        f"UPDATE Rowpost_Emails SET State='C', {NO_LEASE}, EndedAt=SYSUTCDATETIME(), Reason=?, "
        "WriteAfter=NULL OUTPUT inserted.EmailId "
        "WHERE Number IN (?, ?) AND LeaseToken = ? AND State = 'P'"
    )


def test_a_release_takes_nothing_that_is_marked() -> None:
    assert made(transitions.RELEASE) == (
        f"UPDATE Rowpost_Emails SET State='N', {NO_LEASE} "
        "WHERE State = 'P' AND State IN ('P', 'T') AND LeaseToken = ?"
    )


def test_a_renewal_is_for_all_emails_of_the_lease() -> None:
    assert made(RENEW) == (
        f"UPDATE Rowpost_Emails SET LeaseUntil={LEASE_END} "
        "WHERE State IN ('P', 'T') AND LeaseToken = ?"
    )


def test_a_rescue_keeps_the_token_of_what_is_unknown() -> None:
    assert made(transitions.TO_UNKNOWN) == (
        f"UPDATE Rowpost_Emails SET State='U', LeaseUntil=NULL, Reason=?, {TELL_ROW} "
        "OUTPUT inserted.EmailId "
        f"WHERE State = 'T' AND State IN ('P', 'T') AND {OVER}"
    )


def test_a_rescue_gives_back_or_gives_up_what_was_prepared() -> None:
    third = "(coalesce(LostLeases, 0) + 1 >= 3)"
    assert made(transitions.FROM_PREPARING) == (
        f"UPDATE Rowpost_Emails SET State=CASE WHEN {third} THEN 'F' ELSE 'N' END, "
        f"{NO_LEASE}, LostLeases=(coalesce(LostLeases, 0) + 1), "
        f"EndedAt=CASE WHEN {third} THEN SYSUTCDATETIME() END, "
        f"Reason=CASE WHEN {third} THEN ? ELSE Reason END, "
        f"WriteAfter=CASE WHEN {third} THEN SYSUTCDATETIME() ELSE WriteAfter END "
        "OUTPUT inserted.Number, inserted.State, inserted.EmailId "
        f"WHERE State = 'P' AND State IN ('P', 'T') AND {OVER}"
    )


def test_what_carries_a_code_is_removed_once_it_has_ended() -> None:
    assert made(confidential.FORGET.statement(2)) == (
        "DELETE FROM Rowpost_Confidential OUTPUT deleted.Number "
        "WHERE Rowpost_Confidential.Number IN (?, ?) AND (EXISTS (SELECT Number "
        "FROM Rowpost_Emails WHERE State IN ('Y', 'F', 'C') "
        "AND Number = Rowpost_Confidential.Number))"
    )


def test_what_carries_a_code_is_cancelled_where_it_could_only_come_too_late() -> None:
    cancels = (
        "UPDATE Rowpost_Emails SET State='C', NotBefore=NULL, "
        f"{NO_LEASE}, {ENDS} OUTPUT inserted.EmailId WHERE "
    )
    assert made(transitions.TOO_LATE.statement(2)) == (
        f"{cancels}State = 'N' AND Number IN (?, ?) "
        "AND ExpiresAt <= coalesce(NotBefore, SYSUTCDATETIME())"
    )
    assert made(transitions.WITHDRAW.statement(2)) == (
        f"{cancels}State IN ('N', 'P') AND Number IN (?, ?)"
    )


def test_a_decision_is_for_an_unknown_outcome_of_an_email_that_is_current() -> None:
    ours = "OUTPUT inserted.EmailId WHERE Number = ? AND State = 'U' AND IsCurrent = 1"
    assert made(transitions.RESEND) == (
        "UPDATE Rowpost_Emails SET State='N', NotBefore=NULL, DueSince=SYSUTCDATETIME(), "
        f"{NO_LEASE}, LostLeases=NULL, Uncertain=1, WriteAfter=NULL {ours}"
    )
    assert made(transitions.COUNT_AS_SENT) == (
        f"UPDATE Rowpost_Emails SET State='Y', {NO_LEASE}, SentAt=SYSUTCDATETIME(), "
        f"EndedAt=SYSUTCDATETIME(), Reason=?, {TELL_ROW} {ours}"
    )


def test_only_what_waits_is_cancelled() -> None:
    assert made(transitions.CANCEL) == (
        f"UPDATE Rowpost_Emails SET State='C', NotBefore=NULL, {ENDS} "
        "OUTPUT inserted.EmailId WHERE Number = ? AND State = 'N'"
    )


# Time, and what is told.


def test_what_has_come_due_and_what_has_expired_are_read_from_their_small_indexes() -> None:
    (due, expired) = made(transitions.CALL_UP), made(transitions.EXPIRE)

    assert due == (
        "UPDATE Rowpost_Emails SET NotBefore=NULL, DueSince=NotBefore WHERE Number IN ("
        "SELECT TOP 500 Number FROM Rowpost_Emails WHERE State = 'N' "
        "AND NotBefore IS NOT NULL AND NotBefore <= SYSUTCDATETIME() ORDER BY NotBefore) "
        "AND State = 'N'"
    )
    assert (
        "SELECT TOP 500 Number FROM Rowpost_Emails WHERE State = 'N' "
        "AND ExpiresAt IS NOT NULL AND ExpiresAt <= SYSUTCDATETIME() ORDER BY ExpiresAt) "
        "AND State = 'N'"
    ) in expired


def test_what_came_after_a_row_was_told_is_still_to_be_told() -> None:
    assert made(transitions.WRITTEN.statement(2)) == (
        "UPDATE Rowpost_Emails SET WriteAfter=NULL, WriteTries=0, WriteFault=NULL "
        "WHERE Number IN (?, ?) AND WriteAfter <= ?"
    )
    assert (
        "FROM Rowpost_Emails WHERE WriteAfter IS NOT NULL "
        f"AND WriteAfter <= {LEASE_END} ORDER BY WriteAfter"
    ) in made(write_back.UNWRITTEN)


def test_held_emails_are_counted_in_the_gaps_between_the_codes() -> None:
    text = made(MADE["held"])

    assert text.count("SELECT TOP 10000") == 4
    assert "AccountCode > ? AND AccountCode < ?" in text
    assert text.count("State = 'N' AND NotBefore IS NULL AND ") == 3
    assert text.endswith("GROUP BY anon_1.AccountCode")


# Quotas, slots and statistics.


def test_a_reservation_is_one_statement_that_keeps_within_every_limit() -> None:
    used = "CASE WHEN (Rowpost_Quotas.Minute >= ?) THEN Rowpost_Quotas.{0} ELSE 0 END"
    minute, hour, day = (used.format(name) for name in ("MinuteUsed", "HourUsed", "DayUsed"))
    assert t_sql(RESERVE) == (
        f"UPDATE Rowpost_Quotas SET Minute=?, MinuteUsed=({minute} + ?), HourUsed=({hour} + ?), "
        f"DayUsed=({day} + ?) WHERE Rowpost_Quotas.AccountId = ? AND Rowpost_Quotas.Minute <= ? "
        f"AND {minute} <= ? AND {hour} <= ? AND {day} <= ?"
    )


def test_a_release_changes_only_the_windows_in_which_it_was_reserved() -> None:
    text = t_sql(RELEASE_QUOTA)

    for name in ("MinuteUsed", "HourUsed", "DayUsed"):
        column = f"Rowpost_Quotas.{name}"
        assert (
            f"{name}=CASE WHEN (Rowpost_Quotas.Minute < ?) THEN {column} - ? ELSE {column} END"
        ) in text
    assert text.endswith("WHERE Rowpost_Quotas.AccountId = ?")


def test_a_slot_is_taken_only_while_it_is_free() -> None:
    free = "(Rowpost_Slots.Token IS NULL OR Rowpost_Slots.Until < SYSUTCDATETIME())"
    assert t_sql(TAKE) == (
        f"UPDATE Rowpost_Slots SET Token=?, Until={LEASE_END} WHERE Rowpost_Slots.AccountId = ? "
        "AND Rowpost_Slots.Number IN (SELECT TOP 1 Rowpost_Slots.Number FROM Rowpost_Slots "
        f"WHERE Rowpost_Slots.AccountId = ? AND Rowpost_Slots.Number < ? AND {free} "
        f"ORDER BY Rowpost_Slots.Number) AND {free}"
    )


@pytest.mark.parametrize("statement", [FORGET, RENEW_SLOTS, RETURN_ONE, RETURN_ALL])
def test_who_gives_up_what_it_holds_names_its_token(statement: ClauseElement) -> None:
    assert re.search(r"(WHERE|AND) Rowpost_\w+\.Token = \?", t_sql(statement))


def test_an_hour_of_the_statistics_begins_by_the_servers_clock() -> None:
    hour = "CAST(DATEADD(hour, DATEDIFF(hour, 0, SYSUTCDATETIME()), 0) AS DATETIME2(3))"

    assert all(hour in t_sql(added.statement) for added in ADD.values())


# All of them.


@each_of(lambda _: True)
def test_every_statement_keeps_to_what_is_safe_everywhere(text: str) -> None:
    assert not re.search(r"MERGE|ROW_NUMBER|\bWITH \w+ AS|RETURNING|\bLIMIT\b|\|\|", text)
    deletes = text.startswith("DELETE")
    rows = "deleted" if deletes else "inserted"
    assert not re.search(
        rf"OUTPUT (?!{rows}\.\w+(, {rows}\.\w+)*( WHERE| VALUES| DEFAULT|$))", text
    )
    assert not re.search(r"GETDATE|CURRENT_TIMESTAMP|strftime|@(?!@ROWCOUNT)", text)
    assert "__" not in text


@each_of(lambda _: True)
def test_no_parameter_stands_where_its_type_is_anybodys_guess(text: str) -> None:
    """Not beside another parameter, and in no arithmetic with a bare constant."""
    assert not re.search(r"\? *[=<>+*-]+ *\?", text)
    assert not re.search(r"\d \* \(?\?|'[^']*' \+ \?|\? \+ '|\? (<|>)(?!=)", text)
    assert not re.search(r"coalesce\(\?", text)


@each_of(lambda _: True)
def test_the_text_of_an_email_is_never_compared_or_sorted(text: str) -> None:
    """NTEXT can be neither compared nor sorted: it is read, measured or written."""
    plain = r"(?<!CAST\()(?<!DATALENGTH\()\bdd_bodyText\b(?!=)"
    for place in re.finditer(plain, text):
        assert text.startswith("INSERT INTO Digital_Emaildetails"), text[place.start() - 40 :]
