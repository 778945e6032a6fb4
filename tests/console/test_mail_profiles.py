"""Mail profiles in the console: made, given to somebody, taken away, removed; by role."""

from __future__ import annotations

import pytest

from tests.console.reader import Reader, form_token
from tests.support.standalone import Launch, Standalone

PATH = "/console/mail-profiles"
EVIL = "<script>alert(1)</script>"
PASSWORD = "a viewer's long password"


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module()


def press(reader: Reader, path: str, **fields: str) -> str:
    token = form_token(reader.get(PATH)[2])
    status, headers, page = reader.send(path, {"form_token": token, **fields})
    assert status in (303, 422), (status, page)
    return page if status == 422 else str(headers["Location"])


def test_a_profile_is_made_given_to_everybody_used_and_removed(service: Standalone) -> None:
    admin = Reader(service)
    admin.log_in()
    assert "There is no mail profile yet" in admin.get(PATH)[2]

    press(admin, PATH, name=EVIL, first="1")
    assert "Another profile has this name" in press(admin, PATH, name=EVIL.upper(), first="1")
    shown = admin.get(PATH)[2]
    assert EVIL not in shown
    assert "&lt;script&gt;" in shown
    assert "operators" in shown
    press(admin, f"{PATH}/allow", id="1", kind="public", default="yes")
    press(admin, f"{PATH}/allow", id="1", kind="login", who="ann")
    assert "of a key its number" in press(admin, f"{PATH}/allow", id="1", kind="key", who=" ")
    assert "Everybody <span" in admin.get(PATH)[2]

    token = service.login()
    mail = {"recipients": "ann@example.com", "subject": "Hello"}
    sent = service.post("/api/database-mail/send", mail, token=token)
    assert (sent.status, sent.json) == (202, {"mailitem_id": 1})
    assert "Database Mail" in admin.get("/console/emails/1")[2]

    press(admin, f"{PATH}/forbid", id="1", principal="public")
    assert service.post("/api/database-mail/send", mail, token=token).json["number"] == 14636
    press(admin, f"{PATH}/remove", id="1", sure="yes")
    assert "There is no mail profile yet" in admin.get(PATH)[2]


def test_a_viewer_sees_who_may_use_what_and_changes_nothing(service: Standalone) -> None:
    vera = {"username": "vera", "password": PASSWORD, "role": "viewer"}
    assert service.post("/api/users", vera, token=service.login()).status == 201
    viewer = Reader(service)
    viewer.log_in(PASSWORD, username="vera")

    status, _, page = viewer.get(PATH)

    assert status == 200
    assert "Make a profile" not in page
    assert viewer.send(PATH, {"form_token": form_token(page), "name": "x", "first": "1"})[0] == 403
