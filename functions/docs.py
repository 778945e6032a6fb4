"""The API's own description."""

from __future__ import annotations

from functools import cache

from functions.endpoints import ENDPOINTS
from shared.api.admission import Who
from shared.api.endpoint import Request, Routes
from shared.api.etag import etag_of, has_current
from shared.api.models import File, NotModified

routes = Routes()


class Description(File):
    content_type: str = "application/json"


@routes.get("api/openapi.json", who=Who.ANYONE)
def describe_api(request: Request) -> Description | NotModified:
    """Describe this API in OpenAPI 3.1; `/api/docs` shows the same as pages."""
    described = Description(content=description())
    etag = etag_of(described.content)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if has_current(request.headers, etag):
        return NotModified().with_headers(headers)
    return described.with_headers(headers)


@cache
def description() -> bytes:
    """The description of all groups, made once."""
    # The library is heavy: it is not loaded before somebody asks.
    from shared.api.openapi import Section, describe

    groups = [(group.__name__, group.__doc__, group.routes) for group in ENDPOINTS]
    return describe(
        [
            Section(
                name=name.rpartition(".")[2],
                description=(doc or "").strip(),
                operations=routes.operations,
            )
            for name, doc, routes in (*groups, (__name__, __doc__, routes))
        ]
    )
