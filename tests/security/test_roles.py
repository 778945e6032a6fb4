"""Which role may do what another may."""

from __future__ import annotations

import pytest

from shared.security.roles import Role, includes

INCLUDED = {
    "viewer": {"viewer"},
    "service": {"service"},
    "operator": {"operator", "viewer", "service"},
    "admin": {"admin", "operator", "viewer", "service"},
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_a_role_includes_exactly_those_of_the_contract(role: Role, needed: Role) -> None:
    assert includes(role, needed) is (needed in INCLUDED[role])
