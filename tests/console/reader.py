"""A browser without JavaScript, reduced to what a form needs: cookies and one token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPMessage
from urllib.parse import urlencode, urlsplit

from tests.support.standalone import PASSWORD, USERNAME, Standalone

Fields = Mapping[str, str] | Sequence[tuple[str, str]]


class Reader:
    """Reads pages as a browser without JavaScript does: with cookies, one form at a time."""

    def __init__(self, service: Standalone) -> None:
        self.base = service.base
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> tuple[int, HTTPMessage, str]:
        return self._ask("GET", path, None, _named(headers))

    def send(self, path: str, fields: Fields, **headers: str) -> tuple[int, HTTPMessage, str]:
        sent = {"Origin": self.base, "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(fields), {**sent, **_named(headers)})

    def log_in(self, password: str = PASSWORD, **more: str) -> tuple[int, HTTPMessage, str]:
        token = form_token(self.get("/console/login")[2])
        fields = {"form_token": token, "username": USERNAME, "password": password} | more
        return self.send("/console/login", fields)

    def _ask(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> tuple[int, HTTPMessage, str]:
        connection = HTTPConnection(urlsplit(self.base).netloc, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {name: value for name, value in {"Cookie": cookie, **headers}.items() if value}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        for one in answer.headers.get_all("Set-Cookie", []):
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer.status, answer.headers, text


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def form_token(page: str) -> str:
    found = re.search('name="form_token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]
