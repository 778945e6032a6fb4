"""Entity tags (RFC 9110, 8.8.3): a client that has the current version is not sent it again."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256


def etag_of(content: bytes) -> str:
    """A strong entity tag of these bytes."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def has_current(headers: Mapping[str, str], etag: str) -> bool:
    """Whether `If-None-Match` says that the caller has what this tag stands for (13.1.2)."""
    known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag in known or known == ["*"]
