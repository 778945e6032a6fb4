"""What a server offers: the lines of its answer to EHLO (RFC 5321, 4.1.1.1). Pure."""

from __future__ import annotations

from collections.abc import Sequence

_OLD_AUTH = "AUTH="


def extensions(lines: Sequence[bytes]) -> dict[str, str]:
    """The extensions that these lines of a reply name: keyword in small letters → parameters.

    The first line greets. Servers older than RFC 2554 write AUTH= in place of AUTH; what both
    forms name is offered.
    """
    offered: dict[str, str] = {}
    for line in lines[1:]:
        text = line[4:].decode("ascii", "replace").strip()
        if text.upper().startswith(_OLD_AUTH):
            text = f"AUTH {text[len(_OLD_AUTH) :]}"
        keyword, _, parameters = text.partition(" ")
        if keyword:
            known = offered.get(keyword.lower(), "")
            offered[keyword.lower()] = f"{known} {parameters.strip()}".strip()
    return offered
