"""Forms with files (multipart/form-data), as browsers send them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BOUNDARY = "----rowpost-test-7MA4YWxkTrZu0gW"


@dataclass(frozen=True)
class Part:
    """A file in a form."""

    field: str
    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


def form(fields: Mapping[str, str], *files: Part) -> tuple[str, bytes]:
    """The Content-Type and the body."""
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'Content-Disposition: form-data; name="{one.field}"; filename="{one.filename}"\r\n'
        f"Content-Type: {one.content_type}\r\n\r\n".encode()
        + one.content
        for one in files
    ]
    body = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts)
    return f"multipart/form-data; boundary={BOUNDARY}", body + f"--{BOUNDARY}--\r\n".encode()
