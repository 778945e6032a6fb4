"""Preparing: a claimed row becomes a message and the envelope that it travels in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from shared.accounts.directory import Account
from shared.delivery.composing import test_mode
from shared.delivery.composing.edited_lists import as_named
from shared.mime.address_form import domain_of
from shared.mime.addresses import Mailbox, envelope_address, parse_mailbox, parse_recipients, unique
from shared.mime.allowed_recipients import RecipientRule
from shared.mime.bad_email import BadEmail
from shared.mime.compose import compose
from shared.mime.dkim.signature import DkimKey, signed
from shared.mime.importance import marks_of
from shared.mime.looks_like_html import looks_like_html
from shared.mime.message import Attachment, Draft
from shared.mime.return_path import ReturnPath
from shared.outbox.admission.rules import lack_of
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.fetch import ClaimedEmail
from shared.transports.base import Envelope

NO_SMTPUTF8 = "5.6.7 the address is not ASCII, and the mail server does not offer SMTPUTF8"


class SendsAs(Protocol):
    """What of an account stands in the emails that go over it."""

    @property
    def sender(self) -> Mailbox: ...
    @property
    def reply_to(self) -> tuple[Mailbox, ...]: ...
    @property
    def stands_in_for(self) -> int | None: ...
    @property
    def recipient_rules(self) -> tuple[RecipientRule, ...]: ...


class NobodyLeft(BadEmail):
    """It has gone to some, and there is nobody to whom it is still to go: it counts as sent."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An email ready to be sent: `addressed` are those of its recipients who are to get it now.

    The envelope names them in the same order. `names_sender`: the email's own row says who it is
    from, and not its account. `draft`: where the mail server has to offer SMTPUTF8, what to compose
    the email of for one that does not. `dkim`: what has signed it. `return_path`: where its bounces
    go, if that is not its sender.
    """

    email: ClaimedEmail
    content: bytes = field(repr=False)
    envelope: Envelope
    recipients: tuple[KnownRecipient, ...]
    addressed: tuple[int, ...]
    names_sender: bool = False
    draft: Draft | None = field(default=None, repr=False)
    dkim: DkimKey | None = None
    return_path: ReturnPath | None = None

    def with_envelope(self, **changed: Any) -> Envelope:
        """The envelope with this changed; its sender names whom it goes to, where it is one."""
        envelope = self.envelope._replace(**changed)
        if self.return_path is None:
            return envelope
        sender = self.return_path.of(self.email.number, envelope.recipients)
        return envelope._replace(sender=sender)


def prepare(
    email: ClaimedEmail,
    body: str,
    document: bytes | None,
    account: Account,
    files: tuple[Attachment, ...] = (),
    further: tuple[tuple[str, str], ...] = (),
) -> Prepared:
    """Compose the email and address its envelope; `files` go beside the document of its row, and
    `further` header fields in place of those of the same names that its row gives.

    Raises BadEmail when no valid email can be made of the row, or it has lost since its admission
    what it would not have been admitted without; NobodyLeft when it is done.
    """
    recipients, rules = recipients_of(email), account.recipient_rules
    if rules:
        recipients = test_mode.redirected(recipients, rules)
    addressed = _addressed(recipients)
    if not addressed:
        raise _nobody_left(recipients)
    says_something = bool(email.subject or body or files)
    lack = lack_of(email.filename, has_document=bool(document), says_something=says_something)
    if lack is not None:
        raise BadEmail(lack)
    attachments = files if document is None else (Attachment(email.filename, document), *files)
    draft = draft_of(email, body, account, recipients, attachments)
    if further:
        draft = replace(draft, headers=_with_further(draft.headers, further))
    message = compose(draft)
    sender = envelope_address(_sender(email, account).address)
    addresses = [envelope_address(recipients[number].mailed_at) for number in addressed]
    envelope = Envelope(
        sender=sender.address,
        recipients=tuple([one.address for one in addresses]),
        size=len(message.content),
        smtputf8=message.smtputf8 or sender.smtputf8 or any(one.smtputf8 for one in addresses),
    )
    return Prepared(
        email,
        message.content,
        envelope,
        recipients,
        addressed,
        names_sender=_names_sender(email, account),
        draft=draft if envelope.smtputf8 else None,
    )


def with_signature(prepared: Prepared, key: DkimKey | None) -> Prepared:
    """The same email, signed if there is a key; that takes some milliseconds, on a thread."""
    if key is None:
        return prepared
    content = signed(prepared.content, key)
    envelope = prepared.envelope._replace(size=len(content))
    return replace(prepared, content=content, envelope=envelope, dkim=key)


def with_return_path(prepared: Prepared, return_path: ReturnPath | None) -> Prepared:
    """The same email, whose bounces go there."""
    if return_path is None:
        return prepared
    returning = replace(prepared, return_path=return_path)
    return replace(returning, envelope=returning.with_envelope())


def without_smtputf8(prepared: Prepared) -> Prepared | None:
    """The same email for a mail server that does not offer SMTPUTF8 (RFC 6531).

    A recipient whose address is not ASCII before the @ is refused, alone; the others get it. None
    where nobody is left, or where the sender has such an address.
    """
    recipients = tuple([_refused_if_wide(recipient) for recipient in prepared.recipients])
    asked = set(prepared.addressed)
    addressed = tuple([number for number in _addressed(recipients) if number in asked])
    if not addressed or prepared.draft is None:
        return None
    try:
        content = compose(prepared.draft, ascii_only=True).content
    except BadEmail:
        return None
    if prepared.dkim is not None:
        content = signed(content, prepared.dkim)
    envelope = prepared.with_envelope(
        recipients=tuple(
            [envelope_address(recipients[number].mailed_at).address for number in addressed]
        ),
        size=len(content),
        smtputf8=False,
    )
    return replace(
        prepared,
        content=content,
        envelope=envelope,
        recipients=recipients,
        addressed=addressed,
        draft=None,
    )


def addressed_to(prepared: Prepared, places: Sequence[int]) -> Prepared:
    """The same email to some of its envelope's recipients alone: those in these places."""
    recipients = prepared.envelope.recipients
    return replace(
        prepared,
        envelope=prepared.with_envelope(recipients=tuple([recipients[n] for n in places])),
        addressed=tuple([prepared.addressed[n] for n in places]),
    )


def part_of(prepared: Prepared, most: int | None, most_domains: int | None = None) -> Prepared:
    """The email as it fits into a transaction of so many recipients, of so many domains: first to
    those who were never asked, then to those who were put off, and with each try to others of them.
    None: any number."""
    every = range(len(prepared.addressed))
    known = [prepared.recipients[number] for number in prepared.addressed]
    places = [place for place in every if known[place].reply is None]
    if not places:
        begin = prepared.email.retries * (most or most_domains or 0) % len(every)
        places = [*every[begin:], *every[:begin]]
    if most_domains is not None:
        places = _of_domains(prepared.envelope.recipients, places, most_domains)
    return addressed_to(prepared, sorted(places[:most]))


def _of_domains(addresses: Sequence[str], places: Sequence[int], most: int) -> list[int]:
    """The places of addresses in so many domains, those that come first."""
    of_place = {place: domain_of(addresses[place]) for place in places}
    chosen = list(dict.fromkeys(of_place.values()))[:most]
    return [place for place in places if of_place[place] in chosen]


def _addressed(recipients: tuple[KnownRecipient, ...]) -> tuple[int, ...]:
    """Those who are to get it now; of several that are mailed at one address, the first."""
    pending = tuple(
        [
            number
            for number, recipient in enumerate(recipients)
            if recipient.state is RecipientState.PENDING
        ]
    )
    if any(recipients[number].redirected_to for number in pending):
        return test_mode.one_of_each(recipients, pending)
    return pending


def _refused_if_wide(recipient: KnownRecipient) -> KnownRecipient:
    if recipient.state is not RecipientState.PENDING:
        return recipient
    if not envelope_address(recipient.mailed_at).smtputf8:
        return recipient
    return recipient._replace(state=RecipientState.REFUSED, reply=NO_SMTPUTF8)


def recipients_of(email: ClaimedEmail) -> tuple[KnownRecipient, ...]:
    """Who the email is for, each address once: as its lists name them now, with what is known of
    them one by one.

    Raises BadAddress.
    """
    named = _named(email)
    return as_named(named, email.recipients) if email.recipients else named


def _named(email: ClaimedEmail) -> tuple[KnownRecipient, ...]:
    to, cc, bcc = unique(
        parse_recipients(email.to), parse_recipients(email.cc), parse_recipients(email.bcc)
    )
    return tuple(
        [
            KnownRecipient(kind, mailbox.address, mailbox.name)
            for kind, mailboxes in ((Kind.TO, to), (Kind.CC, cc), (Kind.BCC, bcc))
            for mailbox in mailboxes
        ]
    )


def _nobody_left(recipients: tuple[KnownRecipient, ...]) -> BadEmail:
    refused = "; ".join(
        f"{one.address}: {one.reply}"
        for one in recipients
        if one.reply and one.state is not RecipientState.SENT
    )
    if any(one.state is RecipientState.SENT for one in recipients):
        return NobodyLeft(refused or "whoever it names now has had it before")
    return BadEmail(refused or "it has no recipient")


def draft_of(
    email: ClaimedEmail,
    body: str,
    account: SendsAs,
    recipients: tuple[KnownRecipient, ...],
    attachments: tuple[Attachment, ...],
    date: datetime | None = None,
) -> Draft:
    """All that the email's message is made of; `date`: now, if it is left out.

    Raises BadEmail.
    """
    is_html = looks_like_html(body) if email.is_html is None else email.is_html
    draft = Draft(
        sender=_sender(email, account),
        to=_mailboxes(recipients, Kind.TO),
        cc=_mailboxes(recipients, Kind.CC),
        reply_to=parse_recipients(email.reply_to) if email.reply_to else account.reply_to,
        subject=email.subject or "",
        text=email.text_alternative if is_html else body,
        html=body if is_html else None,
        attachments=attachments,
        message_id=email.message_id,
        date=date or datetime.now(UTC),
        headers=_fields(email) if email.headers or email.importance or email.sensitivity else (),
    )
    rules = account.recipient_rules
    return test_mode.told(draft, recipients, rules) if rules else draft


def _sender(email: ClaimedEmail, account: SendsAs) -> Mailbox:
    """Who it is from: whom the row names, else the account."""
    return parse_mailbox(email.sender) if _names_sender(email, account) else account.sender


def _names_sender(email: ClaimedEmail, account: SendsAs) -> bool:
    """An account that stands in for another sends nothing in a name that is not its own."""
    return bool(email.sender and email.sender.strip()) and account.stands_in_for is None


def _fields(email: ClaimedEmail) -> tuple[tuple[str, str], ...]:
    """The fields that its row gives, and those that its importance and sensitivity make."""
    given = further_headers(email.headers) if email.headers else ()
    names = {name.lower() for name, _ in given}
    made = marks_of(email.importance, email.sensitivity)
    return (*given, *(each for each in made if each[0].lower() not in names))


def further_headers(written: str) -> tuple[tuple[str, str], ...]:
    """Further fields from the row's JSON object; null leaves one out. Raises BadEmail for anything
    else there."""
    try:
        fields = json.loads(written)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise BadEmail("dd_Headers is not a JSON object")
    return tuple([(name, str(value)) for name, value in fields.items() if value is not None])


def _with_further(
    given: tuple[tuple[str, str], ...], further: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    ours = {name.lower() for name, _ in further}
    return (*[field for field in given if field[0].lower() not in ours], *further)


def _mailboxes(recipients: Iterable[KnownRecipient], kind: Kind) -> tuple[Mailbox, ...]:
    return tuple([Mailbox(one.address, one.name) for one in recipients if one.kind is kind])
