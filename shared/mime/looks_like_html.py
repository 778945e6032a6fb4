"""Whether a body is HTML, where nobody has said so."""

from __future__ import annotations

import re

_BEGINNING = re.compile(
    r"(?:[\s\ufeff]|<!--(?>.*?-->)|<\?xml(?>.*?\?>))*+<(?:(?:html|body)(?=[\s/>])|!doctype\s)",
    re.IGNORECASE | re.DOTALL,
)


def looks_like_html(body: str) -> bool:
    """Whether it begins with `<html>`, `<!doctype ...>` or `<body>`, in any case, after nothing but
    white space, a byte order mark, comments and an XML declaration."""
    return _BEGINNING.match(body) is not None
