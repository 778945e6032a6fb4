"""Where webhooks may go."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from shared.webhooks.destinations import BadDestination, Destination, destination_of, is_public
from shared.webhooks.post import Poster
from tests.support.webhook_receiver import Receiver

OWN = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "224.0.0.1", "239.255.255.250", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::6810:84e5", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", OWN)
def test_an_address_of_the_own_network_is_none_in_any_form(address: str) -> None:
    assert not is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(BadDestination):
        destination_of(f"https://{host}/", ())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "//example.com/",
        "https://",
        "https:///path",
        "http://example.com/",
        "https://user:password@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com\\@10.0.0.1/",
        "https://exämple.com/",
        "https://example.com/\r\nX: y",
        "https://[::1/",
        "https://-a.example.com/",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_what_is_no_good_address_is_refused(url: str) -> None:
    with pytest.raises(BadDestination):
        destination_of(url, ())


def test_an_address_has_its_parts() -> None:
    assert destination_of("https://Hooks.Example.com:8443/in?a=b", ()) == Destination(
        "hooks.example.com", 8443, "/in?a=b", True, False
    )
    assert destination_of("https://hooks.example.com", ()).target == "/"
    assert destination_of("http://127.0.0.1:80/", {"127.0.0.1"}).host_header == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1", "017700000001"])
def test_a_name_that_leads_home_is_not_sent_to(host: str) -> None:
    with Receiver().running() as receiver:
        port = receiver.url.rpartition(":")[2]
        with Poster(f"https://{host}:{port}", ()) as poster:
            answer = poster.post(b"{}", {})

        assert answer.status is None
        assert "own network" in (answer.fault or "")
        assert receiver.connections == 0


def test_a_name_is_looked_up_once_and_every_address_of_it_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that gives a public address first, and this machine's at the next question."""
    answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]]

    def look_up(host: str, port: int, **_: object) -> list[object]:
        return [(2, 1, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Poster("https://rebinding.example.com/", ()) as poster:
        answer = poster.post(b"{}", {})

    assert "own network" in (answer.fault or "")
    assert len(answers) == 1
