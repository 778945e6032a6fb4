"""The token of a return path: it names an email and its recipient, and only we can make it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mime.addresses import BadAddress, envelope_address
from shared.mime.return_path import (
    ReturnPath,
    bounce_address,
    is_signed,
    number_in,
    token_of,
    tokens_in,
)

KEY = b"k" * 44
LARGEST = 2**31 - 1


@pytest.mark.parametrize("number", [1, 4711, LARGEST])
@pytest.mark.parametrize("recipient", ["ann@example.net", None])
def test_a_token_names_its_email_and_proves_its_recipient(
    number: int, recipient: str | None
) -> None:
    token = token_of(KEY, number, recipient)

    assert number_in(token) == number
    assert is_signed(KEY, token, recipient)
    assert is_signed(KEY, token.upper(), recipient)
    assert not is_signed(KEY, token, "bob@example.net")
    assert not is_signed(b"x" * 44, token, recipient)


def test_an_address_has_the_token_before_its_at_sign_and_shows_it_again() -> None:
    path = ReturnPath("bounces@example.com", KEY)

    one = path.of(7, ("Ann@example.net",))
    several = path.of(7, ("ann@example.net", "bob@example.net"))

    assert re.fullmatch(r"bounces\+[a-z2-7]{24}@example\.com", one)
    assert list(tokens_in([f"Bounces <{one.upper()}>"])) == [token_of(KEY, 7, "ann@example.net")]
    assert list(tokens_in([several])) == [token_of(KEY, 7, None)]
    assert ReturnPath("bounces@example.com").of(7, ("ann@example.net",)) == "bounces@example.com"


def test_the_longest_bounce_address_stays_an_address_with_its_token() -> None:
    longest = "b" * 39 + "@example.com"

    with_token = ReturnPath(bounce_address(longest, with_tokens=True), KEY).of(
        LARGEST, ("a@x.org",)
    )

    assert envelope_address(with_token).address == with_token
    with pytest.raises(BadAddress, match="39 characters"):
        bounce_address("b" + longest, with_tokens=True)
    assert bounce_address("b" + longest, with_tokens=False)


@pytest.mark.parametrize("written", ['"a b"@example.com', "grün@example.com", "nobody", "a@b@c"])
def test_what_a_server_may_not_take_is_no_bounce_address(written: str) -> None:
    with pytest.raises(BadAddress):
        bounce_address(written, with_tokens=True)


@settings(max_examples=50, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24))
def test_nobody_guesses_a_token(token: str) -> None:
    assert number_in(token) < 2**32
    assert not is_signed(KEY, token, "ann@example.net")
    assert not is_signed(KEY, token, None)
