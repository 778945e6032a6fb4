"""Recipients as applications write them into a row, read one by one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime.addresses import (
    BadAddress,
    EnvelopeAddress,
    Mailbox,
    envelope_address,
    parse_mailbox,
    parse_recipients,
    unique,
)
from shared.mime.bad_email import BadEmail
from tests.mime.address_cases import REFUSED, TAKEN, Refused, Taken


@pytest.mark.parametrize("text", [None, "", "  ", ";", " ; ,, \r\n"])
def test_nothing_but_blanks_is_nobody(text: str | None) -> None:
    assert parse_recipients(text) == ()


@pytest.mark.parametrize(
    ("text", "mailboxes"),
    [
        ("a@example.com", [Mailbox("a@example.com")]),
        ("a@x.org;b@y.org, c@z ;", [Mailbox("a@x.org"), Mailbox("b@y.org"), Mailbox("c@z")]),
        ("a@x.org;\r\n b@y.org\r\n", [Mailbox("a@x.org"), Mailbox("b@y.org")]),
        ("<a@x.org>", [Mailbox("a@x.org")]),
        ("Jane Doe <j@x.org>", [Mailbox("j@x.org", "Jane Doe")]),
        ("J. Doe <j@x.org>", [Mailbox("j@x.org", "J. Doe")]),
        ("Žofie Nováková<z@x.org>", [Mailbox("z@x.org", "Žofie Nováková")]),
        (
            '"Doe, Jane" <j@x.org>; b@y.org',
            [Mailbox("j@x.org", "Doe, Jane"), Mailbox("b@y.org")],
        ),
        (r'"The \"Boss\"; \\" <j@x.org>', [Mailbox("j@x.org", r'The "Boss"; \ ')]),
        ("b@y.org (Bob; the one, the only)", [Mailbox("b@y.org", "Bob; the one, the only")]),
        ("b@y.org (Bob (junior))", [Mailbox("b@y.org", "Bob (junior)")]),
        ("(home) Bob <b@y.org> (old)", [Mailbox("b@y.org", "Bob")]),
        ('"john doe"@x.org', [Mailbox('"john doe"@x.org')]),
        ('"a;b@c"@x.org, d@x.org', [Mailbox('"a;b@c"@x.org'), Mailbox("d@x.org")]),
        ("user@mailhost", [Mailbox("user@mailhost")]),
        ("a@printers.test;b@localhost;c@x.invalid;d@y.local",
         [Mailbox("a@printers.test"), Mailbox("b@localhost"), Mailbox("c@x.invalid"),
          Mailbox("d@y.local")]),
        ("jö@bücher.example", [Mailbox("jö@bücher.example")]),
        ("a@[192.0.2.1]", [Mailbox("a@[192.0.2.1]")]),
        ("o'neil+tag@x-y.org", [Mailbox("o'neil+tag@x-y.org")]),
    ],
)  # fmt: skip
def test_a_list_is_read_in_its_order(text: str, mailboxes: list[Mailbox]) -> None:
    expected = tuple(Mailbox(each.address, each.name.strip()) for each in mailboxes)

    assert parse_recipients(text) == expected


@pytest.mark.parametrize(
    "entry",
    [
        "nobody",
        "@x.org",
        "a@",
        "a@b@c.org",
        "a b@x.org",
        ".a@x.org",
        "a..b@x.org",
        "a@x..org",
        "a@-x.org",
        "a@x.org.",
        "a@[192.0.2.999]",
        "a@[192.0.2.1",
        "<a@x.org",
        "Jane <>",
        '"Jane <a@x.org>',
        "a@x.org (Jane",
        "a" * 65 + "@x.org",
        "a@" + "x" * 64 + ".org",
        "a@" + "x." * 130 + "org",
        "ö" * 33 + "@x.org",
        "a\xa0b@x.org",
        "a@bü cher.org",
        "a@\u2028.org",
    ],
)
def test_what_is_no_address_is_named(entry: str) -> None:
    with pytest.raises(BadAddress) as raised:
        parse_recipients(f"ok@x.org; {entry}")

    assert str(raised.value).startswith(repr(entry)[:40])
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_a_line_break_inside_an_entry_adds_no_header(ending: str) -> None:
    with pytest.raises(BadAddress, match="line break"):
        parse_recipients(f"Jane{ending}Bcc: evil@x.org <a@x.org>")
    with pytest.raises(BadAddress, match="line break"):
        parse_recipients(f"a@x.org{ending}Bcc: evil@x.org")


@pytest.mark.parametrize("character", ["\0", "\x07", "\x7f", "\x85", "\u2028", "\udcff"])
@pytest.mark.parametrize("entry", ["a{}@x.org", "a@x{}.org", '"Ja{}ne" <a@x.org>', "a@x.org (J{})"])
def test_control_characters_and_lone_surrogates_are_refused(character: str, entry: str) -> None:
    with pytest.raises(BadAddress):
        parse_recipients(entry.format(character))


def test_a_bad_address_is_a_bad_email() -> None:
    assert issubclass(BadAddress, BadEmail)


@given(st.text(alphabet='a@.x"\\()<>;, \r\né\ud800[]', max_size=40))
def test_any_text_gives_addresses_or_one_clear_error(text: str) -> None:
    try:
        mailboxes = parse_recipients(text)
    except BadAddress:
        return
    for mailbox in mailboxes:
        assert envelope_address(mailbox.address).address.count("@") >= 1
        assert mailbox.name.isprintable()
        assert mailbox.address.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a." * 50_000 + "@",
        "é" * 100_000 + "@x.org!",
        "(" * 100_000,
        "(" * 70_000 + ")" * 70_000 + "@",
        " " * 100_000 + "x",
        '"' + "\\a" * 50_000,
        "a@" + "x-" * 50_000,
        "Jane" + " " * 100_000 + "a@x.org",
    ],
)
def test_a_hostile_entry_takes_no_time(text: str) -> None:
    started = time.process_time()

    with pytest.raises(BadAddress):
        parse_recipients(text)

    assert time.process_time() - started < 5


def test_an_address_is_kept_at_its_first_place_only() -> None:
    to = parse_recipients("a@x.org; b@x.org; A name <a@X.ORG>")
    cc = parse_recipients("b@X.org, c@bücher.example")
    bcc = parse_recipients("C@x.org; c@xn--bcher-kva.example; A@x.org; d@x.org")

    assert unique(to, cc, bcc) == (
        parse_recipients("a@x.org; b@x.org"),
        parse_recipients("c@bücher.example"),
        parse_recipients("C@x.org; A@x.org; d@x.org"),
    )


def test_lists_without_doubles_stay_as_they_are() -> None:
    to = parse_recipients("a@x.org")

    assert unique(to, (), ()) == (to, (), ())


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("a@example.com", EnvelopeAddress("a@example.com")),
        ("a@mailhost", EnvelopeAddress("a@mailhost")),
        ("a@bücher.example", EnvelopeAddress("a@xn--bcher-kva.example")),
        ("jö@bücher.test", EnvelopeAddress("jö@xn--bcher-kva.test", smtputf8=True)),
        ("用户@例子.广告", EnvelopeAddress("用户@xn--fsqu00a.xn--4rr70v", smtputf8=True)),
        ("a@[IPv6:2001:db8::1]", EnvelopeAddress("a@[IPv6:2001:db8::1]")),
    ],
)
def test_the_envelope_has_the_domain_in_ascii(address: str, envelope: EnvelopeAddress) -> None:
    assert envelope_address(address) == envelope


@pytest.mark.parametrize("address", ["", "a", "a@b>", "Jane <a@x.org>", "a@x.org\r\n", "a@x.org\n"])
def test_the_envelope_takes_nothing_but_an_address(address: str) -> None:
    with pytest.raises(BadAddress):
        envelope_address(address)


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.written)
def test_an_address_of_the_table_is_taken(case: Taken) -> None:
    mailboxes = parse_recipients(case.written)

    assert mailboxes == case.mailboxes, case.source
    assert tuple(envelope_address(each.address).address for each in mailboxes) == case.envelope


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.written)
def test_an_address_of_the_table_is_refused_with_what_is_wrong(case: Refused) -> None:
    with pytest.raises(BadAddress) as raised:
        parse_recipients(case.written)

    assert case.reason in str(raised.value), case.source


@pytest.mark.parametrize("text", [None, "", "a@x.org, b@x.org", "Team: a@x.org, b@x.org;"])
def test_one_mailbox_is_neither_none_nor_several(text: str | None) -> None:
    with pytest.raises(BadAddress, match="one email address"):
        parse_mailbox(text)


def test_one_mailbox_is_read_with_its_name() -> None:
    assert parse_mailbox("Jane <a@x.org>") == Mailbox("a@x.org", "Jane")


def test_the_same_address_with_and_without_quotes_is_one() -> None:
    to = parse_recipients('a@x.org, "a"@x.org, "a b"@x.org, "a\\ b"@X.org')

    assert unique(to) == (parse_recipients('a@x.org, "a b"@x.org'),)


@given(st.sampled_from([case for case in TAKEN if len(case.mailboxes) == 1]))
def test_what_was_taken_is_taken_again_as_it_stands_in_the_envelope(case: Taken) -> None:
    (written,) = case.envelope

    assert envelope_address(written).address == written
    assert parse_mailbox(written).address == written
