"""Emails of every odd kind, each under a name, for mail programs to read once they are composed."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

from shared.mime.addresses import Mailbox
from shared.mime.message import Attachment, Draft

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 20
PLAIN = Draft(
    sender=Mailbox("shop@example.com", "The Shop"),
    to=(Mailbox("jane@example.org", "Jane Doe"),),
    message_id="<1.abc@example.com>",
    date=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    subject="Your invoice",
    text="Dear Jane,\n\nhere it is.\n",
)


def _to(*names: str) -> Draft:
    mailboxes = tuple(Mailbox(f"user{n}@example.org", name) for n, name in enumerate(names))
    return replace(PLAIN, to=mailboxes)


def _subject(subject: str) -> Draft:
    return replace(PLAIN, subject=subject)


def _text(text: str) -> Draft:
    return replace(PLAIN, text=text)


def _html(html: str, *files: Attachment, text: str | None = None) -> Draft:
    return replace(PLAIN, text=text, html=html, attachments=files)


def _file(filename: str | None, content: bytes = PDF, content_type: str | None = None) -> Draft:
    return replace(PLAIN, attachments=(Attachment(filename, content, content_type),))


PICTURE = Attachment("logo.png", PNG, content_id="logo@example.com")

CORPUS: dict[str, Draft] = {
    "plain": PLAIN,
    # Names.
    "a name with a comma": _to("Doe, Jane"),
    "a name with quotes": _to('Jane "JJ" Doe'),
    "a name with a backslash": _to("back\\slash"),
    "a name with brackets": _to("Jane [HR] (new) <x>"),
    "a name with a colon and a semicolon": _to("Sales: Europe; North"),
    "a name with an apostrophe": _to("O'Neil"),
    "a name that is an address": _to("jane@evil.example"),
    "a name that looks like an encoded word": _to("=?utf-8?q?Jane?="),
    "a name with an equals sign and a question mark": _to("a=?b?=c"),
    "a name in German": _to("Jörg Müßiggänger"),
    "a name in Czech": _to("Žofie Nováková"),
    "a name in Greek": _to("Ελένη Παπαδοπούλου"),
    "a name in Russian": _to("Мария Иванова"),
    "a name in Chinese": _to("王小明"),
    "a name in Japanese": _to("山田 太郎"),
    "a name in Korean": _to("김철수"),
    "a name in Arabic": _to("محمد علي"),
    "a name in Hebrew": _to("דוד כהן"),
    "a name in Thai": _to("สมชาย ใจดี"),
    "a name in Hindi": _to("राम कुमार"),
    "a name with emoji": _to("Jane 🎉👩‍👩‍👧"),
    "a name beyond the basic plane": _to("𝕁𝕒𝕟𝕖"),
    "a long name": _to("Jane " + "von und zu " * 12 + "Doe"),
    "a long name in Greek": _to("Ελένη " * 15 + "Ω"),
    "one word without spaces": _to("x" * 100),
    "thirty recipients": _to(*[f"Person {n}, Dr. Müller" if n % 3 else "" for n in range(30)]),
    "the sender's name in Japanese": replace(PLAIN, sender=Mailbox("a@example.com", "株式会社")),
    "Cc and Reply-To": replace(
        PLAIN,
        cc=(Mailbox("c@example.org", "Čestmír"), Mailbox("d@example.org")),
        reply_to=(Mailbox("r@example.org", "Antworten, bitte"),),
    ),
    "nobody in To": replace(PLAIN, to=(), cc=(Mailbox("c@example.org"),)),
    # Addresses.
    "an international domain": replace(PLAIN, to=(Mailbox("post@müller.example"),)),
    "an address in quotes": replace(PLAIN, to=(Mailbox('"john doe"@example.org', "John"),)),
    "an IP address": replace(PLAIN, to=(Mailbox("a@[IPv6:2001:db8::1]"), Mailbox("a@[192.0.2.1]"))),
    "an international address": replace(PLAIN, to=(Mailbox("用户@例子.广告", "用户"),)),
    # Subjects.
    "no subject": _subject(""),
    "a subject with emoji": _subject("🎉 Sale 🎉" * 10),
    "a subject in Japanese": _subject("請求書のお知らせ：" * 12),
    "a subject in Arabic": _subject("فاتورتك جاهزة"),
    "a long ASCII subject": _subject("word " * 60 + "end"),
    "a subject of one long word": _subject("x" * 300),
    "a subject that looks encoded": _subject("=?utf-8?b?SGFsbG8=?= and more"),
    "a subject with two spaces": _subject("two  spaces,   three"),
    "a subject with quotes": _subject('"quoted" \\ <tag> & more'),
    "a combining character at each place": _subject("é" * 40),
    # Texts.
    "no text at all": replace(PLAIN, text=None),
    "an empty text": _text(""),
    "a text without a line end": _text("no end"),
    "a text with other line ends": _text("a\r\nb\rc\n"),
    "a text with empty lines": _text("\n\n\na\n\n\n"),
    "lines that begin with dots": _text(".\n..\n.x\n"),
    "a line that begins with From": _text("From here\nFrom: there\n>From\n"),
    "a line of 5,000 characters": _text("y" * 5000),
    "a line of 998 characters": _text("z" * 998),
    "a long line in German": _text("Größe " * 400),
    "a text in Japanese": _text("こんにちは、世界。\n" * 50),
    "a text with emoji": _text("👍🏽 ok\n"),
    "spaces at the line ends": _text("a \nb  \n\tc\t\n"),
    "a signature": _text("Hello\n\n-- \nJane\n"),
    "equals signs": _text("a=b\n=3D\n=\n" * 20),
    "what looks like a boundary": _text("--=_boundary\n--=_x--\n"),
    "a control character": _text("a\x0bb\x0c\x1bc\n"),
    # HTML.
    "HTML alone": _html("<p>Dear Jane</p>"),
    "text and HTML": _html("<p>Liebe Jürgen &amp; Co</p>", text="Liebe Jürgen & Co\n"),
    "HTML in one long line": _html("<p>" + "<b>x</b>" * 1000 + "</p>"),
    "HTML with a picture": _html('<img src="cid:logo@example.com">', PICTURE),
    "HTML, text and a picture": _html(
        '<img src="cid:logo@example.com">', PICTURE, text="see the picture\n"
    ),
    "HTML, pictures and a file": _html(
        '<img src="cid:a"><img src="cid:b">',
        Attachment("a.png", PNG, content_id="a"),
        Attachment("b.png", PNG, content_id="b"),
        Attachment("Rechnung.pdf", PDF),
        text="text\n",
    ),
    # Files.
    "a PDF": _file("invoice.pdf"),
    "a file without a name": _file(None),
    "a file name with a space": _file("my invoice.pdf"),
    "a file name with quotes": _file('a "quoted"; name=x.pdf'),
    "a file name with percent signs": _file("100%25 'sure'*.pdf"),
    "a file name in German": _file("Überweisung März.pdf"),
    "a file name in Japanese": _file("請求書 2026年3月.pdf"),
    "a file name with emoji": _file("🎉 party.pdf"),
    "a file name that looks encoded": _file("=?utf-8?q?x?=.txt", b"x"),
    "a file name with an equals sign and a question mark": _file("a=?b.txt", b"x"),
    "a long file name": _file("long" * 50 + ".pdf"),
    "a long file name in Greek": _file("μακρύ" * 30 + ".pdf"),
    "a file name longer than a line": _file("x" * 1200 + ".pdf"),
    "a path as a file name": _file("C:\\Users\\me\\Über.pdf"),
    "a file with two dots": _file("archive.tar.gz", b"\x1f\x8b\x08" + bytes(50)),
    "an empty file": _file("empty.txt", b""),
    "a file of one octet": _file("one.bin", b"\0"),
    "a file with a given type": _file("a.csv", b"a;\xe4\r\n", "text/csv; charset=iso-8859-1"),
    "an invitation": _file("a.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "text/calendar"),
    "an email as a file": _file("mail.eml", b"From: a@example.com\r\nSubject: x\r\n\r\nhi\r\n"),
    "a picture without HTML": replace(PLAIN, attachments=(PICTURE,)),
    "twenty files": replace(
        PLAIN, attachments=tuple(Attachment(f"Datei {n} ü.pdf", PDF) for n in range(20))
    ),
    "two files of one name": replace(
        PLAIN, attachments=(Attachment("a.pdf", PDF), Attachment("a.pdf", PDF + b"2"))
    ),
    "10 MB": _file("large.bin", bytes(range(256)) * 40_000),
    # Further headers.
    "further headers": replace(
        PLAIN,
        headers=(
            ("X-Order", "17"),
            ("X-Name", "Grüße"),
            ("List-Unsubscribe", "<https://example.com/" + "x" * 300 + ">"),
            ("References", "<a@example.com> <b@example.com>"),
        ),
    ),
}
