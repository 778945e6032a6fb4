"""The tables: seed names kept column for column, Rowpost's own columns nullable beside them.

`Digital_Emaildetails` and `tbl_EMailParameters` belong to the applications that fill them. What
Rowpost adds there is nullable, so that an `INSERT` written years ago goes on working.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Unicode,
    UniqueConstraint,
    and_,
    literal_column,
    text,
)
from sqlalchemy.dialects import mssql
from sqlalchemy.sql.elements import ColumnElement

from shared.database.times import UtcDateTime, utc_now

metadata = MetaData()

LongText = Text().with_variant(mssql.NTEXT(), "mssql")
AnyText = Text().with_variant(mssql.NVARCHAR(None), "mssql")
Bytes = LargeBinary().with_variant(mssql.VARBINARY("max"), "mssql")  # type: ignore[no-untyped-call]
Bit = Integer().with_variant(mssql.BIT(), "mssql")

emails = Table(
    "Digital_Emaildetails",
    metadata,
    Column("dd_srno", Integer, primary_key=True, autoincrement=True),
    Column("dd_document", Bytes),
    Column("dd_filename", Unicode(255)),
    Column("dd_toEmailid", Unicode(500)),
    Column("dd_ccEmailid", Unicode(500)),
    Column("dd_subject", Unicode(500)),
    Column("dd_bodyText", LongText),
    Column("dd_SendFlag", Unicode(1), server_default=text("'N'")),
    Column("dd_EmailParamCode", Unicode(50)),
    Column("dd_RetryCount", Integer, server_default=text("0")),
    Column("dd_SentDate", UtcDateTime(legacy=True)),
    Column("dd_BounceReason", Unicode(500)),
    Column("dd_LastRetryDate", UtcDateTime(legacy=True)),
    # Rowpost's own from here on.
    Column("dd_bccEmailid", Unicode(500)),
    Column("dd_Priority", Integer, server_default=text("3")),
    Column("dd_Lane", Unicode(10), server_default=text("'scheduled'")),
    Column("dd_SendAt", UtcDateTime()),
    Column("dd_ExpiresAt", UtcDateTime()),
    Column("dd_NextAttemptDate", UtcDateTime()),
    Column("dd_MessageId", Unicode(255)),
    Column("dd_IsHtml", Bit),
    Column("dd_TextAlternative", AnyText),
    Column("dd_CreatedDate", UtcDateTime(), server_default=utc_now()),
    Column("dd_LeaseToken", Unicode(36)),
    Column("dd_LeaseUntil", UtcDateTime()),
    Column("dd_LostLeases", Integer),
    # A list of mailboxes, a JSON object of further header fields, a JSON array of tags.
    Column("dd_ReplyTo", Unicode(500)),
    Column("dd_Headers", AnyText),
    Column("dd_Tags", Unicode(1100)),
    # By which way it came in, who stored it, and the request that did.
    Column("dd_Origin", Unicode(20)),
    Column("dd_StoredBy", Unicode(150)),
    Column("dd_RequestId", Unicode(36)),
    # When it was sent, given up or cancelled, and when its content was removed after that.
    Column("dd_EndedDate", UtcDateTime()),
    Column("dd_EmptiedDate", UtcDateTime()),
    # Somebody had it sent again though it may have arrived.
    Column("dd_Uncertain", Bit),
    Column("dd_AttachmentCount", Integer),
    # Who it is from, where that is not its account's own sender: a mailbox.
    Column("dd_Sender", Unicode(500)),
    sqlite_autoincrement=True,
)
SEED_EMAIL_COLUMNS = 13

_waiting = emails.c.dd_SendFlag == literal_column("'N'")


def _filtered(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> Index:
    return Index(name, *columns, mssql_where=where, sqlite_where=where)


# What a claim reads: the rows that wait and whose time has come, account by account.
ready = _filtered(
    "IX_Rowpost_Ready",
    emails.c.dd_EmailParamCode,
    emails.c.dd_Lane,
    emails.c.dd_Priority,
    emails.c.dd_srno,
    where=and_(_waiting, emails.c.dd_NextAttemptDate.is_(None)),
)
# Rows whose time has not come: retries, and emails that name a time.
_filtered(
    "IX_Rowpost_Later",
    emails.c.dd_NextAttemptDate,
    where=and_(_waiting, emails.c.dd_NextAttemptDate.is_not(None)),
)
# Rows as applications insert them that lack something the claim needs: nearly always empty.
_filtered(
    "IX_Rowpost_NoLane",
    emails.c.dd_Lane,
    emails.c.dd_srno,
    where=and_(_waiting, emails.c.dd_Lane.is_(None)),
)
_filtered(
    "IX_Rowpost_NoPriority",
    emails.c.dd_Priority,
    emails.c.dd_srno,
    where=and_(_waiting, emails.c.dd_Priority.is_(None)),
)
_filtered(
    "IX_Rowpost_SendAt",
    emails.c.dd_SendAt,
    where=and_(_waiting, emails.c.dd_SendAt.is_not(None), emails.c.dd_NextAttemptDate.is_(None)),
)
_filtered(
    "IX_Rowpost_Expiring",
    emails.c.dd_ExpiresAt,
    where=and_(_waiting, emails.c.dd_ExpiresAt.is_not(None)),
)
_filtered(
    "IX_Rowpost_Suspects",
    emails.c.dd_LostLeases,
    emails.c.dd_srno,
    where=and_(_waiting, emails.c.dd_LostLeases.is_not(None)),
)
_filtered("IX_Rowpost_Oldest", emails.c.dd_CreatedDate, where=_waiting)
_filtered(
    "IX_Rowpost_Leased",
    emails.c.dd_LeaseUntil,
    emails.c.dd_LeaseToken,
    where=emails.c.dd_SendFlag.in_([literal_column("'P'"), literal_column("'T'")]),
)
# What has ended, the latest last: for lists, and for what is old enough to be removed.
_filtered(
    "IX_Rowpost_Ended",
    emails.c.dd_SendFlag,
    emails.c.dd_EndedDate,
    emails.c.dd_srno,
    where=emails.c.dd_SendFlag.in_(
        [literal_column("'Y'"), literal_column("'F'"), literal_column("'C'")]
    ),
)
# Of those waiting, the ones that were refused before.
_filtered(
    "IX_Rowpost_Retried",
    emails.c.dd_srno,
    where=and_(_waiting, emails.c.dd_RetryCount > literal_column("0")),
)
_filtered(
    "IX_Rowpost_Unknown", emails.c.dd_srno, where=emails.c.dd_SendFlag == literal_column("'U'")
)
# Keyed sending: one email by its request, and the log of all requests.
_filtered("IX_Rowpost_Request", emails.c.dd_RequestId, where=emails.c.dd_RequestId.is_not(None))
_filtered("IX_Rowpost_Keyed", emails.c.dd_srno, where=emails.c.dd_Origin == literal_column("'key'"))

accounts = Table(
    "tbl_EMailParameters",
    metadata,
    Column("SMTPServer", Unicode(255)),
    Column("SMTPPort", Integer),
    Column("SMTPAccountName", Unicode(255)),
    Column("SMTPPassword", Unicode(255)),
    Column("SMTPMailId", Unicode(255)),
    Column("ApplicationName", Unicode(255)),
    Column("SMTPSSLFlag", Unicode(1)),
    Column("ParamCode", Unicode(50)),
    Column("IsActive", Unicode(1)),
    # Given by Rowpost, never by an IDENTITY: the table may have one of its own. NULL: new, inserted
    # by somebody else. Without a unique index, since SQL Server's take one NULL only, and a
    # filtered one would refuse sessions whose SET options are old.
    Column("Rowpost_Id", Integer),
    Column("Rowpost_Default", Unicode(1)),
    Column("Rowpost_PlainLogin", Unicode(1)),
    Column("Rowpost_Name", Unicode(255)),
    Column("Rowpost_Preset", Unicode(30)),
    # Only where flag and port do not say it.
    Column("Rowpost_Tls", Unicode(10)),
    Column("Rowpost_MinuteLimit", Integer),
    Column("Rowpost_HourLimit", Integer),
    Column("Rowpost_DayLimit", Integer),
    # The windows whose limit counts recipients: letters out of MHD.
    Column("Rowpost_CountsRecipients", Unicode(3)),
    Column("Rowpost_MaxConnections", Integer),
    Column("Rowpost_FallbackId", Integer),
    Column("Rowpost_TenantId", Unicode(255)),
    Column("Rowpost_ClientId", Unicode(100)),
    Column("Rowpost_CreatedDate", UtcDateTime(), server_default=utc_now()),
)
SEED_ACCOUNT_COLUMNS = 9

service = Table(
    "Rowpost_Service",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=False),
    Column("State", Unicode(10), nullable=False),
    Column("StartedAt", UtcDateTime()),
    Column("ChangedBy", Unicode(100)),
    Column("LastActivity", UtcDateTime()),
    Column("LastRun", UtcDateTime()),
    Column("Runs", Integer, nullable=False, server_default=text("0")),
    Column("LastTick", UtcDateTime()),
    Column("MovedAt", UtcDateTime()),
    # All that ended before has been emptied, as far as it was to be.
    Column("EmptiedUntil", UtcDateTime()),
    # The highest number that an account ever had: none becomes another account's.
    Column("LastAccountId", Integer, nullable=False, server_default=text("0")),
)

recipients = Table(
    "Rowpost_Recipients",
    metadata,
    Column("EmailId", Integer, primary_key=True, autoincrement=False),
    Column("Ordinal", Integer, primary_key=True, autoincrement=False),
    Column("Kind", String(3), nullable=False),
    Column("Address", Unicode(320), nullable=False),
    Column("Name", Unicode(255)),
    Column("State", String(10), nullable=False),
    Column("Reply", Unicode(500)),
    Column("ChangedAt", UtcDateTime()),
)

attempts = Table(
    "Rowpost_Attempts",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("EmailId", Integer, nullable=False),
    Column("At", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("Account", Unicode(50)),
    Column("Outcome", String(20), nullable=False),
    Column("Code", Integer),
    Column("EnhancedCode", String(12)),
    Column("Reply", Unicode(500)),
    Column("DurationMs", Integer),
    Index("IX_Rowpost_Attempts_Email", "EmailId", "Id"),
)

# Files of an email in the attachment store, beside the document in its own row.
attachments = Table(
    "Rowpost_Attachments",
    metadata,
    Column("EmailId", Integer, primary_key=True, autoincrement=False),
    Column("Ordinal", Integer, primary_key=True, autoincrement=False),
    Column("Filename", Unicode(255), nullable=False),
    Column("ContentType", Unicode(255)),
    Column("ContentId", Unicode(100)),
    Column("Size", Integer, nullable=False),
    Column("Sha256", String(64), nullable=False),
    Column("StorageKey", Unicode(200), nullable=False),
)

# Files in the store that no email holds: about to be given to one, or to be deleted.
loose_files = Table(
    "Rowpost_LooseFiles",
    metadata,
    Column("StorageKey", Unicode(200), primary_key=True),
    Column("DeleteAfter", UtcDateTime(), nullable=False),
    Index("IX_Rowpost_LooseFiles_DeleteAfter", "DeleteAfter"),
)

statistics = Table(
    "Rowpost_Statistics",
    metadata,
    Column("Hour", UtcDateTime(), primary_key=True),
    Column("Account", Unicode(50), primary_key=True),
    Column("Sent", Integer, nullable=False, server_default=text("0")),
    Column("Failed", Integer, nullable=False, server_default=text("0")),
    Column("Retried", Integer, nullable=False, server_default=text("0")),
    Column("Unknown", Integer, nullable=False, server_default=text("0")),
    Column("LastSent", UtcDateTime()),
)

usage = Table(
    "Rowpost_Usage",
    metadata,
    Column("AccountId", Integer, primary_key=True, autoincrement=False),
    Column("PausedUntil", UtcDateTime()),
    Column("PauseReason", Unicode(500)),
    Column("PauseCount", Integer, nullable=False, server_default=text("0")),
    Column("ProbeToken", Unicode(36)),
    Column("ProbeUntil", UtcDateTime()),
)

idempotency = Table(
    "Rowpost_Idempotency",
    metadata,
    # A hash of caller, endpoint and key: a server's collation may not tell keys apart that differ.
    Column("Id", String(64), primary_key=True),
    Column("Digest", String(64), nullable=False),
    Column("CreatedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("Status", Integer),
    Column("Answer", AnyText),
    Index("IX_Rowpost_Idempotency_Created", "CreatedAt"),
)

suppressions = Table(
    "Rowpost_Suppressions",
    metadata,
    Column("Address", Unicode(320), primary_key=True),
    Column("Reason", Unicode(500)),
    Column("EmailId", Integer),
    Column("Since", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("Until", UtcDateTime(), nullable=False),
    Index("IX_Rowpost_Suppressions_Until", "Until"),
)

# What may be told apart by counting: keys are hashed, nobody's name or address stands here.
request_counts = Table(
    "Rowpost_Limits",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("KeyHash", String(32), nullable=False),
    Column("WindowEnd", UtcDateTime(), nullable=False),
    Column("Requests", Integer, nullable=False),
    UniqueConstraint("KeyHash", "WindowEnd", name="UQ_Rowpost_Limits"),
    Index("IX_Rowpost_Limits_End", "WindowEnd"),
)

login_failures = Table(
    "Rowpost_LoginFailures",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("PairHash", String(32), nullable=False),
    Column("ForgottenAt", UtcDateTime(), nullable=False),
    Index("IX_Rowpost_LoginFailures_Pair", "PairHash", "ForgottenAt"),
    Index("IX_Rowpost_LoginFailures_Forgotten", "ForgottenAt"),
)

# What an account with limits has used, reserved or spent, of the windows around its last minute.
# Minutes are numbered from 1970 on.
quotas = Table(
    "Rowpost_Quotas",
    metadata,
    Column("AccountId", Integer, primary_key=True, autoincrement=False),
    Column("Minute", Integer, nullable=False, server_default=text("0")),
    Column("MinuteUsed", Integer, nullable=False, server_default=text("0")),
    Column("HourUsed", Integer, nullable=False, server_default=text("0")),
    Column("DayUsed", Integer, nullable=False, server_default=text("0")),
)

# Of that, what emails in P have reserved.
reservations = Table(
    "Rowpost_Reservations",
    metadata,
    Column("EmailId", Integer, primary_key=True, autoincrement=False),
    Column("Token", Unicode(36), nullable=False),
    Column("AccountId", Integer, nullable=False),
    Column("Minute", Integer, nullable=False),
    Column("MinuteUnits", Integer, nullable=False),
    Column("HourUnits", Integer, nullable=False),
    Column("DayUnits", Integer, nullable=False),
    Index("IX_Rowpost_Reservations_Token", "Token"),
)

# The connections that an account may have at most, over all senders.
slots = Table(
    "Rowpost_Slots",
    metadata,
    Column("AccountId", Integer, primary_key=True, autoincrement=False),
    Column("Number", Integer, primary_key=True, autoincrement=False),
    Column("Token", Unicode(36)),
    Column("Until", UtcDateTime()),
)

keys = Table(
    "Rowpost_Keys",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("Name", Unicode(100), nullable=False),
    Column("KeyHash", String(32), nullable=False),
    Column("Role", String(10), nullable=False),
    Column("AccountId", Integer, nullable=False),
    Column("CreatedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("CreatedBy", Unicode(150)),
    Column("RevokedAt", UtcDateTime()),
    Column("LastUsedAt", UtcDateTime()),
    UniqueConstraint("KeyHash", name="UQ_Rowpost_Keys"),
    # A number that was a key's once never becomes another's.
    sqlite_autoincrement=True,
)

# What visitors wrote in the contact form; each became the email of this number.
contacts = Table(
    "Rowpost_Contacts",
    metadata,
    Column("EmailId", Integer, primary_key=True, autoincrement=False),
    # The GUID by which its visitor knows it.
    Column("Id", String(36), nullable=False),
    Column("FullName", Unicode(400), nullable=False),
    Column("Email", Unicode(640), nullable=False),
    Column("Phone", Unicode(100)),
    Column("JobProfession", Unicode(200)),
    Column("Subject", Unicode(400), nullable=False),
    Column("Message", AnyText, nullable=False),
    Column("Filename", Unicode(510)),
    Column("ChangedAt", UtcDateTime()),
    UniqueConstraint("Id", name="UQ_Rowpost_Contacts"),
)

__all__ = [
    "SEED_ACCOUNT_COLUMNS",
    "SEED_EMAIL_COLUMNS",
    "accounts",
    "attachments",
    "attempts",
    "contacts",
    "emails",
    "idempotency",
    "keys",
    "login_failures",
    "loose_files",
    "metadata",
    "quotas",
    "ready",
    "recipients",
    "request_counts",
    "reservations",
    "service",
    "slots",
    "statistics",
    "suppressions",
    "usage",
]
