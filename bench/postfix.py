"""Postfix's own test programs: smtp-sink takes emails, smtp-source sends as fast as C can."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from bench.measure import Measurement, measure
from bench.workload import Workload

CONNECTIONS = 8
START_SECONDS = 10
BACKLOG = "256"


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run smtp-sink on a free port and answer the port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([_program("smtp-sink"), *user, f"127.0.0.1:{port}", BACKLOG]) as sink:
        try:
            wait_for(port, "smtp-sink")
            yield port
        finally:
            sink.terminate()


def smtp_source(workload: Workload, port: int) -> Measurement:
    """Send as many emails of the same size with smtp-source."""
    command = [_program("smtp-source"), "-s", str(CONNECTIONS), "-m", str(workload.count)]
    command += ["-l", str(workload.payload_bytes), f"127.0.0.1:{port}"]
    return measure(command, workload.count)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing. Install with: sudo apt-get install -y postfix")
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, program: str) -> None:
    """Until the program listens there. Raises SystemExit if it does not in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
            return
        time.sleep(0.02)
    raise SystemExit(f"{program} does not listen")
