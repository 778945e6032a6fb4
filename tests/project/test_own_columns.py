"""Only the queue's own tests know how it is kept where an email stands."""

from __future__ import annotations

import re

from shared.database.tables import emails, entries
from tests.support.emails import APPLICATION_COLUMNS
from tests.support.tools import ROOT

TESTS_OF_THE_QUEUE = ("outbox", "database", "support")
# Statements word for word, as a database is handed them.
TEXTS_OF_STATEMENTS = {"emails/test_t_sql.py", "security/test_key_statements.py"}
# Of the ledger those whose names are nobody else's words.
OF_THE_LEDGER = {name for name in entries.columns.keys() if re.match("[A-Z][a-z]+[A-Z]", name)}  # noqa: SIM118
SAID_ELSEWHERE = {"EmailId", "CreatedAt", "AccountCode", "ExpiresAt", "RequestId", "MessageId"}
OWN_COLUMNS = sorted(
    (set(emails.columns.keys()) - APPLICATION_COLUMNS) | (OF_THE_LEDGER - SAID_ELSEWHERE)
)
OWN = re.compile(
    rf"\b({'|'.join(OWN_COLUMNS)})\b"
    r"|tests\.support\.rows"
    r"|\btables import (\([^)]*|.*)\b(emails|entries|attempts|recipients)\b"
    r"|\btables\.(emails|entries|attempts|recipients)\b"
    r"|\b(INTO|FROM|UPDATE|JOIN) Rowpost_(Emails|Attempts|Recipients)\b"
)


def own_words(text: str) -> list[str]:
    return [found.group() for found in OWN.finditer(text)]


def test_other_tests_name_no_column_of_its_own() -> None:
    folder = ROOT / "tests"
    found = {
        name: words
        for file in folder.rglob("*.py")
        if (name := file.relative_to(folder).as_posix()).split("/")[0] not in TESTS_OF_THE_QUEUE
        and name not in TEXTS_OF_STATEMENTS
        and file.name != "test_own_columns.py"
        and (words := own_words(file.read_text("utf-8")))
    }

    assert found == {}, "say it in the words of tests/support/emails.py"


def test_a_state_that_is_written_in_sql_is_found() -> None:
    written = "UPDATE Digital_Emaildetails SET dd_SendFlag = 'U', dd_BounceReason = 'x'"

    assert own_words(written) == ["dd_SendFlag", "dd_BounceReason"]
    assert own_words("UPDATE Rowpost_Emails SET LeaseToken = 'x'") == [
        "UPDATE Rowpost_Emails",
        "LeaseToken",
    ]
    assert own_words("from shared.database.tables import accounts, attempts")
    assert own_words("from shared.database.tables import entries")
    assert own_words("INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_Lane)") == []
