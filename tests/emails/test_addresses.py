"""An address has the same outcome by the API and by a row of SQL, for the whole table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shared.app import Application
from shared.delivery import tick
from tests.emails.conftest import Api, email
from tests.mime.address_cases import REFUSED, TAKEN, Taken
from tests.support.mail_readers import ReadEmail, read_by_python
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

NAMES_SOMEBODY = [case for case in TAKEN if case.mailboxes]


class Arrived(NamedTuple):
    """What became of an email, and how its recipients saw it."""

    state: str
    recipients: tuple[str, ...]
    to: tuple[tuple[str, str], ...]
    reply_to: tuple[tuple[str, str], ...]


def one_by_one(case: Taken) -> list[str]:
    if len(case.mailboxes) == 1:
        return [case.written]
    return [f'"{name}" <{address}>' if name else address for address, name in case.mailboxes]


def arrived(queue: Queue, server: SmtpServer, email_id: int) -> Arrived:
    became = queue.became(email_id)
    copies = [message for message in server.messages if message.message_id == became.message_id]
    assert len(copies) == 1, became
    read: ReadEmail = read_by_python(copies[0].content)
    return Arrived(became.state, copies[0].recipients, read.to, read.reply_to)


def test_whatever_a_row_may_name_the_api_sends_to_the_same(
    app: Application, api: Api, smtp_server: Callable[..., SmtpServer]
) -> None:
    """A list in a row is several recipients in a request."""
    queue, server = Queue(app), smtp_server()
    queue.account(server)
    by_row = [
        queue.add(dd_toEmailid=case.written, dd_ReplyTo=case.written)[0] for case in NAMES_SOMEBODY
    ]
    by_api = [
        api.send(
            recipients=one_by_one(case),
            reply_to=case.written,
        )
        for case in NAMES_SOMEBODY
    ]

    tick.force(app, 30)

    for case, row, request in zip(NAMES_SOMEBODY, by_row, by_api, strict=True):
        outcome = arrived(queue, server, row)
        assert (outcome.state, outcome.recipients) == ("Y", case.envelope), case
        assert arrived(queue, server, request) == outcome, case


def test_whatever_a_row_may_not_name_the_api_refuses_for_the_same_reason(
    app: Application, api: Api, smtp_server: Callable[..., SmtpServer]
) -> None:
    queue, server = Queue(app), smtp_server()
    queue.account(server)
    by_row = [queue.add(dd_toEmailid=case.written)[0] for case in REFUSED]
    by_api = [api.post("/api/emails", email(recipients=[case.written])) for case in REFUSED]

    tick.force(app, 30)

    for case, row, answer in zip(REFUSED, by_row, by_api, strict=True):
        became = queue.became(row)
        (fault,) = answer.json["errors"]
        assert became.state == "F", case
        assert case.reason in became.reason, case
        assert (answer.status, fault["field"]) == (422, "recipients[0]"), case
        assert fault["message"] == f"{became.reason}.", case
    assert server.messages == []
    assert len(queue.emails()) == len(REFUSED)


def test_an_email_to_nobody_is_sent_by_neither(
    app: Application, api: Api, smtp_server: Callable[..., SmtpServer]
) -> None:
    queue, server = Queue(app), smtp_server()
    queue.account(server)
    (row,) = queue.add(dd_toEmailid="Undisclosed recipients:;")

    answers = [
        api.post("/api/emails", email(recipients=recipients)).status
        for recipients in ([], ["Undisclosed recipients:;"])
    ]
    tick.force(app, 5)

    assert answers == [422, 422]
    assert queue.became(row).state == "F"
    assert server.messages == []
