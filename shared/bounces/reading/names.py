"""By what a message names emails of ours: tokens of return paths, and Message-IDs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from shared.bounces.reading import delivery_status, feedback_report, receipt
from shared.bounces.reading.fields import fields_in
from shared.bounces.reading.message import SENT_TO, Message
from shared.bounces.reading.parts import header_in
from shared.mime.return_path import tokens_in

MOST_NAMES = 20
_MACHINES_WORD = (
    delivery_status.CONTENT_TYPES | feedback_report.CONTENT_TYPES | receipt.CONTENT_TYPES
)
_RETURNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}
)
# RFC 5321 4.4, RFC 5965 3.1; and what servers that give emails another id call the former one.
_ADDRESSES = (*SENT_TO, "return-path", "x-envelope-from", "original-mail-from")
_OWN_ID = ("message-id", "x-original-message-id", "x-microsoft-original-message-id")
_ANSWERED_ID = ("x-original-message-id", "original-message-id", "in-reply-to")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,250}>")
_QUOTED_ID = re.compile(r"^[ \t>]*Message-ID:(.{0,400})", re.IGNORECASE | re.MULTILINE)


class Names(NamedTuple):
    """See `Report`."""

    tokens: tuple[str, ...]
    message_ids: tuple[str, ...]


def names_in(message: Message) -> Names:
    """What stands where the names of an email of ours would, up to MOST_NAMES of each."""
    told = [message.header]
    told += [fields_in(part.text) for part in message.of_type(_MACHINES_WORD)]
    returned = [header_in(part.content) for part in message.of_type(_RETURNED)]
    addresses = [value for fields in (*told, *returned) for value in fields.all(*_ADDRESSES)]
    ids = [value for fields in told for value in fields.all(*_ANSWERED_ID)]
    ids += [value for fields in returned for value in fields.all(*_OWN_ID)]
    if not returned:
        ids += [quoted[1] for quoted in _QUOTED_ID.finditer(message.text)]
    return Names(_few(tokens_in(addresses)), _few(_message_ids(ids)))


def _message_ids(values: Iterable[str]) -> Iterator[str]:
    return (found for value in values for found in _MESSAGE_ID.findall(value))


def _few(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(names), MOST_NAMES))
