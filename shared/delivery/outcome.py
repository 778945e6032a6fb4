"""What an attempt came to: the mail server's replies become what is written down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.delivery.prepare import Prepared
from shared.delivery.retry import RetryPolicy
from shared.outbox.finish import Outcome, Result
from shared.outbox.recipients import KnownRecipient, RecipientState
from shared.smtp.connection import Opened
from shared.smtp.reply import Reply, Scope, Stage, Verdict, classify


@dataclass(frozen=True, slots=True)
class Fault:
    """The server's word is about the account: the email waits, unharmed."""

    reply: Reply


class Attempt(NamedTuple):
    """One try: the email, its account, and what decides when it is tried again."""

    prepared: Prepared
    account: str
    policy: RetryPolicy
    chance: float
    """From 0 to 1, drawn for this attempt: spreads retries."""


def after_envelope(attempt: Attempt, opened: Opened) -> Result | Fault | None:
    """What the replies to the envelope decide; None: the server waits for the message."""
    if not opened.sender.positive:
        return _refused(attempt, opened.sender, Stage.MAIL)
    if account := _fault_among(opened.recipients):
        return Fault(account)
    if whole := _refusal_of_the_message(opened.recipients):
        return _given_up(attempt, whole)
    if not opened.accepted:
        return _all_refused(attempt, opened)
    if not opened.ready:
        return _refused(attempt, opened.data or opened.recipients[0], Stage.DATA)
    return None


def recipients_in_transit(attempt: Attempt, opened: Opened) -> tuple[KnownRecipient, ...]:
    """What is to be known of each recipient before the final dot leaves.

    Nothing where all of them share one fate and always did.
    """
    prepared = attempt.prepared
    if len(opened.accepted) == len(prepared.recipients) and not prepared.email.recipients:
        return ()
    return _with_replies(prepared, opened)


def after_message(attempt: Attempt, opened: Opened, reply: Reply) -> Result | Fault:
    """What the reply to the final dot decides."""
    known = recipients_in_transit(attempt, opened)
    if reply.positive:
        return _delivered(attempt, opened, _settled(known, RecipientState.SENT), reply)
    verdict = classify(reply, Stage.BODY)
    if verdict.scope is Scope.ACCOUNT:
        return Fault(reply)
    if verdict.permanent:
        return _given_up(attempt, reply, _settled(known, RecipientState.REFUSED))
    return _later(attempt, reply, _settled(known, RecipientState.PENDING))


def after_loss(attempt: Attempt, reason: str) -> Result:
    """The connection was lost before the final dot: not delivered, so it is tried again."""
    return _later(attempt, Reply(0, reason), ())


def unknown(attempt: Attempt, reason: str) -> Result:
    """The connection was lost after the final dot: nobody knows."""
    text = f"{reason} after the message was complete: it may have arrived or not"
    return Result(attempt.prepared.email.id, Outcome.UNKNOWN, attempt.account, reason=text)


def _fault_among(replies: Sequence[Reply]) -> Reply | None:
    return next(
        (reply for reply, verdict in _verdicts(replies) if _is(verdict, Scope.ACCOUNT)), None
    )


def _refusal_of_the_message(replies: Sequence[Reply]) -> Reply | None:
    return next(
        (reply for reply, verdict in _verdicts(replies) if _is(verdict, Scope.MESSAGE)), None
    )


def _is(verdict: Verdict | None, scope: Scope) -> bool:
    return verdict is not None and verdict.scope is scope


def _verdicts(replies: Sequence[Reply]) -> list[tuple[Reply, Verdict | None]]:
    """Each reply to RCPT and what it means; None where the recipient was accepted."""
    judged: list[tuple[Reply, Verdict | None]] = []
    accepted = False
    for reply in replies:
        accepted = accepted or reply.positive
        verdict = None
        if not reply.positive:
            verdict = classify(reply, Stage.RCPT, accepted_before=accepted)
        judged.append((reply, verdict))
    return judged


def _with_replies(prepared: Prepared, opened: Opened) -> tuple[KnownRecipient, ...]:
    known = list(prepared.recipients)
    judged = _verdicts(opened.recipients)
    for number, (reply, verdict) in zip(prepared.addressed, judged, strict=True):
        if verdict is None:
            known[number] = known[number]._replace(state=RecipientState.ATTEMPTED, reply=None)
        else:
            state = RecipientState.REFUSED if verdict.permanent else RecipientState.PENDING
            known[number] = known[number]._replace(state=state, reply=str(reply))
    return tuple(known)


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
    attempt: Attempt, opened: Opened, known: tuple[KnownRecipient, ...], reply: Reply
) -> Result:
    """Accepted; somebody who was refused for now is tried again alone."""
    if not any(one.state is RecipientState.PENDING for one in known):
        return _result(attempt, Outcome.SENT, reply, known, reason=_refusals(known))
    rest = [verdict for _, verdict in _verdicts(opened.recipients) if verdict is not None]
    if all(verdict.more_recipients_later for verdict in rest if not verdict.permanent):
        # Part of a long list: the rest follows at once, and no attempt is used up.
        again = _result(attempt, Outcome.RETRY, reply, known, reason="the rest of its recipients")
        return again._replace(wait=0.0, uses_attempt=False)
    refusal = next(one.reply or "" for one in known if one.state is RecipientState.PENDING)
    return _later(attempt, Reply(reply.code, refusal, reply.enhanced), known)


def _all_refused(attempt: Attempt, opened: Opened) -> Result:
    known = _with_replies(attempt.prepared, opened)
    waiting = [one for one in known if one.state is RecipientState.PENDING]
    reply = opened.recipients[0]
    if not waiting:
        return _given_up(attempt, reply, known)
    # Written one by one only where they differ: the email's own lists say the rest.
    differ = attempt.prepared.email.recipients or len(waiting) < len(known)
    return _later(attempt, reply, known if differ else ())


def _refused(attempt: Attempt, reply: Reply, stage: Stage) -> Result | Fault:
    verdict = classify(reply, stage)
    if verdict.scope is Scope.ACCOUNT:
        return Fault(reply)
    return _given_up(attempt, reply) if verdict.permanent else _later(attempt, reply, ())


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
        return _result(attempt, Outcome.SENT, reply, settled, reason=_refusals(settled))
    return _result(attempt, Outcome.FAILED, reply, known, reason=_words(reply))


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
        attempt.prepared.email.id,
        outcome,
        attempt.account,
        reason=reason,
        code=reply.code or None,
        enhanced_code=reply.enhanced,
        reply=reply.text or None,
        recipients=known,
    )
