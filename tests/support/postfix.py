"""Debian's Postfix, whole, on loopback and in a folder of its own: its master runs its daemons.

It believes that it is root, and is not (`tests.support.unprivileged`). What it takes it delivers,
so an email has arrived when it lies in the mailbox.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.smtp import TlsFiles, message_id, wait_for_greeting
from tests.support.standalone import wait_until
from tests.support.tools import free_port, program
from tests.support.unprivileged import (
    as_if_root,
    environment,
    folder_of_somebody,
    give,
    run,
    running,
    somebody,
)

REALM = "shop.example"
_DELIVERY_SECONDS = 20.0
_QUEUE_FOLDERS = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"),
    *("maildrop", "pid", "private", "public", "saved", "trace"),
)
_MAIN = """
compatibility_level = 3.6
mail_owner = postfix
setgid_group = postdrop
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LD_PRELOAD UID_WRAPPER UID_WRAPPER_ROOT
    NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.net
mydestination =
alias_maps =
virtual_mailbox_domains = example.com, example.org
virtual_mailbox_base = {folder}
virtual_mailbox_maps = regexp:{folder}/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
default_transport = error:nothing leaves this machine
smtpd_sasl_local_domain = {realm}
cyrus_sasl_config_path = {folder}/conf/sasl
smtpd_tls_received_header = yes
"""
# What Debian's master.cf has of them, less its chroot.
_MASTER = """
postlog unix-dgram n - n - 1 postlogd
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
"""
_SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/conf/sasl/sasldb2
mech_list: PLAIN LOGIN
"""
_MAILBOXES = """
!/^(dead|gone)/ mail/
"""


@dataclass(frozen=True)
class Delivered:
    """An email in the mailbox of one recipient."""

    recipient: str
    sender: str
    content: bytes

    @property
    def message_id(self) -> str:
        return message_id(self.content)


@dataclass(frozen=True)
class Postfix:
    """A mail server for example.com and example.org, where all live but `dead…@` and `gone…@`."""

    port: int
    folder: Path

    @property
    def log(self) -> str:
        """What all its daemons have logged."""
        with suppress(FileNotFoundError):
            return (self.folder / "log").read_text("utf-8", "replace")
        return ""

    @property
    def delivered(self) -> list[Delivered]:
        """All that lies in mailboxes now."""
        return [_delivered(path) for path in (self.folder / "mail").glob("new/*")]

    def wait_until_delivered(self) -> None:
        """Until all that it has accepted lies in mailboxes."""
        queues = [self.folder / "queue" / name for name in ("incoming", "active", "deferred")]
        wait_until(
            lambda: not any(path.is_file() for queue in queues for path in queue.rglob("*")),
            _DELIVERY_SECONDS,
            "Postfix's delivery",
        )


@contextmanager
def postfix(
    *, login: tuple[str, str] | None = None, tls: TlsFiles | None = None, **settings: str
) -> Iterator[Postfix]:
    """Runs it. `settings` are lines of main.cf beyond the least that it needs; all others have
    their defaults. `login`: a user name and a password, asked for where they are given."""
    program("postfix")
    with folder_of_somebody("postfix-") as folder:
        port = free_port()
        lines = _login_settings(login) | _tls_settings(folder, tls) | settings
        uid, gid = somebody()
        main = _MAIN.format(folder=folder, realm=REALM, uid=uid, gid=gid)
        main += "".join(f"{name} = {value}\n" for name, value in lines.items())
        _write(folder / "conf" / "main.cf", main)
        _write(folder / "conf" / "master.cf", _MASTER.format(port=port))
        _write(folder / "conf" / "sasl" / "smtpd.conf", _SASL.format(folder=folder))
        _write(folder / "mailboxes", _MAILBOXES)
        for name in ("data", "mail", *(f"queue/{each}" for each in _QUEUE_FOLDERS)):
            (folder / name).mkdir(parents=True)
        give(folder)
        users = {"postfix": uid, "nobody": uid - 1}
        groups = {"postfix": gid, "nobody": gid - 1, "postdrop": gid - 2}
        environ = as_if_root(environment(folder, users, groups))
        if login is not None:
            _add_login(folder, *login, environ)
        with running(["/usr/lib/postfix/sbin/master", "-c", str(folder / "conf")], environ):
            server = Postfix(port, folder)
            wait_for_greeting(port, lambda: f"Postfix does not answer: {server.log}")
            yield server


@pytest.fixture
def start_postfix() -> Iterator[Callable[..., Postfix]]:
    """Makes running servers, as `postfix(...)`, that end with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(postfix(**settings))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.lstrip("\n"))
    # Postfix waits for a file of this second to be whole.
    os.utime(path, (0, 0))


def _tls_settings(folder: Path, tls: TlsFiles | None) -> dict[str, str]:
    if tls is None:
        return {}
    (folder / "conf").mkdir()
    shutil.copy(tls.certificate, folder / "conf")
    shutil.copy(tls.key, folder / "conf")
    return {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(folder / "conf" / tls.certificate.name),
        "smtpd_tls_key_file": str(folder / "conf" / tls.key.name),
    }


def _login_settings(login: tuple[str, str] | None) -> dict[str, str]:
    """Whoever has not logged in may send to nobody."""
    if login is None:
        return {}
    return {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
    }


def _add_login(folder: Path, name: str, password: str, environ: dict[str, str]) -> None:
    command = [program("saslpasswd2"), "-c", "-p", "-f", str(folder / "conf" / "sasl" / "sasldb2")]
    run([*command, "-u", REALM, name], environ, password.encode())


def _delivered(path: Path) -> Delivered:
    content = path.read_bytes()
    head = dict(line.split(": ", 1) for line in content.decode().splitlines()[:3])
    return Delivered(head["Delivered-To"], head["Return-Path"].strip("<>"), content)
