"""Celery with smtplib: `fill` a queue in Redis, then `send` with so many workers of eight children.

python -m bench.compare.with_celery fill|send FOLDER SMTP_PORT WORKERS

The address of Redis is in the environment. Each child keeps its connection to the mail server, and
a task is acknowledged when it is done, so that a worker that dies loses no email.
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.compare.emails import SENDER, Email, read

CHILDREN = 8
REDIS, SMTP_PORT = "BENCH_REDIS", "BENCH_SMTP_PORT"
START_SECONDS = 60
_HELD, _QUEUE, _BEGUN = "held", "celery", "unacked"


def make_app() -> Any:
    """The application that the workers serve."""
    from celery import Celery

    app = Celery("bench", broker=os.environ[REDIS])
    app.conf.update(task_acks_late=True, task_ignore_result=True)
    app.task(_send, name="send")
    return app


def main(what: str, folder: Path, workers: int) -> None:
    app = make_app()
    if what == "fill":
        with app.producer_or_acquire() as producer:
            for email in read(folder / "emails"):
                app.send_task("send", email, queue=_HELD, producer=producer)
    else:
        print(_measure(app, workers))


def _send(to: str, subject: str, text: str, html: str) -> None:
    email = Email(to, subject, text, html)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, email.to, email.subject
    message.set_content(email.text)
    message.add_alternative(email.html, subtype="html")
    _connection().send_message(message)


@lru_cache(maxsize=1)
def _connection() -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", int(os.environ[SMTP_PORT]))


def _measure(app: Any, workers: int) -> float:
    """The seconds from the moment that the queue is there for the workers until it is done."""
    import redis

    client = redis.Redis.from_url(os.environ[REDIS])
    with ExitStack() as stack:
        for number in range(workers):
            stack.enter_context(_worker(number))
        deadline = time.monotonic() + START_SECONDS
        while len(app.control.ping(timeout=1)) < workers:
            if time.monotonic() > deadline:
                raise SystemExit("the workers do not answer")
        began = time.perf_counter()
        client.rename(_HELD, _QUEUE)
        while client.llen(_QUEUE) or client.hlen(_BEGUN):
            time.sleep(0.005)
        return time.perf_counter() - began


@contextmanager
def _worker(number: int) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "bench.compare.celery_worker", "worker"]
    command += [
        "--concurrency",
        str(CHILDREN),
        "--hostname",
        f"w{number}@%h",
        "--loglevel",
        "ERROR",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[4]))
