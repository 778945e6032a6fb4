"""Test mode's rule: whom an email may reach, and who gets it instead."""

from __future__ import annotations

import pytest

from shared.mime.addresses import BadAddress
from shared.mime.allowed_recipients import destination, recipient_rule, split_entries

DEV = "dev@rowpost.example"


@pytest.mark.parametrize(
    ("redirect_to", "allowed", "address", "reached"),
    [
        (DEV, "", "ann@customer.example", DEV),
        (DEV, "", DEV, DEV),
        (DEV, "rowpost.example", "Bob@Rowpost.Example", "Bob@Rowpost.Example"),
        (DEV, "@rowpost.example", "bob@rowpost.example", "bob@rowpost.example"),
        (DEV, "rowpost.example", "bob@mail.rowpost.example", DEV),
        (DEV, "rowpost.example", "bob@notrowpost.example", DEV),
        (DEV, "ann@customer.example", "ANN@customer.example", "ANN@customer.example"),
        (DEV, "ann@customer.example", "joann@customer.example", DEV),
        (None, "müller.example", "ann@xn--mller-kva.example", "ann@xn--mller-kva.example"),
        (None, "a@x.example; y.example", "b@y.example", "b@y.example"),
        (None, "a@x.example, y.example", "b@x.example", None),
    ],
)
def test_whom_an_email_reaches(
    redirect_to: str | None, allowed: str, address: str, reached: str | None
) -> None:
    rule = recipient_rule(redirect_to, split_entries(allowed))

    assert rule is not None
    assert rule.destination(address) == reached


def test_each_rule_has_its_say_and_the_last_one_is_the_strictest() -> None:
    account = recipient_rule("team@shop.example", ("partner.example",))
    service = recipient_rule(DEV, ("shop.example",))

    assert account
    assert service
    reached = [
        destination(address, (account, service))
        for address in ("ann@customer.example", "p@partner.example", "x@shop.example")
    ]
    assert reached == ["team@shop.example", DEV, "team@shop.example"]


def test_without_any_value_everybody_may_be_mailed() -> None:
    assert recipient_rule(None, ()) is None
    assert recipient_rule(" ", split_entries(" ; ,")) is None


@pytest.mark.parametrize(
    ("redirect_to", "allowed"),
    [
        ("nobody", ()),
        ("a@x.example, b@x.example", ()),
        (None, ("not a domain",)),
        (None, ("@",)),
        (None, ("a@b@c",)),
        (None, tuple(f"d{number}.example" for number in range(51))),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(
    redirect_to: str | None, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(BadAddress):
        recipient_rule(redirect_to, allowed)
