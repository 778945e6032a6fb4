"""Debian's Dovecot as an IMAP server, on loopback and in a folder of its own, run by nobody.

Users log in by password, or by an access token that its introspection endpoint knows.
"""

from __future__ import annotations

import grp
import imaplib
import json
import os
import pwd
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.smtp import TlsFiles, wait_for_greeting
from tests.support.tools import free_port, program
from tests.support.unprivileged import folder_of_somebody, give, running, somebody

PASSWORD = "the mailbox's password"
_MAIN = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_process_limit = 20
mail_location = maildir:{folder}/mail/%u
mail_plugins =
ssl = yes
ssl_cert = <{folder}/conf/certificate
ssl_key = <{folder}/conf/key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
first_valid_uid = 0
mail_max_userip_connections = 50
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/conf/oauth2
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/conf/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""
_OAUTH2 = """
tokeninfo_url = http://127.0.0.1:{port}/tokeninfo?access_token=
introspection_mode = auth
username_attribute = email
"""


@dataclass(frozen=True)
class Dovecot:
    """An IMAP server whose users are `mailboxes` and those of its `tokens`."""

    port: int
    tls_port: int
    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)
    """Whom an access token lets in."""

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def put(self, user: str, *messages: bytes, folder: str = "INBOX") -> None:
        """Let these messages arrive."""
        with self._logged_in(user) as server:
            for message in messages:
                answer, said = server.append(_quoted(folder), "", "", message)
                assert answer == "OK", said

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder, the oldest first; a folder that is not there is empty."""
        with self._logged_in(user) as server:
            answer, (number,) = server.select(_quoted(folder), readonly=True)
            if answer != "OK" or number == b"0":
                return []
            _, parts = server.fetch("1:*", "(BODY.PEEK[])")
            return [part[1] for part in parts if isinstance(part, tuple)]

    def forget_numbers(self, user: str) -> None:
        """The folder gets another UIDVALIDITY, as after a restore."""
        mailbox = self.folder / "mail" / user
        former = (mailbox / "dovecot-uidlist").read_text()
        for file in mailbox.glob("dovecot*"):
            file.unlink()
        validity = int(re.findall(r"\bV(\d+)", former)[0])
        (mailbox / "dovecot-uidlist").write_text(f"3 V{validity + 1} N1\n")
        give(mailbox)

    def refuse_to_file(self, user: str, folder: str, *, refuse: bool = True) -> None:
        """Nothing can be written into a folder; or it can again."""
        (self.folder / "mail" / user / f".{folder}" / "tmp").chmod(0o500 if refuse else 0o700)

    @contextmanager
    def _logged_in(self, user: str) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.port) as server:
            server.login(user, PASSWORD)
            yield server


@contextmanager
def dovecot(tls: TlsFiles, mailboxes: Sequence[str]) -> Iterator[Dovecot]:
    """Runs it."""
    program("dovecot")
    with folder_of_somebody("dovecot-") as folder, _introspection() as (tokens, token_port):
        uid, gid = somebody()
        server = Dovecot(free_port(), free_port(), folder, tokens)
        (folder / "conf").mkdir()
        for name in ("run", "state", "mail"):
            (folder / name).mkdir()
        shutil.copy(tls.certificate, folder / "conf" / "certificate")
        shutil.copy(tls.key, folder / "conf" / "key")
        users = "".join(f"{name}:{{PLAIN}}{PASSWORD}\n" for name in mailboxes)
        (folder / "conf" / "users").write_text(users)
        (folder / "conf" / "oauth2").write_text(_OAUTH2.format(port=token_port))
        main = _MAIN.format(
            folder=folder,
            uid=uid,
            gid=gid,
            user=pwd.getpwuid(uid).pw_name,
            group=grp.getgrgid(gid).gr_name,
            port=server.port,
            tls_port=server.tls_port,
        )
        (folder / "conf" / "dovecot.conf").write_text(main)
        give(folder)
        command = [program("dovecot"), "-F", "-c", str(folder / "conf" / "dovecot.conf")]
        with running(command, {"PATH": os.environ["PATH"]}):
            wait_for_greeting(
                server.port, lambda: f"Dovecot does not answer: {server.log}", b"* OK"
            )
            yield server


@contextmanager
def _introspection() -> Iterator[tuple[dict[str, str], int]]:
    """Says whose an access token is."""
    tokens: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (token,) = parse_qs(urlsplit(self.path).query)["access_token"]
            known = token in tokens
            body = json.dumps({"email": tokens[token]} if known else {"error": "no"}).encode()
            self.send_response(200 if known else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield tokens, server.server_address[1]
        server.shutdown()
        thread.join()


def _quoted(folder: str) -> str:
    return f'"{folder}"'
