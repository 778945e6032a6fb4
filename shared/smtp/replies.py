"""What mail servers are known to say, and what each of them means by it.

One line for one provider's words, to be read and added to by whoever runs Rowpost. A line says: the
reply's code (a dot stands for any digit), its enhanced status code (RFC 3463; None: any or none,
"": none), what is found among its words (case aside), the commands that it answers, what it means,
and where these words were seen; the first three are regular expressions. The first line that fits
decides; where none does, `classify` goes by the codes alone.

What it means is one of:

    NEW_SESSION        this connection has had its share: go on over a new one, at no cost
    ACCOUNT_RESTS      the account, or this machine, may send nothing for now: its emails wait
    SENDER_REFUSED     this sender's address is refused, whoever the email is for
    SENDER_LATER       the same, for now
    MESSAGE_REFUSED    this email is refused for good, for all its recipients
    MESSAGE_LATER      this email may be taken later
    NO_SUCH_ADDRESS    this recipient does not exist: refused, and suppressed
    RECIPIENT_REFUSED  this recipient is refused for good
    RECIPIENT_LATER    this recipient may be taken later
    NEXT_TRANSACTION   no further recipients in this transaction: the rest follows at once
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from shared.smtp.reply import Reply, Scope, Stage, Verdict

NEW_SESSION = Verdict(Scope.SESSION, permanent=False)
ACCOUNT_RESTS = Verdict(Scope.ACCOUNT, permanent=False)
SENDER_REFUSED = Verdict(Scope.SENDER, permanent=True)
SENDER_LATER = Verdict(Scope.SENDER, permanent=False)
MESSAGE_REFUSED = Verdict(Scope.MESSAGE, permanent=True)
MESSAGE_LATER = Verdict(Scope.MESSAGE, permanent=False)
NO_SUCH_ADDRESS = Verdict(Scope.RECIPIENT, permanent=True, suppress=True)
RECIPIENT_REFUSED = Verdict(Scope.RECIPIENT, permanent=True)
RECIPIENT_LATER = Verdict(Scope.RECIPIENT, permanent=False)
NEXT_TRANSACTION = Verdict(Scope.RECIPIENT, permanent=False, more_recipients_later=True)

ANY = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY})
MAIL = frozenset({Stage.MAIL})
RCPT = frozenset({Stage.RCPT})
BODY = frozenset({Stage.DATA, Stage.BODY})
"""DATA, and the final dot."""
NOT_RCPT = ANY - RCPT
ENVELOPE = MAIL | RCPT


class KnownReply(NamedTuple):
    """A line of the table; see above."""

    code: str
    enhanced: str | None
    words: str
    stages: frozenset[Stage]
    verdict: Verdict
    source: str


_GMAIL = "https://support.google.com/a/answer/3726730"
_GOOGLE_RELAY = "https://support.google.com/a/answer/6140680"
_EXCHANGE = (
    "https://learn.microsoft.com/exchange/mail-flow-best-practices/"
    "non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online"
)
_EXCHANGE_SUBMISSION = (
    "https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements"
)
_FIELD_MANUAL = "https://smtpfieldmanual.com/code/"
_POSTFIX = "Postfix, smtpd.c"
_POSTFIX_CHECK = "Postfix, smtpd_check.c"
_EXIM = "Exim, smtp_in.c"
_SES = "https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html"
_SES_QUOTA = "https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html"
_SES_ERRORS = "https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html"
_SENDGRID = (
    "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/"
    "smtp-errors-and-troubleshooting"
)
_YAHOO = "https://senders.yahooinc.com/smtp-error-codes"
_QQ = "https://service.mail.qq.com/detail/122"
_NETEASE = "https://biecuoliao.com/pa/MBRrwEM.html"
_APPLE = "https://support.apple.com/102322"
_KONTO = "https://support.konto.pl/kb/a2164/blad-5_1_0.aspx"

# fmt: off
KNOWN_REPLIES: tuple[KnownReply, ...] = (
    # A connection's share.
    KnownReply("...", None, r"messages? per (session|connection)", ANY, NEW_SESSION,
               "Stalwart: https://github.com/stalwartlabs/stalwart/issues/1384; Yahoo: " + _YAHOO),
    KnownReply("421", None, r"message count per session", ANY, NEW_SESSION,
               "Amazon SES: https://github.com/knadh/listmonk/issues/2683"),
    KnownReply("4..", None, r"too many (messages|mails) (in|on|for) this (session|connection)", ANY,
               NEW_SESSION, _EXIM),
    KnownReply("421", None, r"too many (\S+ )*errors", ANY, NEW_SESSION,
               _POSTFIX + "; iCloud: " + _FIELD_MANUAL + "421"),
    KnownReply("45.", None, r"\b(MI:DMC|RP:DRC|MI:CEL|RP:CEL|MI:CCL|RP:CCL)\b", ANY, NEW_SESSION,
               "NetEase: " + _NETEASE),
    KnownReply("452", "4.5.3", r"batch limit reached", MAIL, NEW_SESSION,
               "Momentum: https://github.com/SparkPost/developers.sparkpost.com, F.2"),
    KnownReply("421", None, r"(connection|session) expired|timeout exceeded|timed? ?out", ANY,
               NEW_SESSION, _POSTFIX + "; " + _GMAIL),
    KnownReply("451", None, r"timeout (-|waiting)", ANY, NEW_SESSION, _GMAIL + "; " + _SES),

    # One email or one recipient, though the code closes the connection or sounds like a limit.
    KnownReply("421", "4.7.0", r"nature of the content", BODY, MESSAGE_LATER, _GMAIL),
    KnownReply("421", "4.7.28", r"same message-id", BODY, MESSAGE_LATER, _GMAIL),
    KnownReply("421", "4.7.1", r"^\S+ messages to \S+@\S+ deferred due to excessive volume", ANY,
               RECIPIENT_LATER, _APPLE),
    KnownReply("421", "4.7.0", r"(TLS required|not in whitelist) for RCPT domain", RCPT,
               RECIPIENT_LATER, _GMAIL),
    KnownReply("421", "4.1.1", r"recipient address rejected: unverified address", RCPT,
               RECIPIENT_LATER, "Proofpoint: " + _FIELD_MANUAL + "421"),
    KnownReply("4..", None, r"receiving mail (at a rate|too quickly)|recipient has exceeded", ANY,
               RECIPIENT_LATER, _GMAIL + "; Yandex: " + _FIELD_MANUAL + "450"),
    KnownReply("5..", None, r"receiving mail at a rate", ANY, RECIPIENT_LATER, _GMAIL),
    KnownReply("550", "", r"failure sending mail\. try again later", RCPT, RECIPIENT_LATER,
               "GMX: https://github.com/jstedfast/MailKit/issues/968"),
    KnownReply("5..", "5.2.12.", r"exceeded", RCPT, RECIPIENT_LATER, _EXCHANGE),
    KnownReply("432", "4.3.2", r"STOREDRV\.Deliver", ANY, RECIPIENT_LATER, _EXCHANGE),
    KnownReply("550", "", r"mailbox unavailable or access deni", RCPT, RECIPIENT_LATER,
               "QQ: " + _QQ),
    KnownReply("452", "4.5.3", r"domain policy size per transaction|multiple destination domains",
               RCPT, NEXT_TRANSACTION, _GMAIL),
    KnownReply("451", "4.3.0", r"multiple destination domains per transaction", RCPT,
               NEXT_TRANSACTION, _GMAIL),
    KnownReply("452", "4.5.3", r"recipient policy mismatch", RCPT, NEXT_TRANSACTION,
               "MailChannels: https://docs.mailchannels.com/inbound/smtp-errors"),

    # The account: too much, too fast, or not at all.
    KnownReply("550", "5.4.5", r"", ANY, ACCOUNT_RESTS, _GMAIL),
    KnownReply("550", "5.7.1", r"relay (sending )?limit|quota exceeded", ANY, ACCOUNT_RESTS,
               _GOOGLE_RELAY),
    KnownReply("450", "4.2.1", r"relay (sending )?limit", ANY, ACCOUNT_RESTS, _GMAIL),
    KnownReply("550", "5.7.[01]", r"mail relay denied|invalid credentials for relay", ANY,
               ACCOUNT_RESTS, _GOOGLE_RELAY),
    KnownReply("550", "5.7.0", r"mail sending denied", ANY, ACCOUNT_RESTS, _GMAIL),
    KnownReply("[45]..", "[45].7.(0|1|28)", r"unusual rate of", NOT_RCPT, ACCOUNT_RESTS, _GMAIL),
    KnownReply("[45]..", "[45].7.(0|1|23|25)", r"IP address sending|sending IP|PTR record",
               NOT_RCPT, ACCOUNT_RESTS, _GMAIL),
    KnownReply("454", "4.7.0|", r"", ANY, ACCOUNT_RESTS, _SES_QUOTA + "; " + _GMAIL),
    KnownReply("554", "5.2.0", r"SubmissionQuotaExceeded", ANY, ACCOUNT_RESTS,
               _EXCHANGE_SUBMISSION),
    KnownReply("5..", "5.2.0|5.3.4", r"SendAsDenied", ANY, SENDER_REFUSED,
               "https://github.com/MicrosoftDocs/OfficeDocs-Support/issues/1187"),
    KnownReply("554", "5.2.252", r"SendAsDenied", ANY, SENDER_REFUSED, _EXCHANGE_SUBMISSION),
    KnownReply("554", "5.2.2", r"", NOT_RCPT, ACCOUNT_RESTS, _EXCHANGE),
    KnownReply("5..", "5.1.8", r"bad outbound sender", ANY, ACCOUNT_RESTS,
               _EXCHANGE),
    KnownReply("5..", "5.1.9[0-9]", r"", ANY, ACCOUNT_RESTS, _EXCHANGE),
    KnownReply("5..", "5.7.7[0-5][0-9]", r"", ANY, ACCOUNT_RESTS, _EXCHANGE),
    KnownReply("5..", "5.7.(6[0-4][0-9]|511|506|25)", r"", ANY, ACCOUNT_RESTS, _EXCHANGE),
    KnownReply("45.", "4.7.(500|65[0-9]|8[5-9][0-9])", r"", ANY, ACCOUNT_RESTS, _EXCHANGE),
    KnownReply("450", "4.7.3", r"queue quota exceeded", ANY, ACCOUNT_RESTS,
               _FIELD_MANUAL + "450"),
    KnownReply("5..", None, r"too many e-?mails", ANY, ACCOUNT_RESTS,
               "Mailtrap: https://github.com/easy-swoole/smtp/issues/21; OVH: "
               "https://github.com/aschroder/Magento-SMTP-Pro-Email-Extension/issues/94"),
    KnownReply("...", None, r"too many e-?mails too fast", ANY, ACCOUNT_RESTS,
               "Mailu: https://github.com/Mailu/Mailu/issues/2416"),
    KnownReply("4..", None, r"(messages|recipients) per (second|minute|hour|day)", ANY,
               ACCOUNT_RESTS, "Stalwart; postfwd: "
               "https://github.com/rubymonsters/speakerinnen_liste/issues/1357"),
    KnownReply("452", "4.5.3", r"(daily|hourly) message limit", ANY, ACCOUNT_RESTS, "Stalwart"),
    KnownReply("5..", "5.7.1", r"only \d+ messages per|limit of \d+ rcpts", ANY, ACCOUNT_RESTS,
               "postfwd: https://github.com/root-io/vmail/issues/67, "
               "https://github.com/deltachat/deltachat-core/issues/647"),
    KnownReply("450", "4.7.1", r"error: too (much mail|many recipients) from", ANY, ACCOUNT_RESTS,
               _POSTFIX),
    KnownReply("550", None, r"max defers and failures per hour|exceeded hour limit", ANY,
               ACCOUNT_RESTS, "cPanel: https://www.thiswebhost.com/clients/knowledgebase/554; "
               "https://github.com/gophish/gophish/issues/3231"),
    KnownReply("451", "4.7.1|", r"ratelimit \W*(user|from|sender|ip|asn)\b", ANY, ACCOUNT_RESTS,
               "Rspamd: https://github.com/mailcow/mailcow-dockerized/issues/1497"),
    KnownReply("550", "5.7.1", r"exceeded your daily sending limit", ANY, ACCOUNT_RESTS,
               "iCloud: https://support.apple.com/kb/HT4863"),
    KnownReply("550", "5.1.0", r"^5\.1\.0 \w+ policy violation", ANY, ACCOUNT_RESTS, _KONTO),
    KnownReply("4..", None, r"(daily )?send(ing)? limit (exceeded|reached)", ANY, ACCOUNT_RESTS,
               "IONOS: https://www.ionos.ca/help/email/general-topics/"
               "what-are-the-mass-mailing-limits; http://wiki.polarismail.com"),
    KnownReply("550", "", r"(ip|connection|sender|domain) frequency limited", ANY, ACCOUNT_RESTS,
               "QQ: " + _QQ),
    KnownReply("45.", None, r"\b(MI:SFQ|RP:SFQ|too much fail authentication)", ANY, ACCOUNT_RESTS,
               "NetEase: " + _NETEASE),
    KnownReply("451", None, r"maximum credits exceeded", ANY, ACCOUNT_RESTS, _SENDGRID),
    KnownReply("452", "", r"too many recipients received this hour", ANY, ACCOUNT_RESTS, _SENDGRID),
    KnownReply("550", "", r"unauthenticated senders not allowed", ANY, ACCOUNT_RESTS,
               "SendGrid: https://github.com/sendgrid/docs/issues/6473"),
    KnownReply("421", None, r"is not allowed to send", ANY, ACCOUNT_RESTS,
               "Mailgun: https://github.com/swapmyvote/swapmyvote/issues/891"),
    KnownReply("550", "5.7.1", r"^5\.7\.1 relaying denied\.?$", RCPT, ACCOUNT_RESTS,
               "Mailgun: https://github.com/axllent/mailpit/issues/337"),
    KnownReply("5..", None, r"SMTP account is not yet activated|unauthorized IP address", ANY,
               ACCOUNT_RESTS, "Brevo: https://github.com/turnkeylinux/tracker/issues/1254"),
    KnownReply("5..", None, r"IP (address|you're using to send mail) is not (allowed|authorized)",
               ANY, ACCOUNT_RESTS, "SMTP2GO: https://github.com/gophish/gophish/issues/1701; "
               "Gmail: https://github.com/iredmail/iRedMail/issues/264"),
    KnownReply("554", "", r"sandbox subdomains are for test purposes only", ANY, ACCOUNT_RESTS,
               "Mailgun: https://github.com/domino14/Webolith/issues/219"),
    KnownReply("[45]..", None, r"client (host )?\S+ (rejected|blocked)|client host rejected", ANY,
               ACCOUNT_RESTS, "ZoneMTA, bounces.txt; " + _FIELD_MANUAL + "550"),
    KnownReply("[45]..", None, r"(helo command|SASL login name) rejected", ANY, ACCOUNT_RESTS,
               _POSTFIX_CHECK),
    KnownReply("553", "5.7.[12]", r"\[(BL|TSS)\d+\]", ANY, ACCOUNT_RESTS, _YAHOO),
    KnownReply("550", "5.7.1|", r"messages from \S+ weren't sent", ANY, ACCOUNT_RESTS,
               "Outlook.com: " + _FIELD_MANUAL + "550"),
    KnownReply("5..", "5.7.1", r"unusual amount of unsolicited email originating", ANY,
               ACCOUNT_RESTS, "https://www.thiswebhost.com/clients/knowledgebase/554"),

    # The sender's address.
    KnownReply("4..", None, r"sender address rejected|sender verify|domain of sender", ENVELOPE,
               SENDER_LATER, _POSTFIX_CHECK + "; " + _FIELD_MANUAL + "450; Exim, acl.c"),
    KnownReply("4..", None, r"unresolvable RFC\.?5321 (from )?domain", ANY, SENDER_LATER, _YAHOO),
    KnownReply("5..", None, r"sender(?:'s)? (address )?(rejected|denied|verify|is rejected)", ANY,
               SENDER_REFUSED, _POSTFIX_CHECK + "; Exim, acl.c; " + _KONTO),
    KnownReply("5..", None, r"(not owned by|unauthorized use of sender|sender not allowed)", ANY,
               SENDER_REFUSED, "Yandex: https://github.com/splitbrain/dokuwiki-plugin-smtp/"
               "issues/38; https://github.com/outline/outline/issues/7980; Domainfactory: "
               "https://github.com/in2code-de/femanager/issues/404"),
    KnownReply("5..", None, r"unknown sender address|from address is not one of your", ANY,
               SENDER_REFUSED, "Hydroxide: https://github.com/emersion/hydroxide/issues/173; "
               "iCloud: https://github.com/TryGhost/Ghost/issues/17012"),
    KnownReply("550", "5.7.515", r"", ANY, SENDER_REFUSED,
               "Outlook.com: https://github.com/fm/smtp-codes/pull/7"),
    KnownReply("5..", None, r"incorrect sender header|and sender doesn't match", ANY,
               SENDER_REFUSED, "https://github.com/roundcube/roundcubemail/issues/6572; "
               "https://github.com/mybb/mybb/issues/2578"),
    KnownReply("5..", None, r"(invalid sender|emetteur invalide|bad sender|from/sender name)", ANY,
               SENDER_REFUSED, "Orange: " + _FIELD_MANUAL + "501; Postal: "
               "https://github.com/postalserver/postal/issues/728"),
    KnownReply("5..", None, r"(mail )?from (address )?must (be same as|equal) authoriz", ANY,
               SENDER_REFUSED, "QQ: https://github.com/nodeSolidServer/node-solid-server/"
               "issues/1281"),
    KnownReply("5..", None, r"from address and the authenticated user must be the same", ANY,
               SENDER_REFUSED, "https://github.com/Tivix/django-cron/issues/148"),
    KnownReply("5..", None, r"verified sender identity|domain of sender address", ANY,
               SENDER_REFUSED, _SENDGRID + "; " + _FIELD_MANUAL + "550"),
    KnownReply("554", "", r"email address is not verified", ANY, SENDER_REFUSED, _SES_ERRORS),
    KnownReply("5..", "5.1.[78]", r"", ANY, SENDER_REFUSED, "RFC 3463 3.2; " + _GMAIL),
    KnownReply("5..", "5.7.60", r"send as this sender", ANY, SENDER_REFUSED, _EXCHANGE),

    # The email itself.
    KnownReply("4..", None, r"\bDT:SPM\b", BODY, MESSAGE_LATER, "NetEase: " + _NETEASE),
    KnownReply("5..", None, r"\bDT:SPM\b|\bHL:IHU\b", BODY, MESSAGE_REFUSED,
               "NetEase: " + _NETEASE),
    KnownReply("552", "5.3.4|5.2.3", r"", ANY, MESSAGE_REFUSED, "RFC 3463 3.3, 3.4"),
    KnownReply("552", None, r"message size exceeds|too (big|large|long)", ANY, MESSAGE_REFUSED,
               _EXIM),
    KnownReply("554", "", r"too many recipients", BODY, MESSAGE_LATER, _EXIM),

    # A recipient.
    KnownReply("550", "5.1.6", r"", RCPT, NO_SUCH_ADDRESS, _APPLE),
    KnownReply("55.", "5.1.1", r"over ?quota|quota violation|pleine", RCPT, RECIPIENT_REFUSED,
               "Orange, Comcast: " + _FIELD_MANUAL + "552"),
)
# fmt: on


def find(reply: Reply, stage: Stage) -> Verdict | None:
    """What the table says of this reply to this command; None where no line fits."""
    for words, verdict in _lines_of(str(reply.code), reply.enhanced or "", stage):
        if words.search(reply.text):
            return verdict
    return None


@lru_cache(maxsize=256)
def _lines_of(
    code: str, enhanced: str, stage: Stage
) -> tuple[tuple[re.Pattern[str], Verdict], ...]:
    """The lines that fit these codes and this command, whatever the words."""
    return tuple(
        [
            (re.compile(known.words, re.IGNORECASE), known.verdict)
            for known in KNOWN_REPLIES
            if stage in known.stages
            and re.fullmatch(known.code, code)
            and (known.enhanced is None or re.fullmatch(known.enhanced, enhanced))
        ]
    )
