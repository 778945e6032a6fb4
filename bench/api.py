"""How many emails a second `POST /api/emails` takes, and how soon they are with the mail server.

python -m bench.api [--requests 4000] [--latencies 500] [--backlog 10000]

One standalone process with SQLite; the callers and the mail server are this process. Prints JSON:
requests a second over 16 connections, none of whose emails is lost when the process is killed right
after the last answer, and the milliseconds from the beginning of a request until the mail server
has accepted its email, on an idle service and while it drains a backlog of scheduled ones.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.workload import HTML, TEXT, Workload, fill

CONNECTIONS = 16
START_SECONDS = 60
LONGEST_SECONDS = 120
PASSWORD = "a password for the benchmark"
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_SUBJECT = re.compile(rb"^Subject: (.+?)\r?$", re.MULTILINE)


class Failed(Exception):
    """The service did not do what is to be measured."""


class MailServer:
    """Takes emails on a free port and notes when it has accepted which subject."""

    def __init__(self) -> None:
        self.accepted: dict[str, float] = {}
        self._changed = threading.Condition()
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @contextmanager
    def running(self) -> Iterator[MailServer]:
        self._controller.start()
        try:
            yield self
        finally:
            self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        if found := _SUBJECT.search(content):
            with self._changed:
                self.accepted[found[1].decode()] = time.perf_counter()
                self._changed.notify_all()
        return "250 accepted"

    def wait_for(self, subject: str) -> float:
        """When it was accepted. Raises Failed after two minutes."""
        with self._changed:
            if not self._changed.wait_for(lambda: subject in self.accepted, LONGEST_SECONDS):
                raise Failed(f"{subject} did not arrive")
            return self.accepted[subject]


@dataclass
class Service:
    """A standalone process over a folder."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    token: str = ""

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


class Caller:
    """One kept connection; the least that a client can be."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._socket = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def send(self, subject: str) -> int:
        """Store an email; its number. Raises Failed for another answer than 202."""
        body = json.dumps(
            {
                "subject": subject,
                "recipients": ["customer@example.com"],
                "html_content": HTML,
                "text_content": TEXT,
            }
        ).encode()
        head = (
            "POST /api/emails HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._service.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        status = self._answers.readline().split(b" ")[1]
        length = 0
        while (line := self._answers.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = self._answers.read(length)
        if status != b"202":
            raise Failed(answer.decode())
        return int(json.loads(answer)["email_id"])

    def close(self) -> None:
        self._socket.close()


def main() -> None:
    chosen = _arguments()
    with MailServer().running() as mail:
        document = {
            "throughput": throughput(mail, chosen.requests),
            "idle": latencies(mail, chosen.latencies, 0),
            "draining": latencies(mail, chosen.latencies, chosen.backlog),
        }
    print(json.dumps(document, indent=2))


def throughput(mail: MailServer, requests: int) -> dict[str, Any]:
    """Requests over 16 connections, then a kill, then a look for every one that was answered."""
    with _service(mail) as service:
        cpu, start = service.cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            shares = pool.map(
                lambda number: _share(service, number, requests // CONNECTIONS), range(CONNECTIONS)
            )
            answered = {one for share in shares for one in share}
        seconds, cpu = time.perf_counter() - start, service.cpu_seconds() - cpu
        service.process.kill()
        service.process.wait()
        with closing(sqlite3.connect(service.folder / "rowpost.db")) as database:
            kept = {row[0] for row in database.execute("SELECT dd_srno FROM Digital_Emaildetails")}
        return {
            "requests": len(answered),
            "connections": CONNECTIONS,
            "requests_per_second": round(len(answered) / seconds),
            "cpu_ms_each": round(cpu / len(answered) * 1000, 2),
            "lost": len(answered - kept),
        }


def latencies(mail: MailServer, number: int, backlog: int) -> dict[str, Any]:
    """One email after the other, each from its request until the mail server has it."""
    with _service(mail, backlog) as service, closing(Caller(service)) as caller:
        if backlog:
            _call(service, "/admin/functions/queue_timer", {"input": ""})
            mail.wait_for("Your order 0 is on its way")
        caller.send("warm up")
        mail.wait_for("warm up")
        took = []
        for count in range(number):
            subject = f"latency {backlog} {count}"
            start = time.perf_counter()
            caller.send(subject)
            took.append((mail.wait_for(subject) - start) * 1000)
        took.sort()
        figures: dict[str, Any] = {
            "emails": number,
            "p50_ms": round(took[number // 2], 1),
            "p99_ms": round(took[number * 99 // 100], 1),
            "longest_ms": round(took[-1], 1),
        }
        if backlog:
            scheduled = sum(subject.startswith("Your order") for subject in mail.accepted)
            figures["scheduled_sent_meanwhile"] = scheduled
        return figures


def _share(service: Service, number: int, requests: int) -> list[int]:
    with closing(Caller(service)) as caller:
        return [caller.send(f"throughput {number} {count}") for count in range(requests)]


@contextmanager
def _service(mail: MailServer, backlog: int = 0) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="rowpost-bench-") as name:
        folder = Path(name)
        fill(folder, Workload("a backlog", backlog), mail.port)
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "standalone"],
            env={
                **os.environ,
                "ROWPOST_DATA": str(folder),
                "ROWPOST_PORT": str(port),
                "ROWPOST_CATCHER_PORT": "off",
                "ROWPOST_ADMIN_PASSWORD": PASSWORD,
                "ROWPOST_REQUEST_LIMITS": "off",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        service = Service(process, port, folder)
        try:
            service.token = _log_in(service)
            yield service
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait()


def _log_in(service: Service) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            login = {"username": "admin", "password": PASSWORD}
            return str(_call(service, "/api/authenticate", login)["token"])
        except OSError:
            time.sleep(0.1)
    raise Failed("the service did not start")


def _call(service: Service, path: str, body: dict[str, str]) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {service.token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = response.read()
    return json.loads(answer) if answer else None


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description="The API's speed.")
    parser.add_argument("--requests", type=int, default=4_000, help="emails to be stored")
    parser.add_argument("--latencies", type=int, default=500, help="emails one after the other")
    parser.add_argument("--backlog", type=int, default=10_000, help="scheduled emails that wait")
    return parser.parse_args()


if __name__ == "__main__":
    main()
