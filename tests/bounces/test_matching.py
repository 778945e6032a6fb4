"""Emails leave with a return path of their own, and what comes back there finds them again."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from shared.accounts.directory import load_accounts
from shared.bounces.matching import Matched, matched
from shared.bounces.read_report import read_report
from shared.bounces.report import Finding, Kind, Report
from shared.delivery.dispatcher import Order, drain
from shared.delivery.test_email import send_test_email
from shared.mime.return_path import number_in, tokens_in
from tests.bounces.expected import FOLDER, TOKEN
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import ALL_EXTENSIONS, Accepted, SmtpServer

BOUNCES = "bounces@example.com"
NOT_OWNED = b"553 5.7.1 sender address not owned by this user"
ANN, BOB = "ann@example.net", "bob@example.net"


@dataclass(frozen=True)
class Sent:
    """Emails that a server has accepted, by the accounts that sent them."""

    queue: Queue
    servers: tuple[SmtpServer, SmtpServer]
    ids: dict[str, int]

    def message(self, name: str) -> Accepted:
        (found,) = self.messages(name)
        return found

    def messages(self, name: str) -> list[Accepted]:
        id_begins = f"<{self.ids[name]}."
        return [each for each in self.accepted() if each.message_id.startswith(id_begins)]

    def accepted(self) -> list[Accepted]:
        return [each for server in self.servers for each in server.messages]

    def matched(
        self,
        *findings: Finding,
        tokens: Sequence[str] = (),
        message_ids: Sequence[str] = (),
    ) -> Matched:
        report = Report(findings[0].kind, findings, tuple(tokens), tuple(message_ids))
        with self.queue.database.read() as connection:
            return matched(connection, report, self.queue.application.secrets)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    queue = make_queue(settings_for(tmp_path_factory.mktemp("sent"), lease_seconds=60))
    one_at_a_time = SmtpServer(extensions=(*ALL_EXTENSIONS, "LIMITS RCPTMAX=1"))
    strict = SmtpServer(reactions={"MAIL": NOT_OWNED})
    with SmtpServer() as server, one_at_a_time, strict:
        verp = {"Rowpost_BounceAddress": BOUNCES, "Rowpost_Verp": "Y"}
        queue.account(server, "VERP", **verp)
        queue.account(server, "PLAIN", Rowpost_BounceAddress=BOUNCES)
        queue.account(server, "NONE")
        queue.account(server, "TEST", **verp, Rowpost_RedirectTo="dev@example.com")
        queue.account(server, "WRONG", Rowpost_BounceAddress="b" * 50 + BOUNCES, Rowpost_Verp="Y")
        (named,) = queue.add(dd_toEmailid=f"Ann <{ANN}>", dd_EmailParamCode="VERP")
        (both,) = queue.add(dd_toEmailid=f"{ANN}; {BOB}", dd_EmailParamCode="VERP")
        queue.account(one_at_a_time, "LIMITED", **verp)
        (apart,) = queue.add(dd_toEmailid=f"{ANN}; {BOB}", dd_EmailParamCode="LIMITED")
        (plain,) = queue.add(dd_toEmailid=ANN, dd_EmailParamCode="PLAIN")
        (none,) = queue.add(dd_toEmailid=ANN, dd_EmailParamCode="NONE")
        (test,) = queue.add(dd_toEmailid=ANN, dd_EmailParamCode="TEST")
        (own,) = queue.add(
            dd_toEmailid=ANN, dd_EmailParamCode="VERP", dd_Sender="Boss <boss@example.com>"
        )
        queue.add(dd_toEmailid=ANN, dd_EmailParamCode="WRONG")
        queue.account(strict, "STRICT", **verp)
        (refused,) = queue.add(
            dd_toEmailid=ANN, dd_EmailParamCode="STRICT", dd_Sender="Boss <boss@example.com>"
        )
        drain(queue.application, Order(seconds=20))
        ids = {
            "one": named, "both": both, "apart": apart, "plain": plain, "none": none,
            "test": test, "own": own, "refused": refused,
        }  # fmt: skip
        yield Sent(queue, (server, one_at_a_time), ids)
    queue.application.close()


def failed(recipient: str | None, kind: Kind = Kind.HARD) -> Finding:
    return Finding(kind, recipient, 550, "5.1.1", "550 5.1.1 no such user")


def tokens(accepted: Accepted) -> list[str]:
    return list(tokens_in([accepted.sender]))


# How they leave.


def test_an_email_leaves_from_the_bounce_address_with_a_token_of_its_own(sent: Sent) -> None:
    (one,), (both,) = tokens(sent.message("one")), tokens(sent.message("both"))

    assert sent.message("one").sender == f"bounces+{one}@example.com"
    assert one != both
    assert b"From: The Shop <shop@example.com>" in sent.message("one").content
    assert b"bounces" not in sent.message("one").content


def test_a_sender_of_its_own_changes_the_from_and_not_the_return_path(sent: Sent) -> None:
    assert tokens(sent.message("own"))
    assert b"From: Boss <boss@example.com>" in sent.message("own").content


def test_without_verp_it_leaves_from_the_bounce_address_and_without_one_from_the_sender(
    sent: Sent,
) -> None:
    assert sent.message("plain").sender == BOUNCES
    assert sent.message("none").sender == "shop@example.com"


def test_a_bounce_address_that_has_no_room_for_a_token_is_named_and_the_others_send(
    sent: Sent,
) -> None:
    application = sent.queue.application
    with sent.queue.database.read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)

    assert "39 characters" in book.problems["WRONG"]
    assert len(book.usable) == 6


def test_a_server_that_refuses_the_bounce_address_rests_the_account_and_fails_no_email(
    sent: Sent,
) -> None:
    assert sent.queue.reasons_to_pause() == [NOT_OWNED.decode()]
    assert sent.queue.became(sent.ids["refused"]).state == "N"


def test_where_a_server_takes_one_recipient_at_a_time_each_has_a_token_of_its_own(
    sent: Sent,
) -> None:
    for accepted, who in zip(sent.messages("apart"), (ANN, BOB), strict=True):
        found = sent.matched(failed(None), tokens=tokens(accepted))

        assert accepted.recipients == (who,)
        assert found.emails == ((sent.ids["apart"], who),)


def test_a_test_email_leaves_from_the_bounce_address_itself(sent: Sent) -> None:
    trial = send_test_email(sent.queue.application, ANN, "VERP")

    (accepted,) = [each for each in sent.accepted() if each.message_id == trial.message_id]
    assert accepted.sender == BOUNCES


def test_automatic_answers_are_not_asked_for(sent: Sent) -> None:
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in sent.message("none").content
    assert b"\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n" in sent.message("none").content


# What comes back.


def test_the_token_of_an_email_to_one_says_whose_it_was_whatever_the_report_names(
    sent: Sent,
) -> None:
    token = tokens(sent.message("one"))
    named, unnamed = (sent.matched(failed(who), tokens=token) for who in (ANN.upper(), None))
    the_sender = sent.matched(failed(sent.message("one").sender), tokens=token)

    for found in (named, unnamed, the_sender):
        assert found.emails == ((sent.ids["one"], ANN),)
        assert found.report.kind is Kind.HARD


def test_a_report_that_comes_to_the_return_path_is_read_and_finds_the_email(sent: Sent) -> None:
    (token,) = tokens(sent.message("one"))
    written = (FOLDER / "postfix-user-unknown.eml").read_text()
    written = written.replace(TOKEN, token.upper()).replace("nobody@example.net", ANN)

    report = read_report(written.replace("Message-ID", "X-Lost").encode())
    found = sent.matched(*report.findings, tokens=report.tokens)

    assert report.message_ids == ()
    assert found.emails == ((sent.ids["one"], ANN),)
    assert found.report.kind is Kind.HARD


def test_an_address_behind_the_recipient_says_nothing_against_the_recipient(sent: Sent) -> None:
    found = sent.matched(failed("ann@private.example"), tokens=tokens(sent.message("one")))

    assert found.emails == ((sent.ids["one"], ANN),)
    assert found.report.findings == (failed("ann@private.example", Kind.SOFT),)
    assert found.report.kind is Kind.SOFT


def test_a_complaint_that_leaves_the_address_out_is_still_the_recipients(sent: Sent) -> None:
    complaint = failed("redacted@provider.example", Kind.COMPLAINT)

    found = sent.matched(complaint, tokens=tokens(sent.message("one")))

    assert found.emails == ((sent.ids["one"], ANN),)
    assert found.report.kind is Kind.COMPLAINT


def test_the_token_of_an_email_to_several_leaves_it_to_the_report_to_name_one(sent: Sent) -> None:
    token, both = tokens(sent.message("both")), sent.ids["both"]

    found = sent.matched(failed(BOB), failed("eve@example.org"), failed(None), tokens=token)

    assert found.emails == ((both, BOB), None, None)


def test_in_test_mode_it_is_the_address_that_got_it(sent: Sent) -> None:
    token = tokens(sent.message("test"))

    assert sent.matched(failed("dev@example.com"), tokens=token).emails == (
        (sent.ids["test"], "dev@example.com"),
    )
    assert sent.matched(failed(ANN), tokens=token).emails == (None,)


def test_a_message_id_of_ours_counts_for_that_emails_recipients_alone(sent: Sent) -> None:
    ours = sent.message("none").message_id

    found = sent.matched(failed(ANN), failed(BOB), failed(None), message_ids=["<x@y>", ours])

    assert found.emails == ((sent.ids["none"], ANN), None, None)


@pytest.mark.parametrize(
    "message_id",
    ["<1@example.com>", "<1.00000000@example.com>", "<99999999999.a@b>", "<4294967295.a@b>"],
)
def test_a_message_id_that_is_none_of_ours_names_nothing(sent: Sent, message_id: str) -> None:
    assert sent.matched(failed(ANN), message_ids=[message_id]).emails == (None,)


def test_a_forged_token_names_nothing(sent: Sent) -> None:
    (token,) = tokens(sent.message("one"))
    forged = [token[:-1] + ("a" if token[-1] != "a" else "b"), "a" * 24, "7" * 24]

    assert sent.matched(failed(ANN), failed(None), tokens=forged).emails == (None, None)


def test_nobody_is_named_by_the_token_of_another_email(sent: Sent) -> None:
    (one,) = tokens(sent.message("one"))
    octets = base64.b32decode(one.upper())
    other = sent.ids["both"].to_bytes(4, "big") + octets[4:]

    mixed = base64.b32encode(other).decode().lower()

    assert number_in(mixed) == sent.ids["both"]
    assert sent.matched(failed(ANN), tokens=[mixed]).emails == (None,)


def test_what_says_nothing_of_a_delivery_is_about_no_email(sent: Sent) -> None:
    with sent.queue.database.read() as connection:
        report = Report(Kind.AUTOREPLY, (), tuple(tokens(sent.message("one"))))
        found = matched(connection, report, sent.queue.application.secrets)

    assert found == Matched(report, ())
