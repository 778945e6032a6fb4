"""A page: a template of `console/pages` with its values, and the rules that come with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from shared.api.models import Answer, File
from shared.console import words
from shared.console.assets import FOLDER, address_of
from shared.console.navigation import is_here
from shared.version import VERSION

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    # Not no-referrer: a form's Origin would be null then.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The headers of every page: nothing inline, nothing from elsewhere, in nobody's frame."""


class Page(File):
    """HTML for a person."""

    media_types: ClassVar[tuple[str, ...]] = ("text/html",)
    content_type: str = "text/html"


class Redirect(Answer):
    """Look there, with GET (RFC 9110, 15.4.4)."""

    http_status: ClassVar[int] = 303
    media_types: ClassVar[tuple[str, ...]] = ("text/html",)

    def to_bytes(self) -> bytes:
        return b""


def rendered(template: str, values: Mapping[str, Any]) -> Page:
    """The template with these values, as a page with its policy."""
    text = _environment().get_template(template).render(values)
    # A row's text may hold half a surrogate pair, which UTF-8 has no bytes for.
    return Page(content=text.encode("utf-8", "replace")).with_headers(dict(POLICY))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        number=words.number,
        counted=words.counted,
        up_to=words.up_to,
        span=words.span,
        size=words.size,
        utc=words.utc,
        machine_time=words.machine_time,
    )
    environment.globals.update(asset=address_of, is_here=is_here, ago=words.ago, version=VERSION)
    return environment
