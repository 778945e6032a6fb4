"""Style, script and pictures of the pages, and the answer where there is no page."""

from __future__ import annotations

from typing import ClassVar

from shared.api.admission import Who
from shared.api.errors import ApiError
from shared.api.models import File
from shared.console.assets import asset_named
from shared.console.page import Page
from shared.console.pages import Pages, Visit

pages = Pages()

_A_YEAR = "public, max-age=31536000, immutable"


class StaticFile(File):
    media_types: ClassVar[tuple[str, ...]] = ("text/css", "text/javascript", "image/svg+xml")


@pages.page("console/static/{name}", who=Who.ANYONE, limits=())
def static_file(visit: Visit) -> StaticFile:
    """Give a file that pages load."""
    asset = asset_named(visit.path["name"])
    if asset is None:
        raise ApiError(404, "not_found", "There is no such file: load the page again.")
    return StaticFile(content=asset.content, content_type=asset.media_type).with_headers(
        {"Cache-Control": _A_YEAR, "Cross-Origin-Resource-Policy": "same-origin"}
    )


@pages.page("console/{*path}", who=Who.ANYONE)
def no_page(visit: Visit) -> Page:
    """Say that there is no such page."""
    raise ApiError(404, "not_found", "There is no page at this address: check its spelling.")
