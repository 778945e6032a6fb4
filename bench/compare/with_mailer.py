"""django-mailer: `fill` its queue, then `send`; its lock lets one process at a time.

python -m bench.compare.with_mailer fill|send FOLDER SMTP_PORT 1
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.compare.django_project import set_up
from bench.compare.emails import SENDER, read


def main(what: str, folder: Path, smtp_port: int, _: int) -> None:
    set_up(
        folder,
        smtp_port,
        "mailer",
        EMAIL_BACKEND="mailer.backend.DbBackend",
        MAILER_LOCK_PATH=str(folder / "lock"),
    )
    if what == "fill":
        _fill(folder)
    else:
        print(_send())


def _fill(folder: Path) -> None:
    from django.db import transaction
    from mailer import send_html_mail

    with transaction.atomic():
        for email in read(folder / "emails"):
            send_html_mail(email.subject, email.text, email.html, SENDER, [email.to])


def _send() -> float:
    """The seconds that it took."""
    from mailer.engine import send_all
    from mailer.models import Message

    began = time.perf_counter()
    send_all()
    seconds = time.perf_counter() - began
    if left := Message.objects.count():
        raise SystemExit(f"{left} emails were not sent")
    return seconds


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
