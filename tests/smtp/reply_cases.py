"""Replies that real servers gave, each with whom it is about and where it was seen.

They were said to `RECIPIENT`, about an email from `SENDER`; addresses in them stand for those that
the sources have.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.smtp.replies import (
    ACCOUNT_RESTS,
    MESSAGE_LATER,
    MESSAGE_REFUSED,
    NEW_SESSION,
    NEXT_TRANSACTION,
    NO_SUCH_ADDRESS,
    RECIPIENT_LATER,
    RECIPIENT_REFUSED,
    SENDER_LATER,
    SENDER_REFUSED,
)
from shared.smtp.reply import Stage, Verdict

RECIPIENT = "jane@example.org"
SENDER = "no-reply@shop.example"
MAIL, RCPT, DATA, BODY = Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY


class Seen(NamedTuple):
    """A reply, to which command, what it means, and where it was seen."""

    text: str
    stage: Stage
    verdict: Verdict
    source: str


POSTFIX = "Postfix 3.9, smtpd.c"
POSTFIX_CHECK = "Postfix 3.9, smtpd_check.c"
CLEANUP = "Postfix 3.9, cleanup_strerror.c"
EXIM = "Exim 4.97, smtp_in.c"
GMAIL = "https://support.google.com/a/answer/3726730"
GOOGLE_RELAY = "https://support.google.com/a/answer/6140680"
MANUAL = "https://smtpfieldmanual.com/code/"
EXCHANGE = "Non-delivery reports in Exchange Online, learn.microsoft.com"
SUBMISSION = "SMTP submission improvements in Exchange Online, learn.microsoft.com"
SES = "https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html"
SENDGRID = "SMTP errors and troubleshooting, twilio.com/docs/sendgrid"
YAHOO = "https://senders.yahooinc.com/smtp-error-codes"
QQ = "https://service.mail.qq.com/detail/122"
NETEASE = "NetEase's list: https://biecuoliao.com/pa/MBRrwEM.html"
IONOS = "https://ionos.de/hilfe/e-mail/postmaster/smtp-fehlermeldungen-der-11-ionos-mailserver"
ZONEMTA = "ZoneMTA, config/bounces.txt"
STALWART = "https://github.com/stalwartlabs/stalwart/issues/1384, and its source"
LIST = "https://blog.sina.com.cn/s/blog_8dc13ec50101fxxr.html"
CHANNELS = "https://docs.mailchannels.com/inbound/smtp-errors"

SEEN = (
    # Postfix.
    Seen(f"550 5.1.1 <{RECIPIENT}>: Recipient address rejected: User unknown in local recipient"
         " table", RCPT, NO_SUCH_ADDRESS, POSTFIX_CHECK),
    Seen(f"550 5.1.0 <{SENDER}>: Sender address rejected: User unknown in virtual mailbox table",
         RCPT, SENDER_REFUSED, POSTFIX_CHECK),
    Seen(f"553 5.7.1 <{SENDER}>: Sender address rejected: not owned by user shop", RCPT,
         SENDER_REFUSED, POSTFIX_CHECK),
    Seen(f"553 5.7.1 <{SENDER}>: Sender address rejected: not logged in", RCPT, SENDER_REFUSED,
         POSTFIX_CHECK),
    Seen(f"450 4.1.8 <{SENDER}>: Sender address rejected: Domain not found", RCPT, SENDER_LATER,
         POSTFIX_CHECK),
    Seen(f"504 5.5.2 <{SENDER}>: Sender address rejected: need fully-qualified address", RCPT,
         SENDER_REFUSED, POSTFIX_CHECK),
    Seen("504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname", RCPT,
         ACCOUNT_RESTS, POSTFIX_CHECK),
    Seen("450 4.7.1 <vm.example.com>: Helo command rejected: Host not found", RCPT, ACCOUNT_RESTS,
         POSTFIX_CHECK),
    Seen("554 5.7.1 <shop>: SASL login name rejected: Access denied", RCPT, ACCOUNT_RESTS,
         POSTFIX_CHECK),
    Seen(f"554 5.7.1 <{RECIPIENT}>: Relay access denied", RCPT, RECIPIENT_REFUSED, POSTFIX_CHECK),
    Seen(f"454 4.7.1 <{RECIPIENT}>: Relay access denied", RCPT, RECIPIENT_LATER, POSTFIX_CHECK),
    Seen(f"450 4.1.2 <{RECIPIENT}>: Recipient address rejected: Domain not found", RCPT,
         RECIPIENT_LATER, POSTFIX_CHECK),
    Seen(f"550 5.1.2 <{RECIPIENT}>: Recipient address rejected: Domain not found", RCPT,
         NO_SUCH_ADDRESS, POSTFIX_CHECK),
    Seen(f"556 5.1.10 <{RECIPIENT}>: Recipient address rejected: Domain example.org does not"
         " accept mail (nullMX)", RCPT, RECIPIENT_REFUSED, POSTFIX_CHECK),
    Seen(f"451 4.3.0 <{RECIPIENT}>: Temporary lookup failure", RCPT, RECIPIENT_LATER,
         POSTFIX_CHECK),
    Seen(f"450 4.1.1 <{RECIPIENT}>: Recipient address rejected: unverified address: Address"
         " verification in progress", RCPT, RECIPIENT_LATER, POSTFIX_CHECK),
    Seen("452 4.5.3 Error: too many recipients", RCPT, NEXT_TRANSACTION, POSTFIX),
    Seen("421 4.7.0 mail.example.com Error: too many errors", RCPT, NEW_SESSION, POSTFIX),
    Seen("421 4.4.2 mail.example.com Error: timeout exceeded", MAIL, NEW_SESSION, POSTFIX),
    Seen("421 4.7.0 mail.example.com Error: too many connections from 192.0.2.1", MAIL,
         ACCOUNT_RESTS, POSTFIX),
    Seen("450 4.7.1 Error: too much mail from 192.0.2.1", MAIL, ACCOUNT_RESTS, POSTFIX),
    Seen("450 4.7.1 Error: too many recipients from 192.0.2.1", RCPT, ACCOUNT_RESTS, POSTFIX),
    Seen("421 4.3.0 Mail system error", BODY, ACCOUNT_RESTS, POSTFIX),
    Seen("501 5.1.7 Bad sender address syntax", MAIL, SENDER_REFUSED, POSTFIX),
    Seen("501 5.1.3 Bad recipient address syntax", RCPT, RECIPIENT_REFUSED, POSTFIX),
    Seen("552 5.3.4 Message size exceeds file system imposed limit", MAIL, MESSAGE_REFUSED,
         POSTFIX),
    Seen("452 4.3.1 Insufficient system storage", MAIL, MESSAGE_LATER, POSTFIX),
    Seen("553 5.6.7 Must declare SMTPUTF8 to send unicode address", MAIL, SENDER_REFUSED, POSTFIX),
    Seen("554 5.5.1 Error: no valid recipients", DATA, MESSAGE_REFUSED, POSTFIX),
    Seen("503 5.5.1 Error: need MAIL command", RCPT, ACCOUNT_RESTS, POSTFIX),
    Seen("530 5.7.0 Must issue a STARTTLS command first", MAIL, ACCOUNT_RESTS, POSTFIX),
    Seen("552 5.3.4 Error: message file too big", BODY, MESSAGE_REFUSED, CLEANUP),
    Seen("554 5.4.0 Error: too many hops", BODY, MESSAGE_REFUSED, CLEANUP),
    Seen("550 5.7.1 Error: message content rejected", BODY, MESSAGE_REFUSED, CLEANUP),
    Seen("451 4.3.0 Error: queue file write error", BODY, MESSAGE_LATER, CLEANUP),
    Seen("451 4.7.1 Error: service unavailable", BODY, MESSAGE_LATER, CLEANUP),
    Seen("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
         RCPT, ACCOUNT_RESTS, ZONEMTA),
    Seen("450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]", RCPT,
         ACCOUNT_RESTS, "https://www.bytecamp.net/de/faq/email/zustellen.html"),
    Seen(f"450 4.2.0 <{RECIPIENT}>: Recipient address rejected: Greylisted, see"
         " http://postgrey.schweikert.ch/help/example.org.html", RCPT, RECIPIENT_LATER,
         "https://www.bytecamp.net/de/faq/email/zustellen.html"),
    Seen("450 4.7.1 <END-OF-MESSAGE>: End-of-data rejected: Number messages per hour exceeded."
         " Error:RATE_MSG", BODY, ACCOUNT_RESTS,
         "https://github.com/rubymonsters/speakerinnen_liste/issues/1357"),
    Seen("554 5.7.1 <DATA>: Data command rejected: limit of 400 rcpts per 24 hours for client"
         f" {SENDER} reached", DATA, ACCOUNT_RESTS,
         "https://github.com/deltachat/deltachat-core/issues/647"),
    Seen("554 5.7.1 <DATA>: Data command rejected: only 10 messages per day", DATA, ACCOUNT_RESTS,
         "https://github.com/root-io/vmail/issues/67"),
    Seen("450 4.7.1 <shop>: SASL login name rejected: You are sending too many emails too fast.",
         RCPT, ACCOUNT_RESTS, "https://github.com/Mailu/Mailu/issues/2416"),
    # Exim.
    Seen("550 Sender verify failed", RCPT, SENDER_REFUSED, "Exim 4.97, acl.c"),
    Seen("451 Could not complete sender verify", RCPT, SENDER_LATER, "Exim 4.97, acl.c"),
    Seen("421 too many messages in this connection", MAIL, NEW_SESSION, EXIM),
    Seen("421 mail.example.com: Too many concurrent SMTP connections; please try again later",
         MAIL, ACCOUNT_RESTS, EXIM),
    Seen("552 Message size exceeds maximum permitted", MAIL, MESSAGE_REFUSED, EXIM),
    Seen("452 Space shortage, please try later", MAIL, MESSAGE_LATER, EXIM),
    Seen("452 too many recipients", RCPT, NEXT_TRANSACTION, EXIM),
    Seen("552 too many recipients", RCPT, NEXT_TRANSACTION, EXIM),
    Seen("554 Too many recipients", DATA, MESSAGE_LATER, EXIM),
    Seen("503 sender not yet given", RCPT, ACCOUNT_RESTS, EXIM),
    Seen("550 Domain shop.example has exceeded the max defers and failures per hour (5/5 (100%))"
         " allowed", RCPT, ACCOUNT_RESTS, "cPanel: "
         "https://www.thiswebhost.com/clients/knowledgebase/554"),
    # Stalwart.
    Seen("452 4.4.5 Maximum number of messages per session exceeded.", MAIL, NEW_SESSION, STALWART),
    Seen("452 4.4.5 Maximum number of messages per session exceeded.", DATA, NEW_SESSION, STALWART),
    Seen("452 4.4.5 Messages per second limit exceeded", MAIL, ACCOUNT_RESTS, STALWART),
    Seen("452 4.5.3 Daily message limit exceeded", MAIL, ACCOUNT_RESTS, STALWART),
    # Exchange Online.
    Seen("550 5.1.8 Access denied, bad outbound sender AS(42003)", BODY, ACCOUNT_RESTS, EXCHANGE),
    Seen("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
         RCPT, NO_SUCH_ADDRESS, EXCHANGE),
    Seen("550 5.1.90 Your message can't be sent because you've reached your daily limit for message"
         " recipients", BODY, ACCOUNT_RESTS, EXCHANGE),
    Seen("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException.MapiException"
         "SubmissionQuotaExceeded", BODY, ACCOUNT_RESTS, SUBMISSION),
    Seen("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied;"
         " Failed to process message due to a permanent exception with message Cannot submit"
         " message.", BODY, SENDER_REFUSED,
         "https://github.com/MicrosoftDocs/OfficeDocs-Support/issues/1187"),
    Seen("554 5.2.2 mailbox full; STOREDRV.Submission", BODY, ACCOUNT_RESTS, EXCHANGE),
    Seen("552 5.2.2 mailbox full", RCPT, RECIPIENT_REFUSED, EXCHANGE),
    Seen("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded"
         " [Hostname=DM5SPR00MB2471.namprd08.prod.outlook.com]", BODY, ACCOUNT_RESTS,
         "https://github.com/timeoff-management/timeoff-management-application/issues/308"),
    Seen("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", RCPT, RECIPIENT_LATER,
         "https://github.com/MicrosoftDocs/OfficeDocs-Exchange/pull/2409"),
    Seen("421 4.3.2 The maximum number of concurrent connections per resource forest has exceeded a"
         " limit, closing transmission channel.", MAIL, ACCOUNT_RESTS, MANUAL + "421"),
    Seen("530 5.7.57 Client not authenticated to send mail.", MAIL, ACCOUNT_RESTS, EXCHANGE),
    Seen("550 5.7.30 Basic authentication is not supported for Client Submission.", MAIL,
         ACCOUNT_RESTS, SUBMISSION),
    Seen("550 5.7.60 SMTP; Client does not have permissions to send as this sender", BODY,
         SENDER_REFUSED, EXCHANGE),
    Seen("554 5.2.252 SendAsDenied; shop@example.com not allowed to send as no-reply@shop.example",
         BODY, SENDER_REFUSED, EXCHANGE),
    Seen("550 5.7.705 Access denied, tenant has exceeded threshold", BODY, ACCOUNT_RESTS, EXCHANGE),
    Seen("550 5.7.708 Access denied, traffic not accepted from this IP", RCPT, ACCOUNT_RESTS,
         EXCHANGE),
    Seen("550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains",
         MAIL, ACCOUNT_RESTS, EXCHANGE),
    Seen("451 4.7.500 Access denied, please try again later. (AS112201)", RCPT, ACCOUNT_RESTS,
         "https://github.com/jstedfast/MailKit/issues/1502"),
    Seen("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP"
         " reputation.", MAIL, ACCOUNT_RESTS, MANUAL + "451"),
    Seen("450 4.7.3 Organization queue quota exceeded. [outlook.com]", BODY, ACCOUNT_RESTS,
         MANUAL + "450"),
    Seen("451 4.3.2 Temporary server error. Please try again later ATTR17 [outlook.com]", RCPT,
         RECIPIENT_LATER, MANUAL + "451"),
    Seen("452 4.3.1 Insufficient system resources (TSTE) [outlook.com]", BODY, MESSAGE_LATER,
         MANUAL + "452"),
    Seen("550 5.4.1 Recipient address rejected: Access denied [example.com]", RCPT,
         RECIPIENT_REFUSED, MANUAL + "550"),
    Seen("554 5.2.121 The sender has exceeded the limit for the number of messages they can send"
         " to this recipient per hour.", RCPT, RECIPIENT_LATER, MANUAL + "554"),
    Seen("554 5.2.122 The recipient has exceeded their limit for the number of messages they can"
         " receive per hour.", RCPT, RECIPIENT_LATER, MANUAL + "554"),
    Seen("452 4.5.3 Too many recipients (AS780090)", RCPT, NEXT_TRANSACTION, EXCHANGE),
    Seen("550 5.7.606 Access denied, banned sending IP [192.0.2.1].", RCPT, ACCOUNT_RESTS,
         MANUAL + "550"),
    Seen("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your"
         " Internet service provider since part of their network is on our block list (S3150).",
         MAIL, ACCOUNT_RESTS, MANUAL + "550"),
    Seen("550 SC-001 (BAY004-MC1F10) Unfortunately, messages from 192.0.2.1 weren't sent. Please"
         " contact your Internet service provider since part of their network is on our block"
         " list.", MAIL, ACCOUNT_RESTS, "https://github.com/mailcow/mailcow/issues/374"),
    Seen("550 5.7.515 Access denied, sending domain shop.example does not meet the required"
         " authentication level.", BODY, SENDER_REFUSED,
         "https://github.com/fm/smtp-codes/pull/7"),
    Seen("501 5.1.3 Invalid address [outlook.com]", RCPT, RECIPIENT_REFUSED, MANUAL + "501"),
    # Gmail, and Google's relay.
    Seen("550 5.7.1 [192.0.2.1] The IP you're using to send mail is not authorized to send email"
         " directly to our servers. Please use the SMTP relay at your service provider instead.",
         BODY, ACCOUNT_RESTS, "https://github.com/iredmail/iRedMail/issues/264"),
    Seen("550 5.1.1 The email account that you tried to reach does not exist. Please try"
         " double-checking the recipient's email address for typos or unnecessary spaces.", RCPT,
         NO_SUCH_ADDRESS, MANUAL + "550"),
    Seen("553 5.1.3 The recipient address <jane@example.org> is not a valid RFC 5321 address.",
         RCPT, NO_SUCH_ADDRESS, GMAIL),
    Seen("553 5.1.7 The sender address <no-reply@shop.example> is not a valid RFC 5321 address.",
         MAIL, SENDER_REFUSED, GMAIL),
    Seen("550 5.2.1 The email account that you tried to reach is disabled.", RCPT,
         RECIPIENT_REFUSED, MANUAL + "550"),
    Seen("550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents"
         " additional messages from being delivered.", RCPT, RECIPIENT_LATER, MANUAL + "550"),
    Seen("450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend"
         " your message at a later time.", RCPT, RECIPIENT_LATER, GMAIL),
    Seen("450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.", MAIL,
         ACCOUNT_RESTS, GMAIL),
    Seen("550 5.4.5 Daily SMTP relay limit exceeded for user.", RCPT, ACCOUNT_RESTS, GMAIL),
    Seen("550 5.4.5 Daily user sending limit exceeded.", BODY, ACCOUNT_RESTS, GMAIL),
    Seen("550 5.7.1 Daily SMTP relay limit exceeded for customer.", MAIL, ACCOUNT_RESTS,
         GOOGLE_RELAY),
    Seen("550 5.7.1 Invalid credentials for relay [192.0.2.1].", MAIL, ACCOUNT_RESTS, GOOGLE_RELAY),
    Seen("550 5.7.0 Mail relay denied [192.0.2.1].", RCPT, ACCOUNT_RESTS, GOOGLE_RELAY),
    Seen("550 5.7.0 Mail Sending denied.", BODY, ACCOUNT_RESTS, GMAIL),
    Seen("421 4.7.0 Connection expired, try reconnecting.", MAIL, NEW_SESSION, GMAIL),
    Seen("421 4.7.0 Try again later, closing connection.", MAIL, ACCOUNT_RESTS, GMAIL),
    Seen("421 4.7.0 TLS required for RCPT domain, closing connection.", RCPT, RECIPIENT_LATER,
         GMAIL),
    Seen("421 4.7.0 This message is suspicious due to the nature of the content or the links"
         " within.", BODY, MESSAGE_LATER, MANUAL + "421"),
    Seen("421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from"
         " your IP address.", BODY, ACCOUNT_RESTS, MANUAL + "421"),
    Seen("421 4.7.28 Gmail has detected this message exceeded its quota for sending messages with"
         " the same Message-ID.", BODY, MESSAGE_LATER, GMAIL),
    Seen("421 4.7.0 The IP address sending this message does not have a PTR record setup.", MAIL,
         ACCOUNT_RESTS, GMAIL),
    Seen("553 5.1.2 We weren't able to find the recipient domain.", RCPT, NO_SUCH_ADDRESS, GMAIL),
    Seen("452 4.2.2 The email account that you tried to reach is over quota.", RCPT,
         RECIPIENT_LATER, MANUAL + "452"),
    Seen("552 5.2.2 The email account that you tried to reach is over quota.", RCPT,
         RECIPIENT_REFUSED, MANUAL + "552"),
    Seen("452 4.5.3 Domain policy size per transaction exceeded, please try this recipient in a"
         " separate transaction.", RCPT, NEXT_TRANSACTION, GMAIL),
    Seen("451 4.3.0 Multiple destination domains per transaction is unsupported. Please try again.",
         RCPT, NEXT_TRANSACTION, GMAIL),
    Seen("451 4.3.0 Mail server temporarily rejected message. - gsmtp", BODY, MESSAGE_LATER,
         MANUAL + "451"),
    Seen("451 4.4.2 Timeout - closing connection.", MAIL, NEW_SESSION, GMAIL),
    Seen("552 5.2.3 Your message exceeded Google's message size limits.", BODY, MESSAGE_REFUSED,
         GMAIL),
    Seen("552 5.3.4 The number of attachments (510) exceeds Google's limit of 500 attachments.",
         BODY, MESSAGE_REFUSED, GMAIL),
    Seen("552 5.7.0 Our system detected an illegal attachment on your message.", BODY,
         MESSAGE_REFUSED, MANUAL + "552"),
    Seen("550 5.7.1 Our system has detected that this message is likely unsolicited mail.", BODY,
         MESSAGE_REFUSED, GMAIL),
    Seen("550 5.7.1 Messages missing a valid address in From: header, or having no From: header,"
         " are not accepted.", BODY, MESSAGE_REFUSED, MANUAL + "550"),
    Seen("554 5.4.6 Message exceeded 50 hops, this may indicate a mail loop.", BODY,
         MESSAGE_REFUSED, GMAIL),
    Seen("454 4.7.0 Cannot authenticate due to a temporary system problem.", MAIL, ACCOUNT_RESTS,
         GMAIL),
    Seen("503 5.7.0 No identity changes permitted.", MAIL, ACCOUNT_RESTS, GMAIL),
    Seen("530 5.5.1 Authentication Required.", MAIL, ACCOUNT_RESTS, GMAIL),
    # Amazon SES.
    Seen("454 Throttling failure: Maximum sending rate exceeded.", BODY, ACCOUNT_RESTS, SES),
    Seen("454 Throttling failure: Daily message quota exceeded.", BODY, ACCOUNT_RESTS, SES),
    Seen("421 Too many concurrent SMTP connections", MAIL, ACCOUNT_RESTS, SES),
    Seen("421 Connection closed by server. Maximum message count per session reached.", MAIL,
         NEW_SESSION, "https://github.com/knadh/listmonk/issues/2683"),
    Seen("451 Timeout waiting for data from client", BODY, NEW_SESSION, SES),
    Seen("451 Temporary service failure", BODY, MESSAGE_LATER, SES),
    Seen("552 Message is too long.", BODY, MESSAGE_REFUSED, SES),
    Seen("554 Message rejected: Email address is not verified. The following identities failed the"
         f" check in region EU-WEST-1: {SENDER}", BODY, SENDER_REFUSED, SES),
    Seen("530 Authentication required", MAIL, ACCOUNT_RESTS, SES),
    # SendGrid, Mailgun, Brevo, Mailtrap.
    Seen("451 Authentication failed: Maximum credits exceeded", MAIL, ACCOUNT_RESTS, SENDGRID),
    Seen("452 Too many recipients received this hour (throttled)", RCPT, ACCOUNT_RESTS, SENDGRID),
    Seen("550 Unauthenticated senders not allowed", MAIL, ACCOUNT_RESTS,
         "https://github.com/sendgrid/docs/issues/6473"),
    Seen("550 The from address does not match a verified Sender Identity. Mail cannot be sent until"
         " this error is resolved.", BODY, SENDER_REFUSED, SENDGRID),
    Seen("550 Requested action not taken: mailbox unavailable", RCPT, RECIPIENT_REFUSED, SENDGRID),
    Seen("421 Domain app795.mailgun.org is not allowed to send: Sandbox subdomains are for test"
         " purposes only.", DATA, ACCOUNT_RESTS,
         "https://github.com/swapmyvote/swapmyvote/issues/891"),
    Seen("554 Sandbox subdomains are for test purposes only. Please add your own domain or add the"
         " address to authorized recipients in Account Settings.", BODY, ACCOUNT_RESTS,
         "https://github.com/domino14/Webolith/issues/219"),
    Seen("421 Domain sandbox1.mailgun.org is not allowed to send: Please activate your Mailgun"
         " account.", BODY, ACCOUNT_RESTS, "https://github.com/Monstarrrr/rebutify/issues/162"),
    Seen("535 5.7.0 Invalid login or password", Stage.LOGIN, ACCOUNT_RESTS,
         "Brevo: https://github.com/marcpope/borgbackupserver/issues/16"),
    Seen("502 5.7.0 Your SMTP account is not yet activated. Please contact us at"
         " contact@sendinblue.com to request activation", BODY, ACCOUNT_RESTS,
         "Brevo: https://github.com/turnkeylinux/tracker/issues/1254"),
    Seen("525 5.7.1 Unauthorized IP address", MAIL, ACCOUNT_RESTS,
         "Brevo; why: https://wpmailsmtp.com/docs/brevo-unauthorized-not-verified/"),
    Seen("550 5.7.1 Relaying denied", RCPT, ACCOUNT_RESTS,
         "Mailgun: https://github.com/axllent/mailpit/issues/337,"
         " https://github.com/symfony/symfony/issues/32987"),
    Seen("550 5.7.0 Requested action not taken: too many emails per second", DATA, ACCOUNT_RESTS,
         "Mailtrap: https://github.com/easy-swoole/smtp/issues/21"),
    # Yahoo.
    Seen("421 Max message per connection reached, closing transmission channel", MAIL, NEW_SESSION,
         YAHOO),
    Seen("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume"
         " or user complaints - 4.16.55.1", MAIL, ACCOUNT_RESTS, YAHOO),
    Seen("553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying will"
         " NOT succeed.", MAIL, ACCOUNT_RESTS, YAHOO),
    Seen("450 User is receiving mail too quickly", RCPT, RECIPIENT_LATER, MANUAL + "450"),
    Seen("451 Message temporarily deferred due to unresolvable RFC.5321 from domain.", MAIL,
         SENDER_LATER, YAHOO),
    Seen("554 delivery error: dd This user doesn't have a yahoo.com account (jane@example.org)"
         " [-9]", BODY, MESSAGE_REFUSED, MANUAL + "554"),
    Seen("554 5.7.9 Message not accepted for policy reasons.", BODY, MESSAGE_REFUSED, YAHOO),
    # iCloud.
    Seen("421 4.7.1 Messages to jane@example.org deferred due to excessive volume. Try again later",
         RCPT, RECIPIENT_LATER, MANUAL + "421"),
    Seen("421 4.7.0 me.com Error: too many errors", RCPT, NEW_SESSION, MANUAL + "421"),
    Seen("550 5.1.1 <jane@example.org>: user does not exist", RCPT, NO_SUCH_ADDRESS,
         MANUAL + "550"),
    Seen("550 5.1.1 unknown or illegal alias: jane@example.org", RCPT, NO_SUCH_ADDRESS,
         "https://support.apple.com/102322"),
    Seen("550 5.1.6 recipient no longer on server: jane@example.org", RCPT, NO_SUCH_ADDRESS,
         "https://www.postmastery.com/icloud-postmastery-page/"),
    Seen("552 5.2.2 <jane@example.org>: user is overquota", RCPT, RECIPIENT_REFUSED,
         MANUAL + "552"),
    Seen("554 5.7.1 [CS01] Message rejected due to local policy.", BODY, MESSAGE_REFUSED,
         MANUAL + "554"),
    Seen("550 5.7.1 Message rejected due to local policy. Please visit"
         " https://support.apple.com/en-us/HT204137", BODY, MESSAGE_REFUSED,
         "https://github.com/MailCore/mailcore2/issues/1738"),
    Seen("550 5.7.0 From address is not one of your addresses.", BODY, SENDER_REFUSED,
         "https://github.com/TryGhost/Ghost/issues/17012"),
    Seen("550 5.7.1 shop@icloud.com: You have exceeded your daily sending limit. Please try again"
         " later.", BODY, ACCOUNT_RESTS, "https://support.apple.com/kb/HT4863"),
    Seen("451 4.7.1 Service unavailable - try again later", BODY, MESSAGE_LATER,
         "https://smtp.codes/icloud"),
    Seen("421 4.7.0 me.com Error: too many errors", RCPT, NEW_SESSION,
         "https://smtp.codes/icloud"),
    # Naver, QQ, NetEase, Sina.
    Seen("550 5.1.1 No such user. For more information, go to"
         " https://help.naver.com/alias/mail/newmail10.naver - nsmtp", RCPT, NO_SUCH_ADDRESS,
         "https://github.com/your-digital-rights/yourdigitalrights.org/issues/736"),
    Seen("421 4.3.2 Your IP(192.0.2.1) is filtered and this connection will be closed. You must"
         " register your IP to http://realip.naver.com", MAIL, ACCOUNT_RESTS,
         "https://puffinknight.tistory.com/102"),
    Seen("421 4.3.1 You send too many messages.", MAIL, ACCOUNT_RESTS,
         "https://puffinknight.tistory.com/102"),
    Seen("501 mail from address must be same as authorization user", MAIL, SENDER_REFUSED,
         "https://github.com/nodeSolidServer/node-solid-server/issues/1281"),
    Seen("550 Sender frequency limited.", BODY, ACCOUNT_RESTS, QQ),
    Seen("550 Connection frequency limited", MAIL, ACCOUNT_RESTS, QQ),
    Seen("550 Domain frequency limited", RCPT, ACCOUNT_RESTS, QQ),
    Seen("550 Mailbox not found.", RCPT, RECIPIENT_REFUSED, QQ),
    Seen("550 Mailbox unavailable or access denied", RCPT, RECIPIENT_LATER, QQ),
    Seen("550 Mail is rejected by recipients", RCPT, RECIPIENT_REFUSED, QQ),
    Seen("550 Mail content denied.", BODY, MESSAGE_REFUSED, QQ),
    Seen("450 MI:DMC smtp8, 192.0.2.1", MAIL, NEW_SESSION, NETEASE),
    Seen("451 RP:DRC smtp8, 192.0.2.1", RCPT, NEW_SESSION, NETEASE),
    Seen("451 MI:SFQ smtp8, 192.0.2.1", MAIL, ACCOUNT_RESTS, NETEASE),
    Seen("421 HL:IFC smtp8, 192.0.2.1", MAIL, ACCOUNT_RESTS, NETEASE),
    Seen("451 DT:SPM ,please try again", BODY, MESSAGE_LATER, NETEASE),
    Seen("554 DT:SPM smtp8, 192.0.2.1", BODY, MESSAGE_REFUSED, NETEASE),
    Seen("451 Requested mail action not taken: too much fail authentication", MAIL, ACCOUNT_RESTS,
         NETEASE),
    Seen("553 host denies the sender.", MAIL, SENDER_REFUSED, LIST),
    # Hosters: IONOS, Strato, GMX, Domainfactory, OVH and others.
    Seen("450 Requested mail action not taken: mailbox unavailable Mail send limit exceeded.", BODY,
         ACCOUNT_RESTS, "https://www.ionos.ca/help/email/general-topics/"
         "what-are-the-mass-mailing-limits"),
    Seen("421 Rate limit reached. Please try again later", MAIL, ACCOUNT_RESTS, IONOS),
    Seen("554 Transaction failed Reject due to policy restrictions.", BODY, MESSAGE_REFUSED,
         "https://github.com/homematic-community/hm_email/issues/13"),
    Seen("550 5.7.1 Refused by local policy. No SPAM please! (B-EX 155302::1746872527) see"
         " https://www.strato-hosting.co.uk/faq/product/why-are-my-emails-not-being-delivered",
         BODY, MESSAGE_REFUSED, "Strato: https://github.com/pelican/panel/issues/1363"),
    Seen("550 5.7.1 refused by local policy (MBL-R)", BODY, MESSAGE_REFUSED,
         "https://github.com/aschroder/Magento-SMTP-Pro-Email-Extension/issues/92"),
    Seen('550 "envelope sender not allowed"', MAIL, SENDER_REFUSED,
         "Domainfactory: https://github.com/in2code-de/femanager/issues/404"),
    Seen("550 sorry, too many emails (#5.7.1)", MAIL, ACCOUNT_RESTS,
         "OVH: https://github.com/aschroder/Magento-SMTP-Pro-Email-Extension/issues/94"),
    Seen("553 5.7.1 Sender address rejected: not owned by auth user.", MAIL, SENDER_REFUSED,
         "Yandex: https://github.com/splitbrain/dokuwiki-plugin-smtp/issues/38"),
    Seen("553 5.7.0 Unauthorized use of sender address (msg ID = ef646daf)", RCPT, SENDER_REFUSED,
         "https://github.com/outline/outline/issues/7980"),
    Seen("552 the from address and the authenticated user must be the same email. #ERR_AUTH_FAIL",
         MAIL, SENDER_REFUSED, "https://github.com/Tivix/django-cron/issues/148"),
    Seen("530 From/Sender name is not valid", BODY, SENDER_REFUSED,
         "Postal: https://github.com/postalserver/postal/issues/728"),
    Seen("552 5.1.7 The sender's address was syntactically invalid.", MAIL, SENDER_REFUSED,
         "SocketLabs: https://github.com/mdn/kuma/issues/7121"),
    Seen("550 5.1.0 <no-reply@shop.example> sender rejected", RCPT, SENDER_REFUSED,
         "https://support.konto.pl/kb/a2164/blad-5_1_0.aspx"),
    Seen("501 5.1.0 Emetteur invalide. Invalid Sender. OFR004_405 [405]", MAIL, SENDER_REFUSED,
         "Orange: " + MANUAL + "501"),
    Seen("550 5.5.0 Emetteur invalide. Invalid Sender. LPN104_415", MAIL, SENDER_REFUSED,
         "laposte.net: https://github.com/thunderbird/thunderbird-android/issues/938"),
    Seen("552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]", RCPT,
         RECIPIENT_REFUSED, "Orange: " + MANUAL + "552"),
    Seen("550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]",
         RCPT, NO_SUCH_ADDRESS, "Orange: " + MANUAL + "550"),
    Seen("452 4.1.1 <jane@example.org> too many recent messages; Try again later", RCPT,
         RECIPIENT_LATER, "Comcast: " + MANUAL + "452"),
    Seen("550 spam mail rejected: exceeded hour limit", BODY, ACCOUNT_RESTS,
         "https://github.com/gophish/gophish/issues/3231"),
    Seen("462 Daily send limit reached. Please try again tomorrow", BODY, ACCOUNT_RESTS,
         "http://wiki.polarismail.com/display/Support/Common+Problems"),
    Seen("452 4.5.3 Recipient policy mismatch", RCPT, NEXT_TRANSACTION, CHANNELS),
    Seen("550 5.7.1 [CSR] Our system has detected an unusual amount of unsolicited email"
         " originating from your address", BODY, ACCOUNT_RESTS,
         "https://www.thiswebhost.com/clients/knowledgebase/554"),
    Seen("451 Internal resource temporarily unavailable", RCPT, RECIPIENT_LATER,
         "Mimecast: " + MANUAL + "451"),
    Seen("550 5.1.1 <jane@example.org>: Recipient address rejected: undeliverable address: host"
         " example.org said: 550 5.1.1 <jane@example.org> User unknown", RCPT, NO_SUCH_ADDRESS,
         "Proofpoint: " + MANUAL + "550"),
    Seen("421 4.1.1 <jane@example.org>: Recipient address rejected: unverified address", RCPT,
         RECIPIENT_LATER, "Proofpoint: " + MANUAL + "421"),
    Seen("452 4.5.3 Service unavailable, batch limit reached", MAIL, NEW_SESSION,
         "Momentum: SparkPost's Message Responses, F.2"),
    Seen('451 4.7.1 Ratelimit "user" exceeded', BODY, ACCOUNT_RESTS,
         "Rspamd: https://github.com/mailcow/mailcow-dockerized/issues/1497"),
    Seen("550 5.1.0 piWs1j0010jifNx01iWsdh policy violation", BODY, ACCOUNT_RESTS,
         "too many emails an hour: https://support.konto.pl/kb/a2164/blad-5_1_0.aspx"),
    Seen("550 Sender address is not allowed.", MAIL, SENDER_REFUSED,
         "GMX: https://github.com/thunderbird/thunderbird-android/issues/1624"),
    Seen("550 Requested action not taken: mailbox unavailable Failure sending mail. Try again"
         " later", RCPT, RECIPIENT_LATER,
         "GMX: https://github.com/jstedfast/MailKit/issues/968"),
    Seen("554 5.0.0 Error: transaction failed: unknown sender address", BODY, SENDER_REFUSED,
         "Hydroxide: https://github.com/emersion/hydroxide/issues/173"),
    Seen("550 You are not allowed to use the domain shop.example as a sender domain.", MAIL,
         SENDER_REFUSED, "https://github.com/PHPMailer/PHPMailer/issues/304"),
    Seen("550 Incorrect sender header (LOCAL)", BODY, SENDER_REFUSED,
         "https://github.com/roundcube/roundcubemail/issues/6572"),
    Seen("554 5.7.1 Recipient address rejected: Username shop@shop.example and sender doesn't"
         " match", RCPT, SENDER_REFUSED, "https://github.com/mybb/mybb/issues/2578"),
    Seen("550 that IP address is not allowed to send", MAIL, ACCOUNT_RESTS,
         "SMTP2GO: https://github.com/gophish/gophish/issues/1701"),
    Seen("550 5.7.1 message content rejected", BODY, MESSAGE_REFUSED,
         "Posteo: https://github.com/mandarons/icloud-docker/issues/163"),
    Seen("550 #5.1.0 Address rejected.", RCPT, RECIPIENT_REFUSED,
         "Cisco: https://github.com/customeros/mailsherpa/issues/19"),
)  # fmt: skip
