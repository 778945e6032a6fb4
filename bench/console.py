"""What the console's pages cost with a long queue, as one JSON document.

python -m bench.console [--rows 1000000] [--asks 50]

One standalone service over `--rows` emails in the ledger, most of them sent, some waiting, failed
and unknown, with a month of counters of five accounts; each page asked for by a browser's request,
login and all. Times in milliseconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import text

from bench.dashboard import ACCOUNTS, ADMIN, COUNTERS, START_SECONDS, running, summary
from shared.app import Application
from shared.scheduling import service_state
from shared.settings import Settings

MOST_MS: Mapping[str, int] = {"overview": 300, "list": 500, "search": 500, "email": 500}
"""What half of the answers may take, by the kind of page."""

PAGES: Mapping[str, tuple[str, str]] = {
    "overview": ("overview", "/console"),
    "newest": ("list", "/console/emails"),
    "waiting": ("list", "/console/emails?state=queued"),
    "failed": ("list", "/console/emails?state=failed"),
    "unknown": ("list", "/console/emails?state=unknown"),
    "far back": ("list", "/console/emails?after=1000"),
    "of a day long ago": ("list", "/console/emails?since=2026-01-02&until=2026-01-02"),
    "of an account": ("list", "/console/emails?account=A1"),
    "found at once": ("search", "/console/emails?q=customer999"),
    "found nowhere": ("search", "/console/emails?q=nobody+at+all"),
    "found nowhere, sent": ("search", "/console/emails?q=nobody+at+all&state=sent"),
    "by number": ("search", "/console/emails?q=77777"),
    "by tag": ("search", "/console/emails?q=tag:nothing"),
    "one email": ("email", "/console/emails/4711"),
}

_ROWS = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO Digital_Emaildetails
    (dd_toEmailid, dd_subject, dd_bodyText, dd_SendFlag, dd_EmailParamCode)
SELECT 'customer' || n || '@example.com', 'Your order ' || n, 'On its way',
    CASE n % 100 WHEN 0 THEN 'F' WHEN 1 THEN 'U' WHEN 2 THEN 'P' ELSE 'Y' END, 'A' || (n % 5)
FROM numbers
"""
_ENTRIES = """
INSERT INTO Rowpost_Emails
    (EmailId, State, AccountCode, Lane, Priority, CreatedAt, DueSince, EndedAt, SentAt, Origin)
SELECT dd_srno, replace(dd_SendFlag, 'P', 'N'), dd_EmailParamCode, 'immediate', 3, at, at,
    CASE WHEN dd_SendFlag <> 'P' THEN at END, CASE WHEN dd_SendFlag = 'Y' THEN at END, 'api'
FROM (SELECT *, strftime('%Y-%m-%d %H:%M:%S.000', 'now', '-' || (:rows - dd_srno) || ' seconds')
    AS at FROM Digital_Emaildetails)
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.console")
    parser.add_argument("--rows", type=int, default=1_000_000, help="emails in the queue")
    parser.add_argument("--asks", type=int, default=50, help="requests for each page")
    parser.add_argument("--port", type=int, default=7391, help="a free port")
    chosen = parser.parse_args()
    with running(chosen.port, partial(_fill, chosen.rows)):
        browser = Browser(chosen.port)
        found = {name: _measured(browser, path, chosen.asks) for name, (_, path) in PAGES.items()}
    print(json.dumps(found, indent=2))
    slow = [name for name, (kind, _) in PAGES.items() if found[name]["p50_ms"] > MOST_MS[kind]]
    if slow:
        print(f"too slow: {', '.join(slow)}")
    return 1 if slow else 0


class Browser:
    """Asks for pages over one connection, with the cookie of a login."""

    def __init__(self, port: int) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        self._cookies: dict[str, str] = {}
        self._log_in()

    def ask(self, path: str) -> float:
        """The milliseconds that the page took."""
        began = time.perf_counter()
        status, page = self._request("GET", path)
        took = (time.perf_counter() - began) * 1000
        if status != 200 or "out of reach" in page:
            raise RuntimeError(f"{path} answered {status}: {page[:300]}")
        return took

    def _log_in(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                _, page = self._request("GET", "/console/login")
                break
            except OSError:
                self._connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        token = re.search('name="form_token" value="([0-9a-f]+)"', page)
        fields = {**ADMIN, "form_token": token[1] if token else ""}
        status, page = self._request("POST", "/console/login", urlencode(fields))
        if status != 303:
            raise RuntimeError(f"the login answered {status}: {page[:300]}")

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": cookies, "Origin": self._origin}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        page = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, page


def _measured(browser: Browser, path: str, asks: int) -> dict[str, float]:
    first = round(browser.ask(path), 1)
    return summary(first, [browser.ask(path) for _ in range(asks)])


def _fill(rows: int, folder: Path) -> None:
    """A ledger of so many emails, which nobody sends meanwhile."""
    application = Application(Settings(data=folder))
    with application.database().write() as connection:
        connection.execute(text(_ROWS), {"rows": rows})
        connection.execute(text(_ENTRIES), {"rows": rows})
        connection.execute(text(COUNTERS), {"hours": 31 * 24, "accounts": ACCOUNTS})
        service_state.stop(connection, "benchmark")
    application.close()


if __name__ == "__main__":
    raise SystemExit(main())
