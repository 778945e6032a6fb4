"""`python -m tests.console.screenshots FOLDER`: every page, light and dark, wide and narrow.

`--only NAME` for those whose name contains it.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.outbox.sending.finish import Outcome
from tests.console.browser import NARROW, WIDE, running_browser, sight_of
from tests.console.contents import stored, watched_mailbox
from tests.console.every_page import EVERY_PAGE
from tests.support.emails import ended_while_stopped
from tests.support.standalone import Standalone, is_healthy, start

_LOOKS = {
    "light-wide": (False, WIDE),
    "dark-wide": (True, WIDE),
    "light-narrow": (False, NARROW),
    "dark-narrow": (True, NARROW),
}
_PEOPLE = ("Ann Archer", "Björn Berg", "Chiara Conti", "Deniz Demir", "Ewa Ek", "Farid Fassi")
_SUBJECTS = ("Your order {} is on its way", "Invoice {}", "Reset your password", "Your booking {}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.console.screenshots")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", default="", help="a part of the name of the pages that are meant")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rowpost-pictures-") as name:
        service = start(Path(name), "pictures", {})
        try:
            if not is_healthy(service):
                raise SystemExit(service.written())
            fill(service)
            take(service, chosen.folder, chosen.only)
        finally:
            service.kill()


def take(service: Standalone, folder: Path, only: str) -> None:
    """A picture of each page in each look, as FOLDER/PAGE-LOOK.png."""
    with running_browser() as browser:
        for look, (dark, size) in _LOOKS.items():
            zone = "Europe/Berlin"
            with sight_of(browser, service, dark=dark, size=size, zone=zone) as sight:
                sight.log_in()
                for name, path in EVERY_PAGE:
                    if only in name:
                        sight.open(path)
                        file = folder / f"{name}-{look}.png"
                        sight.page.screenshot(path=file, full_page=True)
                        print(file)


def fill(service: Standalone) -> None:
    """A queue as it is on an ordinary day."""
    dice = random.Random(7)
    watched_mailbox(service)
    stored(
        service,
        recipients=["Ann Archer <ann@example.com>"],
        subject="Your order 4711 is on its way",
        html_content="<h2>On its way</h2><p>Hello Ann, your order has left our house today.</p>",
        text_content="Hello Ann, your order has left our house today.",
        tags=["order"],
        attachments=[
            {
                "filename": "Invoice 4711.txt",
                "content_type": "text/plain",
                "content_base64": "VG90YWw6IDQy",
            }
        ],
    )
    with closing(sqlite3.connect(service.database, timeout=30)) as connection, connection:
        connection.execute(
            "INSERT INTO tbl_EMailParameters (SMTPServer, SMTPPort, SMTPMailId, ApplicationName, "
            "ParamCode, IsActive, SMTPSSLFlag, Rowpost_HourLimit, Rowpost_DayLimit) "
            "VALUES ('127.0.0.1', ?, 'shop@example.com', 'Shop', 'SHOP', 'Y', 'N', 60, 1000)",
            (service.settings["ROWPOST_CATCHER_PORT"],),
        )
        connection.executemany(
            "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, "
            "dd_EmailParamCode) VALUES (?, ?, 'Hello', ?)",
            [_row(dice, number) for number in range(40)],
        )
        this = datetime.now(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
        connection.executemany(
            "INSERT OR IGNORE INTO Rowpost_Statistics (Hour, Account, Sent, Failed) "
            "VALUES (?, ?, ?, ?)",
            [
                _hour(dice, this - timedelta(hours=back), code)
                for back in range(1, 30 * 24)
                for code in ("SHOP", "CATCHER")
            ],
        )
    service.wait_for_mail(30)
    queue = Database(open_engine(file_url(service.database)))
    unknown = {"dd_toEmailid": "ewa.ek@example.com", "dd_subject": "Invoice 2051"}
    said = "354 Start mail input; end with <CRLF>.<CRLF>"
    ended_while_stopped(queue, Outcome.UNKNOWN, unknown, reason="connection lost", reply=said)
    failed = {"dd_toEmailid": "nobody@example.org", "dd_subject": "Your booking 88"}
    reply = "No such user here"
    ended_while_stopped(
        queue, Outcome.FAILED, failed, reason=f"550 5.1.1 {reply}", code=550, reply=reply
    )
    queue.close()
    service.post("/api/service-control", {"action": "start"}, token=service.login())


def _row(dice: random.Random, number: int) -> tuple[str, str, str | None]:
    person = dice.choice(_PEOPLE)
    address = f"{person.split()[0].lower().replace('ö', 'o')}@example.com"
    code = "NEWSLETTER" if number % 10 == 9 else dice.choice(("SHOP", None))
    subject = dice.choice(_SUBJECTS).format(1000 + number)
    return f"{person} <{address}>", subject, code


def _hour(dice: random.Random, hour: datetime, code: str) -> tuple[str, str, int, int]:
    busy = 1.0 if 6 <= hour.hour < 21 else 0.1
    sent = max(0, int(dice.gauss(80, 30) * busy))
    failed = dice.choice((0, 0, 0, 0, 1, 3))
    return hour.strftime("%Y-%m-%d %H:00:00.000"), code, sent, failed


if __name__ == "__main__":
    main()
