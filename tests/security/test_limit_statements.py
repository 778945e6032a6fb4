"""The T-SQL of what counts requests and failed logins."""

from __future__ import annotations

from shared.security import failed_logins, request_counts
from tests.support.t_sql import t_sql

NOW = "SYSUTCDATETIME()"


def test_requests_are_added_in_one_statement_that_answers_the_total() -> None:
    assert t_sql(request_counts.ADD) == (
        "UPDATE Rowpost_Limits SET Requests=(Requests + ?) OUTPUT inserted.Requests "
        "WHERE KeyHash = ? AND WindowEnd = ?"
    )


def test_windows_that_are_over_go_a_few_at_a_time() -> None:
    assert t_sql(request_counts.REMOVE) == (
        "DELETE FROM Rowpost_Limits WHERE Id IN "
        f"(SELECT TOP 500 Id FROM Rowpost_Limits WHERE WindowEnd < {NOW})"
    )
    assert t_sql(failed_logins.REMOVE) == (
        "DELETE FROM Rowpost_LoginFailures WHERE Id IN "
        f"(SELECT TOP 100 Id FROM Rowpost_LoginFailures WHERE ForgottenAt < {NOW})"
    )


def test_a_failed_login_is_counted_while_nobody_else_counts_for_the_same_pair() -> None:
    assert t_sql(failed_logins.ADD) == (
        "INSERT INTO Rowpost_LoginFailures (PairHash, ForgottenAt) "
        "SELECT CAST(? AS VARCHAR(32)) AS anon_1, "
        f"DATEADD(millisecond, CAST(1000 * CAST(? AS FLOAT) AS INT), {NOW}) AS utc_now_1 "
        "WHERE (SELECT count(*) AS count_1 FROM Rowpost_LoginFailures WITH (UPDLOCK, HOLDLOCK) "
        f"WHERE PairHash = ? AND ForgottenAt > {NOW}) < ?"
    )
