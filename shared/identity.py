"""The process's own identity in Microsoft Entra ID: a managed one in Azure, else a developer's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

# A request waits for it: the libraries would go on trying for a minute.
PATIENCE: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 5,
    "retry_total": 2,
    "process_timeout": 5,
}


def managed_identity(client_id: str | None = None) -> TokenCredential:
    """The identity that Azure gave this app; the client id says which, if it has several."""
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=client_id, **PATIENCE)


def any_identity(client_id: str | None = None) -> TokenCredential:
    """The first that there is: settings of the environment, managed identity, `az login`, ..."""
    from azure.identity import DefaultAzureCredential

    named = {"managed_identity_client_id": client_id} if client_id else {}
    return DefaultAzureCredential(**named, **PATIENCE)
