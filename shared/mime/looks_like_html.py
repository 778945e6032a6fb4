"""Whether a body is HTML, where nobody has said so."""

from __future__ import annotations

import re

_BEGINNING = re.compile(r"\s*<(?:html|!doctype|body)", re.IGNORECASE)


def looks_like_html(body: str) -> bool:
    """Whether it begins, after white space, with `<html`, `<!doctype` or `<body`, in any case."""
    return _BEGINNING.match(body) is not None
