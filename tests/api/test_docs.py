"""The description of the API, as a file that a caller keeps until it changes."""

from __future__ import annotations

from functions import docs
from tests.support.api import Client
from tests.support.tools import ROOT


def test_who_has_the_current_version_is_not_sent_it_again() -> None:
    client = Client(docs.routes.blueprint)
    first = client.get("api/openapi.json")
    etag = first.headers["ETag"]

    again = client.get("api/openapi.json", headers={"if-none-match": f'"other", W/{etag}'})
    other = client.get("api/openapi.json", headers={"if-none-match": '"other"'})

    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["Cache-Control"] == "no-cache"
    assert (other.status, other.body) == (200, first.body)


def test_nothing_of_others_is_served() -> None:
    """Scripts, styles and pictures are our own, and small."""
    places = (ROOT / "functions/static", ROOT / "console/static")
    files = [path for place in places for path in place.iterdir()]

    assert {path.name for path in files} == {
        "unsubscribe.html",
        "api.js",
        "console.css",
        "console.js",
        "icon.svg",
    }
    assert sum(path.stat().st_size for path in files) < 100_000
