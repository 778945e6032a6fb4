"""Azure Communication Services and Microsoft Graph as transports, failing in every documented way:
nothing is lost, nothing goes twice, and what is unknown resolves where the service can tell."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared.accounts.connection_test import try_account
from shared.accounts.pauses import pauses
from shared.app import Application
from shared.delivery.dispatcher import Drained, Order, drain
from shared.delivery.test_email import send_test_email
from shared.delivery.tick import tick
from shared.delivery.unknown_operations import resolve_by_asking
from shared.transports.rest import Answer
from tests.faults.senders import settings_for
from tests.faults.ways_out import hasty, of_this_process
from tests.support.emails import let_operations_be_asked, let_retries_come_due
from tests.support.mail_services import How, MailService, Place, Says, running_mail_service
from tests.support.queue import Queue, make_queue

BOTH = ("acs", "graph")
SENDER = "shop@example.com"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailService]:
    with running_mail_service() as running:
        of_this_process(running, monkeypatch)
        yield running


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, retry_seconds=60, lease_seconds=60))
    yield made
    made.application.close()


def account(queue: Queue, service: MailService, kind: str, **columns: Any) -> int:
    return queue.account(service.port, Rowpost_Transport=kind, **columns)


def send(queue: Queue) -> Drained:
    return drain(queue.application, Order(seconds=20), transport_of=hasty)


@pytest.mark.parametrize("kind", BOTH)
def test_emails_go_over_it(queue: Queue, service: MailService, kind: str) -> None:
    account(queue, service, kind, Rowpost_MaxConnections=4)
    queue.add(12)

    assert send(queue).sent == 12
    assert set(service.copies().values()) == {1}
    assert send_test_email(queue.application, "ann@example.com").recipient == "ann@example.com"


def test_acs_gets_the_email_in_parts(queue: Queue, service: MailService) -> None:
    account(queue, service, "acs")
    queue.add(
        dd_toEmailid="Ann <ann@example.com>; bob@example.com",
        dd_ccEmailid="carl@example.com",
        dd_bccEmailid="dora@example.com",
        dd_subject="Grüße " * 20,
        dd_bodyText="<p>Hällo</p>",
        dd_IsHtml="Y",
        dd_TextAlternative="Hällo",
        dd_ReplyTo="Help <help@example.com>",
        dd_Headers='{"X-Order": "17", "List-Unsubscribe": "<https://example.com/'
        + "u" * 90
        + '>"}',
        dd_document=b"\x00\x01",
        dd_filename="büro.bin",
    )

    send(queue)

    (request,) = service.taken
    (path,) = service.paths
    assert path == "/emails:send?api-version=2025-09-01"
    assert request["senderAddress"] == SENDER
    assert request["recipients"] == {
        "to": [
            {"address": "ann@example.com", "displayName": "Ann"},
            {"address": "bob@example.com"},
        ],
        "cc": [{"address": "carl@example.com"}],
        "bcc": [{"address": "dora@example.com"}],
    }
    assert request["replyTo"] == [{"address": "help@example.com", "displayName": "Help"}]
    content = request["content"]
    assert content["subject"] == ("Grüße " * 20).strip()
    assert (content["html"].strip(), content["plainText"].strip()) == ("<p>Hällo</p>", "Hällo")
    assert request["headers"]["X-Order"] == "17"
    assert request["headers"]["List-Unsubscribe"] == f"<https://example.com/{'u' * 90}>"
    (file,) = request["attachments"]
    assert (file["name"], file["contentInBase64"]) == ("büro.bin", "AAE=")


def test_graph_gets_the_envelope_in_the_header(queue: Queue, service: MailService) -> None:
    account(queue, service, "graph", SMTPAccountName="Shop@Example.com")
    queue.add(
        dd_toEmailid="Ann <ann@example.com>; bob@example.com",
        dd_bccEmailid="dora@example.com",
        dd_bodyText="Hällo",
    )

    send(queue)

    (content,) = service.taken
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert service.paths == ["/v1.0/users/Shop@Example.com/sendMail"]
    assert message["To"] == "Ann <ann@example.com>, bob@example.com"
    assert (message["Bcc"], message["Cc"]) == ("dora@example.com", None)
    assert message.get_content().strip() == "Hällo"


def test_whoever_is_spared_stands_in_no_list_of_graphs(queue: Queue, service: MailService) -> None:
    account(queue, service, "graph", Rowpost_AllowRecipients="example.com")
    queue.add(dd_toEmailid="ann@example.com; gone@customer.example", dd_bccEmailid="d@customer.org")

    send(queue)

    (content,) = service.taken
    message = email.message_from_bytes(content, policy=email.policy.default)
    lists = [message[name] for name in ("To", "Cc", "Bcc")]
    assert lists == ["ann@example.com", None, None]


@pytest.mark.parametrize("kind", BOTH)
def test_a_refusal_ends_the_email_and_one_of_the_account_costs_it_nothing(
    queue: Queue, service: MailService, kind: str
) -> None:
    service.says = lambda asked: Says(400 if asked == 1 else 403)
    account(queue, service, kind, Rowpost_MaxConnections=1)
    refused, waits = queue.add(2)

    send(queue)

    assert (queue.became(refused).state, queue.became(waits).state) == ("F", "N")
    assert queue.retries() == {0}
    assert len(queue.reasons_to_pause()) == 1
    assert service.asked == 2


@pytest.mark.parametrize("kind", BOTH)
def test_an_account_rests_as_long_as_the_service_says_and_no_longer_than_a_day(
    queue: Queue, service: MailService, kind: str
) -> None:
    service.says = lambda _: Says(429, headers={"Retry-After": "7200"})
    account(queue, service, kind, Rowpost_MaxConnections=1)
    queue.add(5)

    send(queue)

    with queue.database.read() as connection:
        (pause,) = pauses(connection).values()
    rests = (pause.until - queue.application.clock()).total_seconds()
    assert 7_000 < rests <= 7_200
    assert service.asked == 1


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("17", 17.0),
        ("0.5", 0.5),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("1000000000", 86_400.0),
        ("1e99", None),
        ("1_0", None),
        ("Fri, 31 Dec 2100 23:59:59 +99999999999999999999", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400.0),
        ("١٢", None),
    ],
)
def test_a_wrong_retry_after_counts_as_none_or_as_a_day(
    written: str, seconds: float | None
) -> None:
    assert Answer(429, {"retry-after": written}, b"").retry_after == seconds


TAKEN_AND_LOST = {
    "hangs up": Says(takes=True, breaks=(Place.ANSWER, How.CLOSES)),
    "500 after accepting": Says(500, takes=True),
    "504 after accepting": Says(504, takes=True),
}
LOST = {
    "hangs up": Says(takes=False, breaks=(Place.ANSWER, How.CLOSES)),
    "500": Says(500, takes=False),
    "502": Says(502, takes=False),
}


@pytest.mark.parametrize("says", TAKEN_AND_LOST.values(), ids=TAKEN_AND_LOST)
def test_acs_is_asked_what_became_of_it_and_it_counts_as_sent(
    queue: Queue, service: MailService, says: Says
) -> None:
    service.says = lambda asked: says if asked == 2 else Says()
    account(queue, service, "acs")
    queue.add(4)

    send(queue)

    assert queue.states() == {"Y": 4}
    assert len(service.questions) == 1
    assert set(service.copies().values()) == {1}


@pytest.mark.parametrize("says", (TAKEN_AND_LOST | LOST).values(), ids=TAKEN_AND_LOST | LOST)
def test_graph_cannot_be_asked_so_it_is_unknown_and_never_sent_again(
    queue: Queue, service: MailService, says: Says
) -> None:
    service.says = lambda asked: says if asked == 2 else Says()
    account(queue, service, "graph")
    queue.add(4)

    send(queue)
    send(queue)

    assert queue.states() == {"Y": 3, "U": 1}
    assert service.asked == 4
    assert set(service.copies().values()) == {1}


def test_a_200_of_graph_is_no_acceptance(queue: Queue, service: MailService) -> None:
    service.says = lambda _: Says(200)
    account(queue, service, "graph")
    queue.add()

    send(queue)

    assert queue.states() == {"U": 1}


@pytest.mark.parametrize("says", LOST.values(), ids=LOST)
def test_what_acs_does_not_know_yet_is_asked_again_by_a_tick(
    queue: Queue, service: MailService, says: Says
) -> None:
    service.says = lambda _: says
    account(queue, service, "acs")
    (email_id,) = queue.add()
    send(queue)
    before = queue.states()
    too_early = resolve_by_asking(queue.application)
    let_operations_be_asked(queue.database)
    not_found = resolve_by_asking(queue.application)
    between = queue.states()
    service.knows = lambda _: "Running"
    let_operations_be_asked(queue.database)

    known = resolve_by_asking(queue.application)

    assert (before, between) == ({"U": 1}, {"U": 1})
    assert (too_early, not_found, known) == (0, 0, 1)
    assert queue.became(email_id).state == "Y"
    assert service.asked == 1


def test_a_row_that_cannot_be_told_keeps_no_other_unknown(
    queue: Queue, service: MailService
) -> None:
    service.says = lambda _: LOST["hangs up"]
    account(queue, service, "acs")
    stuck, other = queue.add(2)
    send(queue)
    service.knows = lambda _: "Succeeded"
    with queue.database.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER theirs BEFORE UPDATE ON Digital_Emaildetails "
                f"WHEN new.dd_srno = {stuck} BEGIN SELECT RAISE(ABORT, 'not by you'); END"
            )
        )
    let_operations_be_asked(queue.database)

    assert resolve_by_asking(queue.application) == 1

    assert (queue.became(stuck).state, queue.became(other).state) == ("U", "Y")


def test_where_the_unknown_is_sent_again_neither_a_stuck_row_nor_an_open_question_stops_a_tick(
    tmp_path: Path, queue: Queue, service: MailService
) -> None:
    service.says = lambda _: LOST["hangs up"]
    account(queue, service, "acs")
    queue.account(service.port, "GRAPH", Rowpost_Transport="graph")
    (asked,) = queue.add(dd_EmailParamCode="SHOP")
    stuck, other = queue.add(2, dd_EmailParamCode="GRAPH")
    send(queue)
    assert queue.states() == {"U": 3}
    with queue.database.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER theirs BEFORE UPDATE ON Digital_Emaildetails "
                f"WHEN new.dd_srno = {stuck} BEGIN SELECT RAISE(ABORT, 'not by you'); END"
            )
        )
    resends = Application(settings_for(tmp_path, lease_seconds=60, resend_unknown="on"))
    service.says = lambda _: Says()

    tick(resends)
    resends.close()

    assert [queue.became(one).state for one in (asked, stuck, other)] == ["U", "U", "Y"]


def test_what_acs_says_has_failed_is_sent_again_by_another_name(
    queue: Queue, service: MailService
) -> None:
    service.says = lambda asked: LOST["hangs up"] if asked == 1 else Says()
    account(queue, service, "acs")
    (email_id,) = queue.add()
    send(queue)
    (first,) = set(service.questions)
    service.knows = lambda operation: "Failed" if operation == first else None
    let_operations_be_asked(queue.database)
    resolve_by_asking(queue.application)
    let_retries_come_due(queue.database)

    send(queue)

    assert queue.became(email_id).state == "Y"
    assert len(service.taken) == 1
    assert first not in service.operations


def test_a_list_longer_than_acs_takes_goes_in_parts_with_names_of_their_own(
    queue: Queue, service: MailService
) -> None:
    account(queue, service, "acs")
    names = [f"n{number}@x.example" for number in range(25)]
    queue.add(
        dd_toEmailid=",".join(names),
        dd_ccEmailid=",".join(f"c{name}" for name in names),
        dd_bccEmailid=",".join(f"b{name}" for name in names),
    )

    send(queue)

    assert queue.states() == {"Y": 1}
    sizes = [sum(map(len, one["recipients"].values())) for one in service.taken]
    assert (sorted(sizes), len(service.operations)) == ([25, 50], 2)


@pytest.mark.parametrize(("kind", "size"), [("acs", 8_000_000), ("graph", 3_200_000)])
def test_what_is_too_large_for_the_service_fails_before_it_is_asked(
    queue: Queue, service: MailService, kind: str, size: int
) -> None:
    account(queue, service, kind)
    (email_id,) = queue.add(dd_document=bytes(size), dd_filename="large.bin")

    send(queue)

    assert queue.became(email_id).state == "F"
    assert service.asked == 0


@pytest.mark.parametrize("kind", BOTH)
def test_a_service_that_is_away_pauses_the_account_and_costs_nothing(
    queue: Queue, service: MailService, kind: str
) -> None:
    queue.account(1, Rowpost_Transport=kind)
    (email_id,) = queue.add()

    send(queue)

    assert (queue.became(email_id).state, queue.became(email_id).retries) == ("N", 0)
    assert "can't be reached" in queue.reasons_to_pause()[0]


def test_an_account_with_a_way_out_that_nobody_knows_sends_nothing(
    queue: Queue, service: MailService
) -> None:
    queue.account(service.port, Rowpost_Transport="sms")
    queue.add()

    send(queue)

    assert service.asked == 0
    assert queue.states() == {"N": 1}


@pytest.mark.parametrize("kind", BOTH)
def test_a_try_of_the_account_says_how_far_it_came_and_sends_nothing(
    queue: Queue, service: MailService, kind: str
) -> None:
    service.says = lambda _: Says(400, code="ErrorMimeContentInvalidBase64String")
    number = account(queue, service, kind)
    away = queue.account(1, "AWAY", Rowpost_Transport=kind)

    tried = try_account(queue.application, number)
    failed = try_account(queue.application, away)
    service.says = lambda _: Says(403, code="ErrorAccessDenied")
    denied = try_account(queue.application, number)

    assert [(step.name, step.success) for step in tried.steps] == [
        ("connect", True),
        ("login", True),
        ("noop", True),
    ]
    assert [(step.name, step.success) for step in failed.steps] == [("connect", False)]
    assert denied.success == (kind == "acs")
    assert service.taken == []
