"""Logging in to SQL Server as the process's own identity, by a token of Microsoft Entra ID.

The token goes to the driver before it connects: "Using Microsoft Entra ID with the ODBC Driver",
section "Authenticating with an access token".
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import URL

from shared.database.dialects.sqlserver.odbc import query_of
from shared.database.errors import DatabaseUnreachable
from shared.identity import any_identity, managed_identity

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SCOPE = "https://database.windows.net/.default"
SQL_COPT_SS_ACCESS_TOKEN = 1256

_MANAGED_IDENTITY = frozenset({"activedirectorymsi", "activedirectorymanagedidentity"})
_ANY_IDENTITY = frozenset({"activedirectorydefault"})
_OTHER_LOGINS = frozenset({"authentication", "trusted_connection", "uid", "odbc_connect"})


def asks_for_token(address: URL) -> bool:
    """Whether the address means the process's identity: it says so, or names no login at all."""
    given = query_of(address)
    if _authentication(address) in _MANAGED_IDENTITY | _ANY_IDENTITY:
        return True
    return not address.username and not _OTHER_LOGINS & given.keys()


class EntraLogin:
    """Tokens for new connections, for any number of threads.

    The credential keeps a token until it is about to expire, so each new connection has a good
    one; a connection that is open outlives the token that it logged in with.
    """

    def __init__(self, make_credential: Callable[[], TokenCredential]) -> None:
        self._make_credential = make_credential
        self._making = threading.Lock()
        self._credential: TokenCredential | None = None

    @classmethod
    def of(cls, address: URL) -> EntraLogin:
        """For an address that asks for a token; its user, if any, is an identity's client id."""
        client_id = address.username
        if _authentication(address) in _MANAGED_IDENTITY:
            return cls(lambda: managed_identity(client_id))
        return cls(lambda: any_identity(client_id))

    def attributes(self) -> dict[int, bytes]:
        """What pyodbc sets before it connects (`attrs_before`). Raises DatabaseUnreachable."""
        token = self._token().encode("utf-16-le")
        return {SQL_COPT_SS_ACCESS_TOKEN: struct.pack("<I", len(token)) + token}

    def _token(self) -> str:
        from azure.core.exceptions import AzureError

        try:
            return self._made().get_token(SCOPE).token
        except (AzureError, ValueError) as error:
            raise DatabaseUnreachable(
                "this machine has no identity to log in to the database with: give the app a "
                "managed identity and a user in the database, or give user and password"
            ) from error

    def _made(self) -> TokenCredential:
        with self._making:
            if self._credential is None:
                self._credential = self._make_credential()
            return self._credential


def _authentication(address: URL) -> str:
    return query_of(address).get("authentication", "").replace(" ", "").lower()
