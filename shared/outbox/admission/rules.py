"""What a row that says N means: an email for the queue, or one that is held, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.outbox.states import ENDED, Flag, Importance, Lane, Sensitivity, profile_code

PRIORITIES = range(1, 6)
_USUAL_PRIORITY = 3
_REQUEST_ID_WIDTH = 36
LONGEST_LISTS = 500_000
"""Bytes that an email's lists of recipients may have where they stand beside its row."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An email as its row asks for it. Times are aware; None is at once, and never."""

    account_code: str | None
    lane: Lane
    priority: int
    send_at: datetime | None
    expires_at: datetime | None
    request_id: str | None
    profile_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A row that can't be admitted as it is. `account_code`: the code that nobody answers for,
    where that is the reason."""

    reason: str
    account_code: str | None = None


def judge(row: Mapping[str, Any], answered: Mapping[str, str | None]) -> Wanted | Held:
    """What the row asks for. `answered`: the account codes that an active account answers for,
    by themselves in small letters; "" for emails without a code. Of its subject, body and document
    the row says how large they are.

    What was surely meant is taken so: letter case, spaces around a word, a number written as text.
    """
    profile_id, code = _profile(row.get("ProfileId")), _text(row.get("AccountCode"))
    if profile_id is not None:
        code = profile_code(profile_id)
        if row.get("ProfileName") is None:
            return Held(f"its mail profile, number {profile_id}, is gone: send it by another", code)
        if code not in answered:
            return Held(_no_profile(_text(row["ProfileName"])), code)
    elif code.lower() not in answered:
        return Held(_nobody(code), code)
    lane = _lane(row.get("Lane"))
    if lane is None:
        return Held(f"its lane is {_shown(row['Lane'])}: it may be immediate or scheduled")
    priority = _priority(row.get("Priority"))
    if priority is None:
        return Held(f"its priority is {_shown(row['Priority'])}: it may be 1 (first) to 5")
    times: dict[str, datetime | None] = {}
    for name, what in (("SendAt", "the time to send it at"), ("ExpiresAt", "its expiry")):
        try:
            times[name] = instant(row.get(name))
        except ValueError:
            return Held(f"{what} is {_shown(row[name])}: it may be like 2026-11-21T10:00:00Z")
    request_id = _text(row.get("RequestId"))
    if len(request_id) > _REQUEST_ID_WIDTH:
        return Held(f"its request id is longer than {_REQUEST_ID_WIDTH} characters")
    if fault := _header_fault(row) or _lack(row):
        return Held(fault)
    return Wanted(
        answered[code.lower()],
        lane,
        priority,
        times["SendAt"],
        times["ExpiresAt"],
        request_id or None,
        profile_id,
    )


class Over(StrEnum):
    """What an N means over an entry that is there already."""

    LEAVE = "leave"
    """It is on its way: looked at when that has ended."""
    END = "end"
    """Nothing new was asked: the row gets its end."""
    ANEW = "anew"
    """The email is wanted once more, or is another one: a new entry."""


def over(state: Flag, *, is_written: bool, same: bool) -> Over:
    """What an N means over an entry in this state. `is_written`: its row had been told its end.
    `same`: the row says what went."""
    if state in (Flag.PREPARING, Flag.TRANSMITTING):
        return Over.LEAVE
    return Over.END if state in ENDED and same and not is_written else Over.ANEW


def spares_who_had_it(state: Flag, *, same: bool) -> bool:
    """Whether those who had the email already do not get it again: where it had not ended, or
    nobody knows how."""
    return same and state in (Flag.WAITING, Flag.UNKNOWN)


def instant(value: Any) -> datetime | None:
    """A time as an application may have written it, UTC where it names no zone.

    Raises ValueError for what is no time.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        raise ValueError("no time")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("beyond all calendars") from error


def _profile(value: Any) -> int | None:
    """The number of its mail profile; no profile has the number 0."""
    word = _text(value)
    if not word:
        return None
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 10 else 0


def _header_fault(row: Mapping[str, Any]) -> str | None:
    """What of its header can't be written, or of its recipients."""
    for name, known in (("Importance", Importance), ("Sensitivity", Sensitivity)):
        word = _text(row.get(name))
        if word and word.lower() not in tuple(known):
            return f"its {name.lower()} is {_shown(word)}: it may be {', '.join(known)}"
    if (row.get("ListsSize") or 0) > LONGEST_LISTS:
        return f"its lists of recipients are longer than {LONGEST_LISTS} bytes: send it in parts"
    return None


def lack_of(filename: str | None, *, has_document: bool, says_something: bool) -> str | None:
    """What an email can't be sent without: the document of a file that it names, or anything.

    `says_something`: whether it has a subject, a body or files beside its row.
    """
    if has_document:
        return None
    if filename := _text(filename):
        return (
            f"it names the file {_shown(filename)} and has no document: add it, or clear the name"
        )
    if says_something:
        return None
    return "it has no subject, no body and no document: give it one of them"


def _lack(row: Mapping[str, Any]) -> str | None:
    return lack_of(
        row.get("Filename"),
        has_document=bool(row.get("DocumentSize")),
        says_something=any(map(row.get, ("SubjectSize", "BodySize", "AttachmentCount"))),
    )


def _lane(value: Any) -> Lane | None:
    word = _text(value).lower()
    if not word:
        return Lane.SCHEDULED
    return Lane(word) if word in tuple(Lane) else None


def _priority(value: Any) -> int | None:
    word = _text(value)
    if not word:
        return _USUAL_PRIORITY
    return int(word) if word.isascii() and word.isdecimal() and int(word) in PRIORITIES else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value).strip()


def _shown(value: Any) -> str:
    return repr(_text(value)[:60])


def _no_profile(name: str) -> str:
    return (
        f"no active account sends for its mail profile {_shown(name)}: give the profile one, "
        "or start Database Mail"
    )


def _nobody(code: str) -> str:
    if code:
        return f"no active account has the code {_shown(code)}: correct the code, or add an account"
    return "it names no account, and no account is the default: mark one, or name one"
