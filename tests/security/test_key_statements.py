"""What SQL Server is handed for keys and for keyed requests."""

from __future__ import annotations

import pytest
from sqlalchemy import ClauseElement

from shared.outbox import requests
from shared.security import kept_keys
from tests.support.t_sql import t_sql

LAST_ATTEMPT = (
    "LEFT OUTER JOIN Rowpost_Attempts ON Rowpost_Attempts.Id = "
    "(SELECT max(of_email.Id) AS max_1 FROM Rowpost_Attempts AS of_email "
    "WHERE of_email.EmailId = dd_srno)"
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
                "SELECT dd_SendFlag, Rowpost_Attempts.Code, Rowpost_Attempts.EnhancedCode "
                f"FROM Digital_Emaildetails {LAST_ATTEMPT} "
                "WHERE dd_RequestId = ? AND dd_Origin = 'key'"
            ),
        ),
        (
            requests.LOG.limit(5),
            (
                "SELECT TOP 5 dd_srno, dd_RequestId, dd_EmailParamCode, dd_toEmailid, "
                "dd_CreatedDate, dd_SendFlag, Rowpost_Attempts.Code, Rowpost_Attempts.EnhancedCode "
                f"FROM Digital_Emaildetails {LAST_ATTEMPT} "
                "WHERE dd_Origin = 'key' ORDER BY dd_srno DESC"
            ),
        ),
    ],
)
def test_each_statement_in_t_sql(statement: ClauseElement, text: str) -> None:
    assert t_sql(statement) == text
