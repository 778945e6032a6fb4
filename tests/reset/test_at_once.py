"""The endpoint: a code is sent at once and its caller told how it went, or it is never sent."""

from __future__ import annotations

import email
import email.policy
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import jwt
import pytest

from shared.accounts.pauses import pause
from shared.delivery import tick
from shared.features.reset_codes import reset_codes
from shared.scheduling import service_state
from shared.security.roles import Role
from tests.reset.conftest import CODE, EMAIL, Begin
from tests.support.emails import all_that_is_kept
from tests.support.smtp import After, Hang, SmtpServer
from tests.support.standalone import wait_until

Servers = Callable[..., SmtpServer]

SENT = {"message": "Password reset code sent successfully"}
TRUST = {
    "ROWPOST_TRUST_ISSUER": "https://auth.example.com",
    "ROWPOST_TRUST_AUDIENCE": "email-service",
    "ROWPOST_TRUST_ALGORITHM": "HS256",
    "ROWPOST_TRUST_SECRET": "jwt-secret",
}
SECRET = "the secret that two services share, long enough"


def read(server: SmtpServer) -> EmailMessage:
    (accepted,) = server.messages
    return email.message_from_bytes(accepted.content, policy=email.policy.default)


def parts(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_a_code_is_sent_before_the_answer_and_then_nobody_can_read_it(
    begin: Begin, smtp_server: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = smtp_server()
    here = begin(server)

    reply = here.ask()

    assert (reply.status, reply.json) == (200, SENT)
    message = read(server)
    assert str(message["To"]) == EMAIL
    assert str(message["From"]) == "The Shop <shop@example.com>"
    assert all(CODE in part and "15 minutes" in part for part in parts(message))
    assert CODE not in str(message["Subject"])
    (email,) = here.queue.emails()
    assert (email.state, email.lane, email.priority) == ("Y", "immediate", 1)
    assert (email.body, email.text_alternative) == (None, None)
    assert email.emptied_at is not None
    assert CODE not in all_that_is_kept(here.queue.database)
    assert CODE not in caplog.text


def test_it_is_from_whom_the_settings_name_and_over_the_account_that_they_name(
    begin: Begin, smtp_server: Servers
) -> None:
    default, codes = smtp_server(), smtp_server()
    here = begin(
        default,
        RESET_ACCOUNT="CODES",
        SENDER_EMAIL="noreply@foodtracker.example.com",
        SENDER_NAME="Food Tracker App",
    )
    here.queue.account(codes, "CODES")

    assert here.ask().status == 200
    assert not default.messages
    message = read(codes)
    assert str(message["From"]) == "Food Tracker App <noreply@foodtracker.example.com>"
    assert codes.messages[0].sender == "noreply@foodtracker.example.com"


def test_a_name_alone_is_shown_with_the_accounts_own_address(
    begin: Begin, smtp_server: Servers
) -> None:
    server = smtp_server()
    here = begin(server, SENDER_NAME="Food, Tracker")

    assert here.ask().status == 200
    assert str(read(server)["From"]) == '"Food, Tracker" <shop@example.com>'


def test_html_in_a_code_is_text(begin: Begin, smtp_server: Servers) -> None:
    server = smtp_server()
    here = begin(server)

    assert here.ask(code="<b>{{1}}</b>").status == 200
    text, html = parts(read(server))
    assert "<b>{{1}}</b>" in text
    assert "&lt;b&gt;{{1}}&lt;/b&gt;" in html


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "email"),
        ({"code": CODE}, 400, "email"),
        ({"email": EMAIL}, 400, "code"),
        (b"", 400, "email"),
        ({"email": "nobody", "code": CODE}, 422, "email"),
        ({"email": "a@example.com, b@example.com", "code": CODE}, 422, "email"),
        ({"email": EMAIL, "code": ""}, 422, "code"),
        ({"email": EMAIL, "code": 123456}, 422, "code"),
        ({"email": EMAIL, "code": "1" * 65}, 422, "code"),
        ({"email": EMAIL, "code": "12\n34"}, 422, "code"),
        ({"email": EMAIL, "code": None}, 422, "code"),
    ],
)
def test_a_missing_field_is_400_and_a_wrong_one_422(
    begin: Begin, smtp_server: Servers, body: Any, status: int, field: str
) -> None:
    server = smtp_server()
    here = begin(server)

    reply = here.post(body)

    assert reply.status == status
    assert field in [one["field"] for one in reply.json["errors"]]
    assert not server.messages
    assert not here.queue.emails()


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.ADMIN, 200), (Role.OPERATOR, 200), (Role.SERVICE, 200), (Role.VIEWER, 403)],
)
def test_only_who_may_send_may_have_codes_sent(
    begin: Begin, smtp_server: Servers, role: Role, status: int
) -> None:
    here = begin(smtp_server())

    assert here.ask(token=here.token(role)).status == status
    assert here.ask(token="nonsense").status == 401


@pytest.mark.parametrize(
    ("reactions", "reason", "flag"),
    [
        ({"RCPT": b"550 5.1.1 nobody here"}, "nobody here", "F"),
        ({"RCPT": b"451 4.3.0 come back later"}, "come back later", "C"),
        ({"DATA_END": b"554 5.7.1 no such thing"}, "no such thing", "F"),
        ({"DATA_END": b"452 4.3.1 no room"}, "no room", "C"),
        ({"EHLO": b"421 4.3.2 closing", "HELO": b"421 4.3.2 closing"}, "GET /api/health", "C"),
    ],
)
def test_a_code_that_cannot_be_sent_now_is_never_sent(
    begin: Begin, smtp_server: Servers, reactions: dict[str, Any], reason: str, flag: str
) -> None:
    server = smtp_server(reactions=reactions)
    here = begin(server)

    reply = here.ask()

    assert (reply.status, reply.json["code"]) == (500, "not_sent")
    assert reason in reply.json["message"]
    (email,) = here.queue.emails()
    assert (email.state, email.body, email.text_alternative) == (flag, None, None)
    reactions.clear()
    tick.force(here.application, 5)
    assert not server.messages


def test_an_account_that_rests_and_a_service_that_is_stopped_send_nothing(
    begin: Begin, smtp_server: Servers
) -> None:
    server = smtp_server()
    here = begin(server)
    with here.queue.database.write() as connection:
        pause(connection, 1, 600, "connecting to smtp.internal.example.com was refused")

    resting = here.ask()
    here.queue.database.run(lambda connection: service_state.stop(connection, "test"))
    stopped = here.ask()

    assert (resting.status, resting.json["code"]) == (500, "not_sent")
    assert "internal.example.com" not in resting.json["message"]
    assert (stopped.status, stopped.json["code"]) == (503, "service_stopped")
    assert here.queue.states() == {"C": 1}
    assert not server.messages


@pytest.mark.parametrize("settings", [{"RESET_ACCOUNT": "NONE"}, {"SENDER_EMAIL": "nobody"}])
def test_settings_that_name_nobody_are_told_to_the_log(
    begin: Begin, smtp_server: Servers, caplog: pytest.LogCaptureFixture, settings: dict[str, str]
) -> None:
    here = begin(smtp_server(), **settings)

    reply = here.ask()

    assert (reply.status, reply.json["code"]) == (500, "not_sent")
    assert next(iter(settings)) in caplog.text
    assert not here.queue.emails()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer has to be there within 3 seconds."""
    monkeypatch.setattr(reset_codes, "ANSWER_SECONDS", 3.0)


@pytest.mark.usefixtures("impatient")
def test_a_code_that_is_still_being_prepared_is_withdrawn_in_time(
    begin: Begin, smtp_server: Servers
) -> None:
    answered = threading.Event()
    server = smtp_server(reactions={"RCPT": After(answered)})
    here = begin(server)

    reply = here.ask()

    assert (reply.status, reply.json["code"]) == (500, "not_sent")
    assert here.queue.states() == {"C": 1}
    answered.set()
    wait_until(lambda: not senders(), 10, "the sender's end")
    assert not server.messages
    assert here.queue.states() == {"C": 1}
    assert here.queue.emails()[0].body is None


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("late", "flag"), [(b"250 2.0.0 ok", "Y"), (b"452 4.3.1 no room", "C"), (b"554 5.0.0 no", "F")]
)
def test_a_reply_that_comes_after_the_answer_still_ends_the_email(
    begin: Begin, smtp_server: Servers, late: bytes, flag: str
) -> None:
    answered = threading.Event()
    server = smtp_server(reactions={"DATA_END": After(answered, late)})
    here = begin(server)

    reply = here.ask()

    assert (reply.status, reply.json["code"]) == (500, "outcome_unknown")
    assert here.queue.states() == {"T": 1}
    answered.set()
    wait_until(lambda: here.queue.states() == {flag: 1}, 10, "the end")
    assert here.queue.emails()[0].body is None
    wait_until(lambda: not senders(), 10, "the sender's end")


def senders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("email ")]


def test_a_reply_that_never_comes_is_an_unknown_outcome(begin: Begin, smtp_server: Servers) -> None:
    server = smtp_server(reactions={"DATA_END": Hang()})
    here = begin(server, ROWPOST_SMTP_TIMEOUT=1)

    reply = here.ask()

    assert (reply.status, reply.json["code"]) == (500, "outcome_unknown")
    assert here.queue.states() == {"U": 1}


def test_a_request_with_a_key_sends_one_code(begin: Begin, smtp_server: Servers) -> None:
    server = smtp_server()
    here = begin(server)

    first, again = (here.ask(idempotency_key="one") for _ in range(2))
    other = here.ask(code="654321", idempotency_key="one")

    assert (first.status, again.status, other.status) == (200, 200, 422)
    assert first.json == again.json == SENT
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(server.messages) == 1


def test_what_was_not_sent_is_answered_the_same_again(begin: Begin, smtp_server: Servers) -> None:
    server = smtp_server(reactions={"RCPT": b"550 5.1.1 nobody here"})
    here = begin(server)

    first, again = (here.ask(idempotency_key="one") for _ in range(2))

    assert (first.status, again.status) == (500, 500)
    assert first.json == again.json
    assert len(here.queue.emails()) == 1


def token_of_another_service(**claims: Any) -> str:
    now = datetime.now(UTC)
    usual = {
        "iss": TRUST["ROWPOST_TRUST_ISSUER"],
        "aud": TRUST["ROWPOST_TRUST_AUDIENCE"],
        "exp": now + timedelta(minutes=5),
        "sub": "auth-service",
        "role": "service",
    }
    return jwt.encode(usual | claims, SECRET, "HS256")


def test_a_token_of_the_trusted_service_opens_the_door(begin: Begin, smtp_server: Servers) -> None:
    here = begin(smtp_server(), **TRUST)
    here.application.secrets.set("jwt-secret", SECRET)

    assert here.ask(token=token_of_another_service()).status == 200
    assert here.ask(token=token_of_another_service(role="user")).status == 401
    assert here.queue.emails()[0].stored_by == "trusted:auth-service"


def test_without_trust_and_with_trust_that_is_set_up_wrongly_it_opens_nothing(
    begin: Begin, smtp_server: Servers
) -> None:
    assert begin(smtp_server()).ask(token=token_of_another_service()).status == 401

    here = begin(smtp_server(), **{**TRUST, "ROWPOST_TRUST_ALGORITHM": "none"})
    reply = here.ask(token=token_of_another_service())
    assert (reply.status, reply.json["code"]) == (503, "trust_misconfigured")
    assert "ROWPOST_TRUST" not in reply.json["message"]
    (problem,) = [one for one in here.application.health.check().problems if "trust" in one]
    assert "ROWPOST_TRUST_ALGORITHM" in problem
