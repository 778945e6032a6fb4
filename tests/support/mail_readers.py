"""Mail programs that are not ours, reading an email that Rowpost has composed.

Python's `email`; `mailparser` and `postal-mime` of npm, in one process of node for all tests; and
`munpack` and `ripmime`, which know files as old readers do.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import IO, Any

import pytest

from shared.mime.addresses import ascii_domain
from tests.support.tools import ROOT, installed, program

_SCRIPT = Path(__file__).with_name("read_emails.cjs")


@dataclass(frozen=True)
class ReadFile:
    """A file as a reader found it. `content_id`: without angle brackets."""

    name: str
    content_type: str
    content_id: str | None
    content: bytes


@dataclass(frozen=True)
class ReadEmail:
    """An email as a reader understood it: mailboxes are `(name, address)`, lines end with LF."""

    subject: str
    message_id: str
    sender: tuple[tuple[str, str], ...]
    to: tuple[tuple[str, str], ...]
    cc: tuple[tuple[str, str], ...]
    reply_to: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    files: tuple[ReadFile, ...]


def same_address(address: str) -> str:
    """The address without quotes before the @ and with its domain in small A-labels."""
    local, _, domain = address.rpartition("@")
    if local.startswith('"') and local.endswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return f"{local}@{ascii_domain(domain).lower()}" if domain else address


def mailbox(name: str, address: str) -> tuple[str, str]:
    """A name that only repeats the address is none: some readers leave it out."""
    same = same_address(address)
    return ("" if name.lower() in (address.lower(), same.lower()) else name), same


class NodeReaders:
    """`mailparser` and `postal-mime`, in a process that reads one email after another."""

    def __init__(self) -> None:
        installed(ROOT / "node_modules" / "postal-mime")
        self._process = subprocess.Popen(
            [program("node"), str(_SCRIPT)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self, octets: bytes) -> dict[str, ReadEmail]:
        """What each of the two understood, by its name."""
        self._stream(self._process.stdin).write(base64.b64encode(octets).decode() + "\n")
        self._stream(self._process.stdin).flush()
        line = self._stream(self._process.stdout).readline()
        assert line, "node ended while it read an email"
        return {name: _from_node(found) for name, found in json.loads(line).items()}

    def close(self) -> None:
        self._stream(self._process.stdin).close()
        self._process.wait(10)
        self._stream(self._process.stdout).close()

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@pytest.fixture(scope="session")
def node_readers() -> Iterator[NodeReaders]:
    readers = NodeReaders()
    try:
        yield readers
    finally:
        readers.close()


def _from_node(found: dict[str, Any]) -> ReadEmail:
    return ReadEmail(
        subject=found["subject"],
        message_id=found["messageId"],
        sender=_mailboxes(found["from"]),
        to=_mailboxes(found["to"]),
        cc=_mailboxes(found["cc"]),
        reply_to=_mailboxes(found["replyTo"]),
        text=_lf(found["text"]),
        html=_lf(found["html"]),
        files=tuple(
            ReadFile(
                file["name"] or "",
                file["type"],
                (file["cid"] or "").strip("<>") or None,
                base64.b64decode(file["content"]),
            )
            for file in found["files"]
        ),
    )


def _mailboxes(found: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple(mailbox(name, address) for name, address in found if address)


def _lf(text: str | None) -> str | None:
    return None if text is None else text.replace("\r\n", "\n")


def read_by_python(octets: bytes) -> ReadEmail:
    """What Python's `email` understands."""
    email = message_from_bytes(octets, policy=policy.SMTPUTF8)
    assert isinstance(email, EmailMessage)
    text, html = email.get_body(("plain",)), email.get_body(("html",))
    return ReadEmail(
        subject=_decoded(email, "Subject"),
        message_id=str(email["Message-ID"]),
        sender=_by_python(email, "From"),
        to=_by_python(email, "To"),
        cc=_by_python(email, "Cc"),
        reply_to=_by_python(email, "Reply-To"),
        text=None if text is None else _lf(str(text.get_content())),
        html=None if html is None else _lf(str(html.get_content())),
        files=tuple(
            ReadFile(
                part.get_filename() or "",
                part.get_content_type(),
                (part["Content-ID"] or "").strip("<>") or None,
                bytes(part.get_payload(decode=True)),
            )
            for part in email.walk()
            if part.get_content_disposition() in ("attachment", "inline")
        ),
    )


def _raw(email: EmailMessage, field: str) -> str:
    value = next((str(value) for name, value in email.raw_items() if name == field), "")
    octets = re.sub(r"\r?\n", "", value).encode("utf-8", "surrogateescape")
    return octets.decode()


def _decoded(email: EmailMessage, field: str) -> str:
    return str(make_header(decode_header(_raw(email, field))))


def _by_python(email: EmailMessage, field: str) -> tuple[tuple[str, str], ...]:
    """By `email`'s parser of structured fields, but with each name decoded by its older decoder:
    the new one puts a space between encoded words in some versions of Python."""
    if field not in email:
        return ()
    parsed = policy.SMTPUTF8.header_factory(field, _raw(email, field))
    addresses = [address for address in parsed.addresses if address.domain]
    names = [name for name, address in getaddresses([_raw(email, field)]) if address]
    return tuple(
        mailbox(
            str(make_header(decode_header(name))) if "=?" in name else address.display_name,
            f"{address.username}@{address.domain}",
        )
        for name, address in zip(names, addresses, strict=True)
    )


def files_by_munpack(octets: bytes, folder: Path) -> dict[str, bytes]:
    """The files that `munpack` finds, by the name it gives them."""
    (folder / "email").write_bytes(octets)
    out = folder / "out"
    out.mkdir()
    subprocess.run(
        [program("munpack"), "-q", "-t", "-C", str(out), str(folder / "email")],
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def files_by_ripmime(octets: bytes, folder: Path) -> dict[str, bytes]:
    """The files that `ripmime` finds, by the name it gives them."""
    (folder / "email").write_bytes(octets)
    out = folder / "out"
    subprocess.run(
        [program("ripmime"), "-i", str(folder / "email"), "-d", str(out)],
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
