"""Files that are named on the command line."""

from __future__ import annotations

from pathlib import Path

from shared.errors import RowpostError


class CannotRead(RowpostError):
    """A file that was named on the command line."""


def read_file(file: Path) -> bytes:
    """What the file holds. Raises CannotRead."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotRead(f"{file} cannot be read: {error.strerror}") from error
