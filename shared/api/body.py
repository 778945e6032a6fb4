"""From the bytes of a request to a model, or to an error that says what to change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from shared.api.errors import ApiError, FieldError
from shared.api.models import Input

M = TypeVar("M", bound=Input)

MEGABYTE = 1024 * 1024
_ERRORS_SHOWN = 50


def refuse_oversized(headers: Mapping[str, str], body: bytes, limit: int) -> None:
    """Raise 411 for a chunked body, which the Functions host loses, and 413 above `limit` bytes."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        raise ApiError(
            411,
            "length_required",
            "Send the body with a Content-Length header instead of in chunks.",
        )
    declared = headers.get("content-length", "")
    if max(len(body), int(declared) if _is_number(declared) else 0) > limit:
        raise ApiError(
            413, "body_too_large", f"The body is too large: send at most {limit:,} bytes."
        )


def parse_json_object(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The JSON object (RFC 8259) in `body`; no body counts as `{}`.

    Raises 415 for another media type, and 400 for what is not strictly JSON in UTF-8: NaN, a name
    given twice, half a surrogate pair, or nesting beyond 200 levels count as malformed.
    """
    if not body.strip():
        return {}
    _refuse_other_media(headers)
    try:
        from_json(body, allow_inf_nan=False)
        value = json.loads(body, object_pairs_hook=_object, parse_float=_number)
    except ValueError as error:
        raise ApiError(
            400, "malformed_json", f"The body is not valid JSON, correct it: {error}."
        ) from None
    if not isinstance(value, dict):
        raise ApiError(
            400, "malformed_json", "The body has to be a JSON object: put it in { and }."
        )
    return value


def parse_body(model: type[M], headers: Mapping[str, str], body: bytes) -> M:
    """`body`, a JSON object, as the model; true is no number here, and a number is no text.

    Raises 415 and 400 as `parse_json_object`, and 422 with an error for each wrong field.
    """
    value = parse_json_object(headers, body)
    with _named_errors(model):
        return model.model_validate_json(to_json(value), strict=True)


def validated(model: type[M], value: Mapping[str, Any]) -> M:
    """`value` as the model. Raises 422 with an error for each wrong field."""
    with _named_errors(model):
        return model.model_validate(value)


def field_path(location: tuple[int | str, ...]) -> str:
    """A place in a body as callers write it: `recipients[1].name`; the whole is `$`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "$"


@contextmanager
def _named_errors(model: type[Input]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        missing = any(detail["type"] == "missing" for detail in details)
        raise ApiError(
            model.missing_status if missing else 422,
            "validation_failed",
            "Some values are missing or not acceptable: see errors.",
            errors=tuple(
                FieldError(field_path(detail["loc"]), detail["msg"])
                for detail in details[:_ERRORS_SHOWN]
            ),
        ) from None


def _refuse_other_media(headers: Mapping[str, str]) -> None:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media in ("", "application/json") or (
        media.startswith("application/") and media.endswith("+json")
    )
    if not is_json:
        raise ApiError(
            415,
            "unsupported_media_type",
            "Send the body as JSON, with Content-Type: application/json.",
        )
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise ApiError(
            415, "unsupported_media_type", "Send the body as it is, without Content-Encoding."
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return value


def _number(text: str) -> int | float:
    """JSON knows one kind of number: 5.0 is 5."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
