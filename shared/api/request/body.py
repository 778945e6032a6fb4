"""From the bytes of a request to a model, or to an error that says what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import azure.functions as func
from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from shared.api.errors import ApiError, FieldError
from shared.api.models import Input
from shared.api.request.json_structure import TooManyValues, most_values, structure_of
from shared.api.request.local_request import size_of
from shared.api.request.unknown_fields import unknown_field

M = TypeVar("M", bound=Input)

MEGABYTE = 1024 * 1024
_ERRORS_SHOWN = 50
_LONGEST_PATH = 300
_CONTROL_CHARACTERS = r"\x00-"
"""In a pattern: they are kept out."""


def refuse_oversized(req: func.HttpRequest, limit: int) -> None:
    """Raise 411 for a chunked body, which the Functions host loses, and 413 above `limit` bytes."""
    if "chunked" in req.headers.get("transfer-encoding", "").lower():
        raise ApiError(
            411,
            "length_required",
            "Send the body with a Content-Length header instead of in chunks.",
        )
    written = req.headers.get("content-length", "")
    announced, size = int(written) if _is_number(written) else 0, size_of(req)
    if max(size, announced) > limit:
        raise ApiError(
            413, "body_too_large", f"The body is too large: send at most {limit:,} bytes."
        )
    if announced and not size:
        raise ApiError(
            503,
            "body_not_read",
            "The body was not read, because you were not let in until a moment ago: send it again.",
            headers={"Retry-After": "1"},
        )


def parse_body(
    model: type[M], headers: Mapping[str, str], body: bytes, most: int | None = None
) -> M:
    """`body`, a JSON object (RFC 8259), as the model; no body counts as `{}`.

    True is no number here, and a number is no text. `most`: how many values it may hold; None: as
    many as its size allows. Raises 415 for another media type, 413 for more values, 400 for what is
    not strictly JSON in UTF-8 (NaN, a name given twice, half a surrogate pair, or nesting beyond
    200 levels count as malformed), and 422 with an error for each wrong or unknown field.
    """
    if model.list_field is not None and body.lstrip()[:1] == b"[":
        body = b'{"%s":%s}' % (model.list_field.encode(), body)
    text = _strict_json(headers, body, most) if body and not body.isspace() else b"{}"
    with _named_errors(model, lambda: from_json(text)):
        return model.model_validate_json(text, strict=True, extra="forbid")


def refuse_fields(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse, as `parse_body` would, what JSON says to an endpoint that asks for nothing.

    What is not said to be JSON is left alone, as a mail reader's `List-Unsubscribe=One-Click`.
    """
    if _is_json(_media_type(headers)):
        parse_body(_NoFields, headers, body)


def validated(model: type[M], value: Mapping[str, Any]) -> M:
    """A query as the model. Raises 422 with an error for each wrong field."""
    with _named_errors(model, lambda: value):
        return model.model_validate(value)


def validated_form(model: type[M], fields: Mapping[str, Any]) -> M:
    """A form's fields as the model. Raises 422 with an error for each wrong or unknown field."""
    with _named_errors(model, lambda: fields):
        return model.model_validate(fields, extra="forbid")


def field_path(location: tuple[int | str, ...]) -> str:
    """A place in a body as callers write it: `recipients[1].name`; the whole is `$`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "$"


class _NoFields(Input):
    """What is sent where nothing is asked for."""


@contextmanager
def _named_errors(model: type[Input], given: Callable[[], Any]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise _refusal(model, given(), details) from None


def _refusal(model: type[Input], given: Any, details: list[ErrorDetails]) -> ApiError:
    errors = _field_errors(model, given, details)
    kinds = {detail["type"] for detail in details}
    if "extra_forbidden" in kinds:
        return ApiError(
            422,
            "unknown_field",
            "There are fields that are not known here: see errors for the nearest ones.",
            errors=errors,
        )
    return ApiError(
        model.missing_status if "missing" in kinds else 422,
        "validation_failed",
        "Some values are missing or not acceptable: see errors.",
        errors=errors,
    )


def _field_errors(
    model: type[Input], given: Any, details: Sequence[ErrorDetails]
) -> tuple[FieldError, ...]:
    """An error for each field, with all that it could have been."""
    told: dict[str, list[str]] = {}
    for detail in details:
        place = _place_in(given, detail)
        if len(told) < _ERRORS_SHOWN or field_path(place) in told:
            told.setdefault(field_path(place), []).append(_message(model, place, detail))
    return tuple(
        FieldError(field[:_LONGEST_PATH], ", or: ".join(messages))
        for field, messages in told.items()
    )


def _place_in(given: Any, detail: ErrorDetails) -> tuple[int | str, ...]:
    """The part of an error's place that is in what was given: where a value may be of several
    types, pydantic goes on with the one that it tried."""
    location = detail["loc"]
    for depth, part in enumerate(location):
        if isinstance(part, str):
            # What was left out is named, too: as missing, or for what goes without saying.
            left_out = depth == 0 or detail["type"] == "missing"
            if not isinstance(given, Mapping) or not (part in given or left_out):
                return location[:depth]
            given = given.get(part)
        else:
            given = given[part] if isinstance(given, list) and part < len(given) else None
    return location


def _message(model: type[Input], place: tuple[int | str, ...], detail: ErrorDetails) -> str:
    message = detail["msg"]
    if detail["type"] == "extra_forbidden":
        return unknown_field(model, place)
    if detail["type"] == "string_pattern_mismatch" and _CONTROL_CHARACTERS in message:
        return "Give text without control characters and, where it is one line, line breaks."
    return message.removeprefix("Value error, ")


def _refuse_other_media(headers: Mapping[str, str]) -> None:
    media = _media_type(headers)
    if media and not _is_json(media):
        raise ApiError(
            415,
            "unsupported_media_type",
            "Send the body as JSON, with Content-Type: application/json.",
        )
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise ApiError(
            415, "unsupported_media_type", "Send the body as it is, without Content-Encoding."
        )


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(media: str) -> bool:
    return media == "application/json" or (
        media.startswith("application/") and media.endswith("+json")
    )


def _strict_json(headers: Mapping[str, str], body: bytes, most: int | None) -> bytes:
    """The object in `body`, with whole numbers as such, however they are written."""
    _refuse_other_media(headers)
    try:
        names = structure_of(body, most_values(len(body)) if most is None else most).names
        value = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except TooManyValues as error:
        raise ApiError(
            413,
            "too_many_values",
            f"The body holds too many values: send at most {error.most:,} at once.",
        ) from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    if not isinstance(value, dict):
        raise ApiError(
            400, "malformed_json", "The body has to be a JSON object: put it in { and }."
        )
    found = _survey(value)
    if found.names != names:
        raise _malformed("a name is given twice in one object")
    return to_json(_with_whole_numbers(value)) if found.written_otherwise else body


class _Found(NamedTuple):
    """In a value: its names, and whether a whole number is written as another (5.0 is 5)."""

    names: int
    written_otherwise: bool


def _survey(value: dict[str, Any] | list[Any]) -> _Found:
    names, otherwise = len(value) if isinstance(value, dict) else 0, False
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            within = _survey(part)
            names += within.names
            otherwise = otherwise or within.written_otherwise
        elif isinstance(part, float):
            otherwise = otherwise or part.is_integer()
    return _Found(names, otherwise)


def _with_whole_numbers(value: Any) -> Any:
    """JSON knows one kind of number: 5.0 is 5."""
    if isinstance(value, dict):
        return {name: _with_whole_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _malformed(reason: str) -> ApiError:
    return ApiError(400, "malformed_json", f"The body is not valid JSON, correct it: {reason}.")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
