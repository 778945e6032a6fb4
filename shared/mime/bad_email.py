"""What is wrong with an email itself, so that no mail server need be asked."""

from __future__ import annotations

from shared.errors import RowpostError


class BadEmail(RowpostError):
    """This email can never be sent as it is; the text says which part of it is wrong."""


class BadAddress(BadEmail):
    """An entry that is no email address; the text names it."""
