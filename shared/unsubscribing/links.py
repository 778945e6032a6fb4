"""One-click unsubscribe (RFC 8058): the link that an email carries, and what is behind it.

The link holds the address and the list, encrypted and signed with a key of the secret store: who
has the link unsubscribes that address from that list and can do nothing else, and nobody reads an
address off it. A link works for as long as its key is kept, which is for good.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from shared.configuration.lasting_key import lasting_key
from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError

SECRET_NAME = "rowpost-unsubscribe-key"
PATH = "unsubscribe"
LONGEST_TOKEN = 2_000

Headers = tuple[tuple[str, str], ...]


class BadLink(RowpostError):
    """Nobody was given this link, or a part of it is missing."""


class NoPublicAddress(RowpostError):
    """There is no address that a link could lead to."""

    def __init__(self) -> None:
        super().__init__(
            "an unsubscribe link needs the address at which this service is reached: "
            "set ROWPOST_PUBLIC_URL, for example https://mail.example.com"
        )


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets a list's emails, and the number of the email that brought the link."""

    address: str
    list_name: str
    email_id: int


@dataclass(frozen=True, slots=True)
class UnsubscribeLinks:
    """Makes links with one key, and reads them. `base`: this service's address; None: no links."""

    base: str | None
    key: bytes = field(repr=False)

    def headers(self, subscription: Subscription) -> Headers:
        """The two fields that let a mail reader offer it. Raises NoPublicAddress."""
        return (
            ("List-Unsubscribe", f"<{self.link(subscription)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )

    def link(self, subscription: Subscription) -> str:
        """Where this subscription is ended. Raises NoPublicAddress."""
        if self.base is None:
            raise NoPublicAddress
        content = [subscription.address, subscription.list_name, subscription.email_id]
        token = Fernet(self.key).encrypt(json.dumps(content).encode())
        return f"{self.base}/{PATH}/{token.decode().rstrip('=')}"

    def read(self, token: str) -> Subscription:
        """Whose subscription a link's token ends. Raises BadLink."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise BadLink("This is no link to unsubscribe.")
        padded = token + "=" * (-len(token) % 4)
        try:
            address, list_name, email_id = json.loads(Fernet(self.key).decrypt(padded))
        except (InvalidToken, ValueError):
            raise BadLink("This is no link to unsubscribe: it may have been cut short.") from None
        return Subscription(address, list_name, email_id)


class UnsubscribeKey:
    """The key of all links, made on first use and the same on every instance."""

    def __init__(self, store: SecretStore, base: str | None) -> None:
        self._store = store
        self._base = base

    def links(self) -> UnsubscribeLinks:
        """Raises SecretStoreUnavailable or DocumentUnreadable."""
        return UnsubscribeLinks(self._base, lasting_key(self._store, SECRET_NAME))
