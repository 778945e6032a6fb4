"""An email's HTML as somebody looks at it: in a frame, where it runs nothing and loads nothing.

The page has an address of its own and a policy of its own. `sandbox` takes its origin, scripts,
forms, popups, plug-ins and `meta refresh`; `default-src 'none'` all that it would load, style
sheets and their imports among it. What is written is not touched: a filter would miss something one
day, a policy that allows nothing does not.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

_PICTURES = "img-src data:"
_ALL_PICTURES = "img-src data: https: http:"
_CID = re.compile(r"cid:([!-;=?-~]{1,100}?)(?=[\"'\s>)&]|$)", re.IGNORECASE)
MOST_INLINE = 5 * 1024 * 1024
"""Bytes of pictures that are shown with the email, as its HTML names them (`cid:`)."""
MOST_WRITTEN = 16 * 1024 * 1024
"""Characters that these become in the HTML, which may name the same one many thousand times."""


def frame_policy(pictures: bool) -> dict[str, str]:
    """The headers of the frame's page; `pictures`: remote ones are let in."""
    return {
        "Content-Security-Policy": (
            f"sandbox; default-src 'none'; {_ALL_PICTURES if pictures else _PICTURES}; "
            "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        ),
        "X-Frame-Options": "SAMEORIGIN",
        # Remote pictures learn nothing of the console's address.
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def with_inline(html: str, files: Mapping[str, tuple[str, bytes]]) -> str:
    """The HTML with its own pictures in place of their names: content id → media type and octets.

    They are no resources of ours: a sandboxed page could not ask for them, having no cookie. Once
    MOST_WRITTEN characters have come that way, names stay where they are.
    """
    room = MOST_WRITTEN

    def written(found: re.Match[str]) -> str:
        nonlocal room
        kind, content = files.get(found[1], ("", b""))
        needed = (len(content) + 2) // 3 * 4
        if not kind or needed > room:
            return found[0]
        room -= needed
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"

    return _CID.sub(written, html)


def is_picture(media_type: str | None) -> bool:
    """Whether a file of this type may stand in the HTML. SVG may not: it is a document."""
    kind = (media_type or "").partition(";")[0].strip().lower()
    return kind in {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"}
