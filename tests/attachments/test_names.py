from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attachments.names import LONGEST_NAME, ending, is_key, new_key, safe_name

NOW = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Überweisung März.pdf", "Überweisung März.pdf"),
        ("請求書.pdf", "請求書.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\me\\a.pdf", "a.pdf"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        (".htaccess", "htaccess"),
        ("a.pdf. . ", "a.pdf"),
        ("a\0b\r\n\x1b.pdf", "ab .pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\ud800.pdf", "a.pdf"),
        ('a<b>:"c|?*.pdf', "a_b___c___.pdf"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.pdf", "_com1.pdf"),
        ("console.pdf", "console.pdf"),
        ("telecom1.pdf", "telecom1.pdf"),
        ("falcon", "falcon"),
        ("e\u0301.pdf", "\u00e9.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("x" * 300, "x" * 100),
        ("a." + "x" * 300, "a." + "x" * 98),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a.PDF", "pdf"),
        ("a.tar.gz", "gz"),
        ("a", ""),
        (".pdf", ""),
        ("a.", ""),
        ("a.pdf.exe", "exe"),
    ],
)
def test_the_ending_is_the_last_one(name: str, end: str) -> None:
    assert ending(name) == end


@given(st.text(st.characters(), max_size=300))
def test_every_name_becomes_safe_and_a_key_of_ours(name: str) -> None:
    safe = safe_name(name)

    assert 1 <= len(safe) <= LONGEST_NAME
    assert not set(safe) & set('/\\<>:"|?*\0\r\n')
    assert safe == safe.strip(" .")
    assert safe_name(safe) == safe
    safe.encode()
    assert is_key(new_key(name, NOW))


def test_a_key_says_the_day_and_is_another_each_time() -> None:
    first, second = new_key("März 1.pdf", NOW), new_key("März 1.pdf", NOW)

    assert first.startswith("email_attachments/2026/01/02/")
    assert first.endswith("-Marz_1.pdf")
    assert first != second
