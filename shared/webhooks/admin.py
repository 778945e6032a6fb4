"""What an admin does with webhooks: their rows, their secrets and a message to try them with."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from shared.database.database import Database
from shared.errors import RowpostError
from shared.events.event import EventType
from shared.webhooks import register
from shared.webhooks.destinations import destination_of
from shared.webhooks.message import trial_message
from shared.webhooks.post import Poster
from shared.webhooks.signature import signed_headers
from shared.webhooks.signing_secrets import SigningSecrets
from shared.webhooks.webhook import Answer, Webhook

_TOKEN_BYTES = 6


class TooManyWebhooks(RowpostError):
    """Each costs a look a second."""


class Wish(NamedTuple):
    """What is asked of a webhook; `types` None: all."""

    url: str
    types: Collection[EventType] | None = None
    enabled: bool = True


class MadeWebhook(NamedTuple):
    """A webhook and its secret, which is shown this once."""

    webhook: Webhook
    secret: str


class WebhookAdmin:
    """Verbs on webhooks. Each raises DatabaseUnreachable, and SecretStoreUnavailable where it needs
    the secret."""

    def __init__(
        self, database: Database, signing: SigningSecrets, allowed_hosts: Collection[str]
    ) -> None:
        self._database = database
        self._signing = signing
        self._allowed_hosts = allowed_hosts

    def make(self, wish: Wish, created_by: str, now: datetime) -> MadeWebhook:
        """A new webhook, told of what happens from now on. Raises BadDestination and
        TooManyWebhooks."""
        destination_of(wish.url, self._allowed_hosts)
        with self._database.read() as connection:
            if len(register.all_webhooks(connection)) >= register.MOST_WEBHOOKS:
                raise TooManyWebhooks(
                    f"there are {register.MOST_WEBHOOKS} webhooks: remove one first"
                )
        token = secrets.token_hex(_TOKEN_BYTES)
        # First the secret: a webhook without one could send nothing.
        secret = self._signing.rotate(token, now)
        made = self._database.run(
            lambda connection: register.make(
                connection,
                token,
                wish.url,
                wish.types,
                enabled=wish.enabled,
                created_by=created_by,
            )
        )
        return MadeWebhook(made, secret)

    def change(self, webhook_id: int, wish: Wish) -> Webhook:
        """Turned on again, it goes on where it stopped. Raises BadDestination, WebhookNotFound."""
        destination_of(wish.url, self._allowed_hosts)
        return self._database.run(
            lambda connection: register.change(
                connection, webhook_id, wish.url, wish.types, enabled=wish.enabled
            )
        )

    def remove(self, webhook_id: int) -> None:
        """Remove a webhook, its secret and its log. Raises WebhookNotFound."""
        here = self._found(webhook_id)
        self._database.run(lambda connection: register.remove(connection, webhook_id))
        self._signing.forget(here.token)

    def rotate(self, webhook_id: int, now: datetime) -> str:
        """A new secret, shown this once; the one before signs, too, for a day. Raises
        WebhookNotFound."""
        return self._signing.rotate(self._found(webhook_id).token, now)

    def test(self, webhook_id: int, now: datetime) -> Answer:
        """Post a message to try it with, and wait for the answer. Raises WebhookNotFound,
        NoSigningSecret."""
        here = self._found(webhook_id)
        message = trial_message(here.token, now)
        signing = self._signing.of(here.token, now)
        headers = signed_headers(message.id, int(now.timestamp()), message.body, signing)
        with Poster(here.url, self._allowed_hosts) as poster:
            return poster.post(message.body, headers)

    def _found(self, webhook_id: int) -> Webhook:
        with self._database.read() as connection:
            return register.webhook(connection, webhook_id)
