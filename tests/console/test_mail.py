"""Templates as they are looked at and tried, and the mail that was caught."""

from __future__ import annotations

import json
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from shared.console import caught_mail
from shared.console.caught_mail import NothingCaught
from shared.submissions import templates
from standalone.catcher import MailFolder
from tests.console.browser import NARROW, sight_of
from tests.console.reader import Reader, form_token
from tests.support.standalone import Launch, Standalone, wait_until

EVIL = "<script>alert(1)</script>"
VIEWER_PASSWORD = "a viewer's long password"


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    """With a viewer beside the admin."""
    service = standalone_module()
    vera = {"username": "vera", "password": VIEWER_PASSWORD, "role": "viewer"}
    assert service.post("/api/users", vera, token=service.login()).status == 201
    return service


@pytest.fixture
def operator(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in()[0] == 303
    return reader


@pytest.fixture
def viewer(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in(VIEWER_PASSWORD, username="vera")[0] == 303
    return reader


def catch(
    service: Standalone, message: bytes, recipients: Sequence[str] = ("a@example.com",)
) -> str:
    """Keep this as the catcher does; the name of its file."""
    return MailFolder(service.folder / "mail").keep("s@example.com", list(recipients), message).name


def hostile() -> bytes:
    message = EmailMessage()
    message["From"] = "Zoë <zoe@example.com>"
    message["To"] = "a@example.com"
    message["Subject"] = f"Grüße {EVIL}"
    message.set_content("In plain words")
    message.add_alternative(
        f"<h1>Shown</h1>{EVIL}<img src='cid:logo'><img src='http://192.0.2.1/x.png'>"
        "<form action='/console/logout' method='post'><button>Go</button></form>",
        subtype="html",
    )
    html = message.get_payload()[1]  # type: ignore[index]
    html.add_related(b"GIF89a", "image", "gif", cid="<logo>")  # type: ignore[union-attr]
    message.add_attachment(b"<b>x</b>", maintype="text", subtype="html", filename="ä <b>.html")
    return message.as_bytes()


def test_every_template_that_is_packaged_can_be_looked_at() -> None:
    assert templates.names() == ["contact", "order_confirmation", "reset_code", "welcome"]
    for name in templates.names():
        found = templates.find(name)
        assert templates.render(name, json.loads(found.example)).html
    welcome = templates.find("welcome")
    assert (welcome.subject, welcome.variables) == ("Welcome, {{ name }}", ("link", "name"))


def test_a_template_without_an_example_shows_its_variables_names(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "subject.txt").write_text("News of {{ the_day }}")
    (folder / "body.txt").write_text("{% for one in items %}{{ one }}{% endfor %}")

    found = templates.find("news", tmp_path)

    assert json.loads(found.example) == {"items": "items", "the_day": "the day"}
    assert found.parts == ("subject.txt", "body.txt")


def test_a_template_is_looked_at_with_variables_of_ones_own(operator: Reader) -> None:
    assert 'href="/console/templates/welcome"' in operator.get("/console/templates")[2]
    asked = urlencode({"variables": json.dumps({"name": EVIL})})

    page = operator.get(f"/console/templates/welcome?{asked}")[2]
    frame = operator.get(f"/console/templates/welcome/html?{asked}")
    missing = operator.get("/console/templates/welcome?variables=%7B%7D")[2]
    broken = operator.get("/console/templates/welcome?variables=%5B")[2]

    assert EVIL not in page
    assert "Welcome, &lt;script&gt;" in page
    assert "&lt;script&gt;alert(1)" in frame[2]
    assert frame[1]["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "The template needs the variable name." in missing
    assert "The variables are a JSON object" in broken
    assert operator.get("/console/templates/nothing")[0] == 404
    assert operator.get("/console/templates/..%2fx")[0] == 404


def test_an_operator_sends_a_template_to_see_how_it_arrives(
    service: Standalone, operator: Reader, viewer: Reader
) -> None:
    form = {
        "form_token": form_token(operator.get("/console/templates/welcome")[2]),
        "variables": '{"name": "Olga"}',
    }
    wrong = operator.send("/console/templates/welcome", {**form, "email": "nobody"})
    assert (wrong[0], "Olga" in wrong[2]) == (422, True)

    sent = operator.send("/console/templates/welcome", {**form, "email": "olga@example.com"})

    assert (sent[0], sent[1]["Location"].startswith("/console/emails/")) == (303, True)
    wait_until(lambda: bool(service.mail()), 20, "the template's email")
    assert "Welcome, Olga" in operator.get("/console/caught-mail")[2]
    page = viewer.get("/console/templates/welcome")[2]
    assert "Send it to myself" not in page
    form["form_token"] = form_token(page)
    refused = viewer.send("/console/templates/welcome", {**form, "email": "v@example.com"})
    assert refused[0] == 403


def test_caught_mail_is_taken_apart_and_harms_nobody(
    service: Standalone, operator: Reader, viewer: Reader
) -> None:
    older, name = catch(service, b"Subject: First\r\n\r\nHi"), catch(service, hostile())

    listed = operator.get("/console/caught-mail")[2]
    page = operator.get(f"/console/caught-mail/{name}")[2]
    frame = operator.get(f"/console/caught-mail/{name}/html")
    with_pictures = operator.get(f"/console/caught-mail/{name}/html?pictures=yes")
    source = operator.get(f"/console/caught-mail/{name}/message")
    file = operator.get(f"/console/caught-mail/{name}/files/1")

    assert listed.index(name) < listed.index(older)
    assert older in operator.get(f"/console/caught-mail?below={name}")[2]
    for text in (listed, page):
        assert "Grüße &lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert EVIL not in text
    assert "In plain words" in page
    assert "ä &lt;b&gt;.html" in page
    policy = frame[1]["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:;")
    assert "data:image/gif;base64,R0lGODlh" in frame[2]
    assert "http:" in with_pictures[1]["Content-Security-Policy"]
    assert source[1]["Content-Type"].startswith("message/rfc822")
    assert file[1]["Content-Type"].startswith("application/octet-stream")
    assert file[1]["Content-Disposition"].startswith("attachment; filename*=UTF-8''%C3%A4")
    for unknown in ("nothing", "..%2f..%2fkey", f"{name[:-4]}.json"):
        assert operator.get(f"/console/caught-mail/{unknown}")[0] == 404
    assert operator.get(f"/console/caught-mail/{name}/files/9")[0] == 404
    assert viewer.get(f"/console/caught-mail/{name}")[0] == 403
    assert "/console/caught-mail" not in viewer.get("/console")[2]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?x-unknown?q?abc?=\r\n\r\nHi",
        b"Content-Type: text/html; charset=x-none\r\n\r\n<p>Hi",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: image/gif\r\n\r\n",
        b"Content-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Content-Type: text/plain; charset*0=\r\n\r\nHi",
        b"Content-Disposition: attachment; filename*=x-none''%ff\r\n\r\nHi",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nHi",
    ],
)
def test_what_is_hardly_an_email_is_shown_as_far_as_it_can(tmp_path: Path, message: bytes) -> None:
    name = MailFolder(tmp_path).keep("", [], message).name

    (listed,) = caught_mail.newest(tmp_path, 10)
    found = caught_mail.read(tmp_path, name)

    assert (listed, found.listed.name, found.source) == (found.listed, name, message)


def test_an_inbox_goes_on_below_a_name_and_knows_no_other_file(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path)
    names = [folder.keep("s@example.com", ["r@example.com"], b"Hi").name for _ in range(3)]
    (tmp_path / "note.eml").write_bytes(b"Hi")
    (tmp_path / names[0]).with_suffix(".json").unlink()

    assert [one.name for one in caught_mail.newest(tmp_path, 1)] == names[:1:-1]
    assert [one.name for one in caught_mail.newest(tmp_path, 9, names[2])] == [names[1]]
    with pytest.raises(NothingCaught):
        caught_mail.read(tmp_path, "../note.eml")


def test_they_look_well_and_the_newest_comes_by_itself(
    browser: Browser, service: Standalone
) -> None:
    name = catch(service, b"Subject: News\r\nContent-Type: text/html\r\n\r\n<h1>News</h1>")
    with sight_of(browser, service, size=NARROW) as sight:
        sight.log_in()
        for path in ("/console/templates/welcome", f"/console/caught-mail/{name}"):
            sight.open(path)
            sight.page.frame_locator("iframe.email").locator("h1").wait_for()
            assert (path, sight.is_too_wide()) == (path, False)
        sight.open("/console/caught-mail")
        catch(service, b"Subject: Just now\r\n\r\nHi")
        expect(sight.page.get_by_role("link", name="Just now")).to_be_visible()
        assert sight.complaints == []
        assert sight.elsewhere == []
