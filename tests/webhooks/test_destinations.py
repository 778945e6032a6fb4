"""Where webhooks may go."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from shared.webhooks.destinations import BadDestination, Destination, destination_of, is_public
from shared.webhooks.post import Poster
from tests.support.webhook_receiver import Receiver

OWN = [
    # RFC 6890, Azure's platform, and the metadata services of clouds.
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "168.63.129.16",
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "172.16.0.1", "192.0.0.1",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    # Loopback, link-local with and without a zone, unique local, site-local, multicast.
    "::", "::1", "fe80::1", "fe80::1%eth0", "fe80::a9fe:a9fe", "fc00::1", "fd00:ec2::254",
    "fd20:ce::254", "fec0::1", "ff02::1", "2606:4700::1%eth0", "::ffff:8.8.8.8%1",
    # An IPv4 address in others: compatible, mapped, translated, NAT64, 6to4, Teredo, ISATAP.
    "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::", "2002:a9fe:a9fe::", "2001::1", "2600::5efe:127.0.0.1",
    "2600::200:5efe:10.0.0.1",
    # Nobody's: documentation, benchmarks, discarded, segment routing, never given out.
    "2001:db8::1", "3fff::1", "2001:2::1", "100::1", "100:0:0:1::1", "5f00::1", "1000::1",
    "4000::1",
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
        "https://example.com:0/",
        "https://:@example.com/",
        "https://%31%32%37.0.0.1/",
        "https://127。0。0。1/",
        "https://example.com../",
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


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0X7F.1", "127.1", "017700000001", "0177.0.0.1"),
        *("127.0.0.1.", "0x7f000001.", "256.0.0.1", "1.1.1.1.1", "localhost.0x"),
    ],
)
def test_an_ipv4_address_is_four_decimal_numbers(host: str) -> None:
    with pytest.raises(BadDestination):
        destination_of(f"https://{host}/", ())


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost."])
def test_a_name_that_leads_home_is_not_sent_to(host: str) -> None:
    with Receiver().running() as receiver:
        port = receiver.url.rpartition(":")[2]
        with Poster(f"https://{host}:{port}", ()) as poster:
            answer = poster.post(b"{}", {})

        assert answer.status is None
        assert "own network" in (answer.fault or "")
        assert receiver.connections == 0


def test_the_dot_that_may_end_a_name_makes_no_other_host_of_it() -> None:
    assert destination_of("http://hooks.internal./", {"hooks.internal"}).allowed
    assert destination_of("https://xn--exmple-cua.com./", ()).host == "xn--exmple-cua.com"


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
