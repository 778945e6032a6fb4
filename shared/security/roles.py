"""Who may do what: four roles, of which one may include others."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    """Reads."""
    SERVICE = "service"
    """Sends, and reads what it stored itself."""
    OPERATOR = "operator"
    """Also starts, stops, retries, cancels and resolves."""
    ADMIN = "admin"
    """Also changes configuration, accounts and keys."""


_INCLUDED = {
    Role.VIEWER: {Role.VIEWER},
    Role.SERVICE: {Role.SERVICE},
    Role.OPERATOR: {Role.OPERATOR, Role.VIEWER, Role.SERVICE},
    Role.ADMIN: set(Role),
}


def includes(role: Role, needed: Role) -> bool:
    """Whether somebody with `role` may do what `needed` may."""
    return needed in _INCLUDED[role]
