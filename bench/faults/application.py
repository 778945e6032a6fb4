"""The applications: they insert emails, and edit, delete, reset and reinsert their rows meanwhile.

What they asked for is written down beside: it is what the account is settled with in the end.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

# Whoever holds the database may wait for the driver to thaw it.
_BUSY_SECONDS = 0.1
_RECENT = 2_000
_Row = tuple[str, str, str, str, str]
_INSERT = (
    "INSERT INTO Digital_Emaildetails "
    "(dd_toEmailid, dd_subject, dd_bodyText, dd_EmailParamCode, dd_Lane) VALUES (?, ?, ?, ?, ?)"
)
_REINSERT = (
    "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_EmailParamCode, "
    "dd_Lane, dd_srno) VALUES (?, ?, ?, ?, ?, ?)"
)


class Busy(Exception):
    """Somebody else holds the database just now."""


@dataclass
class Asked:
    """What an application asked for.

    asked: how often it may arrive at most. withdrawn: its row was deleted or taken back; it may
    arrive, or not.
    """

    serial: int
    email_id: int
    recipients: int
    asked: int = 1
    withdrawn: bool = False


class Applications:
    """They use the database as any program does: by SQL, over a connection of their own."""

    def __init__(self, file: Path, codes: Sequence[str], seed: int) -> None:
        self._file = file
        self._codes = codes
        self._chance = random.Random(seed)
        self.asked: list[Asked] = []
        self.changed: Counter[str] = Counter()

    def insert(self, number: int, code: str | None = None) -> None:
        """Store so many emails; one in ten has three recipients, one in twenty a long body.

        Raises Busy, as `meddle` does: then nothing was changed.
        """
        with self._writing() as connection:
            for _ in range(number):
                recipients = 3 if self._chance.random() < 0.1 else 1
                row = self._row(len(self.asked), recipients, code)
                email_id = connection.execute(_INSERT, row).lastrowid or 0
                self.asked.append(Asked(len(self.asked), email_id, recipients))

    def meddle(self) -> str:
        """Do one thing to one to ten rows, half of them under way; answers what."""
        deed = self._chance.choice(
            (self._edit, self._delete, self._take_back, self._reset, self._rewrite, self._reinsert)
        )
        name = deed.__name__.strip("_").replace("_", " ")
        with self._writing() as connection:
            for asked in self._some(connection):
                if deed(connection, asked):
                    self.changed[name] += 1
        return name

    def _some(self, connection: sqlite3.Connection) -> list[Asked]:
        """Rows with one recipient that are there and theirs: half of them wait or are on their
        way, as far as that is known."""
        alive = [
            each for each in self.asked[-2_000:] if each.recipients == 1 and not each.withdrawn
        ]
        waiting = {
            row[0]
            for row in connection.execute(
                "SELECT EmailId FROM Rowpost_Emails WHERE State IN ('N', 'P', 'T') LIMIT 500"
            )
        }
        busy = [each for each in alive if each.email_id in waiting]
        number = self._chance.randint(1, 10)
        chosen = busy if busy and self._chance.random() < 0.5 else alive
        return self._chance.sample(chosen, min(number, len(chosen)))

    def _edit(self, connection: sqlite3.Connection, asked: Asked) -> bool:
        changed = connection.execute(
            "UPDATE Digital_Emaildetails SET dd_bodyText = dd_bodyText || ' (edited)' "
            "WHERE dd_srno = ? AND dd_SendFlag IN ('N', 'P')",
            (asked.email_id,),
        )
        return changed.rowcount == 1

    def _delete(self, connection: sqlite3.Connection, asked: Asked) -> bool:
        connection.execute("DELETE FROM Digital_Emaildetails WHERE dd_srno = ?", (asked.email_id,))
        asked.withdrawn = True
        return True

    def _take_back(self, connection: sqlite3.Connection, asked: Asked) -> bool:
        changed = connection.execute(
            "UPDATE Digital_Emaildetails SET dd_SendFlag = 'X' "
            "WHERE dd_srno = ? AND dd_SendFlag IN ('N', 'P')",
            (asked.email_id,),
        )
        asked.withdrawn = asked.withdrawn or changed.rowcount == 1
        return changed.rowcount == 1

    def _reset(self, connection: sqlite3.Connection, asked: Asked) -> bool:
        """Over an end that is a decision to send it again; over P nothing new is asked."""
        letter = self._letter(connection, asked)
        if letter not in ("P", "Y", "F", "U"):
            return False
        connection.execute(
            "UPDATE Digital_Emaildetails SET dd_SendFlag = 'N' WHERE dd_srno = ?",
            (asked.email_id,),
        )
        asked.asked += letter != "P"
        return True

    def _rewrite(self, connection: sqlite3.Connection, asked: Asked) -> bool:
        """Other content, and N: an email of its own where the one before was on its way."""
        letter = self._letter(connection, asked)
        if letter not in ("P", "Y", "F", "U"):
            return False
        connection.execute(
            "UPDATE Digital_Emaildetails SET dd_SendFlag = 'N', "
            "dd_subject = dd_subject || '+', dd_bodyText = dd_bodyText || ' anew' "
            "WHERE dd_srno = ?",
            (asked.email_id,),
        )
        asked.asked += 1
        return True

    def _reinsert(self, connection: sqlite3.Connection, asked: Asked) -> bool:
        """Another email takes the id of a row that is gone."""
        connection.execute("DELETE FROM Digital_Emaildetails WHERE dd_srno = ?", (asked.email_id,))
        asked.withdrawn = True
        row = self._row(len(self.asked), 1, None)
        connection.execute(_REINSERT, (*row, asked.email_id))
        self.asked.append(Asked(len(self.asked), asked.email_id, 1))
        return True

    @staticmethod
    def _letter(connection: sqlite3.Connection, asked: Asked) -> str | None:
        found = connection.execute(
            "SELECT dd_SendFlag FROM Digital_Emaildetails WHERE dd_srno = ?", (asked.email_id,)
        ).fetchone()
        return found[0] if found else None

    def _row(
        self, serial: int, recipients: int, code: str | None
    ) -> tuple[str, str, str, str, str]:
        long = "a line of a long email\n" * 2_000 if self._chance.random() < 0.05 else ""
        return (
            "; ".join(f"c{serial}-{place}@example.com" for place in range(recipients)),
            f"Campaign {serial}",
            f"This is email {serial}.\n{long}",
            code or self._chance.choice(self._codes),
            self._chance.choice(("immediate", "scheduled")),
        )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(
            sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise Busy from error
            yield connection
            connection.execute("COMMIT")
