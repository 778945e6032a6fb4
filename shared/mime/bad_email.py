"""What is wrong with an email itself, so that no mail server need be asked."""

from __future__ import annotations

from shared.errors import RowpostError


class BadEmail(RowpostError):
    """This email can never be sent as it is; the text says which part of it is wrong."""


class BadAddress(BadEmail):
    """An entry that is no email address; the text names it, and `reason` alone says why."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason or text

    @classmethod
    def of(cls, entry: str, reason: str) -> BadAddress:
        """The error for an entry of a list, shown as far as a line has room for it."""
        shown = repr(entry if len(entry) <= 60 else entry[:57] + "...")
        return cls(f"{shown} is not an email address: {reason}", reason)
