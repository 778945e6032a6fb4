"""The secrets that webhooks are signed with: in the secret store, one entry a webhook."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError
from shared.webhooks.signature import new_secret

OVERLAP = timedelta(hours=24)
"""So long the former secret signs, too."""


class NoSigningSecret(RowpostError):
    """The secret store has none for this webhook: rotate its secret."""


class _Kept(BaseModel):
    secret: str = Field(repr=False)
    until: datetime | None = None


class _Secrets(BaseModel):
    secrets: list[_Kept]


class SigningSecrets:
    """Verbs on the secret store. Each raises SecretStoreUnavailable while it is away."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def rotate(self, token: str, now: datetime) -> str:
        """Make a new secret, to be shown once; one that is there signs for another day."""
        secret = new_secret()

        def change(value: str | None) -> str:
            kept = [] if value is None else _Secrets.model_validate_json(value).secrets
            former = [
                _Kept(secret=each.secret, until=now + OVERLAP)
                for each in kept
                if each.until is None
            ]
            return _Secrets(secrets=[_Kept(secret=secret), *former]).model_dump_json()

        self._store.update(_name(token), change)
        return secret

    def of(self, token: str, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first. Raises NoSigningSecret."""
        found = self._store.recent(_name(token))
        if found is None:
            raise NoSigningSecret("there is no secret to sign with: rotate the webhook's secret")
        return [
            each.secret
            for each in _Secrets.model_validate_json(found.value).secrets
            if each.until is None or each.until > now
        ]

    def forget(self, token: str) -> None:
        """The webhook is gone."""
        self._store.delete(_name(token))


def _name(token: str) -> str:
    return f"webhook-{token}"
