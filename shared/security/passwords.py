"""Passwords of logins: bcrypt hashes, and the same work for a user who does not exist."""

from __future__ import annotations

from shared.errors import RowpostError

COST = 12
"""bcrypt's work factor: some 0.2 s a password."""

LONGEST_BYTES = 72
TOO_LONG = f"The password is longer than {LONGEST_BYTES} bytes in UTF-8: choose a shorter one."


STRONG_CHARACTERS = 12
WEAK = f"The password is weak: one of {STRONG_CHARACTERS} characters or more cannot be guessed."


class PasswordTooLong(RowpostError):
    """bcrypt would take only the first 72 bytes of it."""


def is_too_long(text: str) -> bool:
    """Whether bcrypt would leave out the end of it."""
    return len(_encoded(text)) > LONGEST_BYTES


def is_weak(text: str) -> bool:
    """Whether it is short enough to be guessed, or one character over and over."""
    return len(text) < STRONG_CHARACTERS or len(set(text)) < 3


def hash_password(text: str, cost: int = COST) -> str:
    """A salted hash of the password in UTF-8. Raises PasswordTooLong."""
    import bcrypt

    if is_too_long(text):
        raise PasswordTooLong(TOO_LONG)
    return bcrypt.hashpw(_encoded(text), bcrypt.gensalt(cost)).decode("ascii")


def verify(text: str, hashed: str) -> bool:
    """Whether the hash was made of this password; the hash's cost alone decides how long it takes.

    False for a text over 72 bytes, and for a hash that is none.
    """
    import bcrypt

    password = _encoded(text)
    try:
        matches = bcrypt.checkpw(password[:LONGEST_BYTES], hashed.encode())
    except ValueError:
        return False
    return matches and not is_too_long(text)


def nobodys_hash(cost: int = COST) -> str:
    """A hash to verify against in place of a missing one: as costly, and no password fits it."""
    return f"$2b${cost:02}${'.' * 53}"


def _encoded(text: str) -> bytes:
    # A JSON string may hold half of a surrogate pair: a strange password, but no error.
    return text.encode("utf-8", "surrogatepass")
