"""What an email looks like to whoever receives it: each message is parsed back and compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime.addresses import Mailbox
from shared.mime.bad_email import BadEmail
from shared.mime.compose import Attachment, Draft, Message, compose

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
DRAFT = Draft(
    sender=Mailbox("rowpost@example.com", "Rowpost"),
    to=(Mailbox("jane@example.org"),),
    message_id="<1.abc@example.com>",
    date=datetime(2026, 3, 4, 5, 6, 7, 891000, UTC),
    subject="Your invoice",
    text="Dear Jane,\n\nhere it is.\n",
)


def parsed(message: Message) -> EmailMessage:
    """The message as the standard library reads it, once its octets are found to be legal."""
    content = message.content
    assert content.endswith(b"\r\n")
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    head, _, body = content.partition(b"\r\n\r\n")
    assert body.isascii()
    assert b"\0" not in content
    assert head.isascii() is not message.smtputf8
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [defect for part in mail.walk() for defect in part.defects]
    return mail


def text_of(mail: EmailMessage, subtype: str = "plain") -> str:
    part = mail.get_body((subtype,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def shown_name(mail: EmailMessage) -> str:
    """The sender's name; EmailMessage, in older Pythons, puts a space between encoded words."""
    raw = next(str(value) for field, value in mail.raw_items() if field == "From")
    name, _ = parseaddr(re.sub(r"\r?\n", "", raw))
    return (
        str(make_header(decode_header(name)))
        if "=?" in raw
        else mail["From"].addresses[0].display_name
    )


def structure(part: Any) -> Any:
    """What a part is, without boundaries and the choice of transfer encoding."""
    if part.is_multipart():
        return part.get_content_type(), [structure(each) for each in part.iter_parts()]
    content = part.get_content()
    return (
        part.get_content_type(),
        part.get_content_charset(),
        part.get_content_disposition(),
        part.get_filename(),
        part["Content-ID"],
        content,
    )


def decoded(mail: EmailMessage, name: str) -> str:
    """A header by the standard library's older decoder, which knows no structure."""
    raw = next(value for field, value in mail.raw_items() if field == name)
    return str(make_header(decode_header(re.sub(r"\r?\n", "", str(raw)))))


# The header


def test_each_field_is_there_exactly_once() -> None:
    draft = replace(
        DRAFT,
        html="<p>x",
        cc=(Mailbox("c@x.org"),),
        reply_to=(Mailbox("r@x.org"),),
        headers=(("X-Order", "17"),),
        attachments=(Attachment("a.pdf", PDF), Attachment("b.png", b"b", content_id="b")),
    )

    message = compose(draft)

    named = sorted(name for name, _ in parsed(message).items())
    own = ["Auto-Submitted", "Cc", "Content-Type", "Date", "From", "MIME-Version", "Message-ID"]
    suppress = "X-Auto-Response-Suppress"
    assert named == [*own, "Reply-To", "Subject", "To", suppress, "X-Order"]
    assert message.content.count(b"MIME-Version") == 1


def test_the_fields_say_what_the_draft_says() -> None:
    mail = parsed(compose(replace(DRAFT, headers=(("X-Order", "17"), ("X-Order", "18")))))

    assert mail["Date"] == "Wed, 04 Mar 2026 05:06:07 +0000"
    assert mail["From"] == "Rowpost <rowpost@example.com>"
    assert mail["To"] == "jane@example.org"
    assert mail["Subject"] == "Your invoice"
    assert mail["Message-ID"] == "<1.abc@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_all("X-Order") == ["17", "18"]
    assert mail["Cc"] is mail["Bcc"] is mail["Reply-To"] is None


def test_whoever_says_what_automatic_answers_it_wants_is_not_contradicted() -> None:
    mail = parsed(compose(replace(DRAFT, headers=(("x-auto-response-suppress", "None"),))))

    assert mail.get_all("X-Auto-Response-Suppress") == ["None"]


@pytest.mark.parametrize(
    "date",
    [
        datetime(2026, 3, 4, 5, 6, 7),
        datetime(2026, 3, 4, 7, 6, 7, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_the_date_is_written_in_utc(date: datetime) -> None:
    assert parsed(compose(replace(DRAFT, date=date)))["Date"] == "Wed, 04 Mar 2026 05:06:07 +0000"


def test_without_a_recipient_to_show_it_names_none() -> None:
    mail = parsed(compose(replace(DRAFT, to=(), cc=(Mailbox("c@x.org"),))))

    assert mail["To"] == "undisclosed-recipients:;"
    assert mail["Cc"] == "c@x.org"


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "a",
        "Grüße aus Köln",
        "Ваш счёт готов, пожалуйста, оплатите его до конца недели, иначе мы расстроимся",
        "請求書 " * 30,
        "🎉" * 50,
        "x" * 500,
        "words and words " * 20 + "end",
        "two  spaces,   three" + " " * 100 + "a hundred",
        "=?utf-8?q?not_an_encoded_word?=",
        "what is =? this",
        "x" * 67,
        "x" * 68,
        "x" * 69,
        "x" * 70 + " y",
        "y " + "x" * 78,
        "a.b: <c> (d) \"e\" \\ 'f'",
    ],
)
def test_any_subject_arrives_in_lines_of_78(subject: str) -> None:
    message = compose(replace(DRAFT, subject=subject))

    mail = parsed(message)
    assert mail["Subject"] == subject.strip()
    assert decoded(mail, "Subject") == subject.strip()
    assert max(map(len, message.content.split(b"\r\n"))) <= 78


def test_a_tab_in_the_subject_counts_as_a_space() -> None:
    assert parsed(compose(replace(DRAFT, subject="\ta\tb ü\tc\t")))["Subject"] == "a b ü c"


one_line = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=200)


@given(one_line)
def test_every_printable_subject_comes_back(subject: str) -> None:
    message = compose(replace(DRAFT, subject=subject))

    assert decoded(parsed(message), "Subject") == subject.strip(" ")
    assert max(map(len, message.content.split(b"\r\n"))) <= 78


@given(st.lists(one_line, min_size=1, max_size=8))
def test_every_list_of_names_comes_back(names: list[str]) -> None:
    to = tuple(Mailbox(f"user{n}@example.org", name) for n, name in enumerate(names))

    message = compose(replace(DRAFT, to=to))

    raw = next(value for field, value in parsed(message).raw_items() if field == "To")
    shown = getaddresses([re.sub(r"\r?\n", "", str(raw))])
    assert [address for _, address in shown] == [mailbox.address for mailbox in to]
    assert [str(make_header(decode_header(name))).split() for name, _ in shown] == [
        name.split() for name in names
    ]
    assert max(map(len, message.content.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "name",
    [
        "Jane Doe",
        "Doe, Jane",
        "J. Doe (Sales)",
        'The "Boss"',
        "back\\slash",
        "a@b.org",
        "Jané Doe, Ltd.",
        "=?utf-8?q?x?=",
    ],
)
def test_names_are_shown_as_they_are(name: str) -> None:
    other = Mailbox("b@x.org", "Bob")

    mail = parsed(compose(replace(DRAFT, sender=Mailbox("a@x.org", name), to=(other,))))

    (address,) = mail["From"].addresses
    assert address.addr_spec == "a@x.org"
    assert shown_name(mail) == name
    assert mail["To"] == "Bob <b@x.org>"


def test_many_recipients_are_folded() -> None:
    to = tuple(Mailbox(f"recipient{n}@example.org") for n in range(200))

    message = compose(replace(DRAFT, to=to))

    assert [each.addr_spec for each in parsed(message)["To"].addresses] == [
        each.address for each in to
    ]
    assert max(map(len, message.content.split(b"\r\n"))) <= 78


def test_an_international_domain_needs_no_smtputf8() -> None:
    message = compose(replace(DRAFT, to=(Mailbox("jo@bücher.example", "Jö"),)))

    assert not message.smtputf8
    assert parsed(message)["To"].addresses[0].addr_spec == "jo@xn--bcher-kva.example"


def test_an_address_that_is_not_ascii_makes_the_header_utf8_and_nothing_else() -> None:
    draft = replace(DRAFT, to=(Mailbox("jö@example.org", "Jö"),), subject="Grüße", text="Grüße\n")

    message = compose(draft)

    mail = parsed(message)
    assert message.smtputf8
    assert "<jö@example.org>" in message.content.decode()
    assert text_of(mail) == "Grüße\n"


def test_long_urls_and_message_ids_stay_whole() -> None:
    unsubscribe = f"<https://example.org/?token={'x' * 200}&q=?>"
    references = " ".join(f"<{n}.{'y' * 70}@example.org>" for n in range(5))

    headers = (("List-Unsubscribe", unsubscribe), ("References", references))
    message = compose(replace(DRAFT, headers=headers))

    assert parsed(message)["References"] == references
    assert unsubscribe.encode() in message.content


def test_a_header_of_other_scripts_or_without_end_is_encoded() -> None:
    headers = (
        ("X-Naïve"[:3] + "Note", "Zażółć"),
        ("X-Endless", "z" * 2000),
        ("X-" + "n" * 74, "ü"),
    )

    mail = parsed(compose(replace(DRAFT, headers=headers)))

    assert [decoded(mail, name) for name, _ in headers] == [value for _, value in headers]


# What must not be in it


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x85"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda bad: {"subject": bad}, "the subject holds a line break"),
        (lambda bad: {"sender": Mailbox("a@x.org", bad)}, "sender's name holds a line break"),
        (lambda bad: {"to": (Mailbox("a@x.org", bad),)}, "name of a recipient holds a line"),
        (lambda bad: {"cc": (Mailbox("a@x.org", bad),)}, "name of a recipient holds a line"),
        (lambda bad: {"reply_to": (Mailbox("a@x.org", bad),)}, "name of a recipient holds"),
        (lambda bad: {"to": (Mailbox(f"a@x.org{bad}"),)}, "is not an email address"),
        (lambda bad: {"sender": Mailbox(f"{bad}@x.org")}, "is not an email address"),
        (lambda bad: {"message_id": f"<1@x.org>{bad}"}, "the Message-ID is not"),
        (lambda bad: {"headers": (("X-A", bad),)}, "the header X-A holds a line break"),
        (lambda bad: {"headers": ((f"X-A{bad}", "b"),)}, "is not the name of a header"),
        (lambda bad: {"attachments": (Attachment(bad, b""),)}, "name of an attachment holds a"),
        (lambda bad: {"attachments": (Attachment("a", b"", bad),)}, "content type of an attach"),
        (lambda bad: {"attachments": (Attachment("a", b"", None, bad),)}, "Content-ID of an att"),
    ],
)
def test_no_value_adds_a_header(
    change: Callable[[str], dict[str, Any]], reason: str, ending: str
) -> None:
    with pytest.raises(BadEmail, match=reason):
        compose(replace(DRAFT, **change(f"x{ending}Bcc: evil@x.org")))


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("a\0b", "the subject holds a control character"),
        ("a\x1bb", "the subject holds a control character"),
        ("a\x7fb", "the subject holds a control character"),
        ("a\ud83d", "the subject is not valid Unicode"),
    ],
)
def test_a_subject_of_no_text_is_refused(subject: str, reason: str) -> None:
    with pytest.raises(BadEmail, match=reason):
        compose(replace(DRAFT, subject=subject))


@pytest.mark.parametrize(
    "change",
    [
        {"text": "a\ud83d"},
        {"html": "<p>\udc00"},
        {"attachments": (Attachment("\ud83d.pdf", b""),)},
        {"sender": Mailbox("a@x.org", "\ud83d")},
    ],
)
def test_lone_surrogates_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadEmail, match="not valid Unicode"):
        compose(replace(DRAFT, **change))


@pytest.mark.parametrize("name", ["Bcc", "from", "DATE", "Content-Type", "Received", "Return-Path"])
def test_the_fields_of_rowpost_are_not_the_callers(name: str) -> None:
    with pytest.raises(BadEmail, match=name):
        compose(replace(DRAFT, headers=((name, "x"),)))


@pytest.mark.parametrize("message_id", ["", "1@x", "<1>", "<1@x", "<1@x@y>", "<é@x>", "<1 2@x>"])
def test_a_message_id_has_its_form(message_id: str) -> None:
    with pytest.raises(BadEmail, match="Message-ID"):
        compose(replace(DRAFT, message_id=message_id))


# Bodies

BODIES = [
    "",
    "\n",
    "Hello",
    "Hello\n",
    "Hello\r\n\r\nJane\rDoe\n",
    "Grüße\nаст\n",
    "Привет мир " * 200,
    "x" * 998 + "\n" + "y" * 5000,
    "word " * 1000,
    "ü" * 5000,
    "a\0b\0\n",
    "\0" * 3000,
    "form\ffeed \x1b[1m \x85\u2028 end \t \n \n",
    ".\n..\n.x\nFrom me\n--\n--=_x\n",
    "=20=\n= \n",
    "end with spaces   ",
    "\ufeffbom",
]


def arrived(text: str) -> str:
    """A body as it comes out: its line breaks LF, and one at its end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def payload(part: Any) -> str:
    """A part's text, its line ends as they came."""
    return str(part.get_payload(decode=True).decode())


@pytest.mark.parametrize("text", BODIES)
@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_body_arrives_as_it_was(text: str, subtype: str) -> None:
    body = {"text": text} if subtype == "plain" else {"text": None, "html": text}

    mail = parsed(compose(replace(DRAFT, **body)))

    assert mail.get_content_type() == f"text/{subtype}"
    assert payload(mail).replace("\r\n", "\n") == arrived(text)


def test_text_and_html_are_alternatives_with_the_html_last() -> None:
    mail = parsed(compose(replace(DRAFT, html="<p>Dear Jane</p>")))

    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert text_of(mail) == DRAFT.text
    assert text_of(mail, "html") == "<p>Dear Jane</p>\n"


def test_plain_ascii_goes_unchanged() -> None:
    text = "x" * 998 + "\n\tHello, this costs = 5 $.\n"

    content = compose(replace(DRAFT, text=text)).content

    assert content.endswith(b"\r\n\r\n" + text.encode().replace(b"\n", b"\r\n"))
    assert b"Content-Transfer-Encoding: 7bit\r\n" in content


def test_the_shorter_encoding_is_taken() -> None:
    def encoding(text: str) -> str:
        return str(parsed(compose(replace(DRAFT, text=text)))["Content-Transfer-Encoding"])

    assert encoding("Grüße an alle, die heute hier sind\n" * 10) == "quoted-printable"
    assert encoding("Привет" * 100) == "base64"
    assert encoding("x" * 5000) == "quoted-printable"


@pytest.mark.parametrize("text", [*BODIES, "Ü" * 76, "x" * 75 + "é", "x" * 76 + "é \n\t\né"])
def test_encoded_lines_have_76_characters_at_most(text: str) -> None:
    content = compose(replace(DRAFT, text="é\0" + text)).content

    assert max(map(len, content.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


def test_a_body_cannot_end_its_part() -> None:
    """Its boundary is another one in each email, and nobody can reckon it from what he sees."""
    drafts = [
        replace(DRAFT, html="<p>x", message_id=f"<{number}@example.com>") for number in (1, 2)
    ]

    boundaries = [parsed(compose(draft)).get_boundary() for draft in (*drafts, drafts[0])]

    assert boundaries[0] != boundaries[1]
    assert boundaries[0] == boundaries[2]
    own = blake2b(b"alternative <1@example.com>", digest_size=12).hexdigest()
    assert boundaries[0] != f"=_{own}"


# Attachments


@pytest.mark.parametrize(
    ("filename", "content", "shown", "content_type"),
    [
        ("invoice.pdf", PDF, "invoice.pdf", "application/pdf"),
        ("invoice.txt", PDF, "invoice.txt", "application/pdf"),
        ("", PDF, "document.pdf", "application/pdf"),
        (None, PDF, "document.pdf", "application/pdf"),
        (None, b"abc", "document.bin", "application/octet-stream"),
        (None, b"", "document.bin", "application/octet-stream"),
        ("..", b"GIF89a", "document.gif", "image/gif"),
        ("a", b"\x89PNG\r\n\x1a\n", "a", "image/png"),
        ("a.bin", b"\xff\xd8\xff\xe0", "a.bin", "image/jpeg"),
        ("a.zip", b"PK\x03\x04", "a.zip", "application/zip"),
        ("a.pdf", b"PK\x03\x04", "a.pdf", "application/zip"),
        (
            "a.docx",
            b"PK\x03\x04",
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (
            "A.XLSX",
            b"PK\x03\x04",
            "A.XLSX",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("a.csv", b"a;b", "a.csv", "text/csv"),
        ("a.csv.gz", b"\x1f\x8b", "a.csv.gz", "application/gzip"),
        ("a.ics", b"BEGIN:VCALENDAR", "a.ics", "text/calendar"),
        ("a.webp", b"?", "a.webp", "image/webp"),
        ("a", b"RIFF\0\0\0\0WEBPVP8 ", "a", "image/webp"),
        ("a.rtf", b"?", "a.rtf", "application/rtf"),
        (None, b"{\\rtf1", "document.rtf", "application/rtf"),
        ("a.md", b"# a", "a.md", "text/markdown"),
        ("a.js", b"a()", "a.js", "text/javascript"),
        ("a.heic", b"?", "a.heic", "image/heic"),
        ("a.7z", b"?", "a.7z", "application/x-7z-compressed"),
        ("a.msg", b"?", "a.msg", "application/vnd.ms-outlook"),
        ("a.vcf", b"?", "a.vcf", "text/vcard"),
        ("a.pkpass", b"PK\x03\x04", "a.pkpass", "application/vnd.apple.pkpass"),
        ("mail.eml", b"From: a", "mail.eml", "application/octet-stream"),
        ("../../x.pdf", PDF, "x.pdf", "application/pdf"),
        ("C:\\Users\\me\\x.pdf", PDF, "x.pdf", "application/pdf"),
        ("Überweisung März.pdf", PDF, "Überweisung März.pdf", "application/pdf"),
        ("請求書.pdf", PDF, "請求書.pdf", "application/pdf"),
        ('a "quoted"; name=x.pdf', PDF, 'a "quoted"; name=x.pdf', "application/pdf"),
        ("a%20b'c.pdf", PDF, "a%20b'c.pdf", "application/pdf"),
        ("é%20b'c.pdf", PDF, "é%20b'c.pdf", "application/pdf"),
        ("long" * 50 + ".pdf", PDF, "long" * 50 + ".pdf", "application/pdf"),
        ("länger" * 40 + ".pdf", PDF, "länger" * 40 + ".pdf", "application/pdf"),
    ],
)
def test_a_file_arrives_with_its_name_and_type(
    filename: str | None, content: bytes, shown: str, content_type: str
) -> None:
    message = compose(replace(DRAFT, attachments=(Attachment(filename, content),)))

    mail = parsed(message)
    (part,) = mail.iter_attachments()
    assert mail.get_content_type() == "multipart/mixed"
    assert part.get_content_type() == content_type
    assert part.get_content_disposition() == "attachment"
    assert part.get_filename() == shown
    assert part.get_payload(decode=True) == content
    assert text_of(mail) == DRAFT.text


def test_the_given_type_counts() -> None:
    files = (
        Attachment("a.pdf", PDF, "application/x-invoice"),
        Attachment("a.csv", b"\xe4", "text/csv; charset=iso-8859-1; header=present"),
        Attachment("a.eml", b"x", "message/rfc822"),
    )

    first, second, third = parsed(compose(replace(DRAFT, attachments=files))).iter_attachments()

    assert first.get_content_type() == "application/x-invoice"
    assert second["Content-Type"].params == {
        "name": "a.csv",
        "charset": "iso-8859-1",
        "header": "present",
    }
    assert third.get_content_type() == "application/octet-stream"


@pytest.mark.parametrize("content_type", ["pdf", "a/b\r\nX: y", "a/b/c", "a b/c", "é/x", "a/b;\0"])
def test_a_type_has_its_form(content_type: str) -> None:
    with pytest.raises(BadEmail, match="content type"):
        compose(replace(DRAFT, attachments=(Attachment("a", b"", content_type),)))


@pytest.mark.parametrize("length", [0, 1, 56, 57, 58, 5699, 5700, 5701, 100_000])
def test_a_file_of_any_length_is_base64_in_lines_of_76(length: int) -> None:
    content = bytes(n * 7 % 256 for n in range(length))

    message = compose(replace(DRAFT, attachments=(Attachment("a.bin", content),)))

    (part,) = parsed(message).iter_attachments()
    assert part.get_payload(decode=True) == content
    *full, _ = str(part.get_payload()).split() or [""]
    assert {len(line) for line in full} <= {76}


def test_pictures_go_beside_the_html_that_shows_them() -> None:
    draft = replace(
        DRAFT,
        html='<img src="cid:logo@x">',
        attachments=(
            Attachment("logo.png", b"\x89PNG\r\n\x1a\n1", content_id="logo@x"),
            Attachment("a.pdf", PDF),
            Attachment("b.pdf", PDF),
        ),
    )

    mail = parsed(compose(draft))

    kind, (body, *files) = structure(mail)
    assert kind == "multipart/mixed"
    assert [each[3] for each in files] == ["a.pdf", "b.pdf"]
    assert body[0] == "multipart/alternative"
    plain, (related, (html, logo)) = body[1]
    assert (plain[0], related, html[0]) == ("text/plain", "multipart/related", "text/html")
    assert logo[0] == "image/png"
    assert logo[2] == "inline"
    assert logo[4] == "<logo@x>"
    related_part = mail.get_body(("related",))
    assert related_part is not None
    assert related_part["Content-Type"].params["type"] == "text/html"


def test_html_and_its_pictures_alone_are_related_and_nothing_else() -> None:
    pictures = tuple(Attachment(f"{n}.png", b"x", "image/png", f"{n}@x") for n in range(3))

    mail = parsed(
        compose(replace(DRAFT, text=None, html="<img src=cid:0@x>", attachments=pictures))
    )

    assert mail.get_content_type() == "multipart/related"
    html, *shown = mail.iter_parts()
    assert html.get_content_type() == "text/html"
    assert [part["Content-ID"] for part in shown] == ["<0@x>", "<1@x>", "<2@x>"]


def test_a_picture_without_html_is_an_attachment() -> None:
    mail = parsed(compose(replace(DRAFT, attachments=(Attachment("a.png", b"x", None, "a@b"),))))

    (part,) = mail.iter_attachments()
    assert part.get_content_disposition() == "attachment"
    assert part["Content-ID"] == "<a@b>"


# Any body

bodies = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(
    lambda text: text * 3
)


@given(bodies, bodies)
def test_every_body_comes_back(text: str | None, html: str | None) -> None:
    mail = parsed(compose(replace(DRAFT, text=text, html=html)))

    for subtype, body in (("plain", text), ("html", html)):
        part = mail.get_body((subtype,))
        if body is not None:
            assert payload(part).replace("\r\n", "\n") in (arrived(body), arrived(body)[:-1])


def test_secrets_in_a_body_stay_out_of_reprs() -> None:
    draft = replace(DRAFT, text="code 123456", attachments=(Attachment("a", b"123456"),))

    assert "123456" not in repr(draft) + repr(compose(draft))
