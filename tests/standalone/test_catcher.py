from __future__ import annotations

import json
import smtplib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from standalone.catcher import Catcher
from standalone.port import PortTaken

MESSAGE = (
    b"From: a@example.com\r\nTo: b@example.com\r\nSubject: hello\r\n\r\n"
    b".a line that begins with a dot\r\n\xc3\xa9 is kept as it came\r\n..\r\n"
)


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Catcher]:
    catcher = Catcher(tmp_path / "mail", 0)
    catcher.start()
    yield catcher
    catcher.stop()


def client(catcher: Catcher) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", catcher.port, local_hostname="localhost", timeout=10)


def test_an_email_is_kept_byte_for_byte_with_its_envelope(catcher: Catcher, tmp_path: Path) -> None:
    with client(catcher) as smtp:
        smtp.sendmail("a@example.com", ["b@example.com", "c@example.com"], MESSAGE)

    (file,) = (tmp_path / "mail").glob("*.eml")
    assert file.read_bytes() == MESSAGE
    assert json.loads(file.with_suffix(".json").read_text()) == {
        "mail_from": "a@example.com",
        "rcpt_to": ["b@example.com", "c@example.com"],
    }


def test_emails_of_many_connections_all_have_their_own_file(
    catcher: Catcher, tmp_path: Path
) -> None:
    def send(count: int) -> None:
        with client(catcher) as smtp:
            for _ in range(count):
                smtp.sendmail("a@example.com", ["b@example.com"], MESSAGE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, [25] * 4))

    assert len(list((tmp_path / "mail").glob("*.eml"))) == 100
    assert not list((tmp_path / "mail").glob("*.unfinished"))


def test_addresses_in_other_scripts_are_taken(catcher: Catcher, tmp_path: Path) -> None:
    with client(catcher) as smtp:
        smtp.ehlo()
        assert smtp.has_extn("smtputf8")
        smtp.sendmail("jürgen@example.com", ["用户@example.com"], MESSAGE, ["SMTPUTF8"])

    (envelope,) = (tmp_path / "mail").glob("*.json")
    assert json.loads(envelope.read_text("utf-8"))["rcpt_to"] == ["用户@example.com"]


def test_what_is_written_in_one_go_is_answered_command_by_command(
    catcher: Catcher, tmp_path: Path
) -> None:
    with socket.create_connection(("127.0.0.1", catcher.port), timeout=10) as raw:
        replies = raw.makefile("rb")
        assert replies.readline().startswith(b"220")
        raw.sendall(
            b"HELO localhost\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        )
        assert [replies.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        raw.sendall(b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n")
        assert [replies.readline()[:3] for _ in range(2)] == [b"250", b"221"]
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


def test_a_message_over_50_mb_is_refused_before_it_is_sent(catcher: Catcher) -> None:
    with client(catcher) as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == str(50 * 1024 * 1024)
        code, _ = smtp.mail("a@example.com", ["size=60000000"])
        assert code == 552


def test_a_taken_port_is_told_with_the_variable_to_set(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(PortTaken, match=r"ROWPOST_CATCHER_PORT.*off"),
    ):
        Catcher(tmp_path, other.getsockname()[1])
