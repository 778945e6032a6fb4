"""What can go wrong with the contact form."""

from __future__ import annotations

from shared.errors import RowpostError


class ContactNotSetUp(RowpostError):
    """The settings name nobody to write to, or no account to send with; the text says which."""


class ContactNotFound(RowpostError):
    """Nothing that a visitor wrote has this id."""
