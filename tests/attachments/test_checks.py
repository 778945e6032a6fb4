"""Files of strangers: what is let through, and what is not, whatever it is called."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.attachments.checks import ALLOWED, CheckedFile, check_file
from shared.attachments.refusal import ContentRefused, FileRefused, TypeRefused

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(200)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
GIF = b"GIF89a\x01\x00\x01\x00"
MEGABYTE = 1024 * 1024


def png() -> bytes:
    def part(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)

    head = part(b"IHDR", struct.pack(">2L5B", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(b"\0\0")) + part(b"IEND", b"")


def packed_of(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


DOCX_PARTS = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<document/>" * 100}
DOCX = packed_of(DOCX_PARTS)
XLSX = packed_of({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})
ZIP = packed_of({"a.txt": b"x"})


def checked(name: str, content: bytes) -> CheckedFile:
    return check_file(name, io.BytesIO(content))


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("a.pdf", PDF, "application/pdf"),
        ("A.PDF", PDF, "application/pdf"),
        ("a.png", png(), "image/png"),
        ("a.jpg", JPEG, "image/jpeg"),
        ("a.jpeg", JPEG, "image/jpeg"),
        ("a.gif", GIF, "image/gif"),
        ("a.txt", b"", "text/plain"),
        ("a.txt", b"Hello\r\n\tJane\n", "text/plain"),
        ("a.txt", "Grüße 🎉".encode(), "text/plain"),
        ("a.txt", "Grüße".encode("latin-1"), "text/plain"),
        ("a.txt", "Grüße 🎉".encode("utf-16"), "text/plain"),
        ("a.txt", b"BMW, the car", "text/plain"),
        ("a.txt", b"\xef\xbb\xbfwith a mark", "text/plain"),
        ("a.csv", b"a;b\r\n1;2\r\n", "text/csv"),
        ("a.docx", DOCX, ALLOWED["docx"].content_type),
        ("a.xlsx", XLSX, ALLOWED["xlsx"].content_type),
        ("report.exe.pdf", PDF, "application/pdf"),
    ],
)
def test_what_people_send_is_let_through(name: str, content: bytes, content_type: str) -> None:
    assert checked(name, content) == CheckedFile(name, content_type)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/a.pdf", "a.pdf"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ("a\r\nX: y.pdf", "a X_ y.pdf"),
        ("con.pdf", "_con.pdf"),
    ],
)
def test_the_name_is_made_safe(name: str, safe: str) -> None:
    assert checked(name, PDF).name == safe


@pytest.mark.parametrize(
    "name",
    [
        *("a.exe", "a.pdf.exe", "a.pdf\u202e.exe", "a.pdf:stream.exe", "a.js", "a.html", "a.svg"),
        *("a.zip", "a.doc", "a.docm", "a.pdf/", ".pdf", "pdf", "a", ""),
    ],
)
def test_other_types_are_refused_whatever_they_hold(name: str) -> None:
    with pytest.raises(TypeRefused, match="pdf, png"):
        checked(name, PDF)


@pytest.mark.parametrize("name", [f"a.{end}" for end in ALLOWED])
@pytest.mark.parametrize(
    "content", [EXE, b"\x7fELF\x02\x01\x01" + bytes(60), ZIP, b"Rar!\x1a\x07\x00", bytes(100)]
)
def test_a_renamed_file_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(ContentRefused):
        checked(name, content)


@pytest.mark.parametrize("name", [f"a.{end}" for end in ALLOWED])
@pytest.mark.parametrize("kind", ["pdf", "png", "jpg", "gif", "docx", "xlsx"])
def test_no_type_passes_for_another(name: str, kind: str) -> None:
    content = {"pdf": PDF, "png": png(), "jpg": JPEG, "gif": GIF, "docx": DOCX, "xlsx": XLSX}[kind]
    if ALLOWED[name[2:]] == ALLOWED[kind]:
        checked(name, content)
    else:
        with pytest.raises(ContentRefused):
            checked(name, content)


@pytest.mark.parametrize("text", [b"{\\rtf1 x}", b"%!PS-Adobe-3.0", b"a\0b", b"\x1b[2J\x07"])
def test_what_only_looks_like_text_is_refused(text: bytes) -> None:
    with pytest.raises(ContentRefused):
        checked("a.txt", text)


def test_a_text_is_read_to_its_end() -> None:
    with pytest.raises(ContentRefused):
        checked("a.txt", b"x" * 200_000 + b"\0")
    with pytest.raises(ContentRefused):
        checked("a.txt", "x".encode("utf-16") + b"x")


# Office documents


def refused_docx(content: bytes) -> str:
    with pytest.raises(ContentRefused) as raised:
        checked("a.docx", content)
    return str(raised.value)


def test_a_zip_bomb_is_refused_without_being_unpacked() -> None:
    bomb = packed_of(DOCX_PARTS | {"word/bomb.xml": bytes(50 * MEGABYTE)})
    assert len(bomb) < MEGABYTE

    tracemalloc.start()
    said = refused_docx(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "far too large" in said
    assert peak < MEGABYTE


def test_more_than_100_mb_unpacked_are_refused_at_any_ratio() -> None:
    content = bytearray(packed_of(DOCX_PARTS | {"word/large.xml": b"x" * 1000}))
    listed = content.rindex(b"PK\x01\x02")
    content[listed + 24 : listed + 28] = struct.pack("<L", 101 * MEGABYTE)

    assert "far too large" in refused_docx(bytes(content))


def test_parts_that_overlap_are_refused() -> None:
    """As in a bomb whose many entries share one compressed stream."""
    content = bytearray(DOCX)
    listed = content.rindex(b"PK\x01\x02")
    content[listed + 42 : listed + 46] = struct.pack("<L", 0)

    assert "overlap" in refused_docx(bytes(content))


def test_a_list_of_contents_in_its_64_bit_form_is_refused() -> None:
    """It could hide in the comment of the last part, and name another, endless list."""
    locator = b"PK\x06\x07" + bytes(16)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in DOCX_PARTS.items():
            archive.writestr(name, part)
        archive.infolist()[-1].comment = locator

    assert "unusual" in refused_docx(file.getvalue())


def test_too_many_parts_are_refused() -> None:
    many = {f"word/{number}.xml": b"" for number in range(5_001)}

    refused_docx(packed_of(DOCX_PARTS | many, zipfile.ZIP_STORED))


def test_a_list_of_contents_that_is_too_long_is_not_even_read() -> None:
    content = bytearray(DOCX)
    content[-10:-6] = struct.pack("<L", 600 * 1024)

    assert "unusual" in refused_docx(bytes(content))


@pytest.mark.parametrize(
    "part",
    [
        "word/vbaProject.bin",
        "WORD/VBAPROJECT.BIN",
        "word/embeddings/setup.exe",
        "../outside.xml",
        "word/../../outside.xml",
        "..\\outside.xml",
        "/etc/passwd",
        "C:/outside.xml",
    ],
)
def test_a_part_that_may_harm_is_refused(part: str) -> None:
    refused_docx(packed_of(DOCX_PARTS | {part: b"x"}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06",
        DOCX[:-1],
        DOCX + b"\0",
        b"x" + DOCX,
        EXE + DOCX,
        DOCX[:-2] + b"\x01\x00!",
        packed_of(DOCX_PARTS, zipfile.ZIP_BZIP2),
        packed_of({"word/document.xml": b""}),
    ],
    ids=["empty", "end", "cut", "more", "before", "exe", "comment", "bzip2", "incomplete"],
)
def test_what_is_not_quite_a_document_is_refused(content: bytes) -> None:
    refused_docx(content)


@given(st.binary(max_size=60), st.integers(0, len(DOCX) - 1))
def test_no_damage_makes_it_fail_in_another_way(damage: bytes, place: int) -> None:
    content = DOCX[:place] + damage + DOCX[place + len(damage) :]
    with suppress(FileRefused):
        checked("a.docx", content)


@settings(max_examples=30)
@given(st.text(max_size=50), st.binary(max_size=300))
def test_any_file_is_checked_or_refused(name: str, content: bytes) -> None:
    for end in ("", *(f".{one}" for one in ALLOWED)):
        with suppress(FileRefused):
            checked(name + end, content)
