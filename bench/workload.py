"""The two kinds of email that the benchmark sends, and the queue that holds them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from shared.app import Application
from shared.database.tables import accounts, emails, entries
from shared.settings import Settings

LONGEST_LINE = 76
ROWS_AN_INSERT = 500

TEXT = (
    "Dear customer,\n\nyour order 4711 left our warehouse today. You can follow it with the number "
    "below, and ask us anything by answering this email.\n\n"
)
HTML = (
    "<html><body><h1>Your order is on its way</h1><p>Dear customer, your order 4711 left our "
    "warehouse today.</p><p>You can follow it with the number below.</p></body></html>"
)


@dataclass(frozen=True, slots=True)
class Workload:
    """`count` emails with a text and an HTML part, 2 KB together, each with a PDF or without."""

    name: str
    count: int
    pdf_bytes: int = 0

    @property
    def payload_bytes(self) -> int:
        """The size of one such email's content on the wire, as smtp-source is to send it."""
        lines = -(-self.pdf_bytes * 4 // 3 // LONGEST_LINE)
        return len(self._text) + len(self._html) + lines * (LONGEST_LINE + 2)

    @property
    def _text(self) -> str:
        return (TEXT * 10)[:700]

    @property
    def _html(self) -> str:
        padding = "<!-- " + "styles of a usual newsletter " * 100
        return HTML + padding[: 2048 - len(self._text) - len(HTML) - 4] + " -->"

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows as an application would insert them."""
        pdf = b"%PDF-1.7\n" + random.Random(0).randbytes(self.pdf_bytes) if self.pdf_bytes else None
        for number in range(self.count):
            yield {
                "dd_toEmailid": f"customer{number}@example.com",
                "dd_subject": f"Your order {number} is on its way",
                "dd_bodyText": self._html,
                "dd_TextAlternative": self._text,
                "dd_document": pdf,
                "dd_filename": "invoice.pdf" if pdf else None,
            }


def fill(folder: Path, workload: Workload, smtp_port: int, idle_accounts: int = 0) -> None:
    """Make a database in `folder` with the workload waiting and the mail server as its account,
    beside so many accounts that have nothing to send."""
    application = Application(Settings(data=folder))
    database = application.database()
    rows = workload.rows()
    with database.write() as connection:
        connection.execute(insert(accounts), [_account(smtp_port) | {"Rowpost_Default": "Y"}])
        if idle_accounts:
            connection.execute(
                insert(accounts),
                [
                    _account(smtp_port) | {"ParamCode": f"IDLE{number}"}
                    for number in range(idle_accounts)
                ],
            )
        while batch := list(islice(rows, ROWS_AN_INSERT)):
            connection.execute(insert(emails), batch)
    application.close()


def sent(folder: Path) -> int:
    """How many of the emails in the queue of `folder` are recorded as sent."""
    application = Application(Settings(data=folder))
    with application.database().read() as connection:
        query = select(func.count()).select_from(entries).where(entries.c.State == "Y")
        count = connection.scalar(query) or 0
    application.close()
    return count


def _account(smtp_port: int) -> dict[str, Any]:
    return {
        "SMTPServer": "127.0.0.1",
        "SMTPPort": smtp_port,
        "SMTPMailId": "shop@example.com",
        "SMTPSSLFlag": "N",
        "ParamCode": "SHOP",
        "IsActive": "Y",
    }
