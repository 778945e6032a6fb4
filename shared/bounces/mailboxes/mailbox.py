"""A mailbox that bounces come into: where it is, what becomes of its messages, how it is doing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from shared.accounts.credentials.passwords import Binding
from shared.database.columns.widths import width
from shared.errors import RowpostError
from shared.smtp.opening import TlsMode
from shared.transports.kinds import GRAPH_HOST, LOCAL_HOSTS, NOT_ITS_HOST, TransportKind

_HOST = re.compile(r"[^\s/@\\?#]+")
_FOLDER = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_LONGEST = {"name": 100, "host": 255, "username": 255, "folder": 255}


class MailboxNotFound(RowpostError):
    """There is no mailbox of this number."""

    def __init__(self) -> None:
        super().__init__("There is no such mailbox: GET /api/bounce-mailboxes lists them.")


class MailboxOff(RowpostError):
    """It is turned off, so nothing is collected from it."""

    def __init__(self) -> None:
        super().__init__("The mailbox is turned off: turn it on first.")


class BadMailboxValue(RowpostError):
    """A value that a mailbox can't have; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class MailboxKind(StrEnum):
    """How a mailbox is read."""

    IMAP = "imap"
    GRAPH = "graph"
    """Microsoft Graph, from a mailbox of Microsoft 365."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSettings:
    """All of a mailbox but its password.

    `tenant_id` and `client_id`: the application that logs in by access token; Graph without them
    is asked as this process's own identity. `done_folder`: where messages go that are done with;
    None: they stay, unless `delete_done`. `unclear_folder`: the same for what was not understood,
    which is never deleted.
    """

    name: str
    kind: MailboxKind
    host: str
    port: int
    tls: TlsMode
    username: str
    tenant_id: str | None = None
    client_id: str | None = None
    folder: str = "INBOX"
    done_folder: str | None = None
    unclear_folder: str | None = None
    delete_done: bool = False
    enabled: bool = True

    def with_values(self, values: Mapping[str, Any]) -> MailboxSettings:
        """The same with some values changed."""
        return replace(self, **values)

    @property
    def has_secret(self) -> bool:
        """Whether it logs in with a password or a client's secret."""
        return self.kind is MailboxKind.IMAP or self.client_id is not None

    @property
    def binding(self) -> Binding:
        """The connection that its password belongs to."""
        application = f"{self.tenant_id}/{self.client_id}" if self.client_id else ""
        return Binding(self.host, self.port, self.tls.value, self.username, application)

    def check(self) -> None:
        """Raise BadMailboxValue for what can't be used."""
        for name, most in _LONGEST.items():
            if width(getattr(self, name)) > most:
                raise BadMailboxValue(name, f"It is longer than {most} characters.")
        if not _HOST.fullmatch(self.host):
            raise BadMailboxValue("host", "Give a host's name or address, and only that.")
        if not self.username.strip():
            raise BadMailboxValue("username", "Give the mailbox's user name or address.")
        if self.tls is TlsMode.NONE and self.host.lower() not in LOCAL_HOSTS:
            raise BadMailboxValue("tls", "Without TLS only a server on this machine is read.")
        if (self.tenant_id is None) != (self.client_id is None):
            missing = "tenant_id" if self.tenant_id is None else "client_id"
            raise BadMailboxValue(missing, "An access token needs both tenant_id and client_id.")
        if self.kind is MailboxKind.GRAPH:
            self._check_graph()
        self._check_folders()

    def _check_graph(self) -> None:
        if self.tls is TlsMode.STARTTLS:
            raise BadMailboxValue("tls", "Microsoft Graph is asked over TLS: give implicit.")
        if self.client_id is None and not TransportKind.GRAPH.is_its_host(self.host):
            raise BadMailboxValue("host", NOT_ITS_HOST)

    def _check_folders(self) -> None:
        folders = {
            "folder": self.folder,
            "done_folder": self.done_folder,
            "unclear_folder": self.unclear_folder,
        }
        for field, folder in folders.items():
            if folder is not None and (not _FOLDER.fullmatch(folder) or width(folder) > 255):
                raise BadMailboxValue(field, "Give a folder's name of up to 255 characters.")
        for field in ("done_folder", "unclear_folder"):
            if (folders[field] or "").casefold() == self.folder.casefold():
                raise BadMailboxValue(field, "Give another folder than the one that is read.")
        if self.delete_done and self.done_folder is not None:
            raise BadMailboxValue(
                "delete_done", "Messages are deleted or go into done_folder: give one of them."
            )


def usual_host(kind: MailboxKind) -> str:
    """The server where nobody names one. Raises BadMailboxValue: there are many for IMAP."""
    if kind is MailboxKind.GRAPH:
        return GRAPH_HOST
    raise BadMailboxValue("host", "Give the IMAP server's host.")


def usual_port(kind: MailboxKind, tls: TlsMode) -> int:
    """The port where nobody names one (RFC 8314)."""
    if kind is MailboxKind.GRAPH:
        return 443
    return 993 if tls is TlsMode.IMPLICIT else 143


class Position(NamedTuple):
    """All up to `last` has been read, as long as the mailbox numbers its messages by `validity`.

    Of IMAP these are UIDVALIDITY and UID (RFC 3501, 2.3.1.1), of Graph 0 and the time at which the
    message came, in seconds since 1970.
    """

    validity: int = 0
    last: int = 0


class Brought(NamedTuple):
    """How many messages of each sort a mailbox has brought."""

    bounced: int = 0
    complained: int = 0
    unclear: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox as the database has it. `failures` in a row, since `failing_since`."""

    id: int
    settings: MailboxSettings
    secret: str | None
    """A reference to its password."""
    position: Position
    brought: Brought
    failures: int
    failing_since: datetime | None
    last_fault: str | None
    last_read_at: datetime | None
    next_at: datetime
    created_at: datetime
    created_by: str | None
