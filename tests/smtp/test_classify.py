"""Whom a mail server's refusal is about, and whether it is for good."""

from __future__ import annotations

import re

import pytest

from shared.smtp.classify import classify
from shared.smtp.replies import (
    ACCOUNT_RESTS,
    KNOWN_REPLIES,
    MESSAGE_LATER,
    MESSAGE_REFUSED,
    NEW_SESSION,
    NEXT_TRANSACTION,
    NO_SUCH_ADDRESS,
    RECIPIENT_LATER,
    RECIPIENT_REFUSED,
    SENDER_LATER,
    SENDER_REFUSED,
    KnownReply,
)
from shared.smtp.reply import Reply, Scope, Stage, Verdict
from tests.smtp.reply_cases import RECIPIENT, SEEN, SENDER, Seen


def reply(text: str) -> Reply:
    return Reply.parse([text.encode()])


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.stage}: {seen.text[:60]}")
def test_what_real_servers_said_is_charged_to_the_right_party(seen: Seen) -> None:
    verdict = classify(
        reply(seen.text), seen.stage, recipient=RECIPIENT, sender=SENDER, accepted_before=True
    )

    assert verdict == seen.verdict, seen.source


def fits(known: KnownReply, seen: Seen) -> bool:
    said = reply(seen.text)
    right_codes = re.fullmatch(known.code, str(said.code)) and (
        known.enhanced is None or re.fullmatch(known.enhanced, said.enhanced or "")
    )
    right_words = re.search(known.words, said.text, re.IGNORECASE)
    return bool(seen.stage in known.stages and right_codes and right_words)


def test_every_line_of_the_table_decides_on_a_reply_that_was_seen() -> None:
    deciding = [next((line for line in KNOWN_REPLIES if fits(line, seen)), None) for seen in SEEN]

    assert [line for line in KNOWN_REPLIES if line not in deciding] == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (f"550 5.1.1 <{RECIPIENT}>: no such user", NO_SUCH_ADDRESS),
        ("550 5.1.1 <JANE@Example.ORG.>: no such user", NO_SUCH_ADDRESS),
        ("550 5.1.1 no such user", NO_SUCH_ADDRESS),
        (f"550 5.1.0 {RECIPIENT} unknown", NO_SUCH_ADDRESS),
        ("550 5.1.0 address unknown", RECIPIENT_REFUSED),
        (f"550 5.1.1 <{SENDER}>: no such user", SENDER_REFUSED),
        (f"450 4.1.1 <{SENDER}>: not verified yet", SENDER_LATER),
        ("550 5.1.1 <bob@elsewhere.example>: no such user", RECIPIENT_REFUSED),
        ("550 5.1.1 no such user, ask postmaster@example.org", RECIPIENT_REFUSED),
        ("550 5.7.1 not welcome, ask postmaster@example.org", RECIPIENT_REFUSED),
        ("450 4.2.0 greylisted, ask postmaster@example.org", RECIPIENT_LATER),
        (f"550 5.1.1 <{RECIPIENT}>: no such user, said to <{SENDER}>", NO_SUCH_ADDRESS),
    ],
)
def test_only_a_reply_about_the_recipients_own_address_suppresses(
    text: str, verdict: Verdict
) -> None:
    assert classify(reply(text), Stage.RCPT, recipient=RECIPIENT, sender=SENDER) == verdict


def test_an_address_in_a_reply_is_compared_by_its_domain_in_ascii() -> None:
    said = reply("550 5.1.1 <a@müller.example>: no such user")

    verdict = classify(said, Stage.RCPT, recipient="a@xn--mller-kva.example", sender=SENDER)

    assert verdict == NO_SUCH_ADDRESS


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.DATA, Stage.BODY])
@pytest.mark.parametrize("code", [421, 450, 451, 452, 500, 550, 554])
def test_what_nobody_knows_never_suppresses_and_is_no_recipients(stage: Stage, code: int) -> None:
    verdict = classify(reply(f"{code} {code // 100}.9.9 whatever"), stage, recipient=RECIPIENT)

    assert not verdict.suppress
    assert verdict.scope is not Scope.RECIPIENT


@pytest.mark.parametrize(
    ("stage", "text", "verdict"),
    [
        # Nothing that happens before MAIL can be an email's fault.
        (Stage.CONNECT, "554 5.7.1 your address is blocked", ACCOUNT_RESTS),
        (Stage.CONNECT, "421 4.3.2 too busy", ACCOUNT_RESTS),
        (Stage.EHLO, "550 5.1.1 whatever", ACCOUNT_RESTS),
        (Stage.STARTTLS, "454 4.7.0 TLS not available", ACCOUNT_RESTS),
        (Stage.LOGIN, "535 5.7.8 authentication credentials invalid", ACCOUNT_RESTS),
        (Stage.LOGIN, "454 4.7.0 temporary authentication failure", ACCOUNT_RESTS),
        # The account, whatever was asked.
        (Stage.MAIL, "421 4.7.0 try again later", ACCOUNT_RESTS),
        (Stage.RCPT, "421 closing", ACCOUNT_RESTS),
        (Stage.BODY, "421 4.4.2 timeout", NEW_SESSION),
        (Stage.MAIL, "454 4.7.0 temporary authentication failure", ACCOUNT_RESTS),
        (Stage.MAIL, "530 5.7.0 authentication required", ACCOUNT_RESTS),
        (Stage.MAIL, "530 5.7.57 client not authenticated", ACCOUNT_RESTS),
        (Stage.MAIL, "534 5.7.9 application-specific password required", ACCOUNT_RESTS),
        (Stage.MAIL, "535 5.7.139 authentication unsuccessful", ACCOUNT_RESTS),
        (Stage.BODY, "550 5.7.30 basic authentication is not supported", ACCOUNT_RESTS),
        (Stage.MAIL, "432 4.3.2 concurrent connections limit exceeded", ACCOUNT_RESTS),
        (
            Stage.BODY,
            "432 4.3.2 STOREDRV.ClientSubmit; thread limit exceeded",
            ACCOUNT_RESTS,
        ),
        # A command out of its place says that the two ends no longer understand each other.
        (Stage.MAIL, "503 5.5.1 log in first", ACCOUNT_RESTS),
        (Stage.RCPT, "502 5.5.1 not implemented", ACCOUNT_RESTS),
        # Limits that come with a code that sounds final.
        (Stage.RCPT, "550 5.4.5 Daily SMTP relay limit exceeded for user", ACCOUNT_RESTS),
        (Stage.BODY, "550 5.4.5 Daily user sending limit exceeded", ACCOUNT_RESTS),
        (Stage.MAIL, "550 5.7.1 Daily SMTP relay limit exceeded for customer", ACCOUNT_RESTS),
        (Stage.MAIL, "450 4.2.1 Peak SMTP relay limit exceeded for customer", ACCOUNT_RESTS),
        (
            Stage.BODY,
            "554 5.2.0 STOREDRV.Submission:SubmissionQuotaExceededException",
            ACCOUNT_RESTS,
        ),
        (Stage.BODY, "554 5.2.2 mailbox full", ACCOUNT_RESTS),
        (Stage.BODY, "454 Throttling failure: Maximum sending rate exceeded.", ACCOUNT_RESTS),
        # The same codes with another meaning.
        (Stage.BODY, "554 5.2.0 STOREDRV.Submission:SendAsDeniedException", SENDER_REFUSED),
        (Stage.RCPT, "554 5.2.2 mailbox full", RECIPIENT_REFUSED),
        (Stage.RCPT, "552 5.2.2 mailbox full", RECIPIENT_REFUSED),
        (Stage.BODY, "550 5.7.1 this message violates our policy", MESSAGE_REFUSED),
        (Stage.RCPT, "454 4.7.1 relay access denied", RECIPIENT_LATER),
        (Stage.RCPT, "450 4.2.1 the user is receiving mail too quickly", RECIPIENT_LATER),
        # The sender.
        (Stage.MAIL, "550 5.1.8 bad outbound sender", ACCOUNT_RESTS),
        (Stage.MAIL, "553 5.7.1 not owned by user", SENDER_REFUSED),
        (Stage.MAIL, "501 5.1.7 bad address syntax", SENDER_REFUSED),
        (Stage.MAIL, "451 4.3.0 try later", SENDER_LATER),
        (Stage.MAIL, "452 4.3.1 insufficient storage", MESSAGE_LATER),
        (Stage.MAIL, "552 5.3.4 message too big", MESSAGE_REFUSED),
        # A recipient.
        (Stage.RCPT, "550 5.1.1 no such user", NO_SUCH_ADDRESS),
        (Stage.RCPT, "550 5.1.10 recipient not found", NO_SUCH_ADDRESS),
        (Stage.RCPT, "551 5.1.6 user has moved", NO_SUCH_ADDRESS),
        (Stage.RCPT, "553 5.1.3 bad address", NO_SUCH_ADDRESS),
        (Stage.RCPT, "550 no such user", RECIPIENT_REFUSED),
        (Stage.RCPT, "550 5.7.1 not welcome", RECIPIENT_REFUSED),
        (Stage.RCPT, "554 5.7.1 relay access denied", RECIPIENT_REFUSED),
        (Stage.RCPT, "501 5.1.3 bad address", RECIPIENT_REFUSED),
        (Stage.RCPT, "550 5.1.8 sender address rejected", SENDER_REFUSED),
        (Stage.RCPT, "553 5.1.7 sender address rejected", SENDER_REFUSED),
        (Stage.RCPT, "450 4.2.0 greylisted", RECIPIENT_LATER),
        (Stage.RCPT, "450 4.7.0 greylisted", RECIPIENT_LATER),
        (Stage.RCPT, "451 4.7.1 greylisted", RECIPIENT_LATER),
        (Stage.RCPT, "451 try later", RECIPIENT_LATER),
        (Stage.RCPT, "452 4.2.2 mailbox full", RECIPIENT_LATER),
        (Stage.RCPT, "452 4.5.3 too many recipients", RECIPIENT_LATER),
        (Stage.RCPT, "552 5.3.4 message too big", MESSAGE_REFUSED),
        (Stage.RCPT, "552 5.2.3 message too big", MESSAGE_REFUSED),
        # The message.
        (Stage.DATA, "451 4.3.0 try later", MESSAGE_LATER),
        (Stage.DATA, "554 5.5.1 no valid recipients", MESSAGE_REFUSED),
        (Stage.BODY, "450 later", MESSAGE_LATER),
        (Stage.BODY, "451 4.3.0 try later", MESSAGE_LATER),
        (Stage.BODY, "452 4.3.1 insufficient storage", MESSAGE_LATER),
        (Stage.BODY, "500 line too long", MESSAGE_REFUSED),
        (Stage.BODY, "550 5.1.1 no such user", MESSAGE_REFUSED),
        (Stage.BODY, "552 5.3.4 message too big", MESSAGE_REFUSED),
        (Stage.BODY, "552 5.2.3 message too big", MESSAGE_REFUSED),
        (Stage.BODY, "552 too big", MESSAGE_REFUSED),
        (Stage.BODY, "554 5.7.1 spam", MESSAGE_REFUSED),
        (Stage.BODY, "554 rejected", MESSAGE_REFUSED),
        # No answer to what was asked.
        (Stage.DATA, "250 ok", ACCOUNT_RESTS),
        (Stage.RCPT, "354 go ahead", ACCOUNT_RESTS),
        (Stage.BODY, "334 ", ACCOUNT_RESTS),
    ],
)
def test_a_refusal_is_about_a_recipient_the_message_or_the_account(
    stage: Stage, text: str, verdict: Verdict
) -> None:
    assert classify(reply(text), stage) == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("452 4.5.3 too many recipients", NEXT_TRANSACTION),
        ("452 too many recipients", NEXT_TRANSACTION),
        ("552 too many recipients", NEXT_TRANSACTION),
        ("550 5.5.3 too many recipients", NEXT_TRANSACTION),
        ("452 4.2.2 mailbox full", RECIPIENT_LATER),
        ("552 5.2.2 mailbox full", RECIPIENT_REFUSED),
        ("552 5.3.4 message too big", MESSAGE_REFUSED),
        ("450 4.2.0 greylisted", RECIPIENT_LATER),
        ("550 5.1.1 no such user", NO_SUCH_ADDRESS),
    ],
)
def test_too_many_recipients_can_only_be_said_after_one_was_accepted(
    text: str, verdict: Verdict
) -> None:
    assert classify(reply(text), Stage.RCPT, accepted_before=True) == verdict
