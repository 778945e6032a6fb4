"""sp_send_dbmail for callers of the API: the same checks in the same order, then one email."""

from __future__ import annotations

import random
from collections.abc import Callable

from sqlalchemy import Connection, insert

from shared.app import Application
from shared.attachments.keeper import Upload
from shared.database.tables import mail_items
from shared.features.database_mail import refusal
from shared.features.database_mail.call import Call, Checked, checked
from shared.features.database_mail.configuration import configuration
from shared.features.database_mail.profiles import Who, grants_of, profile_names, resolve
from shared.features.database_mail.query_result import Format
from shared.features.database_mail.refusal import Refused
from shared.mime.addresses import BadAddress, entries_of, parse_mailbox
from shared.outbox.add import BadValue
from shared.outbox.entries import current_number
from shared.submissions.store import Afterwards, store
from shared.submissions.submission import InvalidEmail, Origin, Submission

_REQUESTED_BY_WIDTH = 128
_TYPES = {
    Format.TEXT: "text/plain; charset=utf-16",
    Format.CSV: "text/csv; charset=utf-8",
    Format.HTML: "text/html; charset=utf-8",
}
_THEIR_NAMES = {
    "cc": "copy_recipients",
    "bcc": "blind_copy_recipients",
    "html_content": "body",
    "text_content": "body",
}


def submit(
    application: Application,
    call: Call,
    who: Who,
    identity: str,
    afterwards: Callable[[], Afterwards[int] | None] = lambda: None,
) -> int:
    """Store the email; answers its mailitem_id. When this returns it is safe, and on its way.

    `identity`: the caller's, whose email it is. `afterwards`: what else to write in the same
    transaction. Raises Refused, or InvalidEmail for an address that is none.
    """
    with application.database().read() as connection:
        settings = configuration(connection)
        if settings.stopped:
            raise Refused(
                refusal.STOPPED,
                "",
                "Mail not queued. Database Mail is stopped. Use sysmail_start_sp to start it.",
            )
        grants = grants_of(connection, who.principals)
        profile_id = resolve(call.profile_name, who, profile_names(connection), grants)
    email = checked(call, settings.bounds, random.randrange(1_000_000))
    also = afterwards()

    def keep(connection: Connection, stored: list[int]) -> None:
        (email_id,) = stored
        number = current_number(connection, email_id)
        item = {**_item(email, identity), "EmailId": email_id, "Number": number}
        connection.execute(insert(mail_items), {**item, "ProfileId": profile_id})
        if also is not None:
            also(connection, stored)

    try:
        return store(application, _submission(email, profile_id, identity), keep)
    except InvalidEmail as error:
        raise InvalidEmail(*map(_in_their_words, error.faults)) from None


def _submission(email: Checked, profile_id: int, identity: str) -> Submission:
    call, sender = email.call, None
    if call.from_address:
        try:
            sender = parse_mailbox(call.from_address)
        except BadAddress as error:
            raise InvalidEmail(BadValue("from_address", str(error))) from None
    to, cc, bcc = (
        entries_of(text or "")
        for text in (call.recipients, call.copy_recipients, call.blind_copy_recipients)
    )
    return Submission(
        recipients=to,
        cc=cc,
        bcc=bcc,
        subject=email.subject,
        html=email.body if email.is_html else None,
        text=None if email.is_html else email.body,
        reply_to=call.reply_to or None,
        sender=sender,
        profile_id=profile_id,
        importance=email.importance,
        sensitivity=email.sensitivity,
        attachments=_files(email),
        origin=Origin.DATABASE_MAIL,
        stored_by=identity,
    )


def _files(email: Checked) -> list[Upload]:
    if email.file is None:
        return []
    name, content = email.file
    return [Upload(name, [content], _TYPES[email.call.query_result_format])]


def _in_their_words(fault: BadValue) -> BadValue:
    name, bracket, place = fault.field.partition("[")
    return BadValue(f"{_THEIR_NAMES.get(name, name)}{bracket}{place}", fault.message)


def _item(email: Checked, identity: str) -> dict[str, object]:
    call = email.call
    return {
        "Recipients": call.recipients,
        "CopyRecipients": call.copy_recipients,
        "BlindCopyRecipients": call.blind_copy_recipients,
        "Subject": email.subject,
        "FromAddress": call.from_address,
        "ReplyTo": call.reply_to,
        "BodyFormat": "HTML" if email.is_html else "TEXT",
        "Importance": email.importance.value.upper(),
        "Sensitivity": email.sensitivity.value.upper(),
        "Query": call.query,
        "ExecuteQueryDatabase": call.execute_query_database,
        "AttachQueryResultAsFile": int(bool(call.attach_query_result_as_file)),
        "QueryAttachmentFilename": None if email.file is None else email.file[0],
        "QueryResultHeader": int(bool(call.query_result_header)),
        "QueryResultWidth": call.query_result_width,
        "QueryResultSeparator": call.query_result_separator,
        "QueryNoTruncate": int(bool(call.query_no_truncate)),
        "QueryResultNoPadding": int(bool(call.query_result_no_padding)),
        "QueryResultFormat": call.query_result_format.value,
        "ExcludeQueryOutput": int(bool(call.exclude_query_output)),
        "AppendQueryError": int(bool(call.append_query_error)),
        "RequestedBy": identity[:_REQUESTED_BY_WIDTH],
        "DatabaseUser": None,
        "OriginalLogin": None,
    }
