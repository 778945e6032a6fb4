"""What a drain commits (results, attempts, statistics, marks, events) as one statement.

Python's sqlite3 gives the interpreter away for each statement and has to get it back after each:
beside a loop that never rests, that takes longer than SQLite itself. A trigger does it all while
the interpreter stays where it is needed.

The statements are those of outbox/transitions, outbox/finish, outbox/statistics and events/record.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from shared.database.dialects.sqlite.expressions import SqliteExpressions

SIZES = (8, 16, 32, 64)
"""So many results and so many marks fit into one."""

RESULT = ("Number", "Account", "Outcome", "Code", "EnhancedCode", "Reply", "DurationMs")
MARK = ("Number", "Fingerprint")

_SAYS = SqliteExpressions()
_NOW, _HOUR = _SAYS.now(), _SAYS.this_hour()
_GIVEN = ("Token", "Seconds", "Results", "Marks")


class CommitBatch(NamedTuple):
    """`makes` are run once for a connection, and leave nothing in the database.

    `text`: its parameters are the lease's token and seconds, how many results and how many marks
    there are, and of each result and then of each mark its columns, NULL where there is none.
    It fails with nothing done where one of these emails is not ours, or not in its state, any more.
    """

    makes: tuple[str, ...]
    text: str


@lru_cache
def commit_batch(size: int) -> CommitBatch:
    """The statement for at most so many results and as many marks."""
    view = f"Rowpost_Commit{size}"
    columns = [*_GIVEN, *_columns("r", RESULT, size), *_columns("m", MARK, size)]
    nothing = ", ".join(f"NULL AS {name}" for name in columns)
    places = ", ".join("?" * len(columns))
    return CommitBatch(
        (
            f"CREATE TEMP VIEW {view} AS SELECT {nothing}",
            f"CREATE TEMP TRIGGER {view}_Does INSTEAD OF INSERT ON {view} BEGIN {_body(size)} END",
        ),
        # A failure that undoes everything needs no copy of each page that the statement changes.
        f"INSERT OR ROLLBACK INTO {view} VALUES ({places})",
    )


def _columns(letter: str, names: tuple[str, ...], size: int) -> list[str]:
    return [f"{letter}{place}_{name}" for place in range(size) for name in names]


def _rows(letter: str, names: tuple[str, ...], size: int) -> str:
    """What was given, as rows, those without a number too."""
    return " UNION ALL ".join(
        "SELECT " + ", ".join(f"NEW.{letter}{place}_{name} AS {name}" for name in names)
        for place in range(size)
    )


def _each(letter: str, name: str, size: int) -> str:
    return ", ".join(f"NEW.{letter}{place}_{name}" for place in range(size))


def _body(size: int) -> str:
    results = _rows("r", RESULT, size)
    finished, marked = _each("r", "Number", size), _each("m", "Number", size)
    prints = " ".join(
        f"WHEN NEW.m{place}_Number THEN NEW.m{place}_Fingerprint" for place in range(size)
    )
    return f"""UPDATE Rowpost_Emails SET State = 'Y', SentAt = {_NOW}, EndedAt = {_NOW},
    Reason = NULL, LeaseToken = NULL, LeaseUntil = NULL, WriteAfter = {_NOW}, WriteTries = 0,
    WriteFault = NULL
WHERE Number IN ({finished}) AND LeaseToken = NEW.Token AND State IN ('T', 'U');
SELECT RAISE(ROLLBACK, 'a result is not ours') WHERE changes() <> NEW.Results;
INSERT INTO Rowpost_Attempts (Number, Account, Outcome, Code, EnhancedCode, Reply, DurationMs)
SELECT Number, Account, Outcome, Code, EnhancedCode, Reply, DurationMs
FROM ({results}) WHERE Number IS NOT NULL;
INSERT INTO Rowpost_Statistics (Hour, Account)
SELECT DISTINCT {_HOUR}, r.Account FROM ({results}) AS r WHERE r.Number IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM Rowpost_Statistics AS there
        WHERE there.Hour = {_HOUR} AND there.Account = r.Account);
UPDATE Rowpost_Statistics SET LastSent = {_NOW}, Sent = Sent + (
    SELECT COUNT(*) FROM ({results}) AS r WHERE r.Account = Rowpost_Statistics.Account)
WHERE Hour = {_HOUR} AND Account IN ({_each("r", "Account", size)});
UPDATE Rowpost_Emails SET EmptiedAt = {_NOW} WHERE Number IN ({finished}) AND Origin = 'reset';
DELETE FROM Rowpost_Confidential WHERE Number IN ({finished});
UPDATE Rowpost_Emails SET State = 'T', LeaseUntil = {_SAYS.in_seconds("NEW.Seconds")},
    Fingerprint = CASE Number {prints} END
WHERE Number IN ({marked}) AND LeaseToken = NEW.Token AND State = 'P' AND IsCurrent = 1
    AND LeaseUntil > {_NOW};
SELECT RAISE(ROLLBACK, 'a mark is not ours') WHERE changes() <> NEW.Marks;
INSERT INTO Rowpost_Events (Type, EmailId, Account, Code, EnhancedCode)
SELECT 'email.sent', e.EmailId, r.Account, r.Code, r.EnhancedCode
FROM ({results}) AS r JOIN Rowpost_Emails AS e ON e.Number = r.Number
UNION ALL SELECT 'email.sending', EmailId, NULL, NULL, NULL FROM Rowpost_Emails
WHERE Number IN ({marked});"""
