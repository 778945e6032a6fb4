"""A call of sp_send_dbmail, and the checks that come before anything is stored. Pure.

The checks come in the order, and with the numbers, that callers of the procedure know: what a call
has wrong twice is told by the same number here and there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from shared.features.database_mail import refusal
from shared.features.database_mail.query_result import (
    BadLayout,
    Format,
    Layout,
    QueryResult,
    TooLong,
    as_file,
    written,
)
from shared.features.database_mail.refusal import Refused
from shared.outbox.states import Importance, Sensitivity

V = TypeVar("V")

DEFAULT_SUBJECT = "SQL Server Message"
_LISTS = ("recipients", "copy_recipients", "blind_copy_recipients")
_NO_NULL = (
    "attach_query_result_as_file",
    "exclude_query_output",
    "query_result_header",
    "query_result_separator",
    "append_query_error",
)
_QUOTED = re.compile(r'"[^"]*"')
_NOCOUNT = re.compile(r"\bset\s+nocount\s+on\b", re.IGNORECASE)
_ENDINGS = {Format.TEXT: "txt", Format.CSV: "csv", Format.HTML: "html"}
_NO_QUERY_HERE = (
    "Query execution failed: this endpoint runs no query, since its callers have no rights in the "
    "database. Run it yourself and give what it came to as query_result, or call "
    "dbo.sp_send_dbmail, which runs it with the rights of its caller."
)
_NO_FILES_HERE = (
    "There are no files to read by a path here. Send them to POST /api/emails as attachments: they "
    "are kept in the attachment store, and Rowpost_Attachments names them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The parameters of sp_send_dbmail by their names, and `query_result` and
    `query_result_format`, which are ours."""

    profile_name: str | None = None
    recipients: str | None = None
    copy_recipients: str | None = None
    blind_copy_recipients: str | None = None
    subject: str | None = None
    body: str | None = field(default=None, repr=False)
    body_format: str | None = None
    importance: str | None = "NORMAL"
    sensitivity: str | None = "NORMAL"
    file_attachments: str | None = None
    query: str | None = field(default=None, repr=False)
    execute_query_database: str | None = None
    attach_query_result_as_file: bool | None = False
    query_attachment_filename: str | None = None
    query_result_header: bool | None = True
    query_result_width: int | None = 256
    query_result_separator: str | None = " "
    exclude_query_output: bool | None = False
    append_query_error: bool | None = False
    query_no_truncate: bool | None = False
    query_result_no_padding: bool | None = False
    from_address: str | None = None
    reply_to: str | None = None
    query_result: QueryResult | None = field(default=None, repr=False)
    query_result_format: Format = Format.TEXT


@dataclass(frozen=True, slots=True)
class Bounds:
    """What files and results may be: MaxFileSize in bytes, and ProhibitedExtensions."""

    most_bytes: int = 1_000_000
    prohibited: frozenset[str] = frozenset({"exe", "dll", "vbs", "js"})


@dataclass(frozen=True, slots=True)
class Checked:
    """A call that may be stored: what is said, with the result of its query in its place."""

    call: Call
    subject: str
    body: str = field(repr=False)
    is_html: bool
    importance: Importance
    sensitivity: Sensitivity
    file: tuple[str, bytes] | None = field(default=None, repr=False)
    """Its name, and what is in it."""


def checked(call: Call, bounds: Bounds, chance: int) -> Checked:
    """The call once all but its profile is checked. `chance`, six digits at most, names a file that
    the call does not name. Raises Refused."""
    for name in _NO_NULL:
        if getattr(call, name) in (None, ""):
            raise Refused(refusal.MISSING, name, f"Parameter @{name} must not be NULL.")
    call = replace(call, query_result_separator=(call.query_result_separator or " ")[:1])
    is_html = _one_of(call, "body_format", "TEXT", {"TEXT": False, "HTML": True})
    importance = _one_of(call, "importance", "", {each.upper(): each for each in Importance})
    sensitivity = _one_of(call, "sensitivity", "", {each.upper(): each for each in Sensitivity})
    _require_something(call)
    for name in (*_LISTS, "reply_to"):
        if "," in _QUOTED.sub("", getattr(call, name) or ""):
            raise Refused(
                refusal.COMMA, name, f"@{name} holds a comma: part addresses by semicolons."
            )
    if call.attach_query_result_as_file and not (call.query or call.query_result):
        raise Refused(
            refusal.NO_QUERY,
            "attach_query_result_as_file",
            "A query's result can be attached only where there is one: give @query.",
        )
    result = _result(call, bounds)
    if call.file_attachments:
        raise Refused(refusal.FILE, "file_attachments", _NO_FILES_HERE)
    body, file = call.body or "", None
    if result is not None and call.attach_query_result_as_file:
        file = (_filename(call, bounds, chance), as_file(result, call.query_result_format))
    elif result is not None:
        body = f"{body}\r\n{result}" if body else result
    subject = call.subject or DEFAULT_SUBJECT
    return Checked(call, subject, body, is_html, importance, sensitivity, file)


_NUMBERS = {
    "body_format": refusal.BODY_FORMAT,
    "importance": refusal.IMPORTANCE,
    "sensitivity": refusal.SENSITIVITY,
}


def _one_of(call: Call, name: str, default: str, known: Mapping[str, V]) -> V:
    value: str | None = getattr(call, name)
    word = default if value is None else value
    if word.upper() not in known:
        allowed = ", ".join(known)
        raise Refused(_NUMBERS[name], name, f"@{name} is {word!r}: it may be one of {allowed}.")
    return known[word.upper()]


def _require_something(call: Call) -> None:
    says = (call.body, call.query, call.file_attachments, call.subject)
    if call.query_result is None and not any((each or "").rstrip(" ") for each in says):
        raise Refused(
            refusal.NOTHING_GIVEN,
            "body",
            "At least one of @body, @query, @file_attachments, @subject must be given.",
        )
    if not any((getattr(call, name) or "").strip() for name in _LISTS):
        several = ", ".join(f"@{name}" for name in _LISTS)
        raise Refused(
            refusal.NOTHING_GIVEN, "recipients", f"At least one of {several} must be given."
        )


def _result(call: Call, bounds: Bounds) -> str | None:
    """What the query's result is written as; None where there is none."""
    if call.query_result is None:
        if call.query:
            raise Refused(refusal.QUERY, "query", _NO_QUERY_HERE)
        return None
    layout = Layout(
        format=call.query_result_format,
        header=bool(call.query_result_header),
        width=256 if call.query_result_width is None else call.query_result_width,
        separator=call.query_result_separator or " ",
        no_padding=bool(call.query_result_no_padding),
        no_truncate=bool(call.query_no_truncate),
        counts=not _NOCOUNT.search(call.query or ""),
    )
    too_large = Refused(
        refusal.QUERY,
        "query_result",
        "File attachment or query results size exceeds allowable value of "
        f"{bounds.most_bytes} bytes.",
    )
    try:
        # No file has fewer bytes than its text has characters.
        text = written(call.query_result, layout, most=bounds.most_bytes)
    except BadLayout as error:
        raise Refused(refusal.QUERY, "query_result", f"{error}.") from None
    except TooLong:
        raise too_large from None
    if len(as_file(text, call.query_result_format)) > bounds.most_bytes:
        raise too_large
    return text


def _filename(call: Call, bounds: Bounds, chance: int) -> str:
    given = (call.query_attachment_filename or "").strip()
    name = given or f"QueryResults{chance}.{_ENDINGS[call.query_result_format]}"
    if name.rpartition(".")[2].strip().lower() in bounds.prohibited:
        raise Refused(
            refusal.EXTENSION,
            "query_attachment_filename",
            f"The extension of {name!r} is not permitted: ProhibitedExtensions names those.",
        )
    return name
