"""The programs that tests start: where they are, and what is missing when one is not there."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import closing, suppress
from itertools import cycle, islice
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKER_PYTHON = ROOT / ".worker-venv" / "bin" / "python"
AZURITE = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


def program(name: str) -> str:
    """The path of an installed program; without it the test is skipped, which fails in CI."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine; `make test` installs it")
    return found


def installed(path: Path) -> Path:
    """`path`, if `make test` has put it there; without it the test is skipped, as in `program`."""
    if not path.exists():
        pytest.skip(f"{path.relative_to(ROOT)} is not here; `make test` installs it")
    return path


def library(name: str) -> Path:
    """The path of a shared library that is no program's; without it the test is skipped."""
    found = next(Path("/usr/lib").glob(f"*/{name}"), None)
    if found is None:
        pytest.skip(f"{name} is not on this machine; `make test` installs it")
    return found


# Below those that systems give to whoever connects somewhere (from 32768 or 49152 on): else one
# that was free could be taken before it is listened on.
_PORTS = range(20_000, 32_000)
_from_here_on = cycle(_PORTS)
for _ in range(os.getpid() * 97 % len(_PORTS)):  # Each test process begins somewhere else.
    next(_from_here_on)


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on now, another one each time."""
    for port in islice(_from_here_on, len(_PORTS)):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
