"""Whatever address Rowpost takes, other programs read as the same one in the finished message."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime.addresses import BadAddress, Mailbox, envelope_address, parse_recipients
from shared.mime.compose import Draft, compose
from tests.mime.address_cases import TAKEN, Taken
from tests.support.mail_readers import NodeReaders, ReadEmail, mailbox, read_by_python

DRAFT = Draft(
    sender=Mailbox("rowpost@example.com", "Rowpost"),
    to=(Mailbox("jane@example.org"),),
    message_id="<1.abc@example.com>",
    date=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    text="Dear Jane\n",
)


def readings(draft: Draft, node_readers: NodeReaders) -> dict[str, ReadEmail]:
    """What each reader understood."""
    octets = compose(draft).content
    return node_readers.read(octets) | {"email": read_by_python(octets)}


def shown(mailboxes: tuple[Mailbox, ...]) -> tuple[tuple[str, str], ...]:
    """The mailboxes as a reader has to find them."""
    return tuple(mailbox(each.name, envelope_address(each.address).address) for each in mailboxes)


@pytest.mark.parametrize("case", [case for case in TAKEN if case.mailboxes], ids=str)
def test_every_address_of_the_table_is_read_as_it_was_meant(
    case: Taken, node_readers: NodeReaders
) -> None:
    sender = case.mailboxes[0]
    draft = replace(DRAFT, sender=sender, to=case.mailboxes, reply_to=case.mailboxes)

    for reader, email in readings(draft, node_readers).items():
        assert email.to == shown(case.mailboxes), reader
        assert email.reply_to == shown(case.mailboxes), reader
        assert email.sender == shown((sender,)), reader


ATOMS = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-.", min_size=1, max_size=20)
QUOTED = st.text('ab "\\@.,;:()[]<>=?', max_size=12).map(
    lambda text: '"' + re.sub(r'["\\]', r"\\\g<0>", text) + '"'
)
WIDE = st.text(st.sampled_from("aä用δ💌 .-"), min_size=1, max_size=12)
DOMAINS = st.sampled_from(
    [
        "example.com",
        "Example.ORG",
        "mailhost",
        "a-b.c-d.example",
        "bücher.example",
        "xn--bcher-kva.example",
        "例子.广告",
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
    ]
)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=30)


@given(st.lists(st.tuples(NAMES, ATOMS | QUOTED | WIDE, DOMAINS), min_size=1, max_size=4))
def test_whatever_is_taken_is_read_as_the_same_addresses(
    node_readers: NodeReaders, written: list[tuple[str, str, str]]
) -> None:
    mailboxes: list[Mailbox] = []
    for name, local, domain in written:
        try:
            address = envelope_address(f"{local}@{domain}").address
        except BadAddress:
            continue
        mailboxes.append(Mailbox(address, " ".join(name.split())))
    to = tuple(mailboxes) or DRAFT.to

    for reader, email in readings(replace(DRAFT, to=to), node_readers).items():
        assert [address for _, address in email.to] == [address for _, address in shown(to)], reader


@given(st.text(alphabet='a@.x"\\()<>;:, é[]=?', max_size=40))
def test_any_text_that_is_taken_is_read_as_the_same_addresses(
    node_readers: NodeReaders, text: str
) -> None:
    try:
        to = parse_recipients(text) or DRAFT.to
    except BadAddress:
        return

    for reader, email in readings(replace(DRAFT, to=to), node_readers).items():
        assert [address for _, address in email.to] == [address for _, address in shown(to)], reader


def test_for_a_server_that_takes_ascii_alone_a_wide_address_is_named_only(
    node_readers: NodeReaders,
) -> None:
    to = parse_recipients("a@example.com, Jörg <jörg@example.com>, b@müller.example")
    message = compose(replace(DRAFT, to=to, cc=to[1:2]), ascii_only=True)

    assert message.content.isascii()
    assert not message.smtputf8
    expected = shown((to[0], to[2]))
    assert read_by_python(message.content).to == expected
    for reader, email in node_readers.read(message.content).items():
        assert email.to == expected, reader


@pytest.mark.parametrize("field", ["sender", "reply_to"])
def test_a_server_that_takes_ascii_alone_has_no_place_for_a_wide_sender(field: str) -> None:
    wide = Mailbox("jörg@example.com")
    value = wide if field == "sender" else (wide,)

    with pytest.raises(BadAddress, match="ASCII alone"):
        compose(replace(DRAFT, **{field: value}), ascii_only=True)  # type: ignore[arg-type]
