"""Debian's Exim on loopback and in a folder of its own; what it takes stays in its spool.

It runs as somebody whom it takes for its own user (`tests.support.unprivileged`).
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.smtp import TlsFiles, wait_for_greeting
from tests.support.tools import ROOT, free_port, installed
from tests.support.unprivileged import (
    environment,
    folder_of_somebody,
    give,
    running,
    somebody,
)

_PROGRAM = ROOT / "build" / "exim4" / "usr" / "sbin" / "exim4"
_ACCEPTED = re.compile(r" <= (\S+) .* id=(\S+) for (.+)$", re.MULTILINE)
_MAIN = """
exim_path = {folder}/exim4
spool_directory = {folder}/spool
log_file_path = {folder}/log/%s
log_selector = +received_recipients
keep_environment = LD_PRELOAD : ^NSS_WRAPPER
primary_hostname = mail.example.net
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
host_lookup =
queue_only
acl_smtp_rcpt = recipient
{settings}

begin acl
recipient:
{rules}
  require verify = recipient
  accept

begin routers
mailbox:
  driver = accept
  condition = ${{if match{{$local_part}}{{^(dead|gone)}}{{no}}{{yes}}}}
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  file = /dev/null
"""
_LOGIN = """
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{{name}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{name}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
"""


@dataclass(frozen=True)
class Exim:
    """A mail server for any domain, where all live but `dead…@` and `gone…@`."""

    port: int
    folder: Path

    @property
    def log(self) -> str:
        """What it has logged."""
        with suppress(FileNotFoundError):
            return (self.folder / "log" / "main").read_text("utf-8", "replace")
        return ""

    def copies(self) -> Counter[tuple[str, str]]:
        """How often it took each email for each recipient: by Message-ID and address."""
        return Counter(
            (f"<{message_id}>", recipient)
            for _, message_id, recipients in _ACCEPTED.findall(self.log)
            for recipient in recipients.split()
        )


@contextmanager
def exim(
    *,
    login: tuple[str, str] | None = None,
    tls: TlsFiles | None = None,
    rules: str = "",
    **settings: str,
) -> Iterator[Exim]:
    """Runs it. `settings` are main options beyond the least that it needs; all others have their
    defaults. `rules`: lines of its access control list at RCPT. `login`: a user name and a
    password, offered where they are given."""
    program = installed(_PROGRAM)
    with folder_of_somebody("exim-") as folder:
        port = free_port()
        lines = _tls_settings(folder, tls) | settings
        configuration = _MAIN.format(
            folder=folder,
            port=port,
            rules=rules,
            settings="\n".join(f"{name} = {value}" for name, value in lines.items()),
        )
        if login is not None:
            configuration += _LOGIN.format(name=login[0], password=login[1])
        (folder / "configuration").write_text(configuration)
        shutil.copy(program, folder / "exim4")
        for name in ("spool", "log"):
            (folder / name).mkdir()
        give(folder)
        uid, gid = somebody()
        names = {"Debian-exim": uid, "nobody": uid - 1}, {"Debian-exim": gid, "nobody": gid - 1}
        command = [str(folder / "exim4"), "-C", str(folder / "configuration"), "-bdf"]
        with running(command, environment(folder, *names)):
            server = Exim(port, folder)
            wait_for_greeting(port, lambda: f"Exim does not answer: {server.log}")
            yield server


@pytest.fixture
def start_exim() -> Iterator[Callable[..., Exim]]:
    """Makes running servers, as `exim(...)`, that end with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(exim(**settings))


def _tls_settings(folder: Path, tls: TlsFiles | None) -> dict[str, str]:
    if tls is None:
        return {"tls_advertise_hosts": ""}
    return {
        "tls_certificate": str(shutil.copy(tls.certificate, str(folder))),
        "tls_privatekey": str(shutil.copy(tls.key, str(folder))),
    }
