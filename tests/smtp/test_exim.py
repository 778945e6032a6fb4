"""Emails on their way into Debian's Exim, whose replies have no enhanced status codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.delivery import tick
from tests.faults.senders import settings_for
from tests.support.exim import Exim
from tests.support.queue import Queue, make_queue
from tests.support.smtp import TlsFiles

StartExim = Callable[..., Exim]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    yield made
    made.application.close()


def run(queue: Queue, seconds: float = 20) -> None:
    tick.force(queue.application, seconds)


def one_copy_for_each(queue: Queue) -> Counter[tuple[str, str]]:
    return Counter((email.message_id, email.to or "") for email in queue.emails())


def test_a_thousand_emails_go_to_a_server_that_takes_ten_a_session(
    queue: Queue, start_exim: StartExim
) -> None:
    server = start_exim(smtp_accept_max_per_connection="10")
    queue.account(server.port)
    queue.add(1000)

    run(queue, 60)

    assert queue.states() == {"Y": 1000}
    assert queue.retries() == {0}
    assert server.copies() == one_copy_for_each(queue)
    assert "too many messages in one connection" in server.log


def test_emails_to_dead_addresses_do_not_stop_good_ones_among_them(
    queue: Queue, start_exim: StartExim
) -> None:
    """Exim counts what is no part of an email: smtp_accept_max_nonmail."""
    server = start_exim()
    queue.account(server.port)
    dead = queue.add(40, dd_toEmailid="dead@example.com")
    good = queue.add(40)

    run(queue)

    assert {queue.became(email_id).state for email_id in dead} == {"F"}
    assert {queue.became(email_id).state for email_id in good} == {"Y"}
    assert queue.retries() == {0}


def test_without_an_enhanced_code_nobody_is_suppressed(queue: Queue, start_exim: StartExim) -> None:
    server = start_exim()
    queue.account(server.port)
    (email_id,) = queue.add(dd_toEmailid="ann@example.com, dead@example.com")

    run(queue)

    assert queue.became(email_id).state == "Y"
    assert "dead@example.com: 550 Unrouteable address" in queue.became(email_id).reason
    assert queue.suppressed() == {}


def test_more_recipients_than_a_transaction_takes_get_theirs_at_once(
    queue: Queue, start_exim: StartExim
) -> None:
    server = start_exim(recipients_max="5")
    queue.account(server.port)
    recipients = [f"ann{n:02}@example.com" for n in range(23)]
    (email_id,) = queue.add(dd_toEmailid=", ".join(recipients))

    run(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("Y", 0)
    assert server.copies() == {(became.message_id, address): 1 for address in recipients}


def test_a_sender_that_cannot_be_verified_pauses_its_account(
    queue: Queue, start_exim: StartExim
) -> None:
    server = start_exim(rules="  require verify = sender")
    queue.account(server.port, SMTPMailId="gone@example.com")
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    assert queue.suppressed() == {}
    (reason,) = queue.reasons_to_pause()
    assert "Sender verify failed" in reason


def test_a_rate_that_is_exceeded_lets_the_account_rest(queue: Queue, start_exim: StartExim) -> None:
    too_fast = (
        "  defer ratelimit = 10 / 1h / strict\n        message = 10 messages per hour exceeded"
    )
    server = start_exim(rules=too_fast)
    queue.account(server.port)
    queue.add(30)

    run(queue, 3)

    assert queue.retries() == {0}
    assert queue.states() == {"Y": sum(server.copies().values()), "N": 30 - 10}
    assert len(queue.reasons_to_pause()) == 1


def test_a_server_of_two_connections_gets_all_emails_in_the_first_run(
    queue: Queue, start_exim: StartExim
) -> None:
    server = start_exim(smtp_accept_max_per_host="2")
    queue.account(server.port)
    queue.add(100)

    run(queue)

    assert queue.states() == {"Y": 100}
    assert server.copies() == one_copy_for_each(queue)


def test_an_email_above_the_servers_size_fails_alone(queue: Queue, start_exim: StartExim) -> None:
    queue.account(start_exim(message_size_limit="100K").port)
    (large,) = queue.add(dd_document=b"x" * 200_000, dd_filename="large.bin")
    (small,) = queue.add()

    run(queue)

    assert (queue.became(large).state, queue.became(small).state) == ("F", "Y")


def test_a_login_over_tls_lets_emails_through(
    queue: Queue, start_exim: StartExim, trusted: TlsFiles
) -> None:
    server = start_exim(tls=trusted, login=("shop", "secret"), rules="  require authenticated = *")
    queue.account(server.port, SMTPSSLFlag="Y", SMTPAccountName="shop", SMTPPassword="secret")
    queue.add(3)

    run(queue)

    assert queue.states() == {"Y": 3}
    assert server.copies() == one_copy_for_each(queue)
    assert server.log.count(" P=esmtpsa ") == 3


def test_a_wrong_password_pauses_the_account_and_costs_no_email(
    queue: Queue, start_exim: StartExim
) -> None:
    server = start_exim(login=("shop", "secret"))
    queue.account(server.port, SMTPAccountName="shop", SMTPPassword="wrong")
    queue.add(3)

    run(queue, 3)

    assert (queue.states(), queue.retries()) == ({"N": 3}, {0})
    (reason,) = queue.reasons_to_pause()
    assert "535 Incorrect authentication data" in reason


def test_a_list_that_is_refused_whole_for_its_length_goes_in_parts(
    queue: Queue, start_exim: StartExim
) -> None:
    """552 to the sixth RCPT and all after it, then 554 to DATA."""
    server = start_exim(recipients_max="5", recipients_max_reject="true")
    queue.account(server.port)
    (email_id,) = queue.add(dd_toEmailid=", ".join(f"ann{n}@example.com" for n in range(23)))

    run(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("Y", 0)
    assert server.copies() == {(became.message_id, f"ann{n}@example.com"): 1 for n in range(23)}


def test_what_was_said_before_a_server_hangs_up_without_a_421_counts(
    queue: Queue, start_exim: StartExim
) -> None:
    """`drop` answers 550 and closes the connection, as cPanel does after some unknown recipients:
    whoever happens to be named then may live."""
    drop = "  drop condition = ${if >{$rcpt_fail_count}{3}}\n       message = Too many failures"
    server = start_exim(rules=drop)
    queue.account(server.port)
    dead = [f"dead{n}@example.com" for n in range(9)]
    recipients = [*dead[:4], "ann@example.com", *dead[4:], "bob@example.com"]
    (email_id,) = queue.add(dd_toEmailid=", ".join(recipients))

    run(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("Y", 0)
    assert set(server.copies()) == {
        (became.message_id, "ann@example.com"),
        (became.message_id, "bob@example.com"),
    }
    assert all(f"{address}: 550" in became.reason for address in dead)
