"""Why a file is not taken."""

from __future__ import annotations

from shared.errors import RowpostError


class FileRefused(RowpostError):
    """This file is not passed on; the text says why."""


class TypeRefused(FileRefused):
    """Files of this type are not taken at all."""


class ContentRefused(FileRefused):
    """The content is not what the name says, or may do harm to whoever opens it."""
