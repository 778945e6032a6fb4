"""The description of the API says of every operation, parameter and field what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from functions.docs import description
from shared.api.field_docs import field_docs
from shared.api.models import Input

MANY = 400


def test_every_operation_parameter_and_field_is_described() -> None:
    told = {place: text.strip() for place, text in _told(json.loads(description()))}

    assert len(told) > MANY
    assert sorted(place for place, text in told.items() if not text) == []


def _told(document: Any) -> Iterator[tuple[str, str]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            place = f"{method.upper()} {path}"
            yield place, operation["summary"]
            for parameter in operation.get("parameters", ()):
                yield f"{place} {parameter['name']}", parameter.get("description", "")
            for media_type in operation.get("requestBody", {}).get("content", {}).values():
                yield from _fields(f"{place} form", media_type["schema"])
    for name, schema in document["components"]["schemas"].items():
        yield from _fields(name, schema)
    for tag in document["tags"]:
        yield f"group {tag['name']}", tag["description"]


def _fields(place: str, schema: Any) -> Iterator[tuple[str, str]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{place}.{name}", field.get("description", "")


class Parcel(Input):
    weight: float
    """In kilograms,
    with its wrapping."""
    size: int


class Letter(Parcel):
    weight: float
    stamps: int = 1
    """How many are on it."""


def test_a_docstring_below_a_field_describes_it_also_where_it_is_inherited() -> None:
    assert field_docs(Parcel) == {"weight": "In kilograms, with its wrapping."}
    assert field_docs(Letter) == {
        "weight": "In kilograms, with its wrapping.",
        "stamps": "How many are on it.",
    }
