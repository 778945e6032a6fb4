"""The log of keyed sending: who sent what to whom, and what became of it; as a file, too."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlencode

from pydantic import Field

from functions.keyed_sending import SendLogFile, SendLogQuery, logged, send_log_file
from shared.api.models import SnakeInput
from shared.console.page import Page
from shared.console.pages import Pages, Visit
from shared.outbox.queries.requests import LOOKED_AT
from shared.security.roles import Role

pages = Pages()

_AT_ONCE = 50
_MOST_IN_A_FILE = 10_000


class Search(SnakeInput):
    status: Literal["", "queued", "sending", "sent", "failed"] = ""
    query: str = Field("", max_length=200)
    cursor: str | None = Field(None, pattern=r"^[0-9]{1,9}$")

    def asked(self, limit: int) -> SendLogQuery:
        """The same as the API is asked."""
        return SendLogQuery(
            status=self.status, query=self.query, cursor=self.cursor, limit=limit, format="csv"
        )

    @property
    def narrowed(self) -> str:
        """As a part of an address, without the place in the list."""
        said = {"status": self.status, "query": self.query}
        return urlencode({name: value for name, value in said.items() if value})


@pages.page("console/send-log", who=Role.VIEWER)
def send_log(visit: Visit[None, Search]) -> Page:
    """Show the log."""
    found = logged(visit.query.asked(_AT_ONCE))
    return visit.show(
        "send_log.html",
        found=found.requests,
        further=found.after,
        query=visit.query,
        looked_at=LOOKED_AT,
    )


@pages.page("console/send-log/file", who=Role.VIEWER)
def as_file(visit: Visit[None, Search]) -> SendLogFile:
    """Give what the filter matches as CSV, up to 10,000 lines."""
    return send_log_file(logged(visit.query.asked(_MOST_IN_A_FILE)))
