"""From an email's account code to the accounts that may send it, in their order."""

from __future__ import annotations

import pytest

from shared.accounts.routing import (
    ActiveAccount,
    ActiveProfile,
    answered,
    default_of,
    leaders,
    route,
)

SHOP = ActiveAccount(1, "SHOP", is_marked=True, failover_ids=(3, 2))
NEWS = ActiveAccount(2, "News", failover_ids=(1,))
SPARE = ActiveAccount(3, "")
ALL = (SHOP, NEWS, SPARE)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SHOP", (SHOP, SPARE, NEWS)),
        ("News", (NEWS, SHOP)),
        (" news ", (NEWS, SHOP)),
        (None, (SHOP, SPARE, NEWS)),
        ("", (SHOP, SPARE, NEWS)),
        ("  ", (SHOP, SPARE, NEWS)),
        ("OTHER", ()),
    ],
)
def test_the_accounts_of_a_code_come_before_those_that_take_over(
    code: str | None, expected: tuple[ActiveAccount, ...]
) -> None:
    assert route(code, ALL) == expected


def test_emails_without_a_code_are_held_where_several_accounts_are_active_and_none_is_marked() -> (
    None
):
    assert route(None, (NEWS, SPARE)) == ()


def test_the_only_active_account_is_the_default_one() -> None:
    assert route(None, (NEWS,)) == (NEWS,)
    assert route(None, (SPARE,)) == (SPARE,)


def test_with_no_account_every_email_is_held() -> None:
    assert (route(None, ()), route("SHOP", ()), answered(())) == ((), (), {})


def test_of_several_marked_accounts_the_first_is_the_default_one() -> None:
    other = ActiveAccount(7, "OTHER", is_marked=True)

    assert default_of((SHOP, other)) is SHOP


def test_several_accounts_share_the_emails_of_one_code() -> None:
    second = ActiveAccount(9, "shop", failover_ids=(1, 2))

    assert route("SHOP", (*ALL, second)) == (SHOP, second, SPARE, NEWS)


def test_who_takes_over_is_active_and_another_and_is_not_asked_for_its_own() -> None:
    last = ActiveAccount(5, "LAST", failover_ids=(2, 5, 8, 2))

    assert route("LAST", (*ALL, last)) == (last, NEWS)


@pytest.mark.parametrize("active", [(), ALL, ALL[1:], (NEWS,), (SPARE,), (SPARE, SPARE)])
def test_codes_are_answered_where_there_is_a_route(active: tuple[ActiveAccount, ...]) -> None:
    known = answered(active)

    for code in ("", "shop", "news", "other"):
        assert (code in known) == bool(route(code, active))
    assert all(spelled in (None, "SHOP", "News") for spelled in known.values())
    assert known.get("") is None


def test_a_profile_goes_by_its_own_order_whatever_the_failovers_of_its_accounts() -> None:
    alerts, empty = ActiveProfile(4, (2, 99, 3)), ActiveProfile(5, (99,))

    assert route("profile:4", ALL, (alerts, empty)) == (NEWS, SPARE)
    assert route("profile:5", ALL, (alerts, empty)) == ()
    known = answered(ALL, (alerts, empty))
    assert known["profile:4"] == "profile:4"
    assert "profile:5" not in known


def test_the_first_account_that_can_be_used_sends_first_for_a_profile() -> None:
    alerts, news = ActiveProfile(4, (2, 3)), ActiveProfile(5, (3, 2))

    assert leaders((alerts, news), {2, 3}) == {2: [alerts], 3: [news]}
    assert leaders((alerts, news), {3}) == {3: [alerts, news]}
    assert leaders((alerts, news), set()) == {}
