"""django-post_office: `fill` its queue, then `send` with so many processes of eight threads.

python -m bench.compare.with_post_office fill|send FOLDER SMTP_PORT PROCESSES
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.compare.django_project import set_up
from bench.compare.emails import SENDER, read

THREADS = 8


def main(what: str, folder: Path, smtp_port: int, processes: int) -> None:
    set_up(
        folder,
        smtp_port,
        "post_office",
        POST_OFFICE={"THREADS_PER_PROCESS": THREADS, "LOG_LEVEL": 1},
    )
    if what == "fill":
        _fill(folder)
    else:
        print(_send(folder, processes))


def _fill(folder: Path) -> None:
    from post_office import mail

    mail.send_many(
        [
            {
                "sender": SENDER,
                "recipients": [email.to],
                "subject": email.subject,
                "message": email.text,
                "html_message": email.html,
            }
            for email in read(folder / "emails")
        ]
    )


def _send(folder: Path, processes: int) -> float:
    """The seconds that it took."""
    from post_office.mail import send_queued_mail_until_done
    from post_office.models import STATUS, Email

    began = time.perf_counter()
    send_queued_mail_until_done(str(folder / "lock"), processes)
    seconds = time.perf_counter() - began
    if left := Email.objects.exclude(status=STATUS.sent).count():
        raise SystemExit(f"{left} emails were not sent")
    return seconds


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
