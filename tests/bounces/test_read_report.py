"""What comes back is understood, and nothing that comes back does harm."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.bounces.read_report import read_report
from shared.bounces.report import LONGEST_REASON, Kind, Report
from tests.bounces.expected import CORPUS, FOLDER, TOKEN

MESSAGES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))}
AUTOMATIC = [name for name, report in CORPUS.items() if report.kind is Kind.AUTOREPLY]


def without_words(report: Report) -> Report:
    return report._replace(
        findings=tuple([finding._replace(reason="") for finding in report.findings])
    )


def test_each_message_of_the_corpus_has_what_is_expected_of_it() -> None:
    assert CORPUS.keys() == MESSAGES.keys()
    assert len(CORPUS) > 100


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_understood(name: str) -> None:
    assert without_words(read_report(MESSAGES[name])) == CORPUS[name]


def test_words_alone_never_say_that_an_address_is_a_bad_one() -> None:
    for report in map(read_report, MESSAGES.values()):
        if report.is_guess:
            assert all(finding.kind is not Kind.HARD for finding in report.findings)


def test_the_reason_is_what_the_server_said() -> None:
    (finding,) = read_report(MESSAGES["postfix-user-unknown"]).findings

    assert finding.reason == (
        "550 5.1.1 <nobody@example.net>: Recipient address rejected: "
        "User unknown in virtual mailbox table"
    )


def test_words_in_an_undeclared_encoding_stay_readable() -> None:
    (finding,) = read_report(MESSAGES["broken-eight-bit"]).findings

    assert finding.reason == "550 5.1.1 Empfänger unbekannt"


def test_a_token_is_found_whatever_the_case_of_its_letters() -> None:
    shouted = MESSAGES["postfix-user-unknown"].replace(TOKEN.encode(), TOKEN.upper().encode())

    assert read_report(shouted).tokens == (TOKEN,)


def test_a_long_letter_before_the_report_hides_it_only_beyond_a_megabyte() -> None:
    letter, report = b"The mail system\n", MESSAGES["postfix-user-unknown"]
    line = b"x" * 79 + b"\n"

    assert read_report(report.replace(letter, letter + line * 10_000)).kind is Kind.HARD
    assert read_report(report.replace(letter, letter + line * 20_000)).kind is Kind.SOFT


def mutated(octets: bytes, seed: int, changes: int) -> bytes:
    """The message with lines and octets lost, doubled, moved and changed."""
    chance = random.Random(seed)
    lines = octets.split(b"\n")
    for _ in range(changes):
        place = chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                lines[place] = b""
            case 1:
                lines.insert(chance.randrange(len(lines)), lines[place])
            case 2:
                lines[place] = lines[place].replace(b":", b"", 1)
            case 3:
                cut = chance.randrange(len(lines[place]) + 1)
                lines[place] = lines[place][:cut] + chance.randbytes(3) + lines[place][cut + 1 :]
            case 4:
                lines = lines[: max(place, 1)]
            case _:
                lines[place] = lines[place][: chance.randrange(len(lines[place]) + 1)]
    return b"\n".join(lines)


def assert_bounded(report: Report) -> None:
    """All text of it is valid, printable and short."""
    assert len(report.findings) <= 100
    assert len(report.tokens) <= 20
    assert len(report.message_ids) <= 20
    for finding in report.findings:
        for text in (finding.reason, finding.recipient or "", finding.enhanced_code or ""):
            assert len(text.encode("utf-16-le")) <= 2 * LONGEST_REASON
            assert text.isprintable()
        assert finding.code is None or 400 <= finding.code < 600
    for name in (*report.tokens, *report.message_ids):
        assert len(name.encode("utf-16-le")) <= 2 * 260
        assert name.isprintable()
    kinds = {finding.kind for finding in report.findings}
    assert (report.kind is Kind.HARD) == (Kind.HARD in kinds)


FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@FEW
@given(st.sampled_from(sorted(MESSAGES)), st.integers(0, 2**32), st.integers(1, 12))
def test_no_damage_to_a_message_does_harm(name: str, seed: int, changes: int) -> None:
    assert_bounded(read_report(mutated(MESSAGES[name], seed, changes)))


@FEW
@given(st.sampled_from(AUTOMATIC), st.integers(0, 2**32), st.integers(1, 12))
def test_no_damage_turns_an_automatic_answer_into_a_bad_address(
    name: str, seed: int, changes: int
) -> None:
    assert read_report(mutated(MESSAGES[name], seed, changes)).kind is not Kind.HARD


@FEW
@given(st.binary(max_size=400))
def test_octets_that_are_no_message_do_no_harm(octets: bytes) -> None:
    assert_bounded(read_report(octets))
    assert_bounded(read_report(MESSAGES["postfix-user-unknown"][:900] + octets))


def notification(recipients: str) -> bytes:
    return (
        b"Content-Type: multipart/report; boundary=b\n\n--b\n"
        b"Content-Type: message/delivery-status\n\n" + recipients.encode() + b"\n--b--\n"
    )


def test_a_report_of_thousands_is_read_to_its_bound() -> None:
    block = "Final-Recipient: rfc822; a@example.net\nAction: failed\nStatus: 5.1.1\n\n"

    report = read_report(notification(block * 10_000))

    assert len(report.findings) == 100
    assert_bounded(report)


@pytest.mark.parametrize(
    "word", ["<a", "a@", "=?", "-" * 50, " ", "(", '"', ";b=", "<style>", "5.1.", "x:y ", "\n--\n"]
)
def test_no_repetition_makes_it_think_for_long(word: str) -> None:
    """The time grows with the length: what is quadratic would take minutes here."""
    long = (word * 200_000)[:600_000]
    for octets in (
        f"From: MAILER-DAEMON@example.net\nSubject: {long}\n\n{long}".encode(),
        f"From: MAILER-DAEMON@example.net\nContent-Type: text/html\n\n{long}".encode(),
        f"Content-Type: multipart/report; boundary={long}\n\n--{long}".encode(),
        notification(f"Final-Recipient: {long}\nAction: failed\nDiagnostic-Code: {long}"),
    ):
        assert_bounded(read_report(octets))


def test_a_corpus_holds_no_address_of_a_real_domain() -> None:
    for path in FOLDER.glob("*.eml"):
        for domain in re.findall(rb"@([\w.-]+\.[a-z]{2,})\b", path.read_bytes()):
            assert re.fullmatch(rb"(?:[\w-]+\.)*(?:example|example\.(?:com|net|org))", domain)
