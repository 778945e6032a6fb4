"""DKIM: what is signed verifies, what others rely on is under the signature, keys change places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import dkim
import pytest
from sqlalchemy import select, update

from shared.accounts.credentials.dkim_keys import (
    NotPublished,
    begin_signing,
    end_signing,
    keys_of,
    make_key,
)
from shared.accounts.directory import load_accounts
from shared.database.tables import accounts
from shared.delivery.dispatcher import Order, drain
from shared.delivery.test_email import send_test_email
from shared.mime.dkim.signature import DkimKey, is_published, new_key, signed
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import SmtpServer

Servers = Callable[..., SmtpServer]


@pytest.fixture(scope="module")
def key() -> DkimKey:
    return new_key("example.com", "s1")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def secrets_of(queue: Queue, account: int) -> list[str]:
    """The names of the secrets that the account's row refers to."""
    columns = (accounts.c.Rowpost_Dkim, accounts.c.Rowpost_DkimNext)
    with queue.database.read() as connection:
        row = connection.execute(select(*columns).where(accounts.c.Rowpost_Id == account)).one()
    return [reference.removeprefix("secret:") for reference in row if reference]


def verifies(content: bytes, key: DkimKey) -> bool:
    """By DNS that has this key and no other."""

    def txt(name: bytes, timeout: float = 5) -> bytes | None:
        return key.record.encode() if name.decode().rstrip(".") == key.record_name else None

    return bool(dkim.verify(content, dnsfunc=txt))


def signed_fields(content: bytes) -> list[str]:
    head = re.sub(rb"\r\n[ \t]+", b" ", content.partition(b"\r\n\r\n")[0])
    found = re.search(rb"^DKIM-Signature: .*?h=([^;]*)", head, re.MULTILINE)
    assert found
    return [name.strip() for name in found[1].decode().split(":")]


def test_what_goes_out_verifies_with_the_published_key(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server(extensions=("PIPELINING", "8BITMIME"))
    account = queue.account(server, SMTPMailId="shop@Müller.example")
    key = make_key(queue.application, account)
    begin_signing(queue.application, account, unchecked=True)
    queue.add(2, dd_bodyText="Grüße\n.\n--\n")
    queue.add(dd_document=b"x" * 100_000, dd_filename="büro.bin")
    queue.add(dd_toEmailid="ann@example.com, grün@example.com")

    drain(queue.application, Order(seconds=20))
    send_test_email(queue.application, "ann@example.com")

    assert key.domain == "xn--mller-kva.example"
    assert queue.states() == {"Y": 4}
    assert [verifies(one.content, key) for one in server.messages] == [True] * 5


def test_an_account_without_a_key_signs_nothing(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    account = queue.account(server)
    make_key(queue.application, account)
    queue.add()

    drain(queue.application, Order(seconds=20))

    assert b"DKIM-Signature" not in server.messages[0].content


def test_the_fields_of_an_unsubscribe_are_signed_and_a_second_from_breaks_it(key: DkimKey) -> None:
    content = (
        b"Date: Fri, 27 Nov 2026 10:00:00 +0000\r\nFrom: shop@example.com\r\n"
        b"To: ann@example.com\r\nSubject: News\r\nMessage-ID: <1@example.com>\r\n"
        b"List-Unsubscribe: <https://mail.example.com/unsubscribe/" + b"x" * 150 + b">\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Own: 1\r\n\r\nHi\r\n"
    )

    message = signed(content, key)

    fields = signed_fields(message)
    assert {"list-unsubscribe", "list-unsubscribe-post", "message-id", "date"} <= set(fields)
    assert "x-own" not in fields
    assert message.endswith(content)
    assert verifies(message, key)
    assert not verifies(message.replace(b"One-Click", b"Two-Click"), key)
    assert not verifies(b"From: mallory@example.com\r\n" + message, key)


def test_a_new_key_signs_once_it_is_to_and_the_one_before_is_forgotten(
    queue: Queue, smtp_server: Servers
) -> None:
    application, account = queue.application, queue.account(smtp_server())
    first = make_key(application, account)
    shown_again = make_key(application, account)
    begin_signing(application, account, unchecked=True)
    (secret,) = secrets_of(queue, account)
    assert application.secrets.get(secret)
    second = make_key(application, account)
    between = keys_of(application, account)
    begin_signing(application, account, unchecked=True)
    after = keys_of(application, account)
    end_signing(application, account)

    assert shown_again == first
    assert first.selector != second.selector
    assert (between.present, between.following) == (first, second)
    assert (after.present, after.following) == (second, None)
    assert keys_of(application, account) == (None, None)
    assert application.secrets.get(secret) is None


def test_a_key_that_dns_does_not_have_is_not_put_into_use(
    queue: Queue, smtp_server: Servers
) -> None:
    account = queue.account(smtp_server(), SMTPMailId="shop@example.invalid")
    key = make_key(queue.application, account)

    with pytest.raises(NotPublished, match=re.escape(key.record_name)):
        begin_signing(queue.application, account)

    assert keys_of(queue.application, account) == (None, key)


def test_a_record_counts_if_it_has_this_key(key: DkimKey) -> None:
    other = new_key("example.com", "s1")

    assert is_published(key, ["v=spf1 -all", key.record.replace("; ", ";").replace("p=", "p= ")])
    assert not is_published(key, [other.record, "v=DKIM1; p="])
    assert not is_published(key, [])


def test_a_row_that_refers_to_another_secret_signs_nothing_and_says_so(
    queue: Queue, smtp_server: Servers
) -> None:
    account = queue.account(smtp_server())
    with queue.database.write() as connection:
        its_row = update(accounts).where(accounts.c.Rowpost_Id == account)
        connection.execute(its_row.values(Rowpost_Dkim="secret:rowpost-signing-keys"))

    with queue.database.read() as connection:
        book = load_accounts(connection, queue.application.secrets, queue.application.settings)

    assert book.usable == ()
    assert "DKIM key" in book.problems["SHOP"]
