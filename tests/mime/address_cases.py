"""Addresses as they are written, and what they are: one table for all that read or send them."""

from __future__ import annotations

from typing import NamedTuple

from shared.mime.addresses import Mailbox


class Taken(NamedTuple):
    """What is written, the mailboxes that it names, how they stand in the envelope, and why."""

    written: str
    mailboxes: tuple[Mailbox, ...]
    envelope: tuple[str, ...]
    source: str


class Refused(NamedTuple):
    """What is written, what the refusal has to say, and why it is refused."""

    written: str
    reason: str
    source: str


def _one(
    written: str, address: str, source: str, *, name: str = "", envelope: str | None = None
) -> Taken:
    return Taken(written, (Mailbox(address, name),), (envelope or address,), source)


TAKEN = (
    # RFC 5322, appendix A.
    _one("John Doe <jdoe@machine.example>", "jdoe@machine.example", "RFC 5322 A.1.1",
         name="John Doe"),
    _one('"Joe Q. Public" <john.q.public@example.com>', "john.q.public@example.com",
         "RFC 5322 A.1.2", name="Joe Q. Public"),
    _one("Who? <one@y.test>", "one@y.test", "RFC 5322 A.1.2", name="Who?"),
    _one("<boss@nil.test>", "boss@nil.test", "RFC 5322 A.1.2"),
    _one(r'"Giant; \"Big\" Box" <sysservices@example.net>', "sysservices@example.net",
         "RFC 5322 A.1.2", name='Giant; "Big" Box'),
    Taken("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
          (Mailbox("c@a.test", "Ed Jones"), Mailbox("joe@where.test"),
           Mailbox("jdoe@one.test", "John")),
          ("c@a.test", "joe@where.test", "jdoe@one.test"), "RFC 5322 A.1.3"),
    Taken("Undisclosed recipients:;", (), (), "RFC 5322 A.1.3"),
    _one(r"Pete(A nice \) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test",
         "RFC 5322 A.5", name="Pete"),
    Taken("A Group(Some people)\t:Chris Jones <c@(Chris's host.)public.example>, joe@example.org,"
          " John <jdoe@one.test> (my dear friend); (the end of the group)",
          (Mailbox("c@public.example", "Chris Jones"), Mailbox("joe@example.org"),
           Mailbox("jdoe@one.test", "John")),
          ("c@public.example", "joe@example.org", "jdoe@one.test"), "RFC 5322 A.5"),
    _one("Joe Q. Public <john.q.public@example.com>", "john.q.public@example.com",
         "RFC 5322 A.6.1: an unquoted dot in a name", name="Joe Q. Public"),
    _one("joe @ example.org", "joe@example.org", "RFC 5322 3.4.1: white space around the @"),
    # Names.
    _one('Jane "JJ" Doe <jane@example.com>', "jane@example.com", "RFC 5322 3.2.5",
         name="Jane JJ Doe"),
    _one('"Jane" "Doe" <jane@example.com>', "jane@example.com", "RFC 5322 3.2.5",
         name="Jane Doe"),
    _one('"" <jane@example.com>', "jane@example.com", "RFC 5322 3.2.4: nothing in quotes"),
    _one("jane@example.com (Jane Doe)", "jane@example.com", "RFC 822: the name as a comment",
         name="Jane Doe"),
    _one("Žofie Nováková <z@example.com>", "z@example.com", "RFC 6532 3.2", name="Žofie Nováková"),
    _one("jane@example.com <jane@example.com>", "jane@example.com", "Outlook",
         name="jane@example.com"),
    _one("Sales: Europe <sales@example.com>", "sales@example.com",
         "a colon, and no group: it does not end", name="Sales: Europe"),
    _one("'Jane Doe' <jane@example.com>", "jane@example.com", "Outlook", name="'Jane Doe'"),
    _one("Jane [HR] <jane@example.com>", "jane@example.com", "how most are written",
         name="Jane [HR]"),
    # The part before the @.
    _one("!#$%&'*+-/=^_`{|}~@example.com", "!#$%&'*+-/=^_`{|}~@example.com",
         "RFC 5322 3.2.3: all of atext but ?"),
    _one("what?@example.com", "what?@example.com", "RFC 5322 3.2.3"),
    _one("bounces+17=jane=example.org@example.com", "bounces+17=jane=example.org@example.com",
         "variable envelope return paths"),
    _one('"john doe"@example.com', '"john doe"@example.com', "RFC 5321 4.1.2"),
    _one('"john.doe"@example.com', '"john.doe"@example.com',
         "RFC 5321 4.1.2: the same without quotes", envelope="john.doe@example.com"),
    _one('"jane..doe."@docomo.example', '"jane..doe."@docomo.example',
         "old addresses of Japanese mobile phones"),
    _one('"a@b"@example.com', '"a@b"@example.com', "RFC 3696 errata 1690"),
    _one('"a;b,c:(d)"@example.com', '"a;b,c:(d)"@example.com', "RFC 5321 4.1.2"),
    _one(r'"a\\b c"@example.com', r'"a\\b c"@example.com', "RFC 5321 4.1.2"),
    _one(r'"\a\b"@example.com', r'"\a\b"@example.com', "RFC 5321 4.1.2: needless escapes",
         envelope="ab@example.com"),
    _one('Jane <"jane doe"@example.com>', '"jane doe"@example.com', "RFC 5322 3.4.1", name="Jane"),
    _one("x" * 64 + "@example.com", "x" * 64 + "@example.com", "RFC 5321 4.5.3.1.1"),
    # Domains.
    _one("postmaster@mailhost", "postmaster@mailhost", "a name inside a company"),
    _one("a@EXAMPLE.com", "a@EXAMPLE.com", "RFC 5321 2.4"),
    _one("a@1and1.example", "a@1and1.example", "RFC 1123 2.1"),
    _one("a@xn--bcher-kva.example", "a@xn--bcher-kva.example", "RFC 5890"),
    _one("a@" + "x" * 63 + ".example", "a@" + "x" * 63 + ".example", "RFC 1035 2.3.4"),
    _one("a@[192.0.2.1]", "a@[192.0.2.1]", "RFC 5321 4.1.3"),
    _one("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", "RFC 5321 4.1.3"),
    _one("post@müller.example", "post@müller.example", "RFC 6531",
         envelope="post@xn--mller-kva.example"),
    _one("a@faß.example", "a@faß.example", "UTS 46, not transitional",
         envelope="a@xn--fa-hia.example"),
    _one("a@BÜCHER.example", "a@BÜCHER.example", "UTS 46", envelope="a@xn--bcher-kva.example"),
    _one("a@例子。广告", "a@例子。广告", "UTS 46: an ideographic full stop",
         envelope="a@xn--fsqu00a.xn--4rr70v"),
    _one("δοκιμή@παράδειγμα.δοκιμή", "δοκιμή@παράδειγμα.δοκιμή", "RFC 6531",
         envelope="δοκιμή@xn--hxajbheg2az3al.xn--jxalpdlp"),
    _one("用户@例子.广告", "用户@例子.广告", "RFC 6531", envelope="用户@xn--fsqu00a.xn--4rr70v"),
    _one('"jö x"@example.com', '"jö x"@example.com', "RFC 6531 3.3"),
    # Lists.
    Taken("a@example.com; b@example.org", (Mailbox("a@example.com"), Mailbox("b@example.org")),
          ("a@example.com", "b@example.org"), "Database Mail"),
    Taken('"Doe, Jane" <j@example.com>, b@example.org,,',
          (Mailbox("j@example.com", "Doe, Jane"), Mailbox("b@example.org")),
          ("j@example.com", "b@example.org"), "RFC 5322 3.4"),
    Taken("Sales: Europe <s@example.com>; North: US <n@example.com>",
          (Mailbox("s@example.com", "Sales: Europe"), Mailbox("n@example.com", "North: US")),
          ("s@example.com", "n@example.com"), "colons in names, and no group"),
)  # fmt: skip

REFUSED = (
    Refused("user@good.example(x)evil.example", "' ' may not stand in a domain",
            "RFC 5322 3.2.2: a comment is white space; CVE-2023-27043 is of this kind"),
    Refused("user(x)name@example.com", "' ' (character 5)", "RFC 5322 3.2.2"),
    Refused("user@(x)", "nothing stands after the @", "RFC 5322 3.2.2"),
    Refused("jane doe@example.com", "' ' (character 5)", "RFC 5321 4.1.2"),
    Refused("Jane Doe jane@example.com", "' ' (character 5)", "a name without angle brackets"),
    Refused('"Jane Doe" jane@example.com', "without quotes", "a name without angle brackets"),
    Refused("jane@example.com bob@example.com", "'@' (character 5)", "no separator"),
    Refused("jane@example.com\nbob@example.com", "a line break", "RFC 5322 2.2"),
    Refused("jane@@example.com", "'@' (character 5)", "RFC 5321 4.1.2"),
    Refused("jane", "no @", "RFC 5321 4.1.2"),
    Refused("@example.com", "nothing stands before the @", "RFC 5321 4.1.2"),
    Refused('""@example.com', "nothing stands before the @", "Python's email reads @example.com"),
    Refused("jane@", "nothing stands after the @", "RFC 5321 4.1.2"),
    Refused(".jane@example.com", "a dot at the beginning", "RFC 5321 4.1.2"),
    Refused("jane.@example.com", "a dot before the @", "RFC 5321 4.1.2"),
    Refused("jane..doe@example.com", "a dot beside another", "RFC 5321 4.1.2"),
    Refused("jane:doe@example.com", "':' (character 5)", "RFC 5321 4.1.2"),
    Refused("mailto:jane@example.com", "':' (character 7)", "a link, not an address"),
    Refused("a[b]@example.com", "'[' (character 2)", "RFC 5321 4.1.2"),
    Refused('ja"ne@example.com', "a quote in it has no end", "RFC 5321 4.1.2"),
    Refused('ja"n"e@example.com', "'\"' (character 3)", "RFC 5321 4.1.2"),
    Refused('"a>b"@example.com', "misunderstand '>'", "postal-mime cuts it there"),
    Refused('"a<b@example.com>"@example.com', "misunderstand '<'", "CVE-2025-13033 (nodemailer)"),
    Refused(r'"\"jane"@example.com', "misunderstand '\"'", "Python's email loses it"),
    Refused("=?utf-8?q?jane?=@example.com", "an encoded word",
            "mailparser and Python's email decode it"),
    Refused('"=?utf-8?q?jane=40evil.example?="@example.com', "an encoded word",
            "Splitting the Email Atom (PortSwigger, 2024)"),
    Refused("x" * 65 + "@example.com", "more than 64 octets", "RFC 5321 4.5.3.1.1"),
    Refused("ü" * 33 + "@example.com", "more than 64 octets", "RFC 6531 3.3"),
    Refused("ja\xa0ne@example.com", "U+00A0", "no space but the usual one"),
    Refused("ja\u200bne@example.com", "U+200B", "copied from a web page"),
    Refused("jane\u202e@example.com", "U+202E", "text that runs the other way"),
    Refused("ja\0ne@example.com", "U+0000", "RFC 5321 4.1.2"),
    Refused("jane@exa mple.com", "' ' may not stand in a domain", "RFC 5321 4.1.2"),
    Refused("jane@my_host.example", "'_' may not stand in a domain", "RFC 5321 4.1.2"),
    Refused("jane@example.com.", "a dot too many", "RFC 5321 4.1.2"),
    Refused("jane@example..com", "a dot too many", "RFC 5321 4.1.2"),
    Refused("jane@-example.com", "a hyphen", "RFC 5321 4.1.2"),
    Refused("jane@" + "x" * 64 + ".com", "longer than 63", "RFC 1035 2.3.4"),
    Refused("jane@" + "x." * 126 + "com", "longer than 253", "RFC 1035 2.3.4"),
    Refused("jane@bü cher.example", "the domain is none", "RFC 5890"),
    Refused("jane@☃.example", "the domain is none", "RFC 5892: a symbol"),
    Refused("jane@[192.0.2.999]", "no IP address", "RFC 5321 4.1.3"),
    Refused("jane@[192.0.2.1", "no IP address", "RFC 5321 4.1.3"),
    Refused("jane@[2001:db8::1]", "no IP address", "RFC 5321 4.1.3: IPv6 has a tag"),
    Refused("jane@[IPv6:fe80::1%eth0]", "no IP address", "RFC 5321 4.1.3: no zones"),
    Refused("Jane <jane@example.com", "its < has no >", "RFC 5322 3.4"),
    Refused("Jane jane@example.com>", "< or > where none", "RFC 5322 3.4"),
    Refused("Jane <jane@example.com> Doe", "something follows its >", "RFC 5322 3.4"),
    Refused("<jane@example.com> <bob@example.com>", "< or > where none", "RFC 5322 3.4"),
    Refused("Jane <>", "no @", "RFC 5322 3.4"),
    Refused('Jane "JJ <jane@example.com>', "a quote in it has no end", "RFC 5322 3.4"),
    Refused("jane@example.com (Jane", "a comment in it has no end", "RFC 5322 3.2.2"),
    Refused("<@a.example,@b.example:jane@example.com>", "'@' (character 1)",
            "RFC 5322 4.4: a route, obsolete"),
    Refused("jane . doe@example.com", "' ' (character 5)", "RFC 5322 4.4: obsolete"),
    Refused("Jane <jane@example.com>\r\nBcc: evil@example.org", "a line break",
            "header injection"),
)  # fmt: skip
