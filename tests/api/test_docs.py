"""The page of the API and its parts, as files that a browser keeps until they change."""

from __future__ import annotations

import pytest

from functions import docs
from functions.docs import STATIC, TYPES
from tests.support.api import Client, Reply

PART = next(one.path for one in docs.routes.operations if "{" in one.path)


@pytest.fixture
def client() -> Client:
    return Client(docs.routes.blueprint)


def part(client: Client, name: str, method: str = "GET") -> Reply:
    return client.request(method, f"api/docs/{name}", route=PART, route_params={"name": name})


def test_the_page_lets_in_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("api/docs")

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert b"http:" not in page.body
    assert b"https:" not in page.body


@pytest.mark.parametrize("name", TYPES)
def test_each_part_is_the_file_of_the_package(client: Client, name: str) -> None:
    answer = part(client, name)

    assert (answer.status, answer.body) == (200, (STATIC / name).read_bytes())
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["", "nothing.js", "index.html", "../docs.py", "INIT.JS", "init.js\n", "init_js"]
)
def test_there_is_no_other_part(client: Client, name: str) -> None:
    answer = part(client, name)

    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["api/openapi.json", "api/docs"])
def test_who_has_the_current_version_is_not_sent_it_again(client: Client, path: str) -> None:
    first = client.get(path)
    etag = first.headers["ETag"]

    again = client.get(path, headers={"if-none-match": f'"other", W/{etag}'})
    other = client.get(path, headers={"if-none-match": '"other"'})

    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["Cache-Control"] == "no-cache"
    assert (other.status, other.body) == (200, first.body)


def test_the_licences_of_what_is_packaged_are_packaged_too() -> None:
    assert "Apache License" in (STATIC / "swagger-ui.LICENSE.txt").read_text("utf-8")
    assert "SmartBear" in (STATIC / "swagger-ui.NOTICE.txt").read_text("utf-8")
    assert (STATIC / "swagger-ui-bundle.js.LICENSE.txt").exists()
