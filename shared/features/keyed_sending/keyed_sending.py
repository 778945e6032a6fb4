"""Keyed sending: one email by one request, over the account that the key is bound to.

The request's number is a random GUID: whoever has it may ask what became of the email. It goes to
the caller and into the row, and never into a log.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.app import Application
from shared.outbox.add import BadValue
from shared.security.kept_keys import Key
from shared.submissions.store import Afterwards, store
from shared.submissions.submission import InvalidEmail, Origin, Submission

_OUR_NAMES = {"recipients[0]": "recipient", "html_content": "body", "text_content": "body"}


@dataclass(frozen=True, slots=True)
class KeyedEmail:
    """What the holder of a key wants sent, to one recipient."""

    recipient: str
    subject: str
    body: str = field(repr=False)
    is_html: bool = False


def submit(
    application: Application,
    key: Key,
    email: KeyedEmail,
    afterwards: Callable[[str], Afterwards[int] | None],
) -> str:
    """Store the email; answers the request's number. When this returns it is safe, and on its way.

    `afterwards`, of that number, is what else to write in the same transaction.
    Raises InvalidEmail, and AccountNotFound where the key's account is no more.
    """
    request_id = str(uuid.uuid4())
    submission = Submission(
        recipients=[email.recipient],
        subject=email.subject,
        html=email.body if email.is_html else None,
        text=None if email.is_html else email.body,
        account=key.account_id,
        origin=Origin.KEY,
        stored_by=key.identity,
        request_id=request_id,
    )
    try:
        store(application, submission, afterwards(request_id))
    except InvalidEmail as error:
        faults = (
            BadValue(_OUR_NAMES.get(one.field, one.field), one.message) for one in error.faults
        )
        raise InvalidEmail(*faults) from None
    return request_id
