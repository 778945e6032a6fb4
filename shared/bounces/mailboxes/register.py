"""Mailboxes as the database has them: made, changed, listed, removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    insert,
    literal_column,
    null,
    select,
    update,
)

from shared.bounces.mailboxes.mailbox import (
    Brought,
    Mailbox,
    MailboxKind,
    MailboxNotFound,
    MailboxSettings,
    Position,
)
from shared.bounces.noted import leave_unfiled
from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.tables import bounce_mailboxes as mailboxes
from shared.smtp.opening import TlsMode

MOST_MAILBOXES = 20
FAILURES_TO_TELL = 3

_this = mailboxes.c.Id == bindparam("mailbox_id")
ALL = select(mailboxes).order_by(mailboxes.c.Id).limit(MOST_MAILBOXES)
ONE = select(mailboxes).where(_this)
MAKE = insert(mailboxes)
CHANGE = update(mailboxes).where(_this)
# Whoever changes it may have put it right: it is read at once, by nobody who knows it as it was.
WELL_AGAIN = (
    update(mailboxes)
    .where(_this)
    .values(
        Failures=literal_column("0"),
        FailingSince=null(),
        LastFault=null(),
        NextAt=utc_now(),
        LeaseToken=null(),
        LeaseUntil=null(),
    )
)
# Another folder or mailbox is read from its beginning.
BEGIN_ANEW = (
    update(mailboxes)
    .where(_this)
    .values(Validity=literal_column("0"), LastRead=literal_column("0"))
)
REMOVE = delete(mailboxes).where(_this)


def make(
    connection: Connection, settings: MailboxSettings, secret: str | None, created_by: str
) -> Mailbox:
    """A new mailbox, which is read with the next tick."""
    row = {**_columns(settings), "Secret": secret, "CreatedBy": created_by}
    key = connection.execute(MAKE, row).inserted_primary_key
    if key is None:
        raise LookupError("the database gave no number for the new mailbox")
    return mailbox(connection, int(key[0]))


def change(
    connection: Connection, mailbox_id: int, settings: MailboxSettings, secret: str | None
) -> Mailbox:
    """It is read with the next tick; whoever reads it now stops. Raises MailboxNotFound."""
    before = mailbox(connection, mailbox_id).settings
    this = {"mailbox_id": mailbox_id}
    connection.execute(CHANGE.values({**_columns(settings), "Secret": secret}), this)
    connection.execute(WELL_AGAIN, this)
    if _lies_elsewhere(before, settings):
        connection.execute(BEGIN_ANEW, this)
        leave_unfiled(connection, mailbox_id)
    return mailbox(connection, mailbox_id)


def remove(connection: Connection, mailbox_id: int) -> None:
    """Remove a mailbox; what it has brought is kept. Raises MailboxNotFound."""
    if changed(connection, REMOVE, {"mailbox_id": mailbox_id}) != 1:
        raise MailboxNotFound


def mailbox(connection: Connection, mailbox_id: int) -> Mailbox:
    """The mailbox of this number. Raises MailboxNotFound."""
    row = connection.execute(ONE, {"mailbox_id": mailbox_id}).one_or_none()
    if row is None:
        raise MailboxNotFound
    return _read(row)


def all_mailboxes(connection: Connection) -> list[Mailbox]:
    """Every mailbox, the oldest first."""
    return [_read(row) for row in connection.execute(ALL)]


def problems(connection: Connection) -> tuple[str, ...]:
    """Mailboxes that somebody should look at, and why."""
    return tuple(_problems(all_mailboxes(connection)))


def _problems(known: Sequence[Mailbox]) -> Iterator[str]:
    for here in known:
        if here.settings.enabled and here.failures >= FAILURES_TO_TELL:
            since = f"{here.failing_since:%Y-%m-%d %H:%M} UTC" if here.failing_since else "long ago"
            yield (
                f"The bounce mailbox {here.settings.name} can't be read since {since}: "
                f"{here.last_fault}."
            )


def _lies_elsewhere(before: MailboxSettings, after: MailboxSettings) -> bool:
    def place(settings: MailboxSettings) -> tuple[str, ...]:
        return (settings.kind, settings.host.lower(), settings.username, settings.folder)

    return place(before) != place(after)


def _columns(settings: MailboxSettings) -> dict[str, Any]:
    return {
        "Name": settings.name,
        "Kind": settings.kind.value,
        "Host": settings.host,
        "Port": settings.port,
        "Tls": settings.tls.value,
        "Username": settings.username,
        "TenantId": settings.tenant_id,
        "ClientId": settings.client_id,
        "Folder": settings.folder,
        "DoneFolder": settings.done_folder,
        "UnclearFolder": settings.unclear_folder,
        "DeletesDone": int(settings.delete_done),
        "Enabled": int(settings.enabled),
    }


def _read(row: Row[Any]) -> Mailbox:
    settings = MailboxSettings(
        name=row.Name,
        kind=MailboxKind(row.Kind),
        host=row.Host,
        port=row.Port,
        tls=TlsMode(row.Tls),
        username=row.Username,
        tenant_id=row.TenantId,
        client_id=row.ClientId,
        folder=row.Folder,
        done_folder=row.DoneFolder,
        unclear_folder=row.UnclearFolder,
        delete_done=bool(row.DeletesDone),
        enabled=bool(row.Enabled),
    )
    return Mailbox(
        id=row.Id,
        settings=settings,
        secret=row.Secret,
        position=Position(row.Validity, row.LastRead),
        brought=Brought(row.Bounced, row.Complained, row.Unclear, row.Others),
        failures=row.Failures,
        failing_since=row.FailingSince,
        last_fault=row.LastFault,
        last_read_at=row.LastReadAt,
        next_at=row.NextAt,
        created_at=row.CreatedAt,
        created_by=row.CreatedBy,
    )
