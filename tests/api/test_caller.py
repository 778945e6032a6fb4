"""The address that counts failures and limits: the socket's peer, whatever a client claims."""

from __future__ import annotations

import pytest

from shared.api.caller import PEER_HEADER, UNKNOWN_ADDRESS, caller_address, require_admin
from shared.api.errors import ApiError
from shared.app import Application


class TestOnOneMachine:
    @pytest.mark.parametrize(
        ("peer", "address"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("", UNKNOWN_ADDRESS),
            ("192.0.2.7, 192.0.2.8", UNKNOWN_ADDRESS),
            ("<script>", UNKNOWN_ADDRESS),
        ],
    )
    def test_it_is_the_peer_that_standalone_saw(self, peer: str, address: str) -> None:
        assert caller_address({PEER_HEADER: peer}) == address

    def test_a_forwarded_address_is_only_a_claim(self) -> None:
        headers = {PEER_HEADER: "192.0.2.7", "x-forwarded-for": "198.51.100.1"}

        assert caller_address(headers) == "192.0.2.7"

    def test_without_a_peer_it_is_unknown(self) -> None:
        assert caller_address({}) == UNKNOWN_ADDRESS


class TestInAzure:
    @pytest.fixture(autouse=True)
    def _in_azure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEBSITE_INSTANCE_ID", "an instance")

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
            ("192.0.2.7,", UNKNOWN_ADDRESS),
            ("192.0.2.7, somebody", UNKNOWN_ADDRESS),
            ("[", UNKNOWN_ADDRESS),
            ("", UNKNOWN_ADDRESS),
        ],
    )
    def test_it_is_the_last_entry_that_the_front_end_appended(
        self, forwarded: str, address: str
    ) -> None:
        assert caller_address({"x-forwarded-for": forwarded}) == address

    def test_a_peer_header_is_only_a_claim(self) -> None:
        headers = {PEER_HEADER: "198.51.100.1", "x-forwarded-for": "192.0.2.7"}

        assert caller_address(headers) == "192.0.2.7"


class TestRequireAdmin:
    def test_an_operator_is_not_enough(self, app: Application, token: str) -> None:
        with pytest.raises(ApiError) as refused:
            require_admin({"authorization": f"Bearer {token}"})

        assert refused.value.status == 403

    def test_a_bad_token_is_an_api_error_too(self, app: Application) -> None:
        with pytest.raises(ApiError) as refused:
            require_admin({"authorization": "Bearer x"})

        assert (refused.value.status, refused.value.code) == (401, "invalid_token")
