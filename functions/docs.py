"""The API's own description."""

from __future__ import annotations

from functools import cache

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
