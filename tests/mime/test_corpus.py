"""Emails of every odd kind, read back by mail programs that are not ours, with the same result."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime.addresses import Mailbox, envelope_address
from shared.mime.attachment_type import content_type, filename
from shared.mime.compose import compose
from shared.mime.message import Attachment, Draft
from tests.mime.corpus import CORPUS, PLAIN
from tests.support.mail_readers import (
    NodeReaders,
    ReadEmail,
    ReadFile,
    files_by_munpack,
    files_by_ripmime,
    mailbox,
    read_by_python,
)

Unpack = Callable[[bytes, Path], dict[str, bytes]]

emails = pytest.mark.parametrize("draft", CORPUS.values(), ids=CORPUS)
with_files = pytest.mark.parametrize(
    "draft",
    [draft for draft in CORPUS.values() if draft.attachments],
    ids=[name for name, draft in CORPUS.items() if draft.attachments],
)


def mailboxes(written: tuple[Mailbox, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(mailbox(each.name, envelope_address(each.address).address) for each in written)


def lines(text: str | None) -> str | None:
    """A body as it is compared: readers differ on the line ends at its very end."""
    return None if text is None else re.sub(r"\r\n?", "\n", text).rstrip("\n")


def as_written(draft: Draft) -> ReadEmail:
    """What a reader has to find. An email with neither text nor HTML has an empty text."""
    return ReadEmail(
        subject=draft.subject,
        message_id=draft.message_id,
        sender=mailboxes((draft.sender,)),
        to=mailboxes(draft.to),
        cc=mailboxes(draft.cc),
        reply_to=mailboxes(draft.reply_to),
        text=lines(draft.text if draft.text is not None or draft.html is not None else ""),
        html=lines(draft.html),
        files=tuple(
            ReadFile(filename(file), content_type(file), file.content_id, file.content)
            for file in (*draft.inline, *draft.beside)
        ),
    )


def compared(email: ReadEmail) -> dict[str, object]:
    """What a reader found, less what readers do not tell apart: an empty text from none, and the
    line ends of files that are text. What is called octets some of them judge by its name."""
    files = [
        (
            file.name,
            "" if file.content_type in UNKNOWN else file.content_type,
            file.content_id,
            plain_lines(file),
        )
        for file in email.files
    ]
    body = {"text": lines(email.text) or None, "html": lines(email.html) or None}
    return vars(email) | body | {"files": files}


UNKNOWN = ("application/octet-stream", "message/rfc822")


def plain_lines(file: ReadFile) -> bytes:
    is_text = file.content_type.startswith("text/")
    return file.content.replace(b"\r\n", b"\n") if is_text else file.content


@emails
def test_every_reader_finds_what_was_written(draft: Draft, node_readers: NodeReaders) -> None:
    octets = compose(draft).content
    wanted = compared(as_written(draft))

    assert compared(read_by_python(octets)) == wanted
    for reader, email in node_readers.read(octets).items():
        if reader == "postal-mime" and draft is CORPUS["a file name that looks encoded"]:
            continue  # It decodes what RFC 2231 has told it already.
        assert compared(email) == wanted, reader


@with_files
@pytest.mark.parametrize("unpack", [files_by_munpack, files_by_ripmime])
def test_old_readers_find_every_file(draft: Draft, unpack: Unpack, tmp_path: Path) -> None:
    found = unpack(compose(draft).content, tmp_path)

    contents = [content.replace(b"\r\n", b"\n") for content in found.values()]
    for file in draft.attachments:
        assert file.content.replace(b"\r\n", b"\n") in contents, sorted(found)


@pytest.mark.parametrize("name", ["a PDF", "a long file name", "a file with two dots"])
def test_old_readers_see_a_long_ascii_name(name: str, tmp_path: Path) -> None:
    """ripmime cuts all names."""
    (file,) = CORPUS[name].attachments

    assert file.filename in files_by_munpack(compose(CORPUS[name]).content, tmp_path)


LINE = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=120).map(
    lambda text: " ".join(text.split())
)
BODY = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.just("\n"), max_size=300)
FILES = st.lists(
    st.builds(
        Attachment,
        filename=LINE.map(lambda text: text[:60].replace("=?", "") or "a") | st.none(),
        content=st.binary(max_size=200),
        content_type=st.sampled_from(["application/x-thing", "image/png"]),
        content_id=st.none() | st.sampled_from(["a@b", "logo"]),
    ),
    max_size=3,
).map(tuple)


@given(LINE, st.lists(LINE, min_size=1, max_size=3), BODY, st.none() | BODY, FILES)
def test_every_reader_finds_whatever_is_written(
    node_readers: NodeReaders,
    subject: str,
    names: list[str],
    text: str,
    html: str | None,
    files: tuple[Attachment, ...],
) -> None:
    to = tuple(Mailbox(f"user{n}@example.org", name) for n, name in enumerate(names))
    draft = replace(PLAIN, subject=subject, to=to, text=text, html=html, attachments=files)
    octets = compose(draft).content
    wanted = compared(as_written(draft))

    assert compared(read_by_python(octets)) == wanted
    for reader, email in node_readers.read(octets).items():
        assert compared(email) == wanted, reader
