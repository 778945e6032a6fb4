"""Keys that are made on first use, are the same on every instance, and are kept for good."""

from __future__ import annotations

from cryptography.fernet import Fernet

from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStore


def lasting_key(store: SecretStore, name: str) -> bytes:
    """The key of this name: 32 random octets in base64, as Fernet takes them.

    Raises SecretStoreUnavailable, and DocumentUnreadable where something else has its name.
    """
    secret = store.recent(name)
    if secret is None or not secret.value:
        secret = store.update(name, lambda stored: stored or Fernet.generate_key().decode())
    try:
        Fernet(secret.value)
    except ValueError:
        # The cause is left out: it may quote the secret's text.
        raise DocumentUnreadable(
            f"The secret {name} is no key: a hand has written it. Put an earlier version back."
        ) from None
    return secret.value.encode()
