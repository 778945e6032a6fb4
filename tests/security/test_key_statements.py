"""What SQL Server is handed for keys and for keyed requests."""

from __future__ import annotations

import pytest
from sqlalchemy import ClauseElement

from shared.outbox.queries import requests
from shared.security import kept_keys
from tests.support.t_sql import t_sql

LAST_ATTEMPT = (
    "LEFT OUTER JOIN Rowpost_Attempts ON Rowpost_Attempts.Id = "
    "(SELECT max(of_email.Id) AS max_1 FROM Rowpost_Attempts AS of_email "
    "WHERE of_email.Number = Rowpost_Emails.Number)"
)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            kept_keys.REVOKE,
            (
                "UPDATE Rowpost_Keys SET RevokedAt=SYSUTCDATETIME() "
                "WHERE Rowpost_Keys.Id = ? AND Rowpost_Keys.RevokedAt IS NULL"
            ),
        ),
        (
            kept_keys.USED,
            (
                "UPDATE Rowpost_Keys SET LastUsedAt=SYSUTCDATETIME() WHERE Rowpost_Keys.Id IN (?) "
                "AND (Rowpost_Keys.LastUsedAt IS NULL OR Rowpost_Keys.LastUsedAt <= "
                "DATEADD(millisecond, CAST(1000 * CAST(? AS FLOAT) AS INT), SYSUTCDATETIME()))"
            ),
        ),
        (
            requests.STATUS,
            (
                "SELECT Rowpost_Emails.State, Rowpost_Attempts.Code, "
                "Rowpost_Attempts.EnhancedCode "
                f"FROM Rowpost_Emails {LAST_ATTEMPT} "
                "WHERE Rowpost_Emails.RequestId = ? AND Rowpost_Emails.Origin = 'key' "
                "AND Rowpost_Emails.IsCurrent = 1"
            ),
        ),
        (
            requests.LOG.limit(5),
            (
                "SELECT TOP 5 Rowpost_Emails.Number, Rowpost_Emails.EmailId, "
                "Rowpost_Emails.RequestId, Rowpost_Emails.AccountCode, dd_toEmailid, "
                "Rowpost_Emails.CreatedAt, Rowpost_Emails.State, Rowpost_Attempts.Code, "
                f"Rowpost_Attempts.EnhancedCode FROM Rowpost_Emails {LAST_ATTEMPT} "
                "LEFT OUTER JOIN Digital_Emaildetails ON dd_srno = Rowpost_Emails.EmailId "
                "WHERE Rowpost_Emails.Origin = 'key' AND Rowpost_Emails.IsCurrent = 1 "
                "ORDER BY Rowpost_Emails.Number DESC"
            ),
        ),
    ],
)
def test_each_statement_in_t_sql(statement: ClauseElement, text: str) -> None:
    assert t_sql(statement) == text
