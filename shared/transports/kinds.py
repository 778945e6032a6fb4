"""The ways out that an account may name."""

from __future__ import annotations

from enum import StrEnum

GRAPH_HOST = "graph.microsoft.com"
_ACS_HOSTS = ".communication.azure.com"
NOT_ITS_HOST = (
    "The app's own identity is shown to graph.microsoft.com and "
    "NAME.REGION.communication.azure.com alone: give the service's own host, or the account an "
    "application of its own."
)
LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


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

    @property
    def most_at_once(self) -> int | None:
        """Requests that the service answers at once, if the account doesn't say: more are refused.
        Graph takes four of an app and a mailbox."""
        return 4 if self is TransportKind.GRAPH else None

    def is_its_host(self, host: str) -> bool:
        """Whether the service is there, or on this machine; to no other host goes a token of the
        app's own identity, which no password binds to its server."""
        name = host.strip().lower()
        if name in LOCAL_HOSTS:
            return True
        if self is TransportKind.GRAPH:
            return name == GRAPH_HOST
        return self is TransportKind.ACS and name.endswith(_ACS_HOSTS)


_SCOPES = {
    TransportKind.ACS: "https://communication.azure.com/.default",
    TransportKind.GRAPH: "https://graph.microsoft.com/.default",
}
