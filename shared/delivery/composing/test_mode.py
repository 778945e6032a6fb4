"""Test mode at work: whom an email reaches in place of its recipients, and how it says so. Pure.

An email may have been written for customers. Its envelope and its visible lists name only those who
get it, so that nobody answers to the others; who it was for stands in the subject and in fields
of its own. Bcc recipients are named there only where nobody else could read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from shared.mime.addresses import Mailbox, address_key
from shared.mime.allowed_recipients import RecipientRule, destination
from shared.mime.message import Draft
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState

NOT_ALLOWED = "not sent: test mode lets no email go to this address"
_LONGEST_FIELD = 800
_NAMED_IN_SUBJECT = 2


def redirected(
    recipients: tuple[KnownRecipient, ...], rules: Sequence[RecipientRule]
) -> tuple[KnownRecipient, ...]:
    """The recipients as the rules let them be mailed: themselves, at another address, or not."""
    return tuple([_ruled(recipient, rules) for recipient in recipients])


def one_of_each(recipients: Sequence[KnownRecipient], pending: Sequence[int]) -> tuple[int, ...]:
    """Of those pending the first for each address that the envelope would name."""
    first: dict[str, int] = {}
    for number in pending:
        first.setdefault(address_key(recipients[number].mailed_at), number)
    return tuple(first.values())


def with_fellows(
    recipients: tuple[KnownRecipient, ...], addressed: Sequence[int]
) -> tuple[KnownRecipient, ...]:
    """The same, where whoever is mailed at an addressed one's address shares what became of it."""
    fellows = _fellows(recipients, addressed)
    if not fellows:
        return recipients
    known = list(recipients)
    for number, leader in fellows.items():
        state, reply = known[leader].state, known[leader].reply
        known[number] = known[number]._replace(state=state, reply=reply)
    return tuple(known)


def reach_everybody(recipients: Sequence[KnownRecipient], addressed: Sequence[int]) -> bool:
    """Whether these, and who is mailed at their addresses, are all the recipients."""
    if len(addressed) == len(recipients):
        return True
    return len(addressed) + len(_fellows(recipients, addressed)) == len(recipients)


def told(
    draft: Draft, recipients: Sequence[KnownRecipient], rules: Sequence[RecipientRule]
) -> Draft:
    """The draft as it goes out: it names those who get it, and says who it was for."""
    goes_to = [destination(recipient.address, rules) for recipient in recipients]
    pairs = list(zip(recipients, goes_to, strict=True))
    changed = [recipient for recipient, target in pairs if target != recipient.address]
    if not changed:
        return draft
    unchanged = any(target == recipient.address for recipient, target in pairs)
    kinds = (Kind.TO, Kind.CC) if unchanged else (Kind.TO, Kind.CC, Kind.BCC)
    fields = [
        (f"X-Original-{kind.title()}", _list(one for one in changed if one.kind is kind))
        for kind in kinds
    ]
    named = [recipient for recipient in changed if recipient.kind in kinds]
    seen: set[str] = set()
    return replace(
        draft,
        to=_reached(pairs, Kind.TO, seen),
        cc=_reached(pairs, Kind.CC, seen),
        subject=f"[Test, for {_in_short(named)}] {draft.subject}".rstrip(),
        headers=(
            *draft.headers,
            ("X-Rowpost-Test-Mode", "; ".join(str(rule) for rule in rules)[:_LONGEST_FIELD]),
            *[(name, value) for name, value in fields if value],
        ),
    )


def note(recipients: Iterable[KnownRecipient]) -> str | None:
    """What its sender reads of an email that others got; None where nobody did."""
    targets = dict.fromkeys(one.redirected_to for one in recipients if one.redirected_to)
    return f"test mode: it went to {', '.join(targets)} instead" if targets else None


def _ruled(recipient: KnownRecipient, rules: Sequence[RecipientRule]) -> KnownRecipient:
    if recipient.state is not RecipientState.PENDING:
        return recipient
    target = destination(recipient.address, rules)
    if target is None:
        return recipient._replace(state=RecipientState.REFUSED, reply=NOT_ALLOWED)
    return recipient if target == recipient.address else recipient._replace(redirected_to=target)


def _fellows(recipients: Sequence[KnownRecipient], addressed: Sequence[int]) -> dict[int, int]:
    """Who else is mailed at an addressed one's address, and whose: numbers of recipients."""
    if not any(recipient.redirected_to for recipient in recipients):
        return {}
    leaders = {address_key(recipients[number].mailed_at): number for number in addressed}
    return {
        number: leaders[key]
        for number, recipient in enumerate(recipients)
        if recipient.state is RecipientState.PENDING
        and (key := address_key(recipient.mailed_at)) in leaders
        and leaders[key] != number
    }


def _reached(
    pairs: Iterable[tuple[KnownRecipient, str | None]], kind: Kind, seen: set[str]
) -> tuple[Mailbox, ...]:
    """The mailboxes of one list that get the email, each address once in all lists."""
    reached: list[Mailbox] = []
    for recipient, target in pairs:
        if recipient.kind is not kind or target is None or address_key(target) in seen:
            continue
        seen.add(address_key(target))
        name = recipient.name if target == recipient.address else ""
        reached.append(Mailbox(target, name))
    return tuple(reached)


def _list(recipients: Iterable[KnownRecipient]) -> str:
    addresses = [recipient.address for recipient in recipients]
    shown: list[str] = []
    length = 0
    for address in addresses:
        length += len(address) + 2
        if length > _LONGEST_FIELD:
            shown.append(f"and {len(addresses) - len(shown)} more")
            break
        shown.append(address)
    return ", ".join(shown)


def _in_short(recipients: Sequence[KnownRecipient]) -> str:
    if not recipients:
        return "others"
    named = ", ".join(one.address for one in recipients[:_NAMED_IN_SUBJECT])
    more = len(recipients) - _NAMED_IN_SUBJECT
    return f"{named} and {more} more" if more > 0 else named
