"""The files that pages load: a hash in the name says which version it is, so they keep a year."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[2] / "console"
ADDRESS = "/console/static"
_STATIC = FOLDER / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HASH_DIGITS = 12


class Asset(NamedTuple):
    """A file, with the name under which browsers ask for it."""

    name: str
    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """All of them, by the name of their file."""
    return {path.name: _asset(path) for path in sorted(_STATIC.iterdir()) if path.suffix in _TYPES}


def asset_named(name: str) -> Asset | None:
    """The asset of this name with its hash, if it is this version's."""
    return next((asset for asset in assets().values() if asset.name == name), None)


def address_of(file: str) -> str:
    """Where a page finds this file, `console.css` for one."""
    return f"{ADDRESS}/{assets()[file].name}"


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    return Asset(f"{path.stem}.{digest}{path.suffix}", content, _TYPES[path.suffix])
