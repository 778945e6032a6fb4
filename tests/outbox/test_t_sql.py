"""The T-SQL that SQL Server gets, as pyodbc gets it."""

from __future__ import annotations

import re

import pytest

from shared.limits.connection_slots import RENEW_SLOTS, RETURN_ALL, RETURN_ONE, TAKE
from shared.limits.reservations import FORGET, RESERVE
from shared.limits.reservations import RELEASE as RELEASE_QUOTA
from shared.maintenance.rescue import FROM_PREPARING, TO_UNKNOWN
from shared.outbox.admit import ADMIT, EXPIRE
from shared.outbox.begin import MARK
from shared.outbox.cancel_retry_resolve import COUNT_AS_SENT, RESEND
from shared.outbox.claim import claim_one_statement, claim_statement, suspects_statement
from shared.outbox.confidential import EMPTY, TOO_LATE, WITHDRAW
from shared.outbox.counts import gaps_between, held_statement
from shared.outbox.finish import ENDINGS, SENT, Outcome
from shared.outbox.give_back import GIVE_BACK, RELEASE
from shared.outbox.lease import RENEW
from shared.outbox.statistics import ADD
from tests.support.t_sql import t_sql

HINTS = "WITH (ROWLOCK, READPAST, UPDLOCK, READCOMMITTEDLOCK)"
LEASE_END = "DATEADD(millisecond, CAST(1000 * CAST(? AS FLOAT) AS INT), SYSUTCDATETIME())"
SERVICE_RUNS = (
    "(EXISTS (SELECT * FROM Rowpost_Service WHERE Rowpost_Service.Id = ? "
    "AND Rowpost_Service.State = 'running' AND Rowpost_Service.MovedAt IS NULL))"
)
OVER = "dd_LeaseToken IS NOT NULL AND dd_LeaseUntil < SYSUTCDATETIME()"
NO_LEASE = "dd_LeaseToken=NULL, dd_LeaseUntil=NULL"

STATEMENTS = {
    "claim": claim_statement((False,), 1, 200),
    "claim of many": claim_statement((True, False, False), 2, 200),
    "claim one": claim_one_statement((True, False), 2),
    "suspects": suspects_statement((True, False), 2, 1, 8),
    "mark": MARK.statement(2),
    "sent": SENT.statement(2),
    "give back": GIVE_BACK.statement(2),
    "release": RELEASE,
    "renew": RENEW,
    "to unknown": TO_UNKNOWN,
    "from preparing": FROM_PREPARING,
    "resend": RESEND,
    "count as sent": COUNT_AS_SENT,
    "admit": ADMIT,
    "expire": EXPIRE,
    "empty": EMPTY.statement(2),
    "too late": TOO_LATE.statement(1),
    "withdraw": WITHDRAW.statement(1),
    "reserve": RESERVE,
    "release quota": RELEASE_QUOTA,
    "forget reservation": FORGET,
    "claim for a fallback": claim_statement((False,), 1, 200, True),
    "take slot": TAKE,
    "renew slots": RENEW_SLOTS,
    "return slot": RETURN_ONE,
    "return slots": RETURN_ALL,
} | {f"ends as {outcome}": statement for outcome, statement in ENDINGS.items()}


def test_a_claim_takes_the_first_rows_that_nobody_holds() -> None:
    assert t_sql(STATEMENTS["claim"]) == (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='P', "
        "dd_MessageId=coalesce(dd_MessageId, "
        "'<' + CAST(dd_srno AS NVARCHAR(12)) + CAST(? AS NVARCHAR(200))), "
        f"dd_LeaseToken=?, dd_LeaseUntil={LEASE_END} "
        "OUTPUT inserted.dd_srno "
        "WHERE dd_srno IN (SELECT anon_1.dd_srno FROM ("
        "SELECT TOP 200 dd_Lane AS dd_Lane, dd_Priority AS dd_Priority, dd_srno AS dd_srno "
        f"FROM Digital_Emaildetails {HINTS} "
        "WHERE dd_SendFlag = 'N' AND dd_NextAttemptDate IS NULL "
        "AND dd_EmailParamCode = ? AND dd_Lane = ? AND dd_LostLeases IS NULL "
        "AND (dd_SendAt IS NULL OR dd_SendAt <= SYSUTCDATETIME()) "
        "AND (dd_ExpiresAt IS NULL OR dd_ExpiresAt > SYSUTCDATETIME()) "
        "ORDER BY dd_Priority, dd_srno) AS anon_1) "
        f"AND dd_SendFlag = 'N' AND {SERVICE_RUNS}"
    )


def test_a_claim_of_several_codes_and_lanes_reads_each_as_one_range_of_the_index() -> None:
    text = t_sql(STATEMENTS["claim of many"])

    assert text.count(HINTS) == 6
    assert text.count("dd_EmailParamCode = ? AND dd_Lane = ?") == 4
    assert text.count("dd_EmailParamCode IS NULL AND dd_Lane = ?") == 2
    assert text.count("UNION ALL") == 5
    assert text.count("SELECT TOP 200") == 7
    assert "ORDER BY anon_1.dd_Lane, anon_1.dd_Priority, anon_1.dd_srno)" in text
    assert text.endswith(f"AND dd_SendFlag = 'N' AND {SERVICE_RUNS}")


def test_suspects_are_taken_by_their_own_index() -> None:
    text = t_sql(STATEMENTS["suspects"])

    assert f"SELECT TOP 8 dd_srno FROM Digital_Emaildetails {HINTS} WHERE" in text
    assert "dd_SendFlag = 'N' AND dd_LostLeases = 1" in text
    assert text.endswith(f"AND dd_SendFlag = 'N' AND {SERVICE_RUNS}")


def test_a_mark_checks_flag_token_and_lease_and_answers_what_it_marked() -> None:
    assert t_sql(STATEMENTS["mark"]) == (
        f"UPDATE Digital_Emaildetails SET dd_SendFlag='T', dd_LeaseUntil={LEASE_END} "
        "OUTPUT inserted.dd_srno WHERE dd_srno IN (?, ?) AND dd_LeaseToken = ? "
        "AND dd_SendFlag = 'P' AND dd_LeaseUntil > SYSUTCDATETIME()"
    )


def test_sent_is_written_for_many_at_once_under_the_fence() -> None:
    assert t_sql(STATEMENTS["sent"]) == (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='Y', dd_SentDate=SYSUTCDATETIME(), "
        f"dd_BounceReason=NULL, {NO_LEASE}, dd_EndedDate=SYSUTCDATETIME() "
        "OUTPUT inserted.dd_srno, inserted.dd_Origin "
        "WHERE dd_srno IN (?, ?) AND dd_LeaseToken = ? AND dd_SendFlag IN ('T', 'U')"
    )


@pytest.mark.parametrize(
    ("outcome", "flag", "sent", "next_attempt", "token"),
    [
        (Outcome.SENT, "Y", " dd_SentDate=SYSUTCDATETIME(),", "NULL", "NULL"),
        (
            Outcome.RETRY,
            "N",
            "",
            f"CASE WHEN (CAST(? AS DOUBLE PRECISION) > 0) THEN {LEASE_END} END".replace(
                "CAST(? AS FLOAT)", "CAST(CAST(? AS DOUBLE PRECISION) AS FLOAT)"
            ),
            "NULL",
        ),
        (Outcome.FAILED, "F", "", "NULL", "NULL"),
        (Outcome.UNKNOWN, "U", "", "NULL", "dd_LeaseToken"),
    ],
)
def test_every_other_end_is_written_under_the_fence(
    outcome: Outcome, flag: str, sent: str, next_attempt: str, token: str
) -> None:
    ended = ", dd_EndedDate=SYSUTCDATETIME()" if flag in "YF" else ""
    assert t_sql(ENDINGS[outcome]) == (
        f"UPDATE Digital_Emaildetails SET dd_SendFlag='{flag}', "
        f"dd_RetryCount=(coalesce(dd_RetryCount, ?) + ?),{sent} dd_BounceReason=?, "
        "dd_LastRetryDate=SYSUTCDATETIME(), "
        f"dd_NextAttemptDate={next_attempt}, dd_LeaseToken={token}, dd_LeaseUntil=NULL{ended} "
        "OUTPUT inserted.dd_srno, inserted.dd_Origin "
        "WHERE dd_srno = ? AND dd_LeaseToken = ? AND dd_SendFlag IN ('P', 'T', 'U')"
    )


def test_what_is_given_back_is_answered() -> None:
    assert t_sql(STATEMENTS["give back"]) == (
        f"UPDATE Digital_Emaildetails SET dd_SendFlag='N', {NO_LEASE} OUTPUT inserted.dd_srno "
        "WHERE dd_srno IN (?, ?) AND dd_LeaseToken = ? AND dd_SendFlag IN ('P', 'T')"
    )


def test_a_release_takes_nothing_that_is_marked() -> None:
    assert t_sql(STATEMENTS["release"]) == (
        f"UPDATE Digital_Emaildetails SET dd_SendFlag='N', {NO_LEASE} "
        "WHERE dd_SendFlag IN ('P', 'T') AND dd_SendFlag = 'P' AND dd_LeaseToken = ?"
    )


def test_a_renewal_is_for_all_emails_of_the_lease() -> None:
    assert t_sql(STATEMENTS["renew"]) == (
        f"UPDATE Digital_Emaildetails SET dd_LeaseUntil={LEASE_END} "
        "WHERE dd_SendFlag IN ('P', 'T') AND dd_LeaseToken = ?"
    )


def test_a_rescue_keeps_the_token_of_what_is_unknown() -> None:
    assert t_sql(STATEMENTS["to unknown"]) == (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='U', dd_BounceReason=?, dd_LeaseUntil=NULL "
        f"WHERE dd_SendFlag IN ('P', 'T') AND dd_SendFlag = 'T' AND {OVER}"
    )


def test_a_rescue_gives_back_or_gives_up_what_was_prepared() -> None:
    third = "(coalesce(dd_LostLeases, 0) + 1 >= 3)"
    assert t_sql(STATEMENTS["from preparing"]) == (
        f"UPDATE Digital_Emaildetails SET dd_SendFlag=CASE WHEN {third} THEN 'F' ELSE 'N' END, "
        f"dd_BounceReason=CASE WHEN {third} THEN ? ELSE dd_BounceReason END, "
        f"{NO_LEASE}, dd_LostLeases=(coalesce(dd_LostLeases, 0) + 1), "
        f"dd_EndedDate=CASE WHEN {third} THEN SYSUTCDATETIME() END "
        "OUTPUT inserted.dd_srno, inserted.dd_SendFlag "
        f"WHERE dd_SendFlag IN ('P', 'T') AND dd_SendFlag = 'P' AND {OVER}"
    )


def test_what_carries_a_code_is_emptied_once_it_has_ended() -> None:
    assert t_sql(STATEMENTS["empty"]) == (
        "UPDATE Digital_Emaildetails SET dd_bodyText=NULL, dd_TextAlternative=NULL, "
        "dd_EmptiedDate=SYSUTCDATETIME() OUTPUT inserted.dd_srno "
        "WHERE dd_srno IN (?, ?) AND dd_Origin = 'reset' AND dd_SendFlag IN ('Y', 'F', 'C')"
    )


def test_what_carries_a_code_is_cancelled_where_it_could_only_come_too_late() -> None:
    cancels = (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='C', dd_NextAttemptDate=NULL, "
        f"{NO_LEASE}, dd_EndedDate=SYSUTCDATETIME() OUTPUT inserted.dd_srno "
        "WHERE dd_Origin = 'reset' AND "
    )
    assert t_sql(STATEMENTS["too late"]) == (
        f"{cancels}dd_SendFlag = 'N' AND dd_srno IN (?) "
        "AND dd_ExpiresAt <= coalesce(dd_NextAttemptDate, SYSUTCDATETIME())"
    )
    assert t_sql(STATEMENTS["withdraw"]) == (
        f"{cancels}dd_SendFlag IN ('N', 'P') AND dd_srno IN (?)"
    )


def test_a_decision_is_for_an_unknown_outcome_of_ours_only() -> None:
    ours = "WHERE dd_srno = ? AND dd_SendFlag = 'U' AND dd_LeaseToken IS NOT NULL"
    assert t_sql(STATEMENTS["resend"]) == (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='N', dd_NextAttemptDate=NULL, "
        f"dd_LeaseToken=NULL, dd_LostLeases=NULL, dd_Uncertain=1 {ours}"
    )
    assert t_sql(STATEMENTS["count as sent"]) == (
        "UPDATE Digital_Emaildetails SET dd_SendFlag='Y', dd_SentDate=SYSUTCDATETIME(), "
        f"dd_BounceReason=?, dd_LeaseToken=NULL, dd_EndedDate=SYSUTCDATETIME() {ours}"
    )


def test_admitting_looks_into_the_small_indexes_only() -> None:
    text = t_sql(STATEMENTS["admit"])

    assert text.count("SELECT TOP 500 dd_srno AS dd_srno FROM Digital_Emaildetails WHERE") == 4
    for condition in (
        "dd_SendFlag = 'N' AND dd_Lane IS NULL",
        "dd_SendFlag = 'N' AND dd_Priority IS NULL",
        "dd_SendFlag = 'N' AND dd_NextAttemptDate IS NULL AND dd_SendAt > SYSUTCDATETIME()",
        "dd_SendFlag = 'N' AND dd_NextAttemptDate <= SYSUTCDATETIME()",
    ):
        assert f"WHERE {condition})" in text
    assert text.endswith(") AND dd_SendFlag = 'N'")


def test_held_emails_are_counted_in_the_gaps_between_the_codes() -> None:
    text = t_sql(held_statement(gaps_between([None, "", "MAIN"]), 10_000))

    assert text.count("SELECT TOP 10000") == 4
    assert "dd_EmailParamCode > ? AND dd_EmailParamCode < ?" in text
    assert text.count("dd_SendFlag = 'N' AND dd_NextAttemptDate IS NULL AND ") == 3
    assert text.endswith("GROUP BY anon_1.dd_EmailParamCode")


def test_a_reservation_is_one_statement_that_keeps_within_every_limit() -> None:
    used = "CASE WHEN (Rowpost_Quotas.Minute >= ?) THEN Rowpost_Quotas.{0} ELSE 0 END"
    minute, hour, day = (used.format(name) for name in ("MinuteUsed", "HourUsed", "DayUsed"))
    assert t_sql(STATEMENTS["reserve"]) == (
        f"UPDATE Rowpost_Quotas SET Minute=?, MinuteUsed=({minute} + ?), HourUsed=({hour} + ?), "
        f"DayUsed=({day} + ?) WHERE Rowpost_Quotas.AccountId = ? AND Rowpost_Quotas.Minute <= ? "
        f"AND {minute} <= ? AND {hour} <= ? AND {day} <= ?"
    )


def test_a_release_changes_only_the_windows_in_which_it_was_reserved() -> None:
    text = t_sql(STATEMENTS["release quota"])

    for name in ("MinuteUsed", "HourUsed", "DayUsed"):
        column = f"Rowpost_Quotas.{name}"
        assert (
            f"{name}=CASE WHEN (Rowpost_Quotas.Minute < ?) THEN {column} - ? ELSE {column} END"
        ) in text
    assert text.endswith("WHERE Rowpost_Quotas.AccountId = ?")


def test_a_slot_is_taken_only_while_it_is_free() -> None:
    free = "(Rowpost_Slots.Token IS NULL OR Rowpost_Slots.Until < SYSUTCDATETIME())"
    assert t_sql(STATEMENTS["take slot"]) == (
        f"UPDATE Rowpost_Slots SET Token=?, Until={LEASE_END} WHERE Rowpost_Slots.AccountId = ? "
        "AND Rowpost_Slots.Number IN (SELECT TOP 1 Rowpost_Slots.Number FROM Rowpost_Slots "
        f"WHERE Rowpost_Slots.AccountId = ? AND Rowpost_Slots.Number < ? AND {free} "
        f"ORDER BY Rowpost_Slots.Number) AND {free}"
    )


def test_a_fallback_claims_no_email_of_which_a_copy_may_have_gone_out() -> None:
    assert "AND dd_Uncertain IS NULL ORDER BY" in t_sql(STATEMENTS["claim for a fallback"])


def test_an_hour_of_the_statistics_begins_by_the_servers_clock() -> None:
    hour = "CAST(DATEADD(hour, DATEDIFF(hour, 0, SYSUTCDATETIME()), 0) AS DATETIME2(3))"

    assert all(hour in t_sql(added.statement) for added in ADD.values())


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_keeps_to_what_is_safe_everywhere(name: str) -> None:
    text = t_sql(STATEMENTS[name])

    assert not re.search(r"MERGE|ROW_NUMBER|\bWITH \w+ AS|deleted\.|RETURNING|LIMIT", text)
    assert not re.search(r"OUTPUT (?!inserted\.\w+(, inserted\.\w+)? (WHERE|VALUES))", text)
    assert not re.search(r"GETDATE|CURRENT_TIMESTAMP|strftime", text)
    assert "__" not in text


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_parameter_stands_where_its_type_is_anybodys_guess(name: str) -> None:
    """Not beside another parameter, and in no arithmetic with a bare constant."""
    text = t_sql(STATEMENTS[name])

    assert not re.search(r"\? *[=<>+*-]+ *\?", text)
    assert not re.search(r"\d \* \(?\?|'[^']*' \+ \?|\? \+ '|\? [<>]", text)
    assert not re.search(r"coalesce\(\?", text)


def test_the_text_of_an_email_is_never_compared() -> None:
    """NTEXT can be neither compared nor sorted."""
    for name in STATEMENTS:
        assert "dd_bodyText" not in t_sql(STATEMENTS[name]).replace("SET dd_bodyText=NULL", "")
