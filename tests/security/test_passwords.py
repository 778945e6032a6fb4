"""Hashes of passwords: only the whole password fits, whatever its bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security.passwords import PasswordTooLong, hash_password, is_weak, nobodys_hash, verify

QUICK = 4


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("correct horse", "correct horsE"),
        ("", " "),
        ("pässwörd\U0001f511", "password"),
        ("a\x00b", "a"),
        ("a\x00b", "a\x00c"),
        ("\ud800", "\ud801"),
        ("x" * 72, "x" * 71),
        ("x" * 72, "x" * 73),
        ("ä" * 36, "ä" * 36 + "ö"),
    ],
)
def test_the_password_fits_its_hash_and_no_other_does(password: str, other: str) -> None:
    hashed = hash_password(password, QUICK)

    assert verify(password, hashed)
    assert not verify(other, hashed)


def test_the_same_password_never_has_the_same_hash() -> None:
    assert hash_password("x", QUICK) != hash_password("x", QUICK)


def test_the_usual_cost_is_12() -> None:
    assert hash_password("x").startswith("$2b$12$")
    assert nobodys_hash().startswith("$2b$12$")


@pytest.mark.parametrize("password", ["x" * 73, "ä" * 37, "\U0001f511" * 19])
def test_a_password_over_72_bytes_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(PasswordTooLong) as refused:
        hash_password(password, QUICK)

    assert password not in str(refused.value)


@pytest.mark.parametrize("hashed", ["", "plain", "$2b$04$", "ü", "$2b$99$" + "." * 53])
def test_no_password_fits_a_hash_that_is_none(hashed: str) -> None:
    assert not verify("plain", hashed)


@given(st.text(st.characters(), max_size=100))
@settings(deadline=None, max_examples=30)
def test_no_password_fits_nobody_s_hash(password: str) -> None:
    assert not verify(password, nobodys_hash(QUICK))


@pytest.mark.parametrize(
    ("password", "weak"),
    [
        ("", True),
        ("eleven char", True),
        ("aaaaaaaaaaaaaaaa", True),
        ("twelve chars", False),
        ("a long password", False),
    ],
)
def test_a_password_of_less_than_twelve_characters_is_weak(password: str, weak: bool) -> None:
    assert is_weak(password) is weak
