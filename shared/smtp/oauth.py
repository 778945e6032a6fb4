"""Access tokens in place of passwords, by OAuth 2.0 client credentials (RFC 6749 4.4).

Microsoft 365 takes them by SMTP AUTH XOAUTH2, from an application that has SMTP.SendAsApp.
"""

from __future__ import annotations

import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from shared.errors import RowpostError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

SCOPE = "https://outlook.office365.com/.default"
_RENEW_BEFORE_SECONDS = 300
_NETWORK_SECONDS = 10
_LONGEST_REASON = 300


class TokenUnavailable(RowpostError):
    """No token is to be had. `refused`: the application's own login was, so trying is no use."""

    def __init__(self, reason: str, *, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused


class TokenSource(Protocol):
    """Where access tokens come from. For any thread."""

    def get(self) -> str:
        """A token that is good for a while. Raises TokenUnavailable."""
        ...

    def renew(self, refused: str) -> str:
        """Another token than the one that a server refused. Raises TokenUnavailable."""
        ...


class AccessTokens:
    """The tokens of one application: kept until they end or are refused. For any thread.

    scope: what they are good for. authority: where they come from, in place of Microsoft's public
    cloud. ca_file: certificates to trust there in place of the usual ones.
    """

    def __init__(
        self,
        tenant_id: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str = SCOPE,
        authority: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._login = (tenant_id, client_id, client_secret)
        self._scope = scope
        self._authority = authority
        self._ca_file = ca_file
        self._asking = threading.Lock()
        self._token: AccessToken | None = None

    def get(self) -> str:
        """A token that is good for a while. Raises TokenUnavailable."""
        with self._asking:
            if self._token is None or self._token.expires_on < time.time() + _RENEW_BEFORE_SECONDS:
                self._token = self._fetch()
            return self._token.token

    def renew(self, refused: str) -> str:
        """Another token than the one that a server refused. Raises TokenUnavailable."""
        with self._asking:
            if self._token is None or self._token.token == refused:
                self._token = self._fetch()
            return self._token.token

    def _fetch(self) -> AccessToken:
        """A new one; the library's own memory of them is made anew with each credential."""
        from azure.core.exceptions import (
            AzureError,
            ClientAuthenticationError,
            ServiceRequestError,
            ServiceResponseError,
        )
        from azure.identity import ClientSecretCredential

        options = {"authority": self._authority} if self._authority else {}
        if self._ca_file:
            options["connection_verify"] = self._ca_file
        try:
            with ClientSecretCredential(
                *self._login,
                disable_instance_discovery=True,
                connection_timeout=_NETWORK_SECONDS,
                read_timeout=_NETWORK_SECONDS,
                retry_total=1,
                **options,
            ) as credential:
                return credential.get_token(self._scope)
        except ClientAuthenticationError as error:
            # Raised for whatever goes wrong, also where nobody was asked.
            away = isinstance(error.__cause__, (ServiceRequestError, ServiceResponseError))
            raise TokenUnavailable(_reason(error), refused=not away) from None
        except AzureError as error:
            raise TokenUnavailable(_reason(error), refused=False) from None
        except ValueError as error:
            raise TokenUnavailable(f"the tenant's id is not valid: {error}", refused=True) from None


@lru_cache(maxsize=64)
def access_tokens(
    tenant_id: str, client_id: str, client_secret: str, scope: str = SCOPE
) -> AccessTokens:
    """The tokens of this application, the same for all of a process."""
    return AccessTokens(tenant_id, client_id, client_secret, scope=scope)


class IdentityTokens:
    """Those of this process's own identity: a managed one in Azure, else a developer's."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._making = threading.Lock()
        self._credential: TokenCredential | None = None

    def get(self) -> str:
        """A token; the library keeps one until shortly before its end. Raises TokenUnavailable."""
        from azure.core.exceptions import AzureError

        from shared.identity import any_identity

        with self._making:
            if self._credential is None:
                self._credential = any_identity()
        try:
            return self._credential.get_token(self._scope).token
        except AzureError as error:
            raise TokenUnavailable(_reason(error), refused=False) from None

    def renew(self, refused: str) -> str:
        """What there is: an identity's token can't be asked for anew."""
        return self.get()


@lru_cache(maxsize=8)
def identity_tokens(scope: str) -> IdentityTokens:
    """The tokens of this process's identity, the same for all of it."""
    return IdentityTokens(scope)


def _reason(error: Exception) -> str:
    said = str(getattr(error, "message", "") or error).strip()
    return f"no access token: {said.splitlines()[0][:_LONGEST_REASON]}" if said else "no token"
