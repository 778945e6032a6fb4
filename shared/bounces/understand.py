"""What a message says, and which emails of ours it is about."""

from __future__ import annotations

from sqlalchemy import Connection

from shared.bounces.excerpt import excerpt_of
from shared.bounces.matching import matched
from shared.bounces.read_report import read_report
from shared.bounces.record import ReadMessage
from shared.configuration.secret_store import SecretStore


def understand(connection: Connection, octets: bytes, secrets: SecretStore) -> ReadMessage:
    """Read it and look up its emails. Raises SecretStoreUnavailable and DocumentUnreadable."""
    found = matched(connection, read_report(octets), secrets)
    return ReadMessage(found.report, found.emails, excerpt_of(octets))
