"""A mail server's replies, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp.reply import ProtocolError, Reply


@pytest.mark.parametrize(
    ("lines", "code", "enhanced", "text"),
    [
        ([b"250 2.1.0 Ok"], 250, "2.1.0", "250 2.1.0 Ok"),
        ([b"250"], 250, None, "250"),
        ([b"250 "], 250, None, "250"),
        (
            [b"354 End data with <CR><LF>.<CR><LF>"],
            354,
            None,
            "354 End data with <CR><LF>.<CR><LF>",
        ),
        ([b"535 5.7.139 no"], 535, "5.7.139", "535 5.7.139 no"),
        ([b"550 5.1.1"], 550, "5.1.1", "550 5.1.1"),
        ([b"250 2.0.0.example.com at your service"], 250, None, None),
        ([b"250 10.1.1.1 greets you"], 250, None, None),
        ([b"550 4.1.1 what now"], 550, None, None),
        (
            [b"550-5.1.1 The account", b"550-5.1.1 that you tried", b"550 5.1.1 does not exist"],
            550,
            "5.1.1",
            None,
        ),
        ([b"250-one", b"250 two"], 250, None, "250 one two"),
        (["550 5.1.1 Empfänger fehlt".encode()], 550, "5.1.1", "550 5.1.1 Empfänger fehlt"),
    ],
)
def test_a_reply_is_its_code_its_enhanced_code_and_its_text(
    lines: list[bytes], code: int, enhanced: str | None, text: str | None
) -> None:
    parsed = Reply.parse(lines)

    assert (parsed.code, parsed.enhanced) == (code, enhanced)
    assert text is None or str(parsed) == text


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"hello"],
        [b"25 ok"],
        [b"2500 ok"],
        [b"250ok"],
        [b"150 soon"],
        [b"650 later"],
        [b" 250 ok"],
        [b"HTTP/1.1 400 Bad Request"],
        [b"\xff\xfe\x00\x01"],
        ["２５０ ok".encode()],
        [b"250-ok", b"550 no"],
        [b"250-ok", b"whatever"],
    ],
)
def test_what_has_no_code_or_two_is_no_reply(lines: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        Reply.parse(lines)


@given(st.lists(st.binary(max_size=2000).map(lambda text: b"451 " + text), min_size=1, max_size=5))
def test_the_text_is_one_printable_line_of_at_most_500_characters(lines: list[bytes]) -> None:
    parsed = Reply.parse(lines)

    assert len(parsed.text) <= 500
    assert len(parsed.text.splitlines()) <= 1
    assert not any(char in parsed.text for char in "\r\n\0\x1b\u2028")
