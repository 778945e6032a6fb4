"""An email as a way in has it, before anything is judged or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.attachments.keeper import Upload
from shared.errors import RowpostError
from shared.mime.addresses import Mailbox
from shared.outbox.add import BadValue
from shared.outbox.states import Importance, Lane, Sensitivity

MOST_RECIPIENTS = 1_000
MOST_HEADERS = 20
MOST_HEADER_CHARACTERS = 998
LIST_WIDTH = 500
ADDRESS_WIDTH = 320


class Origin(StrEnum):
    """The way an email came in."""

    API = "api"
    COMMAND = "command"
    CONTACT = "contact"
    DATABASE_MAIL = "database_mail"
    KEY = "key"
    RESET = "reset"


class InvalidEmail(RowpostError):
    """It can't be sent as it is; `faults` names every field that is wrong, and why."""

    def __init__(self, *faults: BadValue) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class ExpiresTooSoon(RowpostError):
    """The email could never be sent: it expires before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An email as a way in has it. At least one recipient and one of `html` and `text`, or else
    a template with its variables, which says all of `subject`, `html` and `text`.

    Each recipient is one mailbox, with or without a name; `reply_to` may be a list of them.
    `account` is an account's number or code, None the default one; `profile_id` is a mail profile
    in place of it. `sender` is who it is from in place of that. Times are aware; None is at once,
    and never. `unsubscribe` is the list that its one recipient may leave with a click. `stored_by`
    is the caller, who may read it again.
    """

    recipients: Sequence[str]
    subject: str | None = None
    html: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    account: int | str | None = None
    profile_id: int | None = None
    importance: Importance = Importance.NORMAL
    sensitivity: Sensitivity = Sensitivity.NORMAL
    reply_to: str | None = None
    sender: Mailbox | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    priority: int = 3
    lane: Lane = Lane.IMMEDIATE
    send_at: datetime | None = None
    expires_at: datetime | None = None
    tags: Sequence[str] = ()
    template: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attachments: Sequence[Upload] = ()
    unsubscribe: str | None = None
    origin: Origin
    stored_by: str | None = None
    request_id: str | None = None
