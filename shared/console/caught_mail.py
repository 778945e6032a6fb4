"""What the mail catcher has kept, as an inbox: the newest first, each one taken apart to be read.

Anybody on this machine may have sent it: a part that can't be read is shown as far as it can.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from pathlib import Path
from typing import NamedTuple, TypeVar

from shared.errors import RowpostError
from shared.settings import Settings

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-\d{1,10}-\d{1,10}\.eml")
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_HEAD = 64 * 1024
_MOST_PARTS = 200

T = TypeVar("T")


class NothingCaught(RowpostError):
    """The catcher has no such email."""


class Listed(NamedTuple):
    """A line of the inbox. `size` in bytes; `recipients` are the envelope's."""

    name: str
    at: datetime
    size: int
    sender: str
    recipients: tuple[str, ...]
    subject: str


class CaughtFile(NamedTuple):
    """A part that is a file, or a picture of the HTML."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None


@dataclass(frozen=True, slots=True)
class Caught:
    """One email, taken apart; `headers` are decoded, in their order."""

    listed: Listed
    headers: tuple[tuple[str, str], ...]
    html: str | None = field(repr=False)
    text: str | None = field(repr=False)
    files: tuple[CaughtFile, ...] = field(repr=False)
    source: bytes = field(repr=False)


def mail_folder(settings: Settings) -> Path | None:
    """Where the catcher keeps what it gets; None where there is no catcher."""
    folder = settings.data / "mail"
    return folder if settings.catcher_port is not None and folder.is_dir() else None


def newest(folder: Path, most: int, below: str = "") -> list[Listed]:
    """Up to `most` emails, the newest first, of those caught before the one of this name."""
    names = (path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))
    if below:
        names = (name for name in names if name < below)
    found = (_listed(folder, name) for name in heapq.nlargest(most, names))
    return [one for one in found if one is not None]


def read(folder: Path, name: str) -> Caught:
    """The email of this name. Raises NothingCaught."""
    listed = _listed(folder, name) if _NAME.fullmatch(name) else None
    if listed is None:
        raise NothingCaught("the catcher has no such email: it may have been deleted")
    source = (folder / name).read_bytes()
    message = message_from_bytes(source, policy=compat32)
    html, text, files = _taken_apart(message)
    headers = tuple((key, _decoded(value)) for key, value in message.items())
    return Caught(listed, headers, html, text, files, source)


def _listed(folder: Path, name: str) -> Listed | None:
    """None where it was deleted meanwhile."""
    stamp = _NAME.fullmatch(name)
    assert stamp
    try:
        with (folder / name).open("rb") as file:
            head = message_from_bytes(file.read(_HEAD), policy=compat32)
            size = file.seek(0, 2)
        envelope = json.loads((folder / name).with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return None
    return Listed(
        name=name,
        at=datetime.strptime(stamp[1], _STAMP).replace(tzinfo=UTC),
        size=size,
        sender=_decoded(head.get("From", "")) or str(envelope.get("mail_from", "")),
        recipients=tuple(map(str, envelope.get("rcpt_to", ()))),
        subject=_decoded(head.get("Subject", "")),
    )


def _taken_apart(message: Message) -> tuple[str | None, str | None, tuple[CaughtFile, ...]]:
    """The first HTML, the first text, and all other parts."""
    html = text = None
    files: list[CaughtFile] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        is_file = part.get_filename() is not None or part.get_content_disposition() == "attachment"
        if kind == "text/html" and html is None and not is_file:
            html = _text_of(part)
        elif kind == "text/plain" and text is None and not is_file:
            text = _text_of(part)
        else:
            files.append(_file_of(part, len(files) + 1))
    return html, text, tuple(files)


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold no others, up to 200."""
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS:
            return
        if not part.is_multipart():
            yield part


def _text_of(part: Message) -> str:
    charset = _safely(lambda: str(part.get_content_charset("utf-8")), "utf-8")
    content = _octets_of(part)
    try:
        return content.decode(charset, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _file_of(part: Message, number: int) -> CaughtFile:
    name = _safely(lambda: _decoded(part.get_filename() or ""), "")
    content_id = str(part.get("Content-ID", "")).strip().strip("<>")
    return CaughtFile(
        name or f"part-{number}", part.get_content_type(), _octets_of(part), content_id or None
    )


def _octets_of(part: Message) -> bytes:
    payload: object = _safely(lambda: part.get_payload(decode=True), None)
    return payload if isinstance(payload, bytes) else b""


def _decoded(value: object) -> str:
    """A header field's words; as they stand where they can't be read."""
    written = " ".join(str(value).split())
    return _safely(lambda: str(make_header(decode_header(written))), written)


def _safely(work: Callable[[], T], otherwise: T) -> T:
    """What `work` answers; the library raises many things over messages that are none."""
    try:
        return work()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return otherwise
