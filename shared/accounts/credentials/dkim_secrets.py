"""DKIM keys as the secret store has them: referred to from the accounts table.

The secret carries the domain and the selector that it belongs to: whoever may write rows can have
nothing signed in another domain's name, nor with what is no DKIM key.
"""

from __future__ import annotations

import json
import logging
import re
import uuid

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from shared.configuration.secret_store import BadSecretName, SecretStore, SecretStoreUnavailable
from shared.errors import RowpostError
from shared.mime.dkim.signature import DkimKey

log = logging.getLogger("rowpost.accounts")

_STORE = "secret:"
_NAME = "dkim-"


class DkimKeyUnavailable(RowpostError):
    """The reference leads to no key."""


def resolve_key(store: SecretStore, reference: str) -> DkimKey:
    """The key that a row refers to. Raises DkimKeyUnavailable, SecretStoreUnavailable."""
    if reference.startswith(_STORE + _NAME):
        try:
            if secret := store.recent(reference.removeprefix(_STORE)):
                kept = _Kept.model_validate_json(secret.value)
                return DkimKey(kept.domain, kept.selector, kept.private_key.get_secret_value())
        except (BadSecretName, ValidationError):
            pass
    # Outside the handler, so that no traceback carries the secret's text along.
    raise DkimKeyUnavailable(
        "its DKIM key is not in the secret store: make one with `rowpost dkim`"
    )


def keep_key(store: SecretStore, code: str, key: DkimKey) -> str:
    """Store the key of an account of this code; gives the reference for its row.

    Raises SecretStoreUnavailable.
    """
    readable = re.sub(r"[^0-9a-z]+", "-", code.lower()).strip("-") or "account"
    name = f"{_NAME}{readable[:50]}-{uuid.uuid4().hex[:12]}"
    kept = {"domain": key.domain, "selector": key.selector, "private_key": key.private_key}
    store.set(name, json.dumps(kept))
    return _STORE + name


def forget_key(store: SecretStore, reference: str | None) -> None:
    """Delete the key. One that nothing refers to does no harm, so a store that is away holds nobody
    up."""
    if reference and reference.startswith(_STORE + _NAME):
        try:
            store.delete(reference.removeprefix(_STORE))
        except (BadSecretName, SecretStoreUnavailable):
            log.warning("a DKIM key that is no longer used could not be deleted")


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    domain: str
    selector: str
    private_key: SecretStr
