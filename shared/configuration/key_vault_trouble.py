"""What a key vault's refusal or silence means, in words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

LONGEST_RETRY_AFTER_SECONDS = 300.0

_NO_IDENTITY = (
    "The key vault does not know who this app is: give the app a managed identity of the vault's "
    "tenant (on your own machine: az login)."
)
_NO_ROLE = (
    "The key vault refuses this app's identity: give it the role Key Vault Secrets Officer on the "
    "vault (Key Vault Secrets User is enough for reading alone). A new role counts after some "
    "minutes."
)
_NO_WAY_IN = (
    "The key vault's network rules keep this app out: let its network or a private endpoint in."
)
_DISABLED = "The secret is disabled in the key vault: enable it there."
_THROTTLES = "The key vault is asked too often and wants a pause."
_SILENT = "The key vault does not answer in time."
_OUT_OF_REACH = "The key vault can't be reached: look at KEY_VAULT_URI and at the network."
_NO_VAULT = "What answers at KEY_VAULT_URI is no key vault: correct the address."


class Conflict(Enum):
    """Why a name can't be written just now."""

    DELETED = "ObjectIsDeletedButRecoverable"
    IN_TRANSIT = ""
    """It is being deleted or recovered: that takes the vault some seconds."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there was no answer, and how many seconds the vault wants to be left alone."""

    text: str
    since: datetime
    retry_after: float = 0.0
    of_one_secret: bool = False
    """It was disabled; the vault is well."""

    def lasting_since(self, since: datetime) -> Trouble:
        """The same, if it began earlier with something else."""
        return replace(self, since=since)


def trouble_of(error: Exception) -> Trouble:
    """What an error of the SDK means. Nothing of the vault's own words is kept but its codes."""
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestTimeoutError,
        ServiceResponseTimeoutError,
    )

    now = datetime.now(UTC)
    match error:
        case ClientAuthenticationError():
            return Trouble(_NO_IDENTITY, now)
        case HttpResponseError(status_code=int(status)):
            return _refusal(error, status, now)
        case ServiceRequestTimeoutError() | ServiceResponseTimeoutError():
            return Trouble(_SILENT, now)
        case ValueError():
            return Trouble(_NO_VAULT, now)
        case _:
            return Trouble(_OUT_OF_REACH, now)


def conflict_of(error: HttpResponseError) -> Conflict:
    """What stands in the way of a write that was answered with 409."""
    deleted = innermost_code(error) == Conflict.DELETED.value
    return Conflict.DELETED if deleted else Conflict.IN_TRANSIT


def _refusal(error: HttpResponseError, status: int, now: datetime) -> Trouble:
    retry_after, code = _retry_after(error), innermost_code(error)
    match status, code:
        case 403, "SecretDisabled":
            return Trouble(_DISABLED, now, of_one_secret=True)
        case 403, "ForbiddenByFirewall" | "ForbiddenByConnection":
            return Trouble(_NO_WAY_IN, now)
        case 403, _:
            return Trouble(_NO_ROLE, now)
        case 429, _:
            return Trouble(_THROTTLES, now, retry_after)
        case _ if status >= 500:
            return Trouble(f"The key vault has trouble of its own ({status}).", now, retry_after)
        case _:
            told = f"{status} {code}".strip()
            return Trouble(f"The key vault did not understand a request ({told}).", now)


def innermost_code(error: HttpResponseError) -> str:
    """The innermost code of the answer: {"error": {"code": ..., "innererror": {"code": ...}}}."""
    outer = error.error
    inner = outer.innererror if outer else None
    return str((inner or {}).get("code") or (outer.code if outer else "") or "")


def _retry_after(error: HttpResponseError) -> float:
    """The header's seconds, if they make sense; a vault gives no date there."""
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    text = headers.get("Retry-After", "")
    return min(float(text), LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() else 0.0
