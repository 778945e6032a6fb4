"""The shapes of what goes in and out of an endpoint."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import quote

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from shared.security.keys import LONGEST_CHARACTERS

Timestamp = Annotated[
    datetime,
    PlainSerializer(
        lambda time: time.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        return_type=str,
        when_used="json",
    ),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""An instant, written as ISO 8601 in UTC: `2026-11-21T10:00:00.000Z`."""


EmailAddress = Annotated[
    str, Field(min_length=3, max_length=320, json_schema_extra={"format": "email"})
]
"""One address; `shared.mime.addresses` judges its form."""


ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"
"""The pattern of what may be shown on a terminal: nothing that ends the line, moves the cursor or
turns the direction of writing."""


def _plain_number(value: Any) -> Any:
    """Python would also take 1_0 for a number, and say ten."""
    if isinstance(value, str) and not re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", value, re.ASCII):
        raise PydanticCustomError("whole_number", "Give a whole number, in the digits 0 to 9.")
    return value


QueryNumber = Annotated[int, BeforeValidator(_plain_number)]
"""A whole number in a query."""


def example(**fields: Any) -> ConfigDict:
    """The configuration of a model whose description shows this JSON object as an example."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Input(BaseModel):
    """What a caller sends: a JSON body, or a query.

    Names are camelCase on the wire. In a body a field that we do not know is refused, so that
    nobody believes a misspelled one; in a query it is ignored.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    list_field: ClassVar[str | None] = None
    """Where a bare array counts as the value of this field; None: an array is refused."""
    missing_status: ClassVar[int] = 422
    """What a request is answered in which a field is missing."""

    def fingerprint(self) -> bytes:
        """The same for requests that say the same, in whatever order. A model with files adds a
        hash of each of them."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True).encode("ascii")


class Answer(BaseModel):
    """What a caller gets, as JSON unless it says otherwise; each kind knows its HTTP status."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )

    http_status: ClassVar[int] = 200
    media_types: ClassVar[tuple[str, ...]] = ("application/json",)
    """What `media_type` may be."""
    _headers: dict[str, str] = PrivateAttr(default_factory=dict)

    def with_headers(self, headers: dict[str, str]) -> Self:
        """The same answer, to be sent with these response headers as well."""
        self._headers.update(headers)
        return self

    @property
    def http_headers(self) -> dict[str, str]:
        """The response headers that go with this answer."""
        return dict(self._headers)

    @property
    def media_type(self) -> str:
        """The response's Content-Type."""
        return self.media_types[0]

    def to_bytes(self) -> bytes:
        """The response's body."""
        # Not model_dump_json: a row's text may hold lone surrogates, which only ASCII JSON carries.
        return json.dumps(self.model_dump(mode="json", by_alias=True)).encode("ascii")


class SnakeInput(Input):
    """An input whose names are snake_case on the wire."""

    model_config = ConfigDict(alias_generator=None)


class KeyedInput(SnakeInput):
    """A body with the caller's key in it."""

    key: str = Field(min_length=1, max_length=LONGEST_CHARACTERS, repr=False)
    """The caller's key, as POST `/api/keys` has shown it."""

    def fingerprint(self) -> bytes:
        """Without the key: it says who is asking, and a hash of it would let guesses be tried."""
        said = self.model_dump(mode="json", exclude={"key"})
        return json.dumps(said, sort_keys=True).encode("ascii")


class SnakeAnswer(Answer):
    """An answer whose names are snake_case on the wire."""

    model_config = ConfigDict(alias_generator=None)


class File(Answer):
    """Bytes that go out as they are; a subclass names the types that they may have."""

    content: bytes = Field(repr=False)
    content_type: str

    def saved_as(self, name: str) -> Self:
        """The same file, to be saved under this name and not shown (RFC 6266, 8187)."""
        # A name may hold half a surrogate pair, which UTF-8 has no bytes for.
        encoded = quote(name, safe="", errors="replace")
        return self.with_headers({"Content-Disposition": f"attachment; filename*=UTF-8''{encoded}"})

    @property
    def media_type(self) -> str:
        return self.content_type

    def to_bytes(self) -> bytes:
        return self.content


class NotModified(Answer):
    """What the caller already has is still good (RFC 9110, 15.4.5)."""

    http_status: ClassVar[int] = 304
    media_types: ClassVar[tuple[str, ...]] = ()

    @property
    def media_type(self) -> str:
        return "text/plain"

    def to_bytes(self) -> bytes:
        return b""
