"""Names and addresses as the database may hold them: hashed with a key that it does not have."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from shared.configuration.live_document import DocumentFormat, LiveDocument
from shared.configuration.secret_store import SecretStore

SECRET_NAME = "rowpost-pseudonym-key"
CHARACTERS = 32

_KEY_BYTES = 32


class Pseudonyms:
    """The same text has the same pseudonym on every instance. The key is made on first use."""

    def __init__(self, store: SecretStore) -> None:
        self._document = LiveDocument(store, DocumentFormat(SECRET_NAME, _read, _write))

    def of(self, *parts: str) -> str:
        """32 hexadecimal digits for these parts, in this order.

        Raises SecretStoreUnavailable or DocumentUnreadable.
        """
        text = "".join(f"{len(part)}:{part}" for part in parts)
        content = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key(), content, hashlib.sha256).hex()[:CHARACTERS]

    def _key(self) -> bytes:
        key = self._document.current()
        return key or self._document.update(lambda stored: stored or _new_key())


def _new_key() -> bytes:
    return secrets.token_bytes(_KEY_BYTES)


def _read(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def _write(key: bytes) -> str:
    return key.hex()
