from __future__ import annotations

import pytest

from shared.database.columns.widths import cut, width


@pytest.mark.parametrize(
    ("text", "units"), [("", 0), ("abc", 3), ("äöü", 3), ("東京", 2), ("🎉", 2), ("a🎉b", 4)]
)
def test_a_width_is_counted_in_utf_16(text: str, units: int) -> None:
    assert width(text) == units


def test_half_a_character_has_no_width() -> None:
    with pytest.raises(UnicodeEncodeError):
        width("\ud83d")


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("ab🎉", 4, "ab🎉"),
        ("ab🎉", 3, "ab"),
        ("🎉🎉", 0, ""),
        ("a\udcffb", 3, "a?b"),
        ("a\x00b", 3, "a\x00b"),
    ],
)
def test_a_text_is_cut_between_characters(text: str, most: int, left: str) -> None:
    assert cut(text, most) == left
    assert width(left) <= most
