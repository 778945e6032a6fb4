"""Bytes within JSON: strict base64 (RFC 4648, section 4)."""

from __future__ import annotations

import binascii
from hashlib import sha256
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_DESCRIBED = {
    "type": "string",
    "format": "byte",
    "contentEncoding": "base64",
    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}


def _decoded(written: Any) -> bytes:
    if not isinstance(written, str):
        raise PydanticCustomError("string_type", "Give the file's content as base64 text.")
    try:
        return binascii.a2b_base64(written, strict_mode=True)
    except ValueError:
        raise PydanticCustomError(
            "base64",
            "This is no base64: use the letters A-Z, a-z, 0-9, + and / alone, without line breaks, "
            "and = at the end up to a multiple of four.",
        ) from None


def _hashed(content: bytes) -> str:
    return sha256(content).hexdigest()


Base64 = Annotated[
    bytes, PlainValidator(_decoded), PlainSerializer(_hashed), WithJsonSchema(_DESCRIBED)
]
"""Bytes that a caller writes in base64; a request's fingerprint holds their SHA-256."""
