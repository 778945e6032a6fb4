"""Rowpost beside django-post_office, django-mailer and Celery, as a table in Markdown.

python -m bench.compare [--emails 4000] [--far-emails 400] [--rounds 3]

The same emails of 2 KB to the same smtp-sink, on this machine, in turns: with the mail server
beside it and 20 ms away, with one process and with two. Each program has an environment of its own
under build/compare. smtp-source, which keeps no queue, shows what the machine allows.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.checkout import ROOT, Checkout, Incomplete
from bench.compare.emails import Email, write
from bench.compare.table import table
from bench.compare.with_celery import REDIS, SMTP_PORT
from bench.far_server import far_server
from bench.postfix import CONNECTIONS, free_port, smtp_sink, smtp_source, wait_for
from bench.workload import Workload

FAR_MILLISECONDS = 20
LONGEST_SECONDS = 600
ENVIRONMENTS = ROOT / "build" / "compare"


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be sent: by so many processes, to a mail server on this port."""

    workload: Workload
    smtp_port: int
    processes: int


Sender = Callable[[Run], float]
"""Sends all of it; the emails a second."""


def main() -> None:
    chosen = _arguments()
    senders: dict[str, Sender] = {
        "Rowpost": _rowpost,
        "Celery with smtplib": _celery,
        "django-post_office": _django("post_office"),
        "django-mailer": _django("mailer"),
        "smtp-source (no queue)": _smtp_source,
    }
    for name in ("celery", "post_office", "mailer"):
        _make_environment(name)
    with smtp_sink() as near, far_server(near, FAR_MILLISECONDS) as far:
        runs = {
            f"{milliseconds} ms away, {number} process{'es' * (number > 1)}": Run(
                Workload("emails of 2 KB", emails), port, number
            )
            for milliseconds, port, emails in (
                (0, near, chosen.emails),
                (FAR_MILLISECONDS, far, chosen.far_emails),
            )
            for number in (1, 2)
        }
        speeds: dict[tuple[str, str], list[float]] = {}
        for _ in range(chosen.rounds):
            for column, run in runs.items():
                for sender, send in senders.items():
                    if run.processes == 1 or sender not in _ONE_AT_A_TIME:
                        speeds.setdefault((sender, column), []).append(send(run))
    print(table(list(senders), list(runs), {key: median(of) for key, of in speeds.items()}))
    print(
        f"\nEmails a second; medians of {chosen.rounds} rounds, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; {CONNECTIONS} connections a process "
        "(django-mailer: one)."
    )


_ONE_AT_A_TIME = frozenset({"django-mailer", "smtp-source (no queue)"})


def _rowpost(run: Run) -> float:
    this = Checkout("rowpost")
    with _folder() as folder:
        this.fill(folder, run.workload, run.smtp_port)
        measured = this.drain_together(folder, LONGEST_SECONDS, run.processes, 0)
        if measured.emails != run.workload.count:
            raise Incomplete(f"{measured.emails} of {run.workload.count} emails went out")
        return measured.emails_per_second


def _smtp_source(run: Run) -> float:
    return smtp_source(run.workload, run.smtp_port).emails_per_second


def _django(name: str) -> Sender:
    def send(run: Run) -> float:
        with _folder() as folder:
            return _filled_and_sent(name, folder, run, {})

    return send


def _celery(run: Run) -> float:
    with _folder() as folder, _redis(folder) as address:
        return _filled_and_sent(
            "celery", folder, run, {REDIS: address, SMTP_PORT: str(run.smtp_port)}
        )


def _filled_and_sent(name: str, folder: Path, run: Run, environment: dict[str, str]) -> float:
    write(
        folder / "emails",
        (
            Email(
                row["dd_toEmailid"],
                row["dd_subject"],
                row["dd_TextAlternative"],
                row["dd_bodyText"],
            )
            for row in run.workload.rows()
        ),
    )
    said = ""
    for what in ("fill", "send"):
        command = [str(_python_of(name)), "-m", f"bench.compare.with_{name}", what, str(folder)]
        said = subprocess.run(
            [*command, str(run.smtp_port), str(run.processes)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=LONGEST_SECONDS,
        ).stdout
    return run.workload.count / float(said.splitlines()[-1])


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """A Redis server that writes down what it is told, once a second."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "yes", "--loglevel", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port, "redis-server")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _make_environment(name: str) -> None:
    """An environment with what bench/compare/NAME.txt names, unless it is there."""
    wanted = Path(__file__).with_name(f"{name}.txt")
    has = ENVIRONMENTS / name / wanted.name
    if has.exists() and has.read_text() == wanted.read_text():
        return
    print(f"Installing {wanted.read_text().split()} into {has.parent}", file=sys.stderr)
    venv.create(has.parent, clear=True, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)]
    subprocess.run([_python_of(name), *install], check=True)
    has.write_text(wanted.read_text())


def _python_of(name: str) -> Path:
    return ENVIRONMENTS / name / "bin" / "python"


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rowpost-bench-") as folder:
        yield Path(folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare")
    parser.add_argument("--emails", type=int, default=4_000, help="with the mail server beside it")
    parser.add_argument("--far-emails", type=int, default=400, help="with the mail server far away")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are printed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
