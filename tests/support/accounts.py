"""Accounts for tests that need none of their servers."""

from __future__ import annotations

from collections.abc import Iterable

from shared.accounts.routing import ActiveAccount, answered
from shared.outbox.admission.admit import Answered


def answered_by(codes: Iterable[str | None]) -> Answered:
    """What admission is told where an active account has each of these codes; None among them is
    the default one."""
    active = [
        ActiveAccount(number, code or "", is_marked=not code)
        for number, code in enumerate(codes, start=1)
    ]
    # Not alone: the only one would be the default.
    return answered([*active, ActiveAccount(0, "")])
