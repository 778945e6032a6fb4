"""The API's own description, OpenAPI 3.1, made from what the endpoints declare.

What every endpoint has in common (who may call, what is wrong with a body, when to wait) is said
here, once; the rest comes from the endpoint's models, docstring and `errors`.
https://spec.openapis.org/oas/v3.1.1
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Any

import openapi_pydantic as spec
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from shared.api.admission import Who
from shared.api.endpoint import WITH_BODY, Operation
from shared.api.errors import Failure
from shared.api.field_docs import field_docs
from shared.api.idempotency import HEADER, LONGEST_KEY
from shared.api.models import Answer, File, Input
from shared.security.roles import Role
from shared.version import VERSION

_JSON = "application/json"
_FORM = "multipart/form-data"
_SCHEMAS = "#/components/schemas/"
_BEARER = "bearer"
_PATH_PARAMETER = re.compile(r"\{\*{0,2}(?P<name>\w+)(?P<constraint>:.+?)?\??\}(?=/|$)")
_REGEX = re.compile(r":regex\((?P<pattern>.+)\)")
_WORDS = re.compile(r":regex\(\^\((?P<words>(?:[\w|-]|\\\.)+)\)\$\)")
_CONSTRAINED: Mapping[str, dict[str, Any]] = {
    ":int": {"type": "integer", "format": "int32"},
    ":guid": {"type": "string", "format": "uuid"},
}
_ERRORS: Mapping[int, str] = {
    400: "The body is not valid JSON.",
    401: "There is no token, or one that is not (or no longer) good.",
    403: "The login may not do this.",
    404: "There is nothing at this path.",
    409: "The state of things does not allow it now; `message` says what to do.",
    411: "The body came in chunks; it needs a Content-Length.",
    413: "The body is too large, or holds too many values.",
    415: "The body is of another media type than the one that is asked for.",
    422: "Some values are missing, unknown or not acceptable; `errors` names each.",
    429: "Too many requests; `Retry-After` says when to try again.",
    500: "It could not be done; `message` says why.",
    502: "The mail server refused; `message` has its own words.",
    503: "The database or the secret store is away.",
}
_ONCE = (
    f"Send a key of your own (1 to {LONGEST_KEY} characters) as `{HEADER}`: the same request with "
    "the same key gets the first answer again within 24 hours, with `Idempotency-Replayed: true`."
)
_HEADERS = {
    "X-Request-Id": spec.Header(
        description="What this request is called in the log.",
        schema=spec.Schema(type=spec.DataType.STRING),
    ),
    "Retry-After": spec.Header(
        description="Seconds to wait before the next try.",
        schema=spec.Schema(type=spec.DataType.INTEGER),
    ),
    "WWW-Authenticate": spec.Header(
        description="The way to log in (RFC 6750).",
        schema=spec.Schema(type=spec.DataType.STRING),
    ),
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


@dataclass(frozen=True, slots=True)
class Section:
    """The operations that stand under one heading."""

    name: str
    description: str
    operations: Sequence[Operation]


def describe(sections: Sequence[Section]) -> bytes:
    """The description as a JSON document."""
    schemas = _Schemas(operation for section in sections for operation in section.operations)
    document = spec.OpenAPI(
        openapi="3.1.1",
        info=spec.Info(
            title="Rowpost",
            version=VERSION,
            summary="Insert a row, an email is sent.",
            description=(
                "Log in at `POST /api/authenticate` and send the token as "
                "`Authorization: Bearer`. Every answer other than success is a `Failure`, whose "
                "`message` says what to do next. Times are UTC."
            ),
            license=spec.License(name="MIT", identifier="MIT"),
        ),
        servers=[spec.Server(url="/")],
        tags=[spec.Tag(name=one.name, description=one.description) for one in sections],
        paths=_paths(sections, schemas),
        components=spec.Components(
            schemas=schemas.definitions(),
            responses={
                _name(status): _response(status, (Failure,), False, schemas) for status in _ERRORS
            },
            headers=dict(_HEADERS),
            securitySchemes={
                _BEARER: spec.SecurityScheme(
                    type="http", scheme="bearer", description="The token of a login, or a key."
                )
            },
        ),
    )
    return document.model_dump_json(by_alias=True, exclude_unset=True).encode()


class _GenerateSchema(GenerateJsonSchema):
    """Without the titles of fields, which only repeat their names, and with their docstrings."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        return _told(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        return _told(super().dataclass_schema(schema), schema["cls"])


def _told(described: dict[str, Any], model: type[Any]) -> dict[str, Any]:
    """The schema of a model, its fields with what their docstrings say."""
    fields = getattr(model, "model_fields", {})
    for name, text in field_docs(model).items():
        alias = fields[name].alias or name if name in fields else name
        if (field := described.get("properties", {}).get(alias)) is not None:
            field.setdefault("description", text)
    return described


class _Schemas:
    """The JSON Schemas of all models, under names that are unique in the document."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        operations = list(operations)
        used = dict.fromkeys(model for operation in operations for model in _models(operation))
        references, document = models_json_schema(
            [*used, (Failure, "serialization")],
            by_alias=True,
            ref_template=_SCHEMAS + "{model}",
            schema_generator=_GenerateSchema,
        )
        self._names = {
            model: str(reference["$ref"]).removeprefix(_SCHEMAS)
            for (model, _), reference in references.items()
        }
        self._definitions: Mapping[str, dict[str, Any]] = document["$defs"]
        for operation in operations:
            if operation.body:
                self._close(self._names[operation.body])
        self._queries = {self._names[one.query] for one in operations if one.query}

    def _close(self, name: str) -> None:
        """Say that a body has no further fields, and neither has what is in it."""
        definition = self._definitions[name]
        if "properties" not in definition or "additionalProperties" in definition:
            return
        definition["additionalProperties"] = False
        for within in re.findall(rf'"{_SCHEMAS}([^"]+)"', json.dumps(definition)):
            self._close(within)

    def definitions(self) -> dict[str, spec.Schema]:
        """Those that are referred to; a query's fields are written out at its operation."""
        return {
            name: spec.Schema.model_validate(definition)
            for name, definition in self._definitions.items()
            if name not in self._queries
        }

    def definition(self, model: type[Input | Answer]) -> dict[str, Any]:
        return self._definitions[self._names[model]]

    def reference(self, model: type[Input | Answer]) -> spec.Reference:
        return spec.Reference.model_validate({"$ref": _SCHEMAS + self._names[model]})

    def example(self, model: type[Input | Answer]) -> Any:
        """The first of the examples that the model gives of itself, else None."""
        return next(iter(self.definition(model).get("examples", ())), None)


def _models(operation: Operation) -> Iterator[tuple[type[Input | Answer], JsonSchemaMode]]:
    yield from ((model, "validation") for model in (operation.body, operation.query) if model)
    for kinds in operation.answers.values():
        for kind in kinds:
            if kind.media_types and not issubclass(kind, File):
                yield kind, "serialization"


def _paths(sections: Sequence[Section], schemas: _Schemas) -> dict[str, spec.PathItem]:
    paths: dict[str, dict[str, spec.Operation]] = {}
    for section in sections:
        for operation in section.operations:
            path = "/" + _PATH_PARAMETER.sub(r"{\g<name>}", operation.path)
            paths.setdefault(path, {})[operation.method.lower()] = _operation(
                operation, section.name, schemas
            )
    return {path: spec.PathItem.model_validate(methods) for path, methods in paths.items()}


def _operation(operation: Operation, tag: str, schemas: _Schemas) -> spec.Operation:
    role = {"x-required-role": operation.who.value} if isinstance(operation.who, Role) else {}
    parameters = [*_path_parameters(operation), *_query_parameters(operation, schemas)]
    body = {"requestBody": _request_body(operation, schemas)} if operation.body else {}
    return spec.Operation.model_validate(
        {
            "tags": [tag],
            "summary": operation.summary,
            "description": _description(operation),
            "operationId": to_camel(operation.handler.__name__),
            **({"parameters": parameters} if parameters else {}),
            **body,
            "responses": _responses(operation, schemas),
            "security": _security(operation.who),
            **role,
        }
    )


def _description(operation: Operation) -> str:
    further = inspect.getdoc(operation.handler) or ""
    further = further.removeprefix(operation.summary).strip()
    once = _ONCE if operation.idempotent else ""
    return "\n\n".join(filter(None, (further, once, _who(operation.who))))


def _security(who: Role | Who) -> list[dict[str, list[str]]]:
    match who:
        case Who.ANYONE | Who.KEY_IN_BODY:
            return []
        case Who.LOGIN_OPTIONAL:
            return [{}, {_BEARER: []}]
        case _:
            return [{_BEARER: []}]


def _who(who: Role | Who) -> str:
    match who:
        case Who.ANYONE:
            return "Open to anyone."
        case Who.KEY_IN_BODY:
            return "Open to whoever may send, by the key in the body."
        case Who.LOGIN_OPTIONAL:
            return "Open to anyone; it shows more to whoever is logged in as a viewer."
        case Who.ANY_LOGIN:
            return "Open to whoever is logged in."
        case Who.SERVICE_OR_TRUSTED:
            return (
                "Needs the role `service`, or one that includes it, or a token of the service that "
                "the settings trust."
            )
        case _:
            return f"Needs the role `{who.value}`, or one that includes it."


def _path_parameters(operation: Operation) -> list[spec.Parameter]:
    return [
        spec.Parameter.model_validate(
            {
                "name": found["name"],
                "in": "path",
                "required": True,
                **_described(operation.parameters.get(found["name"])),
                "schema": _constrained(found["constraint"] or ""),
            }
        )
        for found in _PATH_PARAMETER.finditer(operation.path)
    ]


def _described(text: str | None) -> dict[str, str]:
    return {"description": text} if text else {}


def _constrained(constraint: str) -> dict[str, Any]:
    """The schema of a path parameter with a route constraint of the Functions host."""
    if words := _WORDS.fullmatch(constraint):
        return {"type": "string", "enum": words["words"].replace("\\", "").split("|")}
    if regex := _REGEX.fullmatch(constraint):
        # The host wants braces and brackets doubled.
        return {"type": "string", "pattern": re.sub(r"([{}\[\]])\1", r"\1", regex["pattern"])}
    return _CONSTRAINED.get(constraint, {"type": "string", "minLength": 1})


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[spec.Parameter]:
    if operation.query is None:
        return []
    query = schemas.definition(operation.query)
    return [
        spec.Parameter.model_validate(
            {
                "name": name,
                "in": "query",
                "required": name in query.get("required", ()),
                # The host leaves out what is empty.
                "allowEmptyValue": name not in query.get("required", ()),
                **{key: field[key] for key in ("description",) if key in field},
                "schema": _without_null(field),
            }
        )
        for name, field in query.get("properties", {}).items()
    ]


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a value in a query, where null can only be said by leaving it out."""
    schema = {key: value for key, value in field.items() if (key, value) != ("default", None)}
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    match kinds:
        case []:
            return schema
        case [kind]:
            return {**kind, **schema}
        case _:
            return {"anyOf": kinds, **schema}


def _request_body(operation: Operation, schemas: _Schemas) -> spec.RequestBody:
    assert operation.body
    return spec.RequestBody.model_validate(
        {
            "required": any(field.is_required() for field in operation.body.model_fields.values()),
            "content": {
                _JSON: _content([operation.body], schemas),
                **({_FORM: _form(operation, schemas)} if operation.file else {}),
            },
        }
    )


def _form(operation: Operation, schemas: _Schemas) -> spec.MediaType:
    """The same fields as parts of a form, with the file among them."""
    assert operation.body
    assert operation.file
    model, file = schemas.definition(operation.body), operation.file
    fields = {name: _without_null(field) for name, field in model["properties"].items()}
    content = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": "The file itself, of one of these types: " + ", ".join(file.content_types),
    }
    return spec.MediaType.model_validate(
        {
            "schema": {
                "type": "object",
                "properties": fields | {file.name: content},
                "required": model.get("required", []),
                "additionalProperties": False,
            },
            "encoding": {file.name: {"contentType": ", ".join(file.content_types)}},
        }
    )


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    errors = _errors(operation)
    return {
        str(status): _response(status, operation.answers.get(status, ()), status in errors, schemas)
        for status in sorted({*operation.answers, *errors})
    }


def _errors(operation: Operation) -> set[int]:
    """The statuses of `Failure` that this operation may answer with."""
    errors = {429, 503, *operation.errors}
    if operation.who is not Who.ANYONE:
        errors |= {401}
    if isinstance(operation.who, Role) or operation.who is Who.KEY_IN_BODY:
        errors |= {403}
    if "{" in operation.path:
        errors |= {404}
    if operation.method in WITH_BODY:
        errors |= {400, 411, 413, 415, 422}
    if operation.query:
        errors |= {422}
    return errors


def _response(
    status: int, kinds: Sequence[type[Answer]], fails: bool, schemas: _Schemas
) -> spec.Response | spec.Reference:
    if not kinds and status in _ERRORS:
        return spec.Reference.model_validate({"$ref": f"#/components/responses/{_name(status)}"})
    kinds = (*kinds, Failure) if fails else kinds
    content = {
        media_type: _content([kind for kind in kinds if media_type in kind.media_types], schemas)
        for media_type in dict.fromkeys(chain.from_iterable(kind.media_types for kind in kinds))
    }
    return spec.Response.model_validate(
        {
            "description": _ERRORS.get(status, HTTPStatus(status).phrase),
            "headers": _headers(status),
            **({"content": content} if content else {}),
        }
    )


def _content(kinds: Sequence[type[Input | Answer]], schemas: _Schemas) -> spec.MediaType:
    """One media type's schema and examples; the bytes of a file have no schema."""
    modelled = [kind for kind in kinds if not issubclass(kind, File)]
    references = [schemas.reference(kind) for kind in modelled]
    examples = {
        kind.__name__: {"value": example}
        for kind in modelled
        if (example := schemas.example(kind)) is not None
    }
    match references:
        case []:
            return spec.MediaType()
        case [reference]:
            schema: Any = reference
        case _:
            schema = {"anyOf": references}
    return spec.MediaType.model_validate(
        {"schema": schema, **({"examples": examples} if examples else {})}
    )


def _headers(status: int) -> dict[str, Any]:
    names = ("X-Request-Id", *_HEADERS_OF.get(status, ()))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _name(status: int) -> str:
    return re.sub(r"[^A-Za-z]", "", HTTPStatus(status).phrase)
