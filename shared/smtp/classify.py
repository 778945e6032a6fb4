"""What a mail server's refusal means: whom it is about, and whether it is for good.

First the table of what servers are known to say, then the digits and the enhanced status code (RFC
5321, RFC 3463). What neither knows is taken so that nothing is lost: before a server has seen the
email itself it can't have anything against it.
"""

from __future__ import annotations

import re

from shared.mime.address_form import ascii_domain
from shared.mime.bad_email import BadAddress
from shared.smtp import bad_address, replies
from shared.smtp.reply import Reply, Scope, Stage, Verdict


def classify(
    reply: Reply,
    stage: Stage,
    *,
    recipient: str = "",
    sender: str = "",
    accepted_before: bool = False,
) -> Verdict:
    """What a reply that is no acceptance means.

    A refusal of MAIL says what became of the transaction; the replies to its RCPT and DATA then
    mean nothing.

    `recipient`, `sender`: to and from whom, as in the envelope; an address that the reply names is
    compared with them. `accepted_before`: a recipient of the same transaction was accepted before
    this one; only then can RCPT be answered "too many recipients", or a new transaction would go on
    for ever.
    """
    if reply.verdict is not None:
        return reply.verdict
    if stage in _BEFORE_MAIL or reply.code < 400:  # The latter is no answer to what was asked.
        return replies.ACCOUNT_RESTS
    verdict = replies.find(reply, stage) or _by_codes(reply, stage)
    if verdict.scope is not Scope.RECIPIENT:
        return verdict
    if verdict.more_recipients_later and not accepted_before:
        return replies.RECIPIENT_REFUSED if reply.permanent else replies.RECIPIENT_LATER
    return _of_whom_it_names(verdict, reply, recipient, sender)


_BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.LOGIN})
# The login (RFC 4954), and too many connections (Microsoft's 432).
_ACCOUNT_CODES = frozenset({421, 432, 530, 534, 535, 538})
_LOGIN_SWITCHED_OFF = frozenset({"5.7.139", "5.7.30"})
# The command or its place was refused: nobody has looked at the email.
_OUT_OF_STEP = frozenset({502, 503})
_TOO_BIG = frozenset({"5.3.4", "5.2.3"})
_STORAGE = frozenset({452, 552})
_BAD_ADDRESS_CODES = frozenset({550, 551, 553})
# Says only that it is about an address.
_SOME_ADDRESS = "5.1.0"
_ADDRESS = re.compile(r"[^\s<>()\[\]{}\"',;:]+@[^\s<>()\[\]{}\"',;:]+")


def _by_codes(reply: Reply, stage: Stage) -> Verdict:
    if reply.code in _ACCOUNT_CODES or reply.enhanced in _LOGIN_SWITCHED_OFF:
        return replies.ACCOUNT_RESTS
    if reply.code in _OUT_OF_STEP and stage is not Stage.BODY:
        return replies.ACCOUNT_RESTS
    if stage is Stage.MAIL:
        return _of_sender(reply)
    if stage is Stage.RCPT:
        return _of_recipient(reply)
    return replies.MESSAGE_REFUSED if reply.permanent else replies.MESSAGE_LATER


def _of_sender(reply: Reply) -> Verdict:
    """All that a server knows at MAIL is who sends, and how large the email is (RFC 1870)."""
    if reply.code in _STORAGE or reply.enhanced in _TOO_BIG:
        return replies.MESSAGE_REFUSED if reply.permanent else replies.MESSAGE_LATER
    return replies.SENDER_REFUSED if reply.permanent else replies.SENDER_LATER


def _of_recipient(reply: Reply) -> Verdict:
    if reply.enhanced in _TOO_BIG:
        return replies.MESSAGE_REFUSED
    if _is_too_many(reply):
        return replies.NEXT_TRANSACTION
    if not reply.permanent:
        return replies.RECIPIENT_LATER
    if reply.code in _BAD_ADDRESS_CODES and reply.enhanced in bad_address.AT_RCPT:
        return replies.NO_SUCH_ADDRESS
    return replies.RECIPIENT_REFUSED


def _is_too_many(reply: Reply) -> bool:
    """452, and 552 of older servers (RFC 5321, 4.5.3.1.10), unless the enhanced code differs."""
    if reply.enhanced is None:
        return reply.code in _STORAGE
    return reply.enhanced in ("4.5.3", "5.5.3")


def _of_whom_it_names(verdict: Verdict, reply: Reply, recipient: str, sender: str) -> Verdict:
    """A reply to RCPT that names an address is about that one."""
    named = {_comparable(address) for address in _ADDRESS.findall(reply.text)}
    if not recipient or not named:
        return verdict
    if _comparable(recipient) in named:
        is_bad = reply.enhanced == _SOME_ADDRESS and reply.code in _BAD_ADDRESS_CODES
        return replies.NO_SUCH_ADDRESS if is_bad else verdict
    if sender and _comparable(sender) in named:
        return replies.SENDER_REFUSED if verdict.permanent else replies.SENDER_LATER
    return replies.RECIPIENT_REFUSED if verdict.suppress else verdict


def _comparable(address: str) -> str:
    local, _, domain = address.rstrip(".").lower().rpartition("@")
    try:
        return f"{local}@{ascii_domain(domain)}"
    except BadAddress:
        return f"{local}@{domain}"
