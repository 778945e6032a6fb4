"""Emails on their way through Debian's Postfix, until they lie in mailboxes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.delivery import tick
from shared.mime.addresses import Mailbox
from shared.mime.message import Draft
from tests.faults.senders import settings_for
from tests.mime.corpus import CORPUS
from tests.mime.test_corpus import as_written, compared
from tests.support.mail_readers import read_by_python
from tests.support.postfix import REALM, Delivered, Postfix, postfix
from tests.support.queue import Queue, make_queue
from tests.support.smtp import TlsFiles

StartPostfix = Callable[..., Postfix]

ODD_TEXT = ".\n..\n.dots\nFrom here\n" + "long " * 1000 + "\n👍🏽 Grüße\n"


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    yield made
    made.application.close()


@pytest.fixture(scope="module")
def defaults() -> Iterator[Postfix]:
    """A server with Postfix's own limits, but that it does not sleep after an error."""
    with postfix(smtpd_error_sleep_time="0") as server:
        yield server


def run(queue: Queue, seconds: float = 20) -> None:
    tick.force(queue.application, seconds)


def assert_each_was_refused_for_itself(queue: Queue, addresses: list[str]) -> None:
    replies = queue.suppressed()
    assert set(replies) == set(addresses)
    assert all(f"550 5.1.1 <{address}>" in reply for address, reply in replies.items())


def arrived(queue: Queue, server: Postfix, *ids: int) -> list[Delivered]:
    """The copies of these emails that lie in mailboxes, once all recipients can have theirs."""
    message_ids = {queue.became(email_id).message_id for email_id in ids}
    server.wait_until_delivered()
    return [copy for copy in server.delivered if copy.message_id in message_ids]


def fits_a_row(draft: Draft) -> bool:
    """A row has no more than one file, and says no type of it; it is sent to somebody here."""
    return (
        len(draft.attachments) < 2
        and all(
            file.content and not file.content_id and not file.content_type
            for file in draft.attachments
        )
        and all(mailbox.address.endswith("example.org") for mailbox in (*draft.to, *draft.cc))
        and bool(draft.to)
    )


def as_a_row(draft: Draft) -> dict[str, Any]:
    """The columns that an application fills to have this sent."""
    file = draft.attachments[0] if draft.attachments else None
    return {
        "dd_toEmailid": as_a_list(draft.to),
        "dd_ccEmailid": as_a_list(draft.cc),
        "dd_ReplyTo": as_a_list(draft.reply_to),
        "dd_subject": draft.subject,
        "dd_bodyText": draft.text if draft.html is None else draft.html,
        "dd_TextAlternative": None if draft.html is None else draft.text,
        "dd_IsHtml": "N" if draft.html is None else "Y",
        "dd_filename": file and file.filename,
        "dd_document": file and file.content,
        "dd_Headers": json.dumps(dict(draft.headers)) if draft.headers else None,
    }


def as_a_list(mailboxes: tuple[Mailbox, ...]) -> str | None:
    quoted = [re.sub(r'["\\]', r"\\\g<0>", name) for _, name in mailboxes]
    written = zip(quoted, mailboxes, strict=True)
    return "; ".join(f'"{name}" <{mailbox.address}>' for name, mailbox in written) or None


def test_an_email_lies_in_each_mailbox_once_and_as_it_was_written(
    queue: Queue, defaults: Postfix
) -> None:
    queue.account(defaults.port)
    (email_id,) = queue.add(
        dd_toEmailid="ann@example.com; Bob <bob@example.org>",
        dd_ccEmailid="Žofie <zofie@example.com>",
        dd_bccEmailid="boss@example.org",
        dd_subject="Ihre Bestellung: 🎉 größer",
        dd_bodyText=ODD_TEXT,
        dd_document=b"%PDF-1.7 " + bytes(range(256)) * 300,
        dd_filename="Größe.pdf",
    )

    run(queue)

    assert queue.became(email_id).state == "Y"
    copies = arrived(queue, defaults, email_id)
    assert Counter(copy.recipient for copy in copies) == Counter(
        ["ann@example.com", "bob@example.org", "zofie@example.com", "boss@example.org"]
    )
    for copy in copies:
        read = read_by_python(copy.content)
        assert copy.sender == "shop@example.com"
        assert b"boss@" not in copy.content.partition(b"Received:")[2]
        assert (read.subject, read.text) == ("Ihre Bestellung: 🎉 größer", ODD_TEXT)
        assert [(file.name, file.content[:9]) for file in read.files] == [
            ("Größe.pdf", b"%PDF-1.7 ")
        ]


def test_odd_emails_of_every_kind_lie_in_the_mailbox_as_they_were_written(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(message_size_limit="20000000")
    queue.account(server.port)
    odd = {name: draft for name, draft in CORPUS.items() if fits_a_row(draft)}
    ids = {name: queue.add(**as_a_row(draft))[0] for name, draft in odd.items()}

    run(queue, 60)

    copies = {copy.message_id: copy.content for copy in arrived(queue, server, *ids.values())}
    for name, draft in odd.items():
        became = queue.became(ids[name])
        assert became.state == "Y", (name, became.reason)
        read = compared(read_by_python(copies[became.message_id]))
        wanted = compared(as_written(draft))
        for part in ("subject", "to", "cc", "reply_to", "text", "html", "files"):
            assert read[part] == wanted[part], name


def test_thirty_dead_addresses_do_not_stop_ten_good_emails_behind_them(
    queue: Queue, defaults: Postfix
) -> None:
    """Postfix hangs up after 20 errors in a session (smtpd_hard_error_limit)."""
    queue.account(defaults.port)
    dead = [f"dead{n}@example.com" for n in range(30)]
    (to_the_dead,) = queue.add(dd_toEmailid="; ".join(dead))
    good = queue.add(10)

    run(queue)

    assert {queue.became(email_id).state for email_id in good} == {"Y"}
    assert len(arrived(queue, defaults, *good)) == 10
    became = queue.became(to_the_dead)
    assert (became.state, became.retries) == ("F", 0)
    assert_each_was_refused_for_itself(queue, dead)
    assert queue.retries() == {0}
    assert "too many errors" in defaults.log


def test_the_living_among_dead_addresses_get_theirs_once(queue: Queue, defaults: Postfix) -> None:
    queue.account(defaults.port)
    living = [f"ann{n}@example.com" for n in range(5)]
    dead = [f"dead{n}@example.com" for n in range(45)]
    mixed = [*dead[:15], *living[:2], *dead[15:30], living[2], *dead[30:], *living[3:]]
    (email_id,) = queue.add(dd_toEmailid="; ".join(mixed))

    run(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("Y", 0)
    assert sorted(copy.recipient for copy in arrived(queue, defaults, email_id)) == living
    assert_each_was_refused_for_itself(queue, dead)


def test_international_addresses_arrive(queue: Queue, defaults: Postfix) -> None:
    queue.account(defaults.port)
    (email_id,) = queue.add(dd_toEmailid="Jörg <jörg@example.com>; ann@example.com")

    run(queue)

    assert queue.became(email_id).state == "Y"
    recipients = {copy.recipient for copy in arrived(queue, defaults, email_id)}
    assert recipients == {"jörg@example.com", "ann@example.com"}


def test_a_refused_recipient_does_not_cost_the_others_theirs(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    greylist = "check_recipient_access regexp:{{/^later@/ 450 4.2.0 Greylisted}}"
    server = start_postfix(smtpd_recipient_restrictions=greylist)
    queue.account(server.port)
    (email_id,) = queue.add(dd_toEmailid="ann@example.com, later@example.com, dead@example.org")

    run(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("N", 1)
    assert [copy.recipient for copy in arrived(queue, server, email_id)] == ["ann@example.com"]
    assert set(queue.suppressed()) == {"dead@example.org"}


def test_more_recipients_than_a_transaction_takes_get_theirs_at_once(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(smtpd_recipient_limit="5")
    queue.account(server.port)
    recipients = [f"ann{n:02}@example.com" for n in range(33)]
    (email_id,) = queue.add(dd_toEmailid=", ".join(recipients))

    run(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("Y", 0)
    assert sorted(copy.recipient for copy in arrived(queue, server, email_id)) == recipients


def test_a_sender_that_has_no_mailbox_pauses_its_account_and_suppresses_nobody(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(smtpd_reject_unlisted_sender="yes")
    queue.account(server.port, SMTPMailId="gone@example.com")
    queue.add(5, dd_toEmailid="ann@example.com, bob@example.org")

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 5}, {0})
    assert queue.suppressed() == {}
    (reason,) = queue.reasons_to_pause()
    assert "<gone@example.com>: Sender address rejected: User unknown" in reason


def test_a_sender_of_its_own_that_has_no_mailbox_fails_the_email_alone(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(smtpd_reject_unlisted_sender="yes")
    queue.account(server.port)
    (odd,) = queue.add(dd_Sender="gone@example.com")
    others = queue.add(5)

    run(queue)

    assert queue.became(odd).state == "F"
    assert "Sender address rejected" in queue.became(odd).reason
    assert {queue.became(email_id).state for email_id in others} == {"Y"}
    assert queue.suppressed() == {}


def test_too_many_emails_a_minute_let_the_account_rest_and_cost_no_attempt(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(
        smtpd_client_message_rate_limit="10", smtpd_client_event_limit_exceptions=""
    )
    queue.account(server.port)
    ids = queue.add(30)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"Y": 10, "N": 20}, {0})
    assert len(arrived(queue, server, *ids)) == 10
    (reason,) = queue.reasons_to_pause()
    assert "450 4.7.1 Error: too much mail from 127.0.0.1" in reason


def test_a_server_of_fewer_connections_gets_all_emails_over_those(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    """In the second run, where the first one has only met refusals."""
    server = start_postfix(
        smtpd_client_connection_count_limit="2", smtpd_client_event_limit_exceptions=""
    )
    queue.account(server.port)
    ids = queue.add(100)

    run(queue)
    run(queue)

    assert (queue.states(), queue.retries()) == ({"Y": 100}, {0})
    assert len(arrived(queue, server, *ids)) == 100


def test_an_email_above_the_servers_size_fails_alone(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    queue.account(start_postfix(message_size_limit="100000").port)
    (large,) = queue.add(dd_document=b"x" * 200_000, dd_filename="large.bin")
    (small,) = queue.add()

    run(queue)

    assert (queue.became(large).state, queue.became(small).state) == ("F", "Y")


def test_a_refused_content_fails_the_email_alone_and_suppresses_nobody(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(header_checks="regexp:{{/^Subject: Bad/ REJECT not here}}")
    queue.account(server.port)
    (bad,) = queue.add(dd_subject="Bad things")
    good = queue.add(5)

    run(queue)

    assert queue.became(bad).state == "F"
    assert "not here" in queue.became(bad).reason
    assert {queue.became(email_id).state for email_id in good} == {"Y"}
    assert queue.suppressed() == {}


def test_where_international_addresses_are_not_taken_the_others_get_theirs(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(smtputf8_enable="no")
    queue.account(server.port)
    (both,) = queue.add(dd_toEmailid="jörg@example.com; ann@example.com")
    (alone,) = queue.add(dd_toEmailid="jörg@example.com")

    run(queue)

    assert [copy.recipient for copy in arrived(queue, server, both)] == ["ann@example.com"]
    assert (queue.became(both).state, queue.became(alone).state) == ("Y", "F")


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_whoever_has_logged_in_may_send(
    queue: Queue, start_postfix: StartPostfix, mechanisms: str
) -> None:
    server = start_postfix(
        login=("shop", "sécret pass"), smtpd_sasl_mechanism_filter=mechanisms.lower()
    )
    queue.account(server.port, SMTPAccountName=f"shop@{REALM}", SMTPPassword="sécret pass")
    ids = queue.add(3)

    run(queue)

    assert queue.states() == {"Y": 3}
    assert f"sasl_method={mechanisms}, sasl_username=shop@{REALM}" in server.log
    assert len(arrived(queue, server, *ids)) == 3


def test_a_wrong_password_pauses_the_account_and_costs_no_email(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(login=("shop", "secret"), smtpd_error_sleep_time="0")
    queue.account(server.port, SMTPAccountName=f"shop@{REALM}", SMTPPassword="wrong")
    queue.add(5)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 5}, {0})
    (reason,) = queue.reasons_to_pause()
    assert "535 5.7.8" in reason


def test_a_sender_that_the_login_does_not_own_pauses_the_account(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(
        login=("shop", "secret"),
        smtpd_sender_login_maps=f"inline:{{{{boss@example.com = boss@{REALM}}}}}",
        smtpd_sender_restrictions="reject_sender_login_mismatch",
    )
    queue.account(
        server.port,
        SMTPMailId="boss@example.com",
        SMTPAccountName=f"shop@{REALM}",
        SMTPPassword="secret",
    )
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    assert queue.suppressed() == {}
    (reason,) = queue.reasons_to_pause()
    assert f"not owned by user shop@{REALM}" in reason


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_an_email_travels_in_the_tls_that_the_server_knows(
    queue: Queue, start_postfix: StartPostfix, trusted: TlsFiles, version: str
) -> None:
    server = start_postfix(
        tls=trusted,
        login=("shop", "secret"),
        smtpd_tls_auth_only="yes",
        smtpd_tls_mandatory_protocols=f">={version}, <={version}",
        smtpd_tls_security_level="encrypt",
    )
    queue.account(
        server.port, SMTPSSLFlag="Y", SMTPAccountName=f"shop@{REALM}", SMTPPassword="secret"
    )
    ids = queue.add(3)

    run(queue)

    assert queue.states() == {"Y": 3}
    copies = arrived(queue, server, *ids)
    assert len(copies) == 3
    assert all(f"(using {version} with cipher".encode() in copy.content for copy in copies)


def test_a_server_that_demands_tls_gets_nothing_in_clear_text(
    queue: Queue, start_postfix: StartPostfix, tls_files: TlsFiles
) -> None:
    queue.account(start_postfix(tls=tls_files, smtpd_tls_security_level="encrypt").port)
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    (reason,) = queue.reasons_to_pause()
    assert "530 5.7.0 Must issue a STARTTLS command first" in reason


def test_a_certificate_of_nobody_known_pauses_the_account(
    queue: Queue, start_postfix: StartPostfix, tls_files: TlsFiles
) -> None:
    queue.account(start_postfix(tls=tls_files).port, SMTPSSLFlag="Y")
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    (reason,) = queue.reasons_to_pause()
    assert "certificate" in reason


@pytest.mark.parametrize("each", [1, 2, 3, 7])
def test_emails_to_the_dead_alone_do_not_stop_those_behind_them(
    queue: Queue, defaults: Postfix, each: int
) -> None:
    """However many errors there were when the server hangs up, and at which command."""
    queue.account(defaults.port, Rowpost_MaxConnections=1)
    dead = [f"dead{n}@example.com" for n in range(42)]
    to_the_dead = [
        queue.add(dd_toEmailid=", ".join(dead[n : n + each]))[0] for n in range(0, 42, each)
    ]
    good = queue.add(10)

    run(queue)

    assert {queue.became(email_id).state for email_id in to_the_dead} == {"F"}
    assert {queue.became(email_id).state for email_id in good} == {"Y"}
    assert queue.retries() == {0}
    assert_each_was_refused_for_itself(queue, dead)


def test_a_name_for_ehlo_that_is_refused_at_each_recipient_costs_no_email(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    """Postfix takes EHLO itself, and answers to it only there (smtpd_delay_reject)."""
    server = start_postfix(smtpd_helo_restrictions="check_helo_access static:REJECT")
    queue.account(server.port)
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    (reason,) = queue.reasons_to_pause()
    assert "Helo command rejected: Access denied" in reason


def test_a_client_that_is_refused_at_data_costs_no_email(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(smtpd_data_restrictions="check_client_access static:{450 4.7.1 Slow}")
    queue.account(server.port)
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    (reason,) = queue.reasons_to_pause()
    assert "Client host rejected: Slow" in reason


def test_whom_a_server_took_before_its_limit_gets_the_email_and_the_others_wait(
    queue: Queue, start_postfix: StartPostfix
) -> None:
    server = start_postfix(
        smtpd_client_recipient_rate_limit="10", smtpd_client_event_limit_exceptions=""
    )
    queue.account(server.port)
    (email_id,) = queue.add(dd_toEmailid=", ".join(f"ann{n}@example.com" for n in range(15)))

    run(queue, 5)
    server.wait_until_delivered()

    assert len(server.delivered) == 10
    assert (queue.became(email_id).state, queue.became(email_id).retries) == ("N", 0)
    assert len(queue.reasons_to_pause()) == 1
