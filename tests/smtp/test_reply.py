"""What a mail server's replies mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp.reply import ProtocolError, Reply, Scope, Stage, Verdict, classify

ACCOUNT = Verdict(Scope.ACCOUNT, permanent=False)
MESSAGE_LATER = Verdict(Scope.MESSAGE, permanent=False)
MESSAGE_FAILED = Verdict(Scope.MESSAGE, permanent=True)
RECIPIENT_LATER = Verdict(Scope.RECIPIENT, permanent=False)
RECIPIENT_FAILED = Verdict(Scope.RECIPIENT, permanent=True)
NO_SUCH_ADDRESS = Verdict(Scope.RECIPIENT, permanent=True, suppress=True)
NEXT_TRANSACTION = Verdict(Scope.RECIPIENT, permanent=False, more_recipients_later=True)


def reply(text: str) -> Reply:
    return Reply.parse([text.encode()])


@pytest.mark.parametrize(
    ("lines", "code", "enhanced", "text"),
    [
        ([b"250 2.1.0 Ok"], 250, "2.1.0", "250 2.1.0 Ok"),
        ([b"250"], 250, None, "250"),
        ([b"250 "], 250, None, "250"),
        (
            [b"354 End data with <CR><LF>.<CR><LF>"],
            354,
            None,
            "354 End data with <CR><LF>.<CR><LF>",
        ),
        ([b"535 5.7.139 no"], 535, "5.7.139", "535 5.7.139 no"),
        ([b"550 5.1.1"], 550, "5.1.1", "550 5.1.1"),
        ([b"250 2.0.0.example.com at your service"], 250, None, None),
        ([b"250 10.1.1.1 greets you"], 250, None, None),
        ([b"550 4.1.1 what now"], 550, None, None),
        (
            [b"550-5.1.1 The account", b"550-5.1.1 that you tried", b"550 5.1.1 does not exist"],
            550,
            "5.1.1",
            None,
        ),
        ([b"250-one", b"250 two"], 250, None, "250 one two"),
        (["550 5.1.1 Empfänger fehlt".encode()], 550, "5.1.1", "550 5.1.1 Empfänger fehlt"),
    ],
)
def test_a_reply_is_its_code_its_enhanced_code_and_its_text(
    lines: list[bytes], code: int, enhanced: str | None, text: str | None
) -> None:
    parsed = Reply.parse(lines)

    assert (parsed.code, parsed.enhanced) == (code, enhanced)
    assert text is None or str(parsed) == text


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"hello"],
        [b"25 ok"],
        [b"2500 ok"],
        [b"250ok"],
        [b"150 soon"],
        [b"650 later"],
        [b" 250 ok"],
        [b"HTTP/1.1 400 Bad Request"],
        [b"\xff\xfe\x00\x01"],
        ["２５０ ok".encode()],
        [b"250-ok", b"550 no"],
        [b"250-ok", b"whatever"],
    ],
)
def test_what_has_no_code_or_two_is_no_reply(lines: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        Reply.parse(lines)


@given(st.lists(st.binary(max_size=2000).map(lambda text: b"451 " + text), min_size=1, max_size=5))
def test_the_text_is_one_printable_line_of_at_most_500_characters(lines: list[bytes]) -> None:
    parsed = Reply.parse(lines)

    assert len(parsed.text) <= 500
    assert len(parsed.text.splitlines()) <= 1
    assert not any(char in parsed.text for char in "\r\n\0\x1b\u2028")


@pytest.mark.parametrize(
    ("stage", "text", "verdict"),
    [
        # Nothing that happens before MAIL can be an email's fault.
        (Stage.CONNECT, "554 5.7.1 your address is blocked", ACCOUNT),
        (Stage.CONNECT, "421 4.3.2 too busy", ACCOUNT),
        (Stage.EHLO, "550 5.1.1 whatever", ACCOUNT),
        (Stage.STARTTLS, "454 4.7.0 TLS not available", ACCOUNT),
        (Stage.LOGIN, "535 5.7.8 authentication credentials invalid", ACCOUNT),
        (Stage.LOGIN, "454 4.7.0 temporary authentication failure", ACCOUNT),
        # The account, whatever was asked.
        (Stage.MAIL, "421 4.7.0 try again later", ACCOUNT),
        (Stage.RCPT, "421 closing", ACCOUNT),
        (Stage.BODY, "421 4.4.2 timeout", ACCOUNT),
        (Stage.MAIL, "454 4.7.0 temporary authentication failure", ACCOUNT),
        (Stage.MAIL, "530 5.7.0 authentication required", ACCOUNT),
        (Stage.MAIL, "530 5.7.57 client not authenticated", ACCOUNT),
        (Stage.MAIL, "534 5.7.9 application-specific password required", ACCOUNT),
        (Stage.MAIL, "535 5.7.139 authentication unsuccessful", ACCOUNT),
        (Stage.BODY, "550 5.7.30 basic authentication is not supported", ACCOUNT),
        (Stage.MAIL, "432 4.3.2 concurrent connections limit exceeded", ACCOUNT),
        (Stage.BODY, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", ACCOUNT),
        # A command out of its place says that the two ends no longer understand each other.
        (Stage.MAIL, "503 5.5.1 log in first", ACCOUNT),
        (Stage.RCPT, "502 5.5.1 not implemented", ACCOUNT),
        # Limits that come with a code that sounds final.
        (Stage.RCPT, "550 5.4.5 Daily SMTP relay limit exceeded for user", ACCOUNT),
        (Stage.BODY, "550 5.4.5 Daily user sending limit exceeded", ACCOUNT),
        (Stage.MAIL, "550 5.7.1 Daily SMTP relay limit exceeded for customer", ACCOUNT),
        (Stage.MAIL, "450 4.2.1 Peak SMTP relay limit exceeded for customer", ACCOUNT),
        (Stage.BODY, "554 5.2.0 STOREDRV.Submission:SubmissionQuotaExceededException", ACCOUNT),
        (Stage.BODY, "554 5.2.2 mailbox full", ACCOUNT),
        (Stage.BODY, "454 Throttling failure: Maximum sending rate exceeded.", ACCOUNT),
        # The same codes with another meaning.
        (Stage.BODY, "554 5.2.0 STOREDRV.Submission:SendAsDeniedException", MESSAGE_FAILED),
        (Stage.RCPT, "554 5.2.2 mailbox full", RECIPIENT_FAILED),
        (Stage.RCPT, "552 5.2.2 mailbox full", RECIPIENT_FAILED),
        (Stage.BODY, "550 5.7.1 this message violates our policy", MESSAGE_FAILED),
        (Stage.RCPT, "454 4.7.1 relay access denied", RECIPIENT_LATER),
        (Stage.RCPT, "450 4.2.1 the user is receiving mail too quickly", RECIPIENT_LATER),
        # The sender.
        (Stage.MAIL, "550 5.1.8 bad outbound sender", MESSAGE_FAILED),
        (Stage.MAIL, "553 5.7.1 not owned by user", MESSAGE_FAILED),
        (Stage.MAIL, "501 5.1.7 bad address syntax", MESSAGE_FAILED),
        (Stage.MAIL, "451 4.3.0 try later", MESSAGE_LATER),
        (Stage.MAIL, "452 4.3.1 insufficient storage", MESSAGE_LATER),
        (Stage.MAIL, "552 5.3.4 message too big", MESSAGE_FAILED),
        # A recipient.
        (Stage.RCPT, "550 5.1.1 no such user", NO_SUCH_ADDRESS),
        (Stage.RCPT, "550 5.1.10 recipient not found", NO_SUCH_ADDRESS),
        (Stage.RCPT, "551 5.1.6 user has moved", NO_SUCH_ADDRESS),
        (Stage.RCPT, "553 5.1.3 bad address", NO_SUCH_ADDRESS),
        (Stage.RCPT, "550 no such user", RECIPIENT_FAILED),
        (Stage.RCPT, "550 5.7.1 not welcome", RECIPIENT_FAILED),
        (Stage.RCPT, "554 5.7.1 relay access denied", RECIPIENT_FAILED),
        (Stage.RCPT, "501 5.1.3 bad address", RECIPIENT_FAILED),
        (Stage.RCPT, "550 5.1.8 sender address rejected", RECIPIENT_FAILED),
        (Stage.RCPT, "553 5.1.7 sender address rejected", RECIPIENT_FAILED),
        (Stage.RCPT, "450 4.2.0 greylisted", RECIPIENT_LATER),
        (Stage.RCPT, "450 4.7.0 greylisted", RECIPIENT_LATER),
        (Stage.RCPT, "451 4.7.1 greylisted", RECIPIENT_LATER),
        (Stage.RCPT, "451 try later", RECIPIENT_LATER),
        (Stage.RCPT, "452 4.2.2 mailbox full", RECIPIENT_LATER),
        (Stage.RCPT, "452 4.5.3 too many recipients", RECIPIENT_LATER),
        (Stage.RCPT, "552 5.3.4 message too big", MESSAGE_FAILED),
        (Stage.RCPT, "552 5.2.3 message too big", MESSAGE_FAILED),
        # The message.
        (Stage.DATA, "451 4.3.0 try later", MESSAGE_LATER),
        (Stage.DATA, "554 5.5.1 no valid recipients", MESSAGE_FAILED),
        (Stage.BODY, "450 later", MESSAGE_LATER),
        (Stage.BODY, "451 4.3.0 try later", MESSAGE_LATER),
        (Stage.BODY, "452 4.3.1 insufficient storage", MESSAGE_LATER),
        (Stage.BODY, "500 line too long", MESSAGE_FAILED),
        (Stage.BODY, "550 5.1.1 no such user", MESSAGE_FAILED),
        (Stage.BODY, "552 5.3.4 message too big", MESSAGE_FAILED),
        (Stage.BODY, "552 5.2.3 message too big", MESSAGE_FAILED),
        (Stage.BODY, "552 too big", MESSAGE_FAILED),
        (Stage.BODY, "554 5.7.1 spam", MESSAGE_FAILED),
        (Stage.BODY, "554 rejected", MESSAGE_FAILED),
        # No answer to what was asked.
        (Stage.DATA, "250 ok", ACCOUNT),
        (Stage.RCPT, "354 go ahead", ACCOUNT),
        (Stage.BODY, "334 ", ACCOUNT),
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
        ("552 5.2.2 mailbox full", RECIPIENT_FAILED),
        ("552 5.3.4 message too big", MESSAGE_FAILED),
        ("450 4.2.0 greylisted", RECIPIENT_LATER),
        ("550 5.1.1 no such user", NO_SUCH_ADDRESS),
    ],
)
def test_too_many_recipients_can_only_be_said_after_one_was_accepted(
    text: str, verdict: Verdict
) -> None:
    assert classify(reply(text), Stage.RCPT, accepted_before=True) == verdict
