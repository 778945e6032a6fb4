"""What comes in by REST goes out: at once, with all that was said of it."""

from __future__ import annotations

from tests.emails.conftest import email
from tests.support.standalone import Launch, wait_until


def test_an_email_is_on_its_way_at_once_with_reply_to_and_headers(standalone: Launch) -> None:
    service = standalone()
    token = service.login()
    long_list = [f"Customer {number} <customer{number}@example.com>" for number in range(50)]
    fields = email(
        recipients=long_list,
        bcc=["hidden@example.com"],
        text_content="Hi",
        reply_to="Help <help@example.com>, bob@example.com",
        headers={"X-Order": "Größe 4711", "In-Reply-To": "<1@example.com>"},
    )

    answer = service.post("/api/emails", fields, token=token)
    (message,) = service.wait_for_mail(1)
    path = f"/api/emails/{answer.json['email_id']}"
    wait_until(lambda: service.get(path, token=token).json["status"] == "sent", 10, "the record")

    assert str(message["Reply-To"]) == "Help <help@example.com>, bob@example.com"
    assert str(message["X-Order"]) == "Größe 4711"
    assert str(message["In-Reply-To"]) == "<1@example.com>"
    assert len(message["To"].addresses) == 50
    assert "hidden@example.com" not in message.as_string().partition("\n\n")[0]
    plain = message.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().strip() == "Hi"
    (attempt,) = service.get(f"{path}/attempts", token=token).json["items"]
    assert (attempt["outcome"], attempt["code"], attempt["account"]) == ("sent", 250, "CATCHER")
    assert set(attempt) == {
        "at", "account", "outcome", "code", "enhancedCode", "reply", "durationMs",
    }  # fmt: skip
