"""What each message of the corpus says: the folder `corpus` beside this, after the shapes of many.

Nobody's real mail: the addresses are those of documentation, the words those of the servers named.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from shared.bounces.report import Finding, Kind, Report

FOLDER = Path(__file__).parent / "corpus"
TOKEN = "aebagbafaydqqcikbmga2dqp"
MESSAGE_ID = "<20261127081500.4711@example.com>"

BOTH = ((TOKEN,), (MESSAGE_ID,))
BY_TOKEN = ((TOKEN,), ())
BY_MESSAGE_ID = ((), (MESSAGE_ID,))
NOTHING: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def told(
    kind: Kind,
    recipient: str | None,
    code: int | None = None,
    enhanced_code: str | None = None,
    *,
    needs_second: bool = False,
) -> Finding:
    """A finding without its words."""
    return Finding(kind, recipient, code, enhanced_code, "", needs_second)


hard = partial(told, Kind.HARD)
soft = partial(told, Kind.SOFT)
policy = partial(told, Kind.POLICY)
delayed = partial(told, Kind.DELAYED)
delivered = partial(told, Kind.DELIVERED)
complaint = partial(told, Kind.COMPLAINT)
receipt = partial(told, Kind.RECEIPT)
unclear = partial(told, Kind.UNCLEAR)


def report(
    kind: Kind, names: tuple[tuple[str, ...], tuple[str, ...]], *findings: Finding
) -> Report:
    """What a machine told, or somebody wrote."""
    tokens, message_ids = names
    return Report(kind, findings, tokens, message_ids)


def guess(kind: Kind, names: tuple[tuple[str, ...], tuple[str, ...]], *findings: Finding) -> Report:
    """What only the words tell."""
    return report(kind, names, *findings)._replace(is_guess=True)


CORPUS: dict[str, Report] = {
    "address-of-alarming-words": report(
        Kind.HARD, BOTH, hard("spam-policy@example.net", 550, "5.1.1")
    ),
    "arf-auth-failure": report(Kind.POLICY, BOTH, policy(None)),
    "arf-base64": report(Kind.COMPLAINT, BOTH, complaint("anna@example.net")),
    "arf-no-recipient": report(Kind.COMPLAINT, BOTH, complaint(None)),
    "arf-not-spam": report(Kind.OTHER, BOTH),
    "arf-opt-out": report(
        Kind.COMPLAINT, BOTH, complaint("anna@example.net"), complaint("bob@example.net")
    ),
    "arf-redacted": report(Kind.COMPLAINT, BOTH, complaint("redacted@redacted.example")),
    "arf-yahoo": report(Kind.COMPLAINT, BOTH, complaint("anna@example.net")),
    "auto-dutch-raw": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-exchange-english": report(Kind.AUTOREPLY, BOTH),
    "auto-exchange-french": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-exchange-german": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-exchange-spanish": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-gmail-vacation": report(Kind.AUTOREPLY, BOTH),
    "auto-helpdesk": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-japanese": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-left-the-company": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-polish": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-qmail": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-russian": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-sieve": report(Kind.AUTOREPLY, BY_TOKEN),
    "auto-with-quoted-bounce": report(Kind.AUTOREPLY, BY_TOKEN),
    "blank": report(Kind.UNCLEAR, NOTHING),
    "broken-base64-status": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-blank-line-first": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-boundary": guess(Kind.SOFT, BOTH, soft("nobody@example.net", 550, "5.1.1")),
    "broken-comments": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-cut-in-the-status": report(
        Kind.HARD, BY_TOKEN, hard("nobody@example.net", None, "5.1.1")
    ),
    "broken-eight-bit": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-empty-status": guess(Kind.SOFT, BOTH, soft("anna@odd.example")),
    "broken-header-only": guess(Kind.SOFT, BY_TOKEN, soft(None)),
    "broken-line-among-the-fields": report(
        Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")
    ),
    "broken-mixed-in-report": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-no-action": report(Kind.UNCLEAR, BOTH, unclear("nobody@example.net", None, "5.1.1")),
    "broken-no-address-type": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-no-blank-lines": report(
        Kind.HARD,
        BOTH,
        hard("nobody@example.net", 550, "5.1.1"),
        soft("full@example.net", 552, "5.2.2"),
    ),
    "broken-no-end": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "broken-no-recipient": report(Kind.HARD, BOTH, hard(None, 550, "5.1.1")),
    "broken-no-status": report(Kind.SOFT, BOTH, soft("nobody@example.net")),
    "broken-quoted-printable-status": report(
        Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")
    ),
    "broken-recipient-is-the-sender": report(
        Kind.HARD, BOTH, hard("bounces+aebagbafaydqqcikbmga2dqp@example.com", 550, "5.1.1")
    ),
    "by-its-subject-alone": guess(Kind.SOFT, BY_TOKEN, soft("anna@odd.example", 550, "5.1.1")),
    "challenge-boxbe": report(Kind.AUTOREPLY, BY_TOKEN),
    "challenge-tmda": report(Kind.AUTOREPLY, BY_TOKEN),
    "contradicting-codes": report(Kind.SOFT, BOTH, soft("anna@example.net", 552, "5.2.2")),
    "domino-plain": guess(Kind.SOFT, BY_TOKEN, soft("anna@domino.example")),
    "domino-report": report(Kind.HARD, BOTH, hard("anna@domino.example", None, "5.1.1")),
    "empty": report(Kind.UNCLEAR, NOTHING),
    "exchange-55": guess(Kind.SOFT, BY_TOKEN, soft("anna@old.example")),
    "exchange-disabled": report(Kind.HARD, BOTH, hard("anna@example.net", 550, "5.2.1")),
    "exchange-german": report(Kind.HARD, BOTH, hard("anna@example.net", 550, "5.1.1")),
    "exchange-no-connector": report(Kind.SOFT, BOTH, soft("anna@example.net", 550, "5.4.4")),
    "exchange-no-such-domain": report(Kind.HARD, BOTH, hard("anna@gone.example", 554, "5.4.4")),
    "exchange-online-access-denied": report(
        Kind.HARD, BOTH, hard("anna@example.net", 550, "5.4.1", needs_second=True)
    ),
    "exchange-online-bad-sender": report(
        Kind.POLICY, BOTH, policy("anna@example.net", 550, "5.1.8")
    ),
    "exchange-online-delayed": report(
        Kind.DELAYED, BOTH, delayed("anna@example.net", None, "4.4.316")
    ),
    "exchange-online-dmarc": report(Kind.POLICY, BOTH, policy("anna@example.net", 550, "5.7.515")),
    "exchange-online-domain-gone": report(
        Kind.HARD, BOTH, hard("anna@gone.example", 550, "5.4.310")
    ),
    "exchange-online-expired": report(Kind.SOFT, BOTH, soft("anna@example.net", 550, "4.4.2")),
    "exchange-online-group": report(Kind.POLICY, BOTH, policy("team@example.net", 550, "5.7.133")),
    "exchange-online-loop": report(Kind.SOFT, BOTH, soft("anna@example.net", 554, "5.4.14")),
    "exchange-online-no-answer": report(Kind.SOFT, BOTH, soft("anna@example.net", 550, "5.4.1")),
    "exchange-online-not-found": report(Kind.HARD, BOTH, hard("anna@example.net", 550, "5.1.10")),
    "exchange-online-quota": report(Kind.SOFT, BOTH, soft("anna@example.net", 554, "5.2.2")),
    "exchange-online-wrapped-spam": report(
        Kind.POLICY, BOTH, policy("anna@example.net", 550, "5.7.350")
    ),
    "exchange-online-wrapped-unavailable": report(
        Kind.SOFT, BOTH, soft("anna@example.net", 550, "5.1.351")
    ),
    "exchange-online-wrapped-unknown": report(
        Kind.HARD, BOTH, hard("anna@example.net", 550, "5.1.1")
    ),
    "exchange-online-wrapped": report(Kind.HARD, BOTH, hard("anna@example.net", 550, "5.1.1")),
    "exchange-policy-word": report(Kind.POLICY, BOTH, policy("anna@example.net", 550, "5.1.1")),
    "exchange-too-big": report(Kind.SOFT, BOTH, soft("anna@example.net", 552, "5.3.4")),
    "exim-no-code": report(Kind.SOFT, BOTH, soft("nobody@example.org", 550, "5.0.0")),
    "exim-old": guess(Kind.SOFT, BOTH, soft("nobody@example.org", 550, "5.1.1")),
    "exim-user-unknown": report(Kind.HARD, BOTH, hard("nobody@example.org", 550, "5.1.1")),
    "exim-warning": guess(Kind.DELAYED, BY_TOKEN, delayed("anna@example.net")),
    "forwarded": report(Kind.SOFT, BOTH, soft("anna@example.net", 550, "5.1.1")),
    "french-server": guess(Kind.SOFT, BY_TOKEN, soft("anna@serveur.example")),
    "from-nobody": guess(Kind.SOFT, BY_TOKEN, soft("anna@odd.example")),
    "gmail-delay": report(Kind.DELAYED, BOTH, delayed("anna@example.net", None, "4.4.1")),
    "gmail-disabled": report(Kind.HARD, BOTH, hard("anna@example.org", 550, "5.2.1")),
    "gmail-nested-text": report(Kind.HARD, BOTH, hard("anna@example.org", 550, "5.1.1")),
    "gmail-no-such-user": report(Kind.HARD, BOTH, hard("anna@example.org", 550, "5.1.1")),
    "gmail-over-quota": report(Kind.SOFT, BOTH, soft("anna@example.org", 552, "5.2.2")),
    "gmail-too-much-mail": report(Kind.SOFT, BOTH, soft("anna@example.org", 550, "5.2.1")),
    "gmail-unauthenticated": report(Kind.POLICY, BOTH, policy("anna@example.org", 550, "5.7.26")),
    "groupwise": guess(Kind.SOFT, BY_TOKEN, soft("anna@gw.example", 550, "5.1.1")),
    "html-only": guess(Kind.SOFT, BY_TOKEN, soft("anna@web.example", 550)),
    "ip-address-in-the-words": report(Kind.SOFT, BOTH, soft("anna@example.net", 550, "5.0.0")),
    "mdn-deleted": report(Kind.RECEIPT, BY_MESSAGE_ID, receipt("anna@example.net")),
    "mdn-read": report(Kind.RECEIPT, BY_MESSAGE_ID, receipt("anna@example.net")),
    "nested": report(Kind.OTHER, BY_TOKEN),
    "no-way-to-match": report(Kind.HARD, NOTHING, hard("nobody@example.net", 550, "5.1.1")),
    "null-sender-words": report(Kind.UNCLEAR, BY_TOKEN),
    "octets": report(Kind.UNCLEAR, NOTHING),
    "old-netscape": guess(Kind.SOFT, BY_TOKEN, soft(None)),
    "opensmtpd-delayed": report(Kind.DELAYED, BOTH, delayed("anna@example.net", None, "4.4.2")),
    "opensmtpd-error": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "ordinary-angry": report(Kind.OTHER, NOTHING),
    "ordinary-answer-to-a-bounce": report(Kind.OTHER, NOTHING),
    "ordinary-forwarded-bounce": report(Kind.OTHER, BY_TOKEN),
    "ordinary-on-your-list": report(Kind.OTHER, NOTHING),
    "ordinary": report(Kind.OTHER, NOTHING),
    "postfix-blocked": report(Kind.POLICY, BOTH, policy("anna@example.net", 554, "5.7.1")),
    "postfix-delayed": report(Kind.DELAYED, BOTH, delayed("anna@example.net", None, "4.4.1")),
    "postfix-delivered": report(Kind.DELIVERED, BOTH, delivered("anna@example.net", None, "2.0.0")),
    "postfix-domain-gone": report(Kind.HARD, BOTH, hard("anna@gone.example", None, "5.4.4")),
    "postfix-expanded-and-failed": report(
        Kind.HARD,
        BOTH,
        delivered("list@example.net", None, "2.0.0"),
        hard("old@example.net", 550, "5.1.6"),
    ),
    "postfix-expired": report(Kind.SOFT, BOTH, soft("anna@example.net", None, "4.4.1")),
    "postfix-international-base64": report(
        Kind.HARD, BOTH, hard("jürgen@xn--bcher-kva.example", 550, "5.1.1")
    ),
    "postfix-international-escaped": report(
        Kind.HARD, BOTH, hard("jürgen@example.net", 550, "5.1.1")
    ),
    "postfix-international": report(
        Kind.HARD, BOTH, hard("jürgen@xn--bcher-kva.example", 550, "5.1.1")
    ),
    "postfix-mailbox-full": report(Kind.SOFT, BOTH, soft("full@example.net", None, "5.2.2")),
    "postfix-null-mx": report(Kind.HARD, BOTH, hard("anna@nomail.example", None, "5.1.10")),
    "postfix-relayed": report(Kind.DELIVERED, BOTH, delivered("anna@example.net", None, "2.0.0")),
    "postfix-two-recipients": report(
        Kind.HARD,
        BOTH,
        hard("nobody@example.net", 550, "5.1.1"),
        soft("full@example.net", 552, "5.2.2"),
    ),
    "postfix-user-unknown": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "qmail-full": guess(Kind.SOFT, BOTH, soft("full@example.net", 552, "5.2.2")),
    "qmail-two": guess(
        Kind.SOFT,
        BOTH,
        soft("nobody@example.net", 550, "5.1.1"),
        soft("anna@example.net", None, "4.2.2"),
    ),
    "qmail": guess(Kind.SOFT, BOTH, soft("nobody@example.net", 550, "5.1.1")),
    "sender-refused": report(Kind.POLICY, BOTH, policy("anna@example.net", 550, "5.1.1")),
    "sendmail-invented-code": report(Kind.POLICY, BOTH, policy("anna@example.net", 550, "5.1.1")),
    "sendmail-user-unknown": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "sendmail-warning": report(Kind.DELAYED, BOTH, delayed("anna@example.net", None, "4.4.1")),
    "sendmail-without-report": guess(Kind.SOFT, BOTH, soft("nobody@example.net", 550, "5.1.1")),
    "ses-content": report(Kind.POLICY, BOTH, policy("anna@example.net", 554, "5.6.0")),
    "ses-user-unknown": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "smtp32": guess(Kind.SOFT, BY_TOKEN, soft("anna@odd.example")),
    "spam": report(Kind.OTHER, BY_TOKEN),
    "t-online": guess(Kind.SOFT, BOTH, soft("anna@t-online.example", 550, "5.1.1")),
    "temporary-reply-permanent-status": report(
        Kind.SOFT, BOTH, soft("anna@example.net", 450, "4.2.0")
    ),
    "unknown-charset": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "unknown-server": report(Kind.UNCLEAR, BY_TOKEN),
    "windows-line-ends": report(Kind.HARD, BOTH, hard("nobody@example.net", 550, "5.1.1")),
    "yahoo-deferred-for-good": report(Kind.SOFT, BOTH, soft("anna@yahoo.example", 421, "4.7.0")),
    "yahoo-no-such-user": report(Kind.SOFT, BOTH, soft("anna@yahoo.example", 554, "5.0.0")),
    "yahoo-old": guess(Kind.SOFT, BOTH, soft("anna@yahoo.example", 554)),
}
