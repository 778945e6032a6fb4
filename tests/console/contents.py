"""Emails for the console's tests: one that every page can show, and one that means harm."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import insert

from shared.database.database import open_database
from shared.database.engine import file_url
from shared.database.tables import bounces
from tests.support.standalone import Standalone

HTML_IN_A_NAME = "<img src=x onerror=alert(1)> & \"<b>'"

_HOSTILE = """<!doctype html><html><head>
<base href="EVIL/">
<meta http-equiv="refresh" content="0; url=EVIL/refreshed">
<style>
@import url("EVIL/imported.css");
body { background: url(EVIL/back.png) }
</style>
<link rel="stylesheet" href="EVIL/linked.css">
<script>parent.document.title = "taken"; top.location = "EVIL/";</script>
<script src="EVIL/script.js"></script>
</head><body onload="parent.document.title = 'taken'">
<h1 onclick="alert(1)">Dear customer</h1>
<img src="EVIL/picture.png" onerror="parent.document.title = 'taken'">
<svg onload="parent.document.title = 'taken'"></svg>
<iframe src="EVIL/framed"></iframe>
<object data="EVIL/object"></object>
<form action="EVIL/form"><input name="password"><button>Log in</button></form>
<a href="EVIL/linked" target="_top" id="link">Here</a>
<a href="javascript:parent.document.title='taken'">There</a>
<video autoplay src="EVIL/film.mp4"></video>
</body></html>"""


def hostile(address: str) -> str:
    """An HTML that tries to run, to load and to lead to what is at this address."""
    return _HOSTILE.replace("EVIL", address)


class Elsewhere:
    """Another server, which notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Not on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def watched_mailbox(service: Standalone) -> int:
    """A mailbox for bounces that nobody reads any more, and its number. It has brought a bounce of
    the first email, and what was not understood."""
    mailbox = {"name": "Bounces", "host": "imap.example.com", "username": "bounces@example.com"}
    login = {"password": "the mailbox's password", "enabled": False}
    answer = service.post("/api/bounce-mailboxes", mailbox | login, token=service.login())
    assert answer.status == 201, answer.body
    number = int(answer.json["id"])
    hard = {
        "Kind": "hard", "EmailId": 1, "Recipient": "ann@example.com", "Code": 550,
        "EnhancedCode": "5.1.1", "Reason": "smtp; 550 5.1.1 no such user", "Done": "suppressed",
    }  # fmt: skip
    unclear = {"Kind": "unclear", "Done": "unclear", "Excerpt": f"Subject: {HTML_IN_A_NAME}"}
    database = open_database(file_url(service.database))
    with database.write() as connection:
        for row in (hard, unclear):
            place = {"MailboxId": number, "Digest": row["Kind"], "Ordinal": 0, "Place": "1"}
            connection.execute(insert(bounces), {**row, **place})
    database.close()
    return number


def stored(service: Standalone, **fields: Any) -> int:
    """An email stored by the API, and its number."""
    email = {"recipients": ["ann@example.com"], "subject": "Your order", **fields}
    if "html_content" not in email:
        email["text_content"] = "It is on its way."
    answer = service.post("/api/emails", email, token=service.login())
    assert answer.status == 202, answer.body
    return int(answer.json["email_id"])
