"""What can be wrong with a change of the accounts."""

from __future__ import annotations

from shared.errors import RowpostError


class AccountNotFound(RowpostError):
    """There is no such account, or none that does for what it was named for; the text says why.

    `field`: of the request, where it was named; None: by the address itself.
    """

    def __init__(
        self,
        field: str | None = None,
        message: str = "There is no such account: GET /api/smtp-configs lists them.",
    ) -> None:
        super().__init__(message)
        self.field = field


class BadAccountValue(RowpostError):
    """A value that an account can't have; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class CodeTaken(RowpostError):
    """Another account answers for this code already."""
