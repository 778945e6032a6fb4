"""The address that counts failures and limits: the socket's peer, whatever a client claims."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from shared.api.caller import Caller, caller_address
from shared.api.request.addresses import (
    PEER_HEADER,
    THIS_MACHINE,
    Surroundings,
    address_of,
    tell_peers,
)

STANDALONE = Surroundings(peer_is_told=True, in_azure=False)
AZURE = Surroundings(peer_is_told=False, in_azure=True)
ELSEWHERE = Surroundings(peer_is_told=False, in_azure=False)
PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48"))


@pytest.fixture
def _no_peer_is_told() -> Iterator[None]:
    tell_peers(False)
    yield
    tell_peers()


class TestOnOneMachine:
    @pytest.mark.parametrize(
        ("peer", "address"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ],
    )
    def test_it_is_the_peer_that_standalone_saw(self, peer: str, address: str) -> None:
        assert address_of({PEER_HEADER: peer}, STANDALONE) == address

    def test_a_forwarded_address_is_only_a_claim(self) -> None:
        headers = {PEER_HEADER: "192.0.2.7", "x-forwarded-for": "198.51.100.1"}

        assert address_of(headers, STANDALONE) == "192.0.2.7"

    def test_under_func_start_everybody_is_this_machine(self) -> None:
        claims = {PEER_HEADER: "192.0.2.7", "x-forwarded-for": "198.51.100.1"}

        assert address_of({}, ELSEWHERE) == address_of(claims, ELSEWHERE) == THIS_MACHINE


class TestInAzure:
    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:51234", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7:51234", "192.0.2.7"),
            ("127.0.0.1,198.51.100.1:1,  192.0.2.7:51234 ", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("198.51.100.1, [2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
        ],
    )
    def test_it_is_the_last_entry_that_the_front_end_appended(
        self, forwarded: str, address: str
    ) -> None:
        assert address_of({"x-forwarded-for": forwarded}, AZURE) == address

    def test_a_peer_header_is_only_a_claim(self) -> None:
        headers = {PEER_HEADER: "198.51.100.1", "x-forwarded-for": "192.0.2.7"}

        assert address_of(headers, AZURE) == "192.0.2.7"

    def test_those_whose_address_cannot_be_read_are_not_one_and_the_same(self) -> None:
        one, other = (
            Caller(address_of({"x-forwarded-for": f"192.0.2.7, {name}"}, AZURE)).origin
            for name in ("a:b:c", "[")
        )

        assert len({one, other, "192.0.2.7"}) == 3

    @pytest.mark.parametrize(
        "names",
        [
            {"WEBSITE_INSTANCE_ID": "an instance"},
            {"CONTAINER_NAME": "a container", "LEGION_SERVICE_HOST": "10.0.0.1"},
            {"WEBSITE_POD_NAME": "a pod", "LEGION_SERVICE_HOST": "10.0.0.1"},
        ],
        ids=lambda names: next(iter(names)),
    )
    @pytest.mark.usefixtures("_no_peer_is_told")
    def test_app_service_and_flex_consumption_are_azure(
        self, names: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        invented = {PEER_HEADER: "198.51.100.1", "x-forwarded-for": "198.51.100.2, 192.0.2.7"}

        assert caller_address(invented) == "192.0.2.7"

    @pytest.mark.parametrize("name", ["CONTAINER_NAME", "LEGION_SERVICE_HOST"])
    @pytest.mark.usefixtures("_no_peer_is_told")
    def test_a_container_of_ones_own_is_not_azure(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for other in ("CONTAINER_NAME", "WEBSITE_POD_NAME", "LEGION_SERVICE_HOST"):
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, "mine")

        assert caller_address({"x-forwarded-for": "192.0.2.7"}) == THIS_MACHINE


class TestBehindAProxy:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "address"),
        [
            ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "198.51.100.9, 192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "198.51.100.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("2001:db8:f::1", "2001:db8::7", "2001:db8::7"),
            ("192.0.2.1", "192.0.2.7", "192.0.2.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "somebody", "somebody"),
        ],
    )
    def test_a_trusted_proxy_says_who_came_to_it(
        self, peer: str, forwarded: str, address: str
    ) -> None:
        here = Surroundings(peer_is_told=True, in_azure=False, proxies=PROXIES)

        assert address_of({PEER_HEADER: peer, "x-forwarded-for": forwarded}, here) == address

    def test_in_azure_it_stands_before_the_front_end(self) -> None:
        here = Surroundings(peer_is_told=False, in_azure=True, proxies=PROXIES)

        assert address_of({"x-forwarded-for": "192.0.2.7, 10.0.0.1:443"}, here) == "192.0.2.7"
