"""Recipients known one by one, once their email's row names others: between two tries. Pure.

Whoever had the email does not get it again, whoever was added gets it, and whoever was taken out
gets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shared.mime.addresses import address_key
from shared.outbox.recipients import NAME_WIDTH, Kind, KnownRecipient, RecipientState

LIST_WIDTH = 500
_ESCAPED = re.compile(r'["\\]')


def as_named(
    named: Sequence[KnownRecipient], known: Sequence[KnownRecipient]
) -> tuple[KnownRecipient, ...]:
    """Who an email is for whose row names these now, and what is known of each.

    A row without any list says nothing: all are known. A list that no row could hold whole stands
    in the row as far as it fits, so that nobody is taken out of it there.
    """
    if not named:
        return tuple(known)
    left = {address_key(one.address): one for one in known}
    now = [_known(recipient, left.pop(address_key(recipient.address), None)) for recipient in named]
    if not left:
        return tuple(now)
    longer = {kind for kind in Kind if _is_longer(one for one in known if one.kind is kind)}
    for one in left.values():
        if one.kind in longer:
            now.append(one)
        elif one.state is RecipientState.SENT:
            now.append(one._replace(kind=Kind.TAKEN_OUT))
    return tuple(now)


def _known(recipient: KnownRecipient, before: KnownRecipient | None) -> KnownRecipient:
    if before is None:
        return recipient
    return recipient._replace(state=before.state, reply=before.reply)


def _is_longer(recipients: Iterable[KnownRecipient]) -> bool:
    """Whether these can't all have stood in a row; written at their longest, lest one is lost."""
    several = list(recipients)
    named = [one.name for one in several if one.name]
    escaped = sum(len(name) + len(_ESCAPED.findall(name)) + 5 for name in named)
    separated = sum(len(one.address) + 2 for one in several)
    was_cut = any(len(one.name) >= NAME_WIDTH for one in several)
    return was_cut or escaped + separated > LIST_WIDTH
