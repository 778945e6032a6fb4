"""The address to which an email's bounces come back, and which email it names (VERP).

With the bounce address `bounces@example.com` an email leaves with the MAIL FROM
`bounces+<token>@example.com`. A server that can't deliver writes there (RFC 5321 3.6.3, 4.5.5),
whatever else it says or leaves out. The token holds the number of the email's entry and is signed
together with the recipient, where the envelope has one: so it proves to whom the email went. It is
of letters and digits without case, since some servers write addresses in small letters.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.mime.address_form import LONGEST_LOCAL_PART, envelope_address
from shared.mime.bad_email import BadAddress

KEY_NAME = "rowpost-return-path-key"
"""The lasting key that signs the tokens."""
TOKEN_LENGTH = 24
LONGEST_LOCAL_PART_WITH_TOKEN = LONGEST_LOCAL_PART - TOKEN_LENGTH - 1
"""Of the bounce address whose emails carry tokens: RFC 5321 4.5.3.1.1 is the limit of both."""
_NUMBER_OCTETS = 4
_SIGNATURE_OCTETS = 11
_PURPOSE = b"return path\0"
_TOKEN = re.compile(rf"\+([a-z2-7]{{{TOKEN_LENGTH}}})@", re.IGNORECASE)
_SAFE_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Where an account's bounces go. `key`: what signs its tokens; None: it has none."""

    address: str
    key: bytes | None = field(default=None, repr=False)

    def of(self, number: int, recipients: Sequence[str]) -> str:
        """The MAIL FROM of an envelope that carries the email of this entry to these."""
        if self.key is None:
            return self.address
        local, _, domain = self.address.rpartition("@")
        only = recipients[0] if len(recipients) == 1 else None
        return f"{local}+{token_of(self.key, number, only)}@{domain}"


def bounce_address(written: str, *, with_tokens: bool) -> str:
    """The address in the form of an envelope. Raises BadAddress where bounces can't go there."""
    address = envelope_address(written).address
    local = address.rpartition("@")[0]
    if not _SAFE_LOCAL_PART.fullmatch(local):
        raise BadAddress.of(written, "before the @ only ASCII without quotes may stand")
    if with_tokens and len(local) > LONGEST_LOCAL_PART_WITH_TOKEN:
        raise BadAddress.of(
            written,
            f"beside a token {LONGEST_LOCAL_PART_WITH_TOKEN} characters have room before the @",
        )
    return address


def token_of(key: bytes, number: int, recipient: str | None) -> str:
    """What names an entry, and the one recipient of the envelope (None: it has several)."""
    named = number.to_bytes(_NUMBER_OCTETS, "big")
    return base64.b32encode(named + _signature(key, named, recipient)).decode().lower()


def number_in(token: str) -> int:
    """The number of the entry that a token names; nobody has verified it."""
    return int.from_bytes(base64.b32decode(token.upper())[:_NUMBER_OCTETS], "big")


def is_signed(key: bytes, token: str, recipient: str | None) -> bool:
    """Whether the token was made by this key for this recipient (None: for several)."""
    content = base64.b32decode(token.upper())
    named, signature = content[:_NUMBER_OCTETS], content[_NUMBER_OCTETS:]
    return hmac.compare_digest(signature, _signature(key, named, recipient))


def tokens_in(addresses: Iterable[str]) -> Iterator[str]:
    """What may be tokens in these addresses, or in lists of them; unverified, in small letters."""
    return (found.lower() for each in addresses for found in _TOKEN.findall(each))


def _signature(key: bytes, named: bytes, recipient: str | None) -> bytes:
    signed = _PURPOSE + named + (recipient or "").lower().encode()
    return hmac.digest(key, signed, "sha256")[:_SIGNATURE_OCTETS]
