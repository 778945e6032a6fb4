"""The tables: the seed's two, which belong to the applications, and Rowpost's own beside them.

Nothing of an adopted `Digital_Emaildetails` is altered; what Rowpost adds to `tbl_EMailParameters`
is nullable, so that an `INSERT` written years ago goes on working.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    FetchedValue,
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
from sqlalchemy.sql.elements import ColumnElement

from shared.database.columns.times import UtcDateTime, utc_now
from shared.database.columns.tolerant import read_tolerantly
from shared.database.dialects.sqlserver import expressions as sqlserver

metadata = MetaData()

LongText = Text().with_variant(sqlserver.LONG_TEXT, sqlserver.NAME)
AnyText = Text().with_variant(sqlserver.ANY_TEXT, sqlserver.NAME)
Bytes = LargeBinary().with_variant(sqlserver.BYTES, sqlserver.NAME)
LargeNumber = BigInteger().with_variant(Integer(), "sqlite")
Bit = Integer().with_variant(sqlserver.BIT, sqlserver.NAME)

# Theirs: an application's way in. What Rowpost knows of an email is an entry of its own.
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
    # Options that an application may give with its email: read, never written. An adopted table
    # has those that somebody asked for.
    Column("dd_bccEmailid", Unicode(500)),
    Column("dd_Priority", Integer),
    Column("dd_Lane", Unicode(10)),
    Column("dd_SendAt", UtcDateTime()),
    Column("dd_ExpiresAt", UtcDateTime()),
    Column("dd_IsHtml", Unicode(5)),
    Column("dd_TextAlternative", AnyText),
    Column("dd_ReplyTo", Unicode(500)),
    Column("dd_Headers", AnyText),
    Column("dd_Tags", Unicode(1100)),
    Column("dd_RequestId", Unicode(36)),
    Column("dd_Sender", Unicode(500)),
    Column("dd_CreatedDate", UtcDateTime(), server_default=utc_now()),
    # A number that was an email's once never becomes another's.
    sqlite_autoincrement=True,
    # An OUTPUT would be refused by a table with triggers (334): SCOPE_IDENTITY is asked instead.
    implicit_returning=False,
)
# The one thing that an adopted table gets: without it Rowpost works, slower.
new_rows = Index("IX_Rowpost_New", emails.c.dd_SendFlag, emails.c.dd_srno)
SEED_EMAIL_COLUMNS = 13
OPTION_COLUMNS = tuple(column.name for column in list(emails.columns)[SEED_EMAIL_COLUMNS:])

# Ours: what Rowpost knows of an email. Of the entries of one email id one is current.
entries = Table(
    "Rowpost_Emails",
    metadata,
    Column("Number", Integer, primary_key=True, autoincrement=True),
    Column("EmailId", Integer, nullable=False),
    Column("IsCurrent", Bit, nullable=False, server_default=text("1")),
    # The first entry of the same email, where an email has several; NULL: it is the first itself.
    Column("FirstNumber", Integer),
    Column("State", Unicode(1), nullable=False),
    Column("AccountCode", Unicode(50)),
    Column("Lane", String(10), nullable=False),
    Column("Priority", Integer, nullable=False),
    # It waits for this time; NULL: it may go now. And since when it has been due.
    Column("NotBefore", UtcDateTime()),
    Column("DueSince", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("ExpiresAt", UtcDateTime()),
    Column("Retries", Integer, nullable=False, server_default=text("0")),
    Column("LeaseToken", String(36)),
    Column("LeaseUntil", UtcDateTime()),
    # How often its sender died while it prepared it.
    Column("LostLeases", Integer),
    # How often its account had to rest for a reply to this email.
    Column("Blamed", Integer),
    # Somebody had it sent again though it may have arrived.
    Column("Uncertain", Bit),
    Column("MessageId", Unicode(255)),
    # Of what went, kept with the mark; before, of its row as it was stored: see `fingerprint`.
    Column("Fingerprint", String(32)),
    # By which way it came in, who stored it, and the request that did.
    Column("Origin", String(20)),
    Column("StoredBy", Unicode(150)),
    Column("RequestId", Unicode(36)),
    Column("AttachmentCount", Integer, nullable=False, server_default=text("0")),
    Column("CreatedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    # When the row says that it was made, where it says so: another time is another row.
    Column("RowCreatedAt", UtcDateTime()),
    Column("SentAt", UtcDateTime()),
    Column("LastTriedAt", UtcDateTime()),
    Column("EndedAt", UtcDateTime()),
    Column("EmptiedAt", UtcDateTime()),
    Column("Reason", Unicode(500)),
    # When the row is to be told what is known here; NULL: it has been.
    Column("WriteAfter", UtcDateTime()),
    Column("WriteTries", Integer, nullable=False, server_default=text("0")),
    Column("WriteFault", Unicode(500)),
    # A number that was an entry's once never becomes another's.
    sqlite_autoincrement=True,
)

_waiting = entries.c.State == literal_column("'N'")
_is_current = entries.c.IsCurrent == literal_column("1")


def _filtered(
    name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False
) -> Index:
    return Index(name, *columns, mssql_where=where, sqlite_where=where, unique=unique)


_filtered("IX_Rowpost_Current", entries.c.EmailId, where=_is_current, unique=True)
# What a claim reads: the emails that wait and whose time has come, account by account.
ready = _filtered(
    "IX_Rowpost_Ready",
    entries.c.AccountCode,
    entries.c.Lane,
    entries.c.Priority,
    entries.c.Number,
    where=and_(_waiting, entries.c.NotBefore.is_(None)),
)
# Emails whose time has not come: retries, and those that name a time.
_filtered(
    "IX_Rowpost_Later",
    entries.c.NotBefore,
    where=and_(_waiting, entries.c.NotBefore.is_not(None)),
)
_filtered(
    "IX_Rowpost_Expiring",
    entries.c.ExpiresAt,
    where=and_(_waiting, entries.c.ExpiresAt.is_not(None)),
)
_filtered(
    "IX_Rowpost_Suspects",
    entries.c.LostLeases,
    entries.c.Number,
    where=and_(_waiting, entries.c.LostLeases.is_not(None)),
)
_filtered(
    "IX_Rowpost_Blamed",
    entries.c.Blamed,
    entries.c.Number,
    where=and_(_waiting, entries.c.Blamed.is_not(None)),
)
_filtered("IX_Rowpost_Waiting", entries.c.Number, where=_waiting)
_filtered(
    "IX_Rowpost_DueByLane",
    entries.c.Lane,
    entries.c.DueSince,
    where=and_(_waiting, entries.c.NotBefore.is_(None)),
)
# Renewals and releases find their emails by the token that they hold.
_filtered(
    "IX_Rowpost_Leased",
    entries.c.LeaseToken,
    where=entries.c.State.in_([literal_column("'P'"), literal_column("'T'")]),
)
# What has ended, the latest last: for lists, and for what is old enough to be removed.
_filtered(
    "IX_Rowpost_Ended",
    entries.c.State,
    entries.c.EndedAt,
    entries.c.Number,
    where=entries.c.State.in_(
        [literal_column("'Y'"), literal_column("'F'"), literal_column("'C'")]
    ),
)
# Of those waiting, the ones that were refused before.
_filtered(
    "IX_Rowpost_Retried",
    entries.c.Number,
    where=and_(_waiting, entries.c.Retries > literal_column("0")),
)
_filtered("IX_Rowpost_Unknown", entries.c.Number, where=entries.c.State == literal_column("'U'"))
_filtered("IX_Rowpost_Unwritten", entries.c.WriteAfter, where=entries.c.WriteAfter.is_not(None))
# Keyed sending: one email by its request, and the log of all requests.
_filtered("IX_Rowpost_Request", entries.c.RequestId, where=entries.c.RequestId.is_not(None))
_filtered("IX_Rowpost_Keyed", entries.c.Number, where=entries.c.Origin == literal_column("'key'"))

# What an email asks for beyond the seed's columns. An application inserts it with its email's id;
# admission puts it under the entry's number. Sessions with other settings write here: no filtered
# index.
options = Table(
    "Rowpost_Options",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("EmailId", Integer, nullable=False),
    Column("Number", Integer),
    Column("bccEmailid", Unicode(500)),
    Column("Priority", Integer),
    Column("Lane", Unicode(10)),
    Column("SendAt", UtcDateTime()),
    Column("ExpiresAt", UtcDateTime()),
    Column("IsHtml", Unicode(5)),
    Column("TextAlternative", AnyText),
    Column("ReplyTo", Unicode(500)),
    Column("Headers", AnyText),
    Column("Tags", Unicode(1100)),
    Column("RequestId", Unicode(36)),
    Column("Sender", Unicode(500)),
    Column("CreatedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    # The mail profile that sends it, in place of an account code.
    Column("ProfileId", Integer),
    # Low, Normal, High; and Normal, Personal, Private, Confidential.
    Column("Importance", Unicode(6)),
    Column("Sensitivity", Unicode(12)),
    # The list that its recipient may unsubscribe from with one click; yes: the default one.
    Column("Unsubscribe", Unicode(50)),
    Index("IX_Rowpost_Options_Email", "EmailId"),
    Index("IX_Rowpost_Options_Number", "Number"),
)

# What an email that carries a code says: never in the queue's own table, where triggers, archives
# and reports would see it.
confidential = Table(
    "Rowpost_Confidential",
    metadata,
    Column("Number", Integer, primary_key=True, autoincrement=False),
    Column("Subject", Unicode(500)),
    Column("Body", AnyText),
    Column("TextAlternative", AnyText),
)

# Rows that say N and can't be admitted as they are, and why.
held_rows = Table(
    "Rowpost_Held",
    metadata,
    Column("EmailId", Integer, primary_key=True, autoincrement=False),
    Column("Reason", Unicode(500), nullable=False),
    # The account code that nobody answers for, where that is the reason.
    Column("AccountCode", Unicode(50)),
    Column("Since", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("LookAgainAt", UtcDateTime(), nullable=False),
    # Somebody wants it sent, though it is one of very many that were reset at once.
    Column("Confirmed", Bit, nullable=False, server_default=text("0")),
    Index("IX_Rowpost_Held_LookAgain", "LookAgainAt"),
    Index("IX_Rowpost_Held_Code", "AccountCode"),
)

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
    Column("Rowpost_EhloName", Unicode(255)),
    # Test mode: who gets what is not for these addresses and domains.
    Column("Rowpost_RedirectTo", Unicode(320)),
    Column("Rowpost_AllowRecipients", Unicode(1000)),
    # How its emails leave, where that is not by SMTP: acs, graph.
    Column("Rowpost_Transport", Unicode(10)),
    # References to the DKIM key that signs, and to the one that is to take its place.
    Column("Rowpost_Dkim", Unicode(100)),
    Column("Rowpost_DkimNext", Unicode(100)),
    # Where answers to its emails go, unless an email says so itself.
    Column("Rowpost_ReplyTo", Unicode(255)),
    Column("Rowpost_Description", Unicode(256)),
    # Where its bounces come back to, and whether the address then names the email.
    Column("Rowpost_BounceAddress", Unicode(320)),
    Column("Rowpost_Verp", Unicode(1)),
)
read_tolerantly(accounts)

# Passwords on their way from SQL into the secret store: the next tick moves them there. Until then
# the account sends nothing.
pending_passwords = Table(
    "Rowpost_PendingPasswords",
    metadata,
    Column("AccountId", Integer, primary_key=True, autoincrement=False),
    Column("Password", Unicode(128), nullable=False),
    Column("Since", UtcDateTime(), nullable=False, server_default=utc_now()),
)

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
    # The queue was there before Rowpost; and the first id of it that is to be sent.
    Column("Adopted", Bit, nullable=False, server_default=text("0")),
    Column("FirstId", Integer),
    # Which database this is: in a copy of it something differs.
    Column("Place", Unicode(400)),
    # All that ended before has been emptied, as far as it was to be.
    Column("EmptiedUntil", UtcDateTime()),
    # The highest number that an account ever had: none becomes another account's.
    Column("LastAccountId", Integer, nullable=False, server_default=text("0")),
    # Since when a scheduled run is open, NULL: none is; and the last id of the queue that is of it.
    Column("RunSince", UtcDateTime()),
    Column("RunLastId", Integer),
)

# A row of its own: whoever adds an email holds it until the commit, and the mover waits for that.
relocation = Table(
    "Rowpost_Relocation",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=False),
    Column("MovedAt", UtcDateTime()),
)

recipients = Table(
    "Rowpost_Recipients",
    metadata,
    Column("Number", Integer, primary_key=True, autoincrement=False),
    Column("Ordinal", Integer, primary_key=True, autoincrement=False),
    Column("Kind", String(3), nullable=False),
    Column("Address", Unicode(320), nullable=False),
    Column("Name", Unicode(255)),
    Column("State", String(10), nullable=False),
    Column("Reply", Unicode(500)),
    Column("ChangedAt", UtcDateTime()),
)

# By what name a mail service knows what was asked of it, written with the mark. AskAfter: when to
# ask what became of it, where nobody knows; NULL: no more.
operations = Table(
    "Rowpost_Operations",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("Number", Integer, nullable=False),
    Column("Operation", String(36), nullable=False),
    Column("Account", Unicode(50)),
    Column("StartedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("AskAfter", UtcDateTime()),
    Column("Asked", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("Operation", name="UQ_Rowpost_Operations"),
    Index("IX_Rowpost_Operations_Number", "Number", "Id"),
)

attempts = Table(
    "Rowpost_Attempts",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("Number", Integer, nullable=False),
    Column("At", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("Account", Unicode(50)),
    Column("Outcome", String(20), nullable=False),
    Column("Code", Integer),
    Column("EnhancedCode", String(12)),
    Column("Reply", Unicode(500)),
    Column("DurationMs", Integer),
    Index("IX_Rowpost_Attempts_Number", "Number", "Id"),
)


def _of_an_event() -> tuple[Column[Any], ...]:
    return (
        Column("At", UtcDateTime(), nullable=False, server_default=utc_now()),
        Column("Type", String(30), nullable=False),
        Column("EmailId", Integer),
        Column("Recipient", Unicode(320)),
        Column("Account", Unicode(50)),
        Column("Code", Integer),
        Column("EnhancedCode", String(12)),
        Column("Reason", Unicode(500)),
    )


# What happened, to be read in the order of the numbers: none is filled in later. Where one
# transaction writes at a time these are the rows' own, elsewhere they are given after the commit.
events = Table(
    "Rowpost_Events",
    metadata,
    Column("Id", LargeNumber, primary_key=True, autoincrement=False, server_default=FetchedValue()),
    *_of_an_event(),
)
# Events whose transaction was committed a moment ago, or is not yet: without a number.
new_events = Table(
    "Rowpost_NewEvents",
    metadata,
    Column("Id", LargeNumber, primary_key=True, autoincrement=True),
    *_of_an_event(),
    sqlite_autoincrement=True,
)

# Where events are posted to, and how that has gone.
webhooks = Table(
    "Rowpost_Webhooks",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("Url", Unicode(2000), nullable=False),
    # Between commas; NULL: all.
    Column("Types", String(1000)),
    Column("Enabled", Bit, nullable=False, server_default=text("1")),
    Column("DisabledReason", Unicode(500)),
    # Part of the ids of its messages, and of the name of its secret.
    Column("Token", String(16), nullable=False),
    # All events up to this one have been looked at.
    Column("LastEvent", LargeNumber, nullable=False),
    # Failures in a row and since when; and until when nothing is sent.
    Column("Failures", Integer, nullable=False, server_default=text("0")),
    Column("FailingSince", UtcDateTime()),
    Column("RestUntil", UtcDateTime()),
    Column("LastFault", Unicode(500)),
    # Who sends its events at the moment.
    Column("LeaseToken", String(36)),
    Column("LeaseUntil", UtcDateTime()),
    Column("CreatedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("CreatedBy", Unicode(150)),
    # A number that was a webhook's once never becomes another's.
    sqlite_autoincrement=True,
)
# An event that was posted to a webhook, or is to be posted again.
deliveries = Table(
    "Rowpost_Deliveries",
    metadata,
    Column("Id", LargeNumber, primary_key=True, autoincrement=True),
    Column("WebhookId", Integer, nullable=False),
    Column("EventId", LargeNumber, nullable=False),
    Column("Type", String(30), nullable=False),
    Column("State", String(10), nullable=False),
    Column("Attempts", Integer, nullable=False),
    Column("NextAt", UtcDateTime()),
    Column("LastAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("Status", Integer),
    Column("Fault", Unicode(500)),
    Column("DurationMs", Integer),
    UniqueConstraint("WebhookId", "EventId", name="UQ_Rowpost_Deliveries"),
)
_filtered(
    "IX_Rowpost_Deliveries_Next",
    deliveries.c.WebhookId,
    deliveries.c.NextAt,
    where=deliveries.c.NextAt.is_not(None),
)

# Where bounces come in, how far each mailbox has been read, and how that has gone.
bounce_mailboxes = Table(
    "Rowpost_BounceMailboxes",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("Name", Unicode(100), nullable=False),
    Column("Kind", String(10), nullable=False),
    Column("Host", Unicode(255), nullable=False),
    Column("Port", Integer, nullable=False),
    Column("Tls", String(10), nullable=False),
    Column("Username", Unicode(255), nullable=False),
    Column("TenantId", Unicode(255)),
    Column("ClientId", Unicode(100)),
    # A reference to the password, or to the client's secret.
    Column("Secret", Unicode(255)),
    Column("Folder", Unicode(255), nullable=False),
    # Where what is done with goes, and what is not understood; NULL: it stays.
    Column("DoneFolder", Unicode(255)),
    Column("UnclearFolder", Unicode(255)),
    Column("DeletesDone", Bit, nullable=False, server_default=text("0")),
    Column("Enabled", Bit, nullable=False, server_default=text("1")),
    # All up to here has been read; what the number means depends on the kind of mailbox.
    Column("Validity", LargeNumber, nullable=False, server_default=text("0")),
    Column("LastRead", LargeNumber, nullable=False, server_default=text("0")),
    # How many messages of which sort it has brought.
    Column("Bounced", Integer, nullable=False, server_default=text("0")),
    Column("Complained", Integer, nullable=False, server_default=text("0")),
    Column("Unclear", Integer, nullable=False, server_default=text("0")),
    Column("Others", Integer, nullable=False, server_default=text("0")),
    # Failures in a row and since when; and when it is read again.
    Column("Failures", Integer, nullable=False, server_default=text("0")),
    Column("FailingSince", UtcDateTime()),
    Column("LastFault", Unicode(500)),
    Column("LastReadAt", UtcDateTime()),
    Column("NextAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    # Who reads it at the moment.
    Column("LeaseToken", String(36)),
    Column("LeaseUntil", UtcDateTime()),
    Column("CreatedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("CreatedBy", Unicode(150)),
    # A number that was a mailbox's once never becomes another's.
    sqlite_autoincrement=True,
)
# What a message in one of them said of one recipient; of one that says nothing of any, one row.
bounces = Table(
    "Rowpost_Bounces",
    metadata,
    Column("Id", LargeNumber, primary_key=True, autoincrement=True),
    Column("At", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("MailboxId", Integer, nullable=False),
    # Of the message, so that it is recorded once however often it is read.
    Column("Digest", String(64), nullable=False),
    Column("Ordinal", Integer, nullable=False),
    Column("Kind", String(10), nullable=False),
    Column("EmailId", Integer),
    Column("Recipient", Unicode(320)),
    Column("Code", Integer),
    Column("EnhancedCode", String(12)),
    Column("Reason", Unicode(500)),
    Column("Done", String(10), nullable=False),
    # The beginning of what it says, where that was not understood.
    Column("Excerpt", Unicode(2000)),
    # Where the message lies, and with what it is to be filed; NULL: it is where it belongs.
    Column("Place", Unicode(400), nullable=False),
    Column("Filing", String(10)),
    UniqueConstraint("Digest", "Ordinal", name="UQ_Rowpost_Bounces"),
    Index("IX_Rowpost_Bounces_Place", "MailboxId", "Place"),
    Index("IX_Rowpost_Bounces_Kind", "Kind", "Id"),
    Index("IX_Rowpost_Bounces_Done", "Done", "Id"),
)
_filtered("IX_Rowpost_Bounces_Email", bounces.c.EmailId, where=bounces.c.EmailId.is_not(None))
_filtered("IX_Rowpost_Bounces_Unfiled", bounces.c.MailboxId, where=bounces.c.Filing.is_not(None))
# Addresses that are spared once another day says the same of them.
_filtered(
    "IX_Rowpost_Bounces_Once",
    bounces.c.Recipient,
    bounces.c.At,
    where=bounces.c.Done == literal_column("'once'"),
)

# Files of an email in the attachment store, beside the document in its own row.
attachments = Table(
    "Rowpost_Attachments",
    metadata,
    Column("Number", Integer, primary_key=True, autoincrement=False),
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

# Who wants no more of a list, for good; other emails reach them.
unsubscribed = Table(
    "Rowpost_Unsubscribed",
    metadata,
    Column("List", Unicode(50), primary_key=True),
    Column("Address", Unicode(320), primary_key=True),
    Column("EmailId", Integer),
    Column("Since", UtcDateTime(), nullable=False, server_default=utc_now()),
    Index("IX_Rowpost_Unsubscribed_Address", "Address", "List"),
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
    Column("Number", Integer, primary_key=True, autoincrement=False),
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

# Accounts that take over where those before them rest, in this order; the first is the account's
# own Rowpost_FallbackId.
failovers = Table(
    "Rowpost_Failovers",
    metadata,
    Column("AccountId", Integer, primary_key=True, autoincrement=False),
    Column("Position", Integer, primary_key=True, autoincrement=False),
    Column("FailoverId", Integer, nullable=False),
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
    Column("Number", Integer, primary_key=True, autoincrement=False),
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

# Database Mail. Sessions with other settings write all of these: no filtered index.

# A profile is a list of accounts in their order; its emails have the code `profile:<Id>`.
mail_profiles = Table(
    "Rowpost_MailProfiles",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("Name", Unicode(128), nullable=False),
    Column("Description", Unicode(256)),
    Column("ModifiedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("ModifiedBy", Unicode(128)),
    # Scripts look for this name in the error text.
    UniqueConstraint("Name", name="SYSMAIL_PROFILE_NameMustBeUnique"),
    # A number that was a profile's once never becomes another's.
    sqlite_autoincrement=True,
)

mail_profile_accounts = Table(
    "Rowpost_MailProfileAccounts",
    metadata,
    Column("ProfileId", Integer, primary_key=True, autoincrement=False),
    # The account's Rowpost_Id.
    Column("AccountId", Integer, primary_key=True, autoincrement=False),
    # The lowest sends; the others take over, in this order.
    Column("SequenceNumber", Integer, nullable=False),
    Column("ModifiedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("ModifiedBy", Unicode(128)),
)

# Who may use a profile: `public`, a user of the database as `user:<name>`, or a caller of the API
# as `caller:<identity>`.
mail_principals = Table(
    "Rowpost_MailPrincipals",
    metadata,
    Column("Principal", Unicode(200), primary_key=True),
    Column("ProfileId", Integer, primary_key=True, autoincrement=False),
    # Its SID in hexadecimal, for a user of the database: one made later by the same name is not it.
    Column("Sid", Unicode(172)),
    Column("IsDefault", Bit, nullable=False, server_default=text("0")),
    Column("ModifiedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("ModifiedBy", Unicode(128)),
)

# What sysmail_configure_sp sets; and `Rowpost.Status`, STARTED or STOPPED, which it does not.
mail_configuration = Table(
    "Rowpost_MailConfiguration",
    metadata,
    Column("Name", Unicode(256), primary_key=True),
    # Of the two of AccountRetry..., NULL is the service's own schedule of retries.
    Column("Value", Unicode(256)),
    Column("Description", Unicode(256)),
    Column("ModifiedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("ModifiedBy", Unicode(128)),
)

# An email as sp_send_dbmail was given it, beside its row, its options and its entry: an application
# inserts it with its email's id, which is the mailitem_id, and admission notes the entry's number.
mail_items = Table(
    "Rowpost_MailItems",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    Column("EmailId", Integer, nullable=False),
    Column("Number", Integer),
    Column("ProfileId", Integer, nullable=False),
    # Whole, where the row's own lists hold only their beginning.
    Column("Recipients", AnyText),
    Column("CopyRecipients", AnyText),
    Column("BlindCopyRecipients", AnyText),
    Column("Subject", Unicode(255)),
    Column("FromAddress", AnyText),
    Column("ReplyTo", AnyText),
    Column("BodyFormat", Unicode(20)),
    Column("Importance", Unicode(6)),
    Column("Sensitivity", Unicode(12)),
    Column("FileAttachments", AnyText),
    Column("Query", AnyText),
    Column("ExecuteQueryDatabase", Unicode(128)),
    Column("AttachQueryResultAsFile", Bit),
    Column("QueryAttachmentFilename", Unicode(260)),
    Column("QueryResultHeader", Bit),
    Column("QueryResultWidth", Integer),
    Column("QueryResultSeparator", Unicode(1)),
    Column("QueryNoTruncate", Bit),
    Column("QueryResultNoPadding", Bit),
    Column("QueryResultFormat", Unicode(4)),
    Column("ExcludeQueryOutput", Bit),
    Column("AppendQueryError", Bit),
    Column("RequestedAt", UtcDateTime(), nullable=False, server_default=utc_now()),
    # SUSER_SNAME(), USER_NAME() and ORIGINAL_LOGIN(); or the caller of the API, as all three.
    Column("RequestedBy", Unicode(128), nullable=False),
    Column("DatabaseUser", Unicode(128)),
    Column("OriginalLogin", Unicode(128)),
    Index("IX_Rowpost_MailItems_Email", "EmailId"),
    Index("IX_Rowpost_MailItems_Number", "Number"),
    Index("IX_Rowpost_MailItems_Caller", "RequestedBy", "Id"),
)

# What the event log tells beside the tries of emails, which are in Rowpost_Attempts: who started
# and stopped it, who removed what.
mail_log = Table(
    "Rowpost_MailLog",
    metadata,
    Column("Id", Integer, primary_key=True, autoincrement=True),
    # success, information, warning, error
    Column("EventType", Unicode(11), nullable=False),
    Column("At", UtcDateTime(), nullable=False, server_default=utc_now()),
    Column("Description", AnyText, nullable=False),
    Column("ProcessId", Integer),
    Column("EmailId", Integer),
    Column("AccountId", Integer),
    Column("ModifiedBy", Unicode(128)),
    Index("IX_Rowpost_MailLog_At", "At"),
)

# Up to when somebody has cleared events of this type: those of tries are hidden, since the tries
# themselves stay.
mail_log_cleared = Table(
    "Rowpost_MailLogCleared",
    metadata,
    Column("EventType", Unicode(11), primary_key=True),
    Column("Until", UtcDateTime(), nullable=False),
)
