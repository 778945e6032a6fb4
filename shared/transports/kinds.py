"""The ways out that an account may name."""

from __future__ import annotations

from enum import StrEnum

GRAPH_HOST = "graph.microsoft.com"


class TransportKind(StrEnum):
    """How an account's emails leave."""

    SMTP = "smtp"
    ACS = "acs"
    """Azure Communication Services Email."""
    GRAPH = "graph"
    """Microsoft Graph, from a mailbox of Microsoft 365."""

    @property
    def scope(self) -> str | None:
        """What its access tokens are for; None: it needs none."""
        return _SCOPES.get(self)


_SCOPES = {
    TransportKind.ACS: "https://communication.azure.com/.default",
    TransportKind.GRAPH: "https://graph.microsoft.com/.default",
}
