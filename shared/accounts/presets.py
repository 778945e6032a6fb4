"""Presets: what is known of the mail servers that most accounts use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.limits.sending_limits import Window
from shared.smtp.opening import TlsMode
from shared.transports.kinds import GRAPH_HOST, TransportKind


class PresetName(StrEnum):
    """A mail service that needs no typing of hosts and ports."""

    MICROSOFT_365 = "microsoft365"
    GMAIL = "gmail"
    AMAZON_SES = "amazon-ses"
    AZURE_COMMUNICATION_SERVICES = "azure-communication-services"
    AZURE_COMMUNICATION_SERVICES_API = "azure-communication-services-api"
    MICROSOFT_GRAPH = "microsoft-graph"
    CATCHER = "catcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Where the service is, and what it allows; whatever an account says itself comes first."""

    host: str | None
    """None: each customer has a host of its own."""
    transport: TransportKind = TransportKind.SMTP
    port: int = 587
    tls: TlsMode = TlsMode.STARTTLS
    minute_limit: int | None = None
    hourly_limit: int | None = None
    daily_limit: int | None = None
    count_recipients_per: frozenset[Window] = frozenset()
    max_connections: int | None = None


_PRESETS = {
    # 3 connections, 30 emails a minute, 10,000 recipients a day (Exchange Online limits).
    PresetName.MICROSOFT_365: Preset(
        host="smtp.office365.com",
        minute_limit=30,
        daily_limit=10_000,
        count_recipients_per=frozenset({Window.DAY}),
        max_connections=3,
    ),
    # Google Workspace; a free account has 500.
    PresetName.GMAIL: Preset(host="smtp.gmail.com", daily_limit=2_000),
    # The limit is each customer's own, and counts recipients.
    PresetName.AMAZON_SES: Preset(
        host="email-smtp.us-east-1.amazonaws.com", count_recipients_per=frozenset(Window)
    ),
    # What a new resource may send with a domain of its own.
    PresetName.AZURE_COMMUNICATION_SERVICES: Preset(
        host="smtp.azurecomm.net", minute_limit=30, hourly_limit=100
    ),
    # The same without a password: by REST, as this app's own identity.
    PresetName.AZURE_COMMUNICATION_SERVICES_API: Preset(
        host=None,
        transport=TransportKind.ACS,
        port=443,
        tls=TlsMode.IMPLICIT,
        minute_limit=30,
        hourly_limit=100,
        max_connections=4,
    ),
    # 4 requests at once and 30 emails a minute of a mailbox, 10,000 recipients a day.
    PresetName.MICROSOFT_GRAPH: Preset(
        host=GRAPH_HOST,
        transport=TransportKind.GRAPH,
        port=443,
        tls=TlsMode.IMPLICIT,
        minute_limit=30,
        daily_limit=10_000,
        count_recipients_per=frozenset({Window.DAY}),
        max_connections=4,
    ),
}
_CATCHER_PORT = 1025


def preset(name: PresetName, catcher_port: int | None) -> Preset:
    """What is known of this service; the local catcher listens on the port that it was given."""
    if name is PresetName.CATCHER:
        return Preset(host="127.0.0.1", port=catcher_port or _CATCHER_PORT, tls=TlsMode.NONE)
    return _PRESETS[name]
