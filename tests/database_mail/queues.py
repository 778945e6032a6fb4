"""A queue with profiles, and emails as the procedures of Database Mail insert them: by SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from shared.delivery.dispatcher import Order, drain
from tests.support.queue import Queue


def insert(queue: Queue, table: str, **columns: Any) -> int:
    """A row with these columns; its key."""
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    with queue.database.write() as connection:
        result = connection.execute(
            text(f"INSERT INTO {table} ({names}) VALUES ({values})"), columns
        )
        return int(result.lastrowid)


def execute(queue: Queue, statement: str, **values: Any) -> None:
    with queue.database.write() as connection:
        connection.execute(text(statement), values)


def scalar(queue: Queue, statement: str, **values: Any) -> Any:
    with queue.database.read() as connection:
        return connection.execute(text(statement), values).scalar()


def profile(queue: Queue, name: str, *accounts: int) -> int:
    """A mail profile with these accounts, in their order."""
    number = insert(queue, "Rowpost_MailProfiles", Name=name)
    for sequence, account in enumerate(accounts, start=1):
        insert(
            queue,
            "Rowpost_MailProfileAccounts",
            ProfileId=number,
            AccountId=account,
            SequenceNumber=sequence,
        )
    return number


def sent_by_procedure(queue: Queue, profile_id: int, **given: Any) -> int:
    """An email as sp_send_dbmail queues it, in one transaction; its mailitem_id.

    Of `given` what names a column of Rowpost_Options or Rowpost_MailItems goes there.
    """
    options = {"Importance", "Sensitivity", "Sender", "ReplyTo", "bccEmailid"}
    items = {"Recipients", "CopyRecipients", "BlindCopyRecipients", "Query", "RequestedAt"}
    row = {"dd_toEmailid": "ann@example.com", "dd_subject": "Job failed", "dd_bodyText": "Step 2"}
    row |= {name: value for name, value in given.items() if name.startswith("dd_")}
    with queue.database.write() as connection:

        def put(table: str, columns: dict[str, Any]) -> int:
            names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
            statement = text(f"INSERT INTO {table} ({names}) VALUES ({values})")
            return int(connection.execute(statement, columns).lastrowid)

        email_id = put("Digital_Emaildetails", row)
        own = {"EmailId": email_id, "ProfileId": profile_id}
        chosen = {name: value for name, value in given.items() if name in options}
        put("Rowpost_Options", {**own, "Lane": "immediate", "IsHtml": "0", **chosen})
        kept = {name: value for name, value in given.items() if name in items}
        put("Rowpost_MailItems", {**own, "RequestedBy": "CORP\\ann", **kept})
    return email_id


def send(queue: Queue) -> None:
    drain(queue.application, Order(seconds=20))


def grant(queue: Queue, principal: str, profile_id: int, *, default: bool = False) -> None:
    """Somebody may use a profile."""
    insert(
        queue,
        "Rowpost_MailPrincipals",
        Principal=principal,
        ProfileId=profile_id,
        IsDefault=int(default),
    )


def configure(queue: Queue, name: str, value: str | None) -> None:
    """What sysmail_configure_sp does."""
    execute(
        queue,
        "UPDATE Rowpost_MailConfiguration SET Value = :value WHERE Name = :name",
        name=name,
        value=value,
    )
