"""The base of every error that Rowpost raises on purpose."""

from __future__ import annotations


class RowpostError(Exception):
    """Something a caller may want to tell a person; its text says what to do next.

    The text holds no secret, no SQL and no address of a server that the reader may not know.
    """
