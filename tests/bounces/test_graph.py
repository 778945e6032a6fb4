"""A mailbox that Microsoft Graph reads, as this process's own identity."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from shared.bounces import turn
from shared.bounces.mailboxes import graph
from shared.bounces.mailboxes.mailbox import BadMailboxValue, Mailbox, MailboxKind
from shared.smtp.oauth import identity_tokens
from shared.smtp.opening import TlsMode
from tests.support.bounces import AUTOREPLY, UNCLEAR, Mailroom, report
from tests.support.graph_mailbox import MAILBOX, GraphMailbox, graph_mailbox


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphMailbox]:
    with graph_mailbox() as mailbox:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{mailbox.port}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "a-secret-of-the-platform")
        identity_tokens.cache_clear()
        yield mailbox
        identity_tokens.cache_clear()


@pytest.fixture
def mailbox(mailroom: Mailroom, there: GraphMailbox) -> Mailbox:
    return mailroom.add(MAILBOX, there.port, kind=MailboxKind.GRAPH)


def test_messages_are_read_page_by_page_and_moved(
    mailroom: Mailroom, there: GraphMailbox, mailbox: Mailbox
) -> None:
    email_id, message_id = mailroom.sent()
    there.put(AUTOREPLY, report(message_id), UNCLEAR, AUTOREPLY + b"2")

    assert mailroom.app.mailbox_admin().test(mailbox.id).messages == 4
    mailroom.collect()

    assert mailroom.events() == [("email.bounced", email_id, "ann@example.com")]
    assert there.folders["inbox"] == []
    assert len(there.folders["Processed"]) == 3
    assert len(there.folders["Unclear"]) == 1
    assert mailroom.state(mailbox).failures == 0


def test_what_stays_is_read_once_and_what_comes_later_is_found(
    mailroom: Mailroom, there: GraphMailbox
) -> None:
    mailroom.add(
        MAILBOX, there.port, kind=MailboxKind.GRAPH, unclear_folder=None, done_folder=None,
        delete_done=True,
    )  # fmt: skip
    there.put(UNCLEAR, AUTOREPLY)
    mailroom.collect()
    read = len([path for path in there.asked if path.endswith("$value")])
    there.put(UNCLEAR + b"again\n")
    mailroom.collect_again()

    assert read == 2
    assert len([path for path in there.asked if path.endswith("$value")]) == 3
    assert [bounce.done.value for bounce in mailroom.noted()] == ["unclear", "counted", "unclear"]
    assert len(there.folders["inbox"]) == 2


def test_many_messages_that_came_within_minutes_and_stay_are_all_read(
    mailroom: Mailroom, there: GraphMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is listed again for some minutes, and must not fill all that is listed."""
    monkeypatch.setattr(turn, "MOST_A_TURN", 3)
    monkeypatch.setattr(graph, "_MOST_PAGES", 4)
    monkeypatch.setattr(graph, "_PAGES_OF_LATE_ONES", 2)
    mailroom.add(MAILBOX, there.port, kind=MailboxKind.GRAPH, unclear_folder=None, done_folder=None)
    there.put(*(UNCLEAR + f"{number}\n".encode() for number in range(14)))

    for _ in range(5):
        mailroom.collect_again()

    assert len(mailroom.noted()) == 14
    read = [path for path in there.asked if path.endswith("$value")]
    assert len(read) == len(set(read)) == 14


def test_what_is_moved_while_others_are_read_makes_none_be_skipped(
    mailroom: Mailroom,
    there: GraphMailbox,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pages are counted from the beginning of what lies there at the moment."""
    monkeypatch.setattr(turn, "_AT_ONCE", 2)
    there.put(*(AUTOREPLY + f"{number}\n".encode() for number in range(9)))
    there.times = {name: at + 3_600 * n for n, (name, at) in enumerate(there.times.items())}

    mailroom.collect()
    mailroom.collect_again()

    assert len(mailroom.noted()) == len(there.folders["Processed"]) == 9


def test_a_message_that_graph_breaks_on_is_shown_and_keeps_no_other_back(
    mailroom: Mailroom, there: GraphMailbox, mailbox: Mailbox
) -> None:
    there.put(UNCLEAR, AUTOREPLY, AUTOREPLY + b"2")
    there.breaks_on = next(iter(there.times))

    mailroom.collect()

    read, state = mailroom.noted(), mailroom.state(mailbox)
    assert [each.done.value for each in read] == ["counted", "counted", "unreadable"]
    assert "ErrorInternalServerError" in (read[-1].reason or "")
    assert (state.failures, state.position.last) == (0, max(there.times.values()))


def test_a_message_that_graph_does_not_move_keeps_no_other_where_it_is(
    mailroom: Mailroom, there: GraphMailbox, mailbox: Mailbox
) -> None:
    there.put(AUTOREPLY, AUTOREPLY + b"2", AUTOREPLY + b"3")
    there.keeps = next(iter(there.times))

    mailroom.collect()

    assert there.folders["inbox"] == [there.keeps]
    assert len(there.folders["Processed"]) == 2
    assert "ErrorMoveCopyFailed" in (mailroom.state(mailbox).last_fault or "")


def test_a_message_of_the_future_keeps_none_of_today_back(
    mailroom: Mailroom, there: GraphMailbox
) -> None:
    mailroom.add(MAILBOX, there.port, kind=MailboxKind.GRAPH, unclear_folder=None, done_folder=None)
    there.put(UNCLEAR)
    there.times = {name: int(time.time()) + 86_400 for name in there.times}
    mailroom.collect()
    there.put(AUTOREPLY)
    there.times[list(there.times)[-1]] = int(time.time())
    mailroom.collect_again()

    assert [bounce.done.value for bounce in mailroom.noted()] == ["unclear", "counted"]


def test_graph_is_left_alone_as_long_as_it_asks(
    mailroom: Mailroom, there: GraphMailbox, mailbox: Mailbox
) -> None:
    there.refuses = (429, {"Retry-After": "900"})
    mailroom.collect()
    asked = len(there.asked)
    mailroom.collect()

    state = mailroom.state(mailbox)
    assert (state.failures, len(there.asked)) == (1, asked)
    assert "TooManyRequests" in (state.last_fault or "")
    assert (state.next_at - mailroom.app.clock()).total_seconds() > 800


def test_the_token_of_the_own_identity_goes_to_graph_alone(mailroom: Mailroom) -> None:
    with pytest.raises(BadMailboxValue, match=r"graph\.microsoft\.com"):
        mailroom.add(
            MAILBOX, 443, kind=MailboxKind.GRAPH, host="graph.example.com", tls=TlsMode.IMPLICIT
        )
