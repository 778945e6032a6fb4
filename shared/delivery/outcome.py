"""What an attempt came to: the mail server's replies become what is written down. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from shared.delivery.composing import test_mode
from shared.delivery.composing.prepare import Prepared
from shared.delivery.retry import RetryPolicy
from shared.outbox.recipients import KnownRecipient, RecipientState
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome, Result
from shared.smtp.classify import classify
from shared.smtp.reply import Reply, Scope, Stage, Verdict
from shared.transports.base import Offer

_THE_REST = "the rest of its recipients"


@dataclass(frozen=True, slots=True)
class Fault:
    """The server's word is about the account, or this session alone: the email waits, unharmed.

    `session_alone`: a new session may do, if this one has carried anything; otherwise it is the
    account's.
    """

    reply: Reply
    session_alone: bool = False


class Fewer(NamedTuple):
    """The list was too long for this transaction: those in these places of the envelope can be
    asked alone, at once."""

    places: tuple[int, ...]


class Attempt(NamedTuple):
    """One try: the email, its account, and what decides when it is tried again."""

    prepared: Prepared
    account: str
    policy: RetryPolicy
    chance: float
    """From 0 to 1, drawn for this attempt: spreads retries."""


def after_envelope(attempt: Attempt, offer: Offer) -> Result | Fault | Fewer | None:
    """What the replies to the envelope decide; None: the server waits for the message.

    Whom it has accepted gets the email, whatever it said to the others.
    """
    if not offer.sender.positive:
        return _refused(attempt, offer.sender, Stage.MAIL)
    if offer.ready and len(offer.accepted) == len(offer.recipients):
        return None
    judged = _judged(attempt, offer)
    if not offer.ready and (cut_short := _cut_short(attempt, offer, judged)) is not None:
        return cut_short
    if whole := _first(judged, Scope.MESSAGE):
        return _charged(attempt, *whole)
    if offer.ready:
        return None
    if not offer.accepted and (sender := _first(judged, Scope.SENDER)):
        return _charged(attempt, *sender)
    if not offer.accepted:
        return _all_refused(attempt, offer, judged)
    if any(verdict and verdict.more_recipients_later for _, verdict in judged):
        return Fewer(offer.accepted)
    return _refused(attempt, offer.data or offer.recipients[0], Stage.DATA)


def limit_met(attempt: Attempt, offer: Offer) -> Fault | None:
    """The limit of the account, or of the session, that was named in the middle of the recipients:
    whoever was accepted before has the email, and the others wait for what comes after it."""
    if len(offer.accepted) == len(offer.recipients):
        return None
    judged = _judged(attempt, offer)
    stop = _first(judged, Scope.ACCOUNT) or _first(judged, Scope.SESSION)
    return None if stop is None else Fault(stop[0], stop[1].scope is Scope.SESSION)


def recipients_in_transit(attempt: Attempt, offer: Offer) -> tuple[KnownRecipient, ...]:
    """What is to be known of each recipient before the final dot leaves.

    Nothing where all of them share one fate and always did.
    """
    prepared = attempt.prepared
    if (
        len(offer.accepted) == len(prepared.addressed)
        and not prepared.email.recipients
        and test_mode.reach_everybody(prepared.recipients, prepared.addressed)
    ):
        return ()
    return _with_replies(prepared, _judged(attempt, offer))


def after_message(attempt: Attempt, offer: Offer, reply: Reply) -> Result | Fault:
    """What the reply to the final dot decides."""
    known = recipients_in_transit(attempt, offer)
    if reply.positive:
        return _delivered(attempt, offer, _settled(known, RecipientState.SENT), reply)
    verdict = classify(reply, Stage.BODY, sender=attempt.prepared.envelope.sender)
    if fault := _fault(attempt, reply, verdict):
        return fault
    if verdict.permanent:
        return _given_up(attempt, reply, _settled(known, RecipientState.REFUSED))
    return _later(attempt, reply, _settled(known, RecipientState.PENDING))


def after_loss(attempt: Attempt, reason: str) -> Result:
    """The connection was lost before the final dot: not delivered, so it is tried again."""
    return _later(attempt, Reply(0, reason), ())


def after_fault_of_the_account(attempt: Attempt, fault: Fault) -> Result:
    """The account rests for what was said to this email: it waits behind the others, at no cost."""
    return _result(attempt, Outcome.BLAMED, fault.reply, (), reason=_words(fault.reply))


def after_fault_of_its_own(attempt: Attempt, fault: Fault) -> Result:
    """The same again, though others go through: it is this email's."""
    return _later(attempt, fault.reply, ())


def after_own_error(attempt: Attempt, reason: str) -> Result:
    """Something of ours went wrong while this email was offered: it is held, and fails in the end,
    but no other email with it."""
    return _later(attempt, Reply(0, reason), ())


def held_back(
    email: ClaimedEmail, account: str, policy: RetryPolicy, chance: float, reason: str
) -> Result:
    """The same of an email that could not even be composed."""
    wait = policy.next_wait(email.retries, chance)
    return Result(
        email.number,
        Outcome.FAILED if wait is None else Outcome.RETRY,
        account,
        reason=reason,
        wait=wait or 0.0,
        email_id=email.id,
    )


def unknown(attempt: Attempt, reason: str) -> Result:
    """The connection was lost after the final dot: nobody knows."""
    text = f"{reason} after the message was complete: it may have arrived or not"
    email = attempt.prepared.email
    return Result(email.number, Outcome.UNKNOWN, attempt.account, reason=text, email_id=email.id)


_Judged = list[tuple[Reply, Verdict | None]]
"""Each reply to RCPT and what it means; None where the recipient was accepted."""


def _judged(attempt: Attempt, offer: Offer) -> _Judged:
    envelope = attempt.prepared.envelope
    judged: _Judged = []
    accepted = False
    for recipient, reply in zip(envelope.recipients, offer.recipients, strict=False):
        accepted = accepted or reply.positive
        verdict = None
        if not reply.positive:
            verdict = classify(
                reply,
                Stage.RCPT,
                recipient=recipient,
                sender=envelope.sender,
                accepted_before=accepted,
            )
        judged.append((reply, verdict))
    return judged


def _first(judged: _Judged, *scopes: Scope) -> tuple[Reply, Verdict] | None:
    """The first reply that is about one of these."""
    return next(
        ((reply, verdict) for reply, verdict in judged if verdict and verdict.scope in scopes), None
    )


def _cut_short(attempt: Attempt, offer: Offer, judged: _Judged) -> Result | Fault | Fewer | None:
    """What becomes of an email in the middle of whose recipients the server wants no more of it.

    What it has said to recipients until then counts, and the others are tried again at no cost: a
    server that hangs up after so many recipients is through with a list some time.
    """
    stop = _first(judged, Scope.ACCOUNT, Scope.SESSION)
    reply = stop[0] if stop else next((each for each in offer.recipients if each.closing), None)
    if reply is None:
        return None if offer.lost is None else _hung_up(attempt, offer, judged, offer.lost)
    fault = Fault(reply, session_alone=_first(judged, Scope.ACCOUNT) is None)
    known = _refusals_kept(attempt.prepared, judged)
    if known != attempt.prepared.recipients and (fault.session_alone or reply.closing):
        return _at_once(attempt, reply, known, _words(reply))
    return Fewer(offer.accepted) if offer.accepted else fault


def _hung_up(
    attempt: Attempt, offer: Offer, judged: _Judged, reason: str
) -> Result | Fault | Fewer | None:
    """The same where the connection ended without a word for it. What it said last may have been
    its goodbye, whoever it was said to: that counts only where nothing else goes on."""
    unharmed = attempt.prepared.recipients
    known = _refusals_kept(attempt.prepared, judged[:-1])
    if known != unharmed:
        return _at_once(attempt, Reply(0, reason), known, reason)
    if offer.accepted:
        return Fewer(offer.accepted)
    if len(judged) == len(attempt.prepared.addressed):
        return None
    known = _refusals_kept(attempt.prepared, judged)
    if known != unharmed:
        return _at_once(attempt, Reply(0, reason), known, reason)
    return _later(attempt, Reply(0, reason), ())


def _refusals_kept(prepared: Prepared, judged: _Judged) -> tuple[KnownRecipient, ...]:
    """What is known of the recipients when nothing was transmitted: who is refused for good."""
    known = list(prepared.recipients)
    for number, (reply, verdict) in zip(prepared.addressed, judged, strict=False):
        if verdict is not None and verdict.scope is Scope.RECIPIENT and verdict.permanent:
            known[number] = _refused_by(known[number], reply, verdict)
    return test_mode.with_fellows(tuple(known), prepared.addressed)


def _refused_by(recipient: KnownRecipient, reply: Reply, verdict: Verdict) -> KnownRecipient:
    return recipient._replace(
        state=RecipientState.REFUSED if verdict.permanent else RecipientState.PENDING,
        reply=str(reply),
        # In test mode it is another's address that was refused.
        bad_address=verdict.suppress and recipient.redirected_to is None,
    )


def _with_replies(prepared: Prepared, judged: _Judged) -> tuple[KnownRecipient, ...]:
    known = list(prepared.recipients)
    for number, (reply, verdict) in zip(prepared.addressed, judged, strict=True):
        if verdict is None:
            known[number] = known[number]._replace(state=RecipientState.ATTEMPTED, reply=None)
        else:
            known[number] = _refused_by(known[number], reply, verdict)
    return test_mode.with_fellows(tuple(known), prepared.addressed)


def _settled(
    known: tuple[KnownRecipient, ...], state: RecipientState
) -> tuple[KnownRecipient, ...]:
    return tuple(
        [
            one._replace(state=state) if one.state is RecipientState.ATTEMPTED else one
            for one in known
        ]
    )


def _delivered(
    attempt: Attempt, offer: Offer, known: tuple[KnownRecipient, ...], reply: Reply
) -> Result:
    """Accepted; somebody who was refused for now is tried again alone."""
    if not any(one.state is RecipientState.PENDING for one in known):
        return _result(attempt, Outcome.SENT, reply, known, reason=_told(attempt, known))
    deferral = _deferral(_judged(attempt, offer))
    if deferral is None or _somebody_unasked(known):
        return _at_once(attempt, reply, known, _THE_REST)
    again = _later(attempt, deferral, known)
    return again if again.outcome is Outcome.RETRY else _given_up(attempt, reply, again.recipients)


def _at_once(
    attempt: Attempt, reply: Reply, known: tuple[KnownRecipient, ...], reason: str
) -> Result:
    """Part of a long list is through: the rest follows at once, and no attempt is used up."""
    again = _result(attempt, Outcome.RETRY, reply, known, reason=reason)
    return again._replace(wait=0.0, uses_attempt=False)


def _somebody_unasked(known: tuple[KnownRecipient, ...]) -> bool:
    return any(each.state is RecipientState.PENDING and each.reply is None for each in known)


def _deferral(judged: _Judged) -> Reply | None:
    """The first reply that refuses a recipient for now. One too many for this transaction is none
    that is refused, and neither is one who came after the limit of the session or account."""
    return next(
        (
            reply
            for reply, verdict in judged
            if verdict
            and verdict.scope not in (Scope.ACCOUNT, Scope.SESSION)
            and not verdict.permanent
            and not verdict.more_recipients_later
        ),
        None,
    )


def _all_refused(attempt: Attempt, offer: Offer, judged: _Judged) -> Result:
    known = _with_replies(attempt.prepared, judged)
    waiting = [one for one in known if one.state is RecipientState.PENDING]
    reply = offer.recipients[0]
    if not waiting:
        return _given_up(attempt, reply, known)
    if _somebody_unasked(known):
        return _at_once(attempt, reply, known, _THE_REST)
    # Written one by one only where they differ: the email's own lists say the rest.
    differ = attempt.prepared.email.recipients or len(waiting) < len(known)
    return _later(attempt, _deferral(judged) or reply, known if differ else ())


def _refused(attempt: Attempt, reply: Reply, stage: Stage) -> Result | Fault:
    verdict = classify(reply, stage, sender=attempt.prepared.envelope.sender)
    if verdict.scope is Scope.SENDER and stage is Stage.MAIL and attempt.prepared.return_path:
        return Fault(reply)  # The bounce address is refused, whoever the email is from.
    return _charged(attempt, reply, verdict)


def _charged(attempt: Attempt, reply: Reply, verdict: Verdict) -> Result | Fault:
    """What becomes of an email that was refused as a whole."""
    if fault := _fault(attempt, reply, verdict):
        return fault
    return _given_up(attempt, reply) if verdict.permanent else _later(attempt, reply, ())


def _fault(attempt: Attempt, reply: Reply, verdict: Verdict) -> Fault | None:
    """Where it is not the email's: what is said of the sender is the account's, unless the email
    names a sender of its own."""
    if verdict.scope is Scope.SENDER and not attempt.prepared.names_sender:
        return Fault(reply)
    if verdict.scope in (Scope.ACCOUNT, Scope.SESSION):
        return Fault(reply, session_alone=verdict.scope is Scope.SESSION)
    return None


def _later(attempt: Attempt, reply: Reply, known: tuple[KnownRecipient, ...]) -> Result:
    wait = attempt.policy.next_wait(attempt.prepared.email.retries, attempt.chance)
    if wait is None:
        return _given_up(attempt, reply, _settled_for_good(known))
    return _result(attempt, Outcome.RETRY, reply, known, reason=_words(reply))._replace(wait=wait)


def _settled_for_good(known: tuple[KnownRecipient, ...]) -> tuple[KnownRecipient, ...]:
    return tuple(
        [
            one._replace(state=RecipientState.REFUSED)
            if one.state is RecipientState.PENDING
            else one
            for one in known
        ]
    )


def _given_up(attempt: Attempt, reply: Reply, known: tuple[KnownRecipient, ...] = ()) -> Result:
    """Failed; but sent, if at least one recipient ever had it."""
    present = known or attempt.prepared.email.recipients
    if any(one.state is RecipientState.SENT for one in present):
        settled = _settled_for_good(present)
        return _result(attempt, Outcome.SENT, reply, settled, reason=_told(attempt, settled))
    return _result(attempt, Outcome.FAILED, reply, known, reason=_words(reply))


def _told(attempt: Attempt, known: tuple[KnownRecipient, ...]) -> str | None:
    """Who was refused, and in test mode who got it in place of its recipients."""
    said = (_refusals(known), test_mode.note(attempt.prepared.recipients))
    return "; ".join(text for text in said if text) or None


def _refusals(known: tuple[KnownRecipient, ...]) -> str | None:
    refused = [
        f"{one.address}: {one.reply}" for one in known if one.state is RecipientState.REFUSED
    ]
    return "; ".join(refused) or None


def _words(reply: Reply) -> str:
    return str(reply) if reply.code else reply.text


def _result(
    attempt: Attempt,
    outcome: Outcome,
    reply: Reply,
    known: tuple[KnownRecipient, ...],
    reason: str | None,
) -> Result:
    return Result(
        attempt.prepared.email.number,
        outcome,
        attempt.account,
        reason=reason,
        code=reply.code or None,
        enhanced_code=reply.enhanced,
        reply=reply.text or None,
        recipients=known,
        email_id=attempt.prepared.email.id,
    )
