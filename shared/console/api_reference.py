"""The OpenAPI document as a person reads it: groups, operations, and their fields one by one. Pure.

A schema's objects are laid out as lines, `items[].id` for what lies within, so that a page needs no
second look at the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.console.api_examples import Call, curl, python

_DEEPEST = 6
_JSON = "application/json"
_NAMED = {"query": "username", "username": "vera", "address": "ann@example.com", "list": "news"}
_OF_FORMAT = {"uuid": "0b5c1a52-5f0e-4a4e-9d5e-3a8f5f1f8f0b", "date-time": "2026-11-21T10:00:00Z"}


class ShownField(NamedTuple):
    """A field or parameter: where it stands, of what kind it is, what bounds it has, what it is."""

    name: str
    kind: str
    rules: tuple[str, ...]
    text: str
    required: bool = False


class Parameter(NamedTuple):
    """A part of the address: `place` is path or query, `example` what may stand there."""

    field: ShownField
    place: str
    example: str
    choices: tuple[str, ...]


class ShownAnswer(NamedTuple):
    """What an operation may answer: fields, media types, and an example as JSON text."""

    status: str
    text: str
    media_types: tuple[str, ...]
    fields: tuple[ShownField, ...]
    example: str


class ShownOperation(NamedTuple):
    """One operation, whole."""

    name: str
    method: str
    path: str
    summary: str
    text: str
    role: str
    is_open: bool
    parameters: tuple[Parameter, ...]
    body: tuple[ShownField, ...]
    body_text: str
    body_examples: tuple[str, ...]
    answers: tuple[ShownAnswer, ...]
    failures: tuple[ShownAnswer, ...]
    curl: str
    python: str


class ShownGroup(NamedTuple):
    """The operations under one heading; `name` is the heading in an address."""

    name: str
    title: str
    text: str
    operations: tuple[ShownOperation, ...]


def groups_of(document: Mapping[str, Any]) -> tuple[ShownGroup, ...]:
    """All groups of an OpenAPI 3.1 document, in its order."""
    reader = _Reader(document)
    return tuple(
        ShownGroup(
            name=tag["name"],
            title=tag["name"].replace("_", " ").capitalize(),
            text=tag["description"],
            operations=tuple(reader.operations(tag["name"])),
        )
        for tag in document["tags"]
    )


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def operations(self, tag: str) -> Iterator[ShownOperation]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield self._operation(path, method.upper(), operation)

    def _operation(self, path: str, method: str, told: Mapping[str, Any]) -> ShownOperation:
        parameters = tuple(self._parameter(one) for one in told.get("parameters", ()))
        content = told.get("requestBody", {}).get("content", {}).get(_JSON, {})
        schema = self._resolved(content.get("schema", {}))
        examples = [one["value"] for one in content.get("examples", {}).values()]
        examples += [one for one in schema.get("examples", ()) if one not in examples]
        is_open = told["security"] == [] or {} in told["security"]
        answers = [self._answer(*one) for one in told["responses"].items()]
        call = Call(method, _filled(path, parameters), not is_open, next(iter(examples), None))
        return ShownOperation(
            name=told["operationId"],
            method=method,
            path=path,
            summary=told["summary"],
            text=told.get("description", ""),
            role=told.get("x-required-role", ""),
            is_open=is_open,
            parameters=parameters,
            body=tuple(self._fields(schema)),
            body_text=schema.get("description", ""),
            body_examples=tuple(_written(one) for one in examples),
            answers=tuple(one for one in answers if one.status < "400"),
            failures=tuple(one for one in answers if one.status >= "400"),
            curl=curl(call),
            python=python(call),
        )

    def _parameter(self, told: Mapping[str, Any]) -> Parameter:
        schema = self._resolved(told["schema"])
        field = self._field(told["name"], told["schema"], told["required"])
        field = field._replace(text=told.get("description", ""))
        return Parameter(field, told["in"], _example_of(told["name"], schema), _choices(schema))

    def _answer(self, status: str, told: Mapping[str, Any]) -> ShownAnswer:
        told = self._resolved(told)
        content = told.get("content", {})
        media = content.get(_JSON, {})
        schema = self._resolved(media.get("schema", {}))
        example = next((one["value"] for one in media.get("examples", {}).values()), None)
        fields: list[ShownField] = []
        for kind in schema.get("anyOf", [schema]):
            fields += [one for one in self._fields(self._resolved(kind)) if one not in fields]
        return ShownAnswer(
            status=status,
            text=told["description"],
            media_types=tuple(content),
            fields=tuple(fields),
            example="" if example is None else _written(example),
        )

    def _fields(
        self, schema: Mapping[str, Any], prefix: str = "", depth: int = 0
    ) -> Iterator[ShownField]:
        """The fields of an object, those that lie within it after each."""
        if schema.get("type") == "array" and depth < _DEEPEST:
            yield from self._fields(self._resolved(schema["items"]), f"{prefix}[]", depth + 1)
            return
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            place = f"{prefix}.{name}" if prefix else name
            yield self._field(place, field, name in required)
            if depth < _DEEPEST:
                for inner in self._kinds(field):
                    if inner.get("type") in ("object", "array"):
                        yield from self._fields(inner, place, depth + 1)

    def _field(self, name: str, schema: Mapping[str, Any], required: bool) -> ShownField:
        kinds = self._kinds(schema)
        words = list(dict.fromkeys(self._kind(kind) for kind in kinds))
        rules = [rule for kind in (*kinds, schema) for rule in _rules(kind)]
        if schema.get("default") not in (None, [], {}, ""):
            rules.append(f"{json.dumps(schema['default'])} if left out")
        text = schema.get("description") or self._resolved(schema).get("description", "")
        return ShownField(name, " or ".join(words), tuple(dict.fromkeys(rules)), text, required)

    def _kinds(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """What a value may be, each resolved."""
        return [self._resolved(one) for one in schema.get("anyOf", schema.get("oneOf", [schema]))]

    def _kind(self, schema: Mapping[str, Any]) -> str:
        if "const" in schema:
            return json.dumps(schema["const"])
        if schema.get("type") == "array":
            return f"list of {self._plural(schema.get('items', {}))}"
        if schema.get("format") == "date-time":
            return "time (ISO 8601, UTC)"
        return str(schema.get("type", "any value"))

    def _plural(self, items: Mapping[str, Any]) -> str:
        kinds = dict.fromkeys(self._kind(kind) for kind in self._kinds(items))
        return " or ".join(f"{kind}s" if kind.isalpha() else kind for kind in kinds)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to, with what is said beside it."""
        if "$ref" not in schema:
            return schema
        found: Any = self._document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self._resolved(found), **beside}


def _rules(schema: Mapping[str, Any]) -> Iterator[str]:
    """The bounds that a schema sets, in words."""
    if choices := _choices(schema):
        yield f"one of {', '.join(choices)}"
    yield from _range(schema.get("minimum"), schema.get("maximum"), "")
    yield from _range(schema.get("minLength"), schema.get("maxLength"), " characters")
    yield from _range(schema.get("minItems"), schema.get("maxItems"), " entries")


def _range(least: float | None, most: float | None, of_what: str) -> Iterator[str]:
    # The document has 1.0 for 1.
    least, most = (None if one is None else int(one) for one in (least, most))
    if least is not None and most is not None:
        yield f"{least:,} to {most:,}{of_what}"
    elif most is not None:
        yield f"up to {most:,}{of_what}"
    elif least:
        yield f"at least {least:,}{of_what}"


def _choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(one) for one in schema.get("enum", ()) if one not in ("", None))


def _example_of(name: str, schema: Mapping[str, Any]) -> str:
    if choices := _choices(schema):
        return choices[0]
    if schema.get("type") == "integer":
        return "0" if name == "place" else "1"
    return _OF_FORMAT.get(schema.get("format", ""), _NAMED.get(name, name))


def _filled(path: str, parameters: tuple[Parameter, ...]) -> str:
    for parameter in parameters:
        path = path.replace(f"{{{parameter.field.name}}}", parameter.example)
    return path


def _written(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
