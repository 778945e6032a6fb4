"""What a server's LIMITS (RFC 9422) say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp.limits import Limits, read_limits


@pytest.mark.parametrize(
    ("parameters", "limits"),
    [
        ("MAILMAX=20 RCPTMAX=100", Limits(20, 100)),
        ("RCPTDOMAINMAX=3", Limits(most_domains=3)),
        ("RCPTMAX=100 MAILMAX=20", Limits(20, 100)),
        ("MAILMAX=1000", Limits(most_emails=1000)),
        ("RCPTMAX=2", Limits(most_recipients=2)),
        ("RcptMax=5 mailmax=1", Limits(1, 5)),
        ("MAILMAX=20 RCPTDOMAINMAX=1 FUTURE=a=b NAKED RCPTMAX=100", Limits(20, 100, 1)),
        ("  MAILMAX=7\tRCPTMAX=8  ", Limits(7, 8)),
        ("MAILMAX=999999", Limits(most_emails=999_999)),
        ("", Limits()),
        (None, Limits()),
    ],
)
def test_the_limits_that_a_server_names_are_read(parameters: str | None, limits: Limits) -> None:
    assert read_limits(parameters) == limits


@pytest.mark.parametrize(
    "value", ["", "0", "007", "-5", "+5", "5.0", "5x", "1000000", "٣", "five", "=5", "5=5"]
)
def test_a_value_that_is_none_limits_nothing_and_the_others_count(value: str) -> None:
    assert read_limits(f"MAILMAX={value} RCPTMAX=100") == Limits(most_recipients=100)


def test_a_name_without_a_value_limits_nothing() -> None:
    assert read_limits("MAILMAX RCPTMAX") == Limits()


def test_a_longer_name_is_another_limit() -> None:
    assert read_limits("XMAILMAX=5 RCPTMAXES=5 RCPTDOMAINMAXES=5") == Limits()


@given(st.text())
def test_whatever_a_server_says_no_limit_is_below_one(parameters: str) -> None:
    assert all(limit is None or limit >= 1 for limit in read_limits(parameters))
