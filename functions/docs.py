"""The API's own description, and a page to read it and try it.

The page is Swagger UI (swagger-ui-dist 5.35.0), served from this package.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar, TypeVar

from shared.api.admission import Who
from shared.api.endpoint import Request, Routes
from shared.api.errors import ApiError
from shared.api.etag import etag_of, has_current
from shared.api.models import File, NotModified

routes = Routes({"name": "The file's name."})

F = TypeVar("F", bound=File)

STATIC = Path(__file__).with_name("static")
TYPES = {
    "favicon-32x32.png": "image/png",
    "init.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_NAMES = "|".join(TYPES).replace(".", r"\.")
PAGE_POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class Description(File):
    content_type: str = "application/json"


class Page(File):
    media_types: ClassVar[tuple[str, ...]] = ("text/html",)
    content_type: str = "text/html"


class PagePart(File):
    media_types: ClassVar[tuple[str, ...]] = tuple(sorted(set(TYPES.values())))


@routes.get("api/openapi.json", who=Who.ANYONE)
def describe_api(request: Request) -> Description | NotModified:
    """Describe this API in OpenAPI 3.1."""
    return _unless_known(request, Description(content=description()))


@routes.get("api/docs", who=Who.ANYONE)
def show_docs(request: Request) -> Page | NotModified:
    """Show this API as a page to read and try."""
    page = Page(content=_read("index.html")).with_headers(PAGE_POLICY)
    return _unless_known(request, page)


@routes.get(f"api/docs/{{name:regex(^({_NAMES})$)}}", who=Who.ANYONE)
def show_docs_part(request: Request) -> PagePart | NotModified:
    """Give a script, style or picture of that page."""
    name = request.path["name"]
    # The host's pattern also lets capitals pass, and a line break at the end.
    if name not in TYPES:
        raise ApiError(404, "not_found", "There is no such part of the page: open /api/docs.")
    return _unless_known(request, PagePart(content=_read(name), content_type=TYPES[name]))


def _unless_known(request: Request, file: F) -> F | NotModified:
    """The file, to be asked for anew each time, or word that the caller has it already."""
    etag = etag_of(file.content)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if has_current(request.headers, etag):
        return NotModified().with_headers(headers)
    return file.with_headers(headers)


@cache
def _read(name: str) -> bytes:
    return (STATIC / name).read_bytes()


@cache
def description() -> bytes:
    """The description of all groups, made once."""
    # The groups name this module, and the library is heavy: neither is loaded before it is asked.
    from functions.groups import GROUPS
    from shared.api.openapi import Section, describe

    return describe(
        [
            Section(
                name=group.__name__.rpartition(".")[2],
                description=(group.__doc__ or "").strip(),
                operations=group.routes.operations,
            )
            for group in GROUPS
        ]
    )
