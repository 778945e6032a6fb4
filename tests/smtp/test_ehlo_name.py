"""What EHLO says."""

from __future__ import annotations

import pytest

from shared.mime.bad_email import BadAddress
from shared.smtp.ehlo_name import ehlo_names


@pytest.mark.parametrize(
    ("given", "host_name", "address", "names"),
    [
        ("mail.example.com", "web-1", "192.0.2.1", ("mail.example.com",)),
        ("müller.example", "web-1", "192.0.2.1", ("xn--mller-kva.example",)),
        ("[192.0.2.9]", "web-1", "192.0.2.1", ("[192.0.2.9]",)),
        (None, "web-1.example.com", "192.0.2.1", ("web-1.example.com", "[192.0.2.1]")),
        (None, "web-1.example.com.", "192.0.2.1", ("web-1.example.com", "[192.0.2.1]")),
        ("", "web-1", "2001:db8::1", ("web-1", "[IPv6:2001:db8::1]")),
        (None, "", "192.0.2.1", ("[192.0.2.1]",)),
        (None, "localhost", "127.0.0.1", ("[127.0.0.1]",)),
        (None, "LOCALHOST.localdomain", "::1", ("[IPv6:::1]",)),
        (None, "my_machine", "192.0.2.1", ("[192.0.2.1]",)),
        (None, "192.0.2.7", "192.0.2.1", ("[192.0.2.1]",)),
        (None, "bücher", "192.0.2.1", ("[192.0.2.1]",)),
    ],
)
def test_a_host_name_comes_before_an_address(
    given: str | None, host_name: str, address: str, names: tuple[str, ...]
) -> None:
    assert ehlo_names(given, host_name, address) == names


@pytest.mark.parametrize("given", ["a b", "me\r\nMAIL FROM:<x@y>", "-x", "a@b", "[1.2.3"])
def test_a_given_name_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadAddress):
        ehlo_names(given, "web-1", "192.0.2.1")
