"""The description of the API says what the endpoints do, all of it and nothing else."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field

from functions import docs
from functions.groups import GROUPS
from shared.api.admission import Who
from shared.api.endpoint import Operation, Request, Routes
from shared.api.models import Answer, Input, example
from shared.api.openapi import Section, describe
from shared.api.request.form import FileField
from shared.security.roles import Role
from shared.version import VERSION
from tests.support.api import Client
from tests.support.tools import ROOT

PATTERN = r'^VERSION = "(?P<version>[^"]+)"$'
OPERATIONS = [operation for group in GROUPS for operation in group.routes.operations]


@pytest.fixture(scope="module")
def document() -> Any:
    answer = Client(docs.routes.blueprint).get("api/openapi.json")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    return answer.json


def described(document: Any, operation: Operation) -> Any:
    path = "/" + "/".join(
        part.partition(":")[0] + "}" if ":" in part else part for part in operation.path.split("/")
    )
    return document["paths"][path.replace("{*", "{")][operation.method.lower()]


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def media_types(document: Any) -> Iterator[Any]:
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation.get("requestBody", {}).get("content", {}).values()
            for response in operation["responses"].values():
                yield from response.get("content", {}).values()
    for response in document["components"]["responses"].values():
        yield from response["content"].values()


def test_it_is_valid_openapi_3_1(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()

    assert document["openapi"].startswith("3.1.")


def test_bodies_hold_what_is_described_and_nothing_else(document: Any) -> None:
    schemas = document["components"]["schemas"]
    bodies = {operation.body.__name__ for operation in OPERATIONS if operation.body}

    assert {"Credentials", "NewSchedule"} <= bodies & set(schemas)
    assert all(schemas[name]["additionalProperties"] is False for name in bodies & set(schemas))
    assert schemas["AttachedFile"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Failure"]


def test_its_version_is_that_of_the_project(document: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    assert document["info"]["version"] == VERSION
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"] == {"path": "shared/version.py", "pattern": PATTERN}


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_operation_is_in_it_with_all_its_answers(document: Any, operation: Operation) -> None:
    shown = described(document, operation)

    assert {int(status) for status in shown["responses"]} >= {
        *operation.answers,
        *operation.errors,
        *({400, 411, 413, 415, 422} if operation.body else ()),
        *({401} if operation.who is not Who.ANYONE else ()),
        *({403} if isinstance(operation.who, Role) else ()),
    }
    assert ("requestBody" in shown) is (operation.body is not None)
    without = operation.who in (Who.ANYONE, Who.KEY_IN_BODY)
    optional: list[dict[str, list[str]]] = [{}] if operation.who is Who.LOGIN_OPTIONAL else []
    assert shown["security"] == ([] if without else [*optional, {"bearer": []}])
    assert shown.get("x-required-role") == (
        operation.who.value if isinstance(operation.who, Role) else None
    )
    assert shown["summary"]


def test_nothing_else_is_in_it(document: Any) -> None:
    shown = sum(len(methods) for methods in document["paths"].values())

    assert shown == len(OPERATIONS)


def test_operations_have_names_of_their_own(document: Any) -> None:
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]

    assert len(names) == len(set(names))
    assert "controlService" in names


def test_every_example_fits_its_own_schema(document: Any) -> None:
    checked = 0
    for media_type in media_types(document):
        schema = {"components": document["components"], **media_type.get("schema", {})}
        for shown in media_type.get("examples", {}).values():
            Draft202012Validator(
                schema, format_checker=Draft202012Validator.FORMAT_CHECKER
            ).validate(shown["value"])
            checked += 1
    assert checked > 20


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body], ids=named)
def test_an_example_of_a_body_is_taken_by_its_endpoint(document: Any, operation: Operation) -> None:
    assert operation.body
    content = described(document, operation)["requestBody"]["content"]["application/json"]
    for shown in content.get("examples", {}).values():
        operation.body.model_validate_json(json.dumps(shown["value"]), strict=True)


class Search(Input):
    status: Literal["sent", "failed"] | None = None
    limit: int = Field(50, ge=1, le=500, description="How many at most.")
    query: str


class Thing(Input):
    name: str
    photo: str | None = Field(None, description="Its name only.")
    colour: str | None = Field(None, max_length=9)


class Found(Answer):
    model_config = example(name="x", oldName=None)

    name: str
    old_name: str | None


class Refused(Answer):
    http_status = 202

    reason: str


@pytest.fixture(scope="module")
def small() -> Any:
    routes = Routes()

    @routes.get("api/things/{id:guid}/parts/{number:int}", who=Role.VIEWER, errors={409, 507})
    def find_part(request: Request[None, Search]) -> Found | Refused:
        """Find a part.

        Of a thing that is there.
        """
        raise AssertionError

    @routes.get(
        "api/things/{kind:regex(^(big|very-small|x\\.y)$)}/{code:regex(^[[a-z]]{{2}}$)}",
        who=Role.VIEWER,
    )
    def list_things(request: Request) -> Found:
        """List things of one kind."""
        raise AssertionError

    @routes.delete("api/files/{*path}", who=Who.ANY_LOGIN)
    def remove_file(request: Request) -> Found:
        """Remove a file."""
        raise AssertionError

    @routes.post("api/things", who=Who.LOGIN_OPTIONAL, file=FileField("photo", int, ("image/png",)))
    def add_thing(request: Request[Thing]) -> Found:
        """Add a thing."""
        raise AssertionError

    return json.loads(describe([Section("things", "Things.", routes.operations)]))


def test_parameters_of_a_path_have_the_type_of_their_constraint(small: Any) -> None:
    operation = small["paths"]["/api/things/{id}/parts/{number}"]["get"]
    path = {one["name"]: one["schema"] for one in operation["parameters"] if one["in"] == "path"}

    assert path == {
        "id": {"type": "string", "format": "uuid"},
        "number": {"type": "integer", "format": "int32"},
    }
    assert "404" in operation["responses"]
    kinds = small["paths"]["/api/things/{kind}/{code}"]["get"]["parameters"]
    assert [one["schema"] for one in kinds] == [
        {"type": "string", "enum": ["big", "very-small", "x.y"]},
        {"type": "string", "pattern": "^[a-z]{2}$"},
    ]
    assert "/api/files/{path}" in small["paths"]


def test_a_query_is_written_out_and_knows_no_null(small: Any) -> None:
    operation = small["paths"]["/api/things/{id}/parts/{number}"]["get"]
    query = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}

    assert query["status"]["schema"] == {"type": "string", "enum": ["sent", "failed"]}
    assert query["limit"]["description"] == "How many at most."
    assert (query["limit"]["allowEmptyValue"], query["query"]["allowEmptyValue"]) == (True, False)
    assert query["limit"]["schema"]["maximum"] == 500
    assert [name for name in query if query[name]["required"]] == ["query"]
    assert "422" in operation["responses"]
    assert "Search" not in small["components"]["schemas"]


def test_each_answer_stands_under_its_own_status(small: Any) -> None:
    operation = small["paths"]["/api/things/{id}/parts/{number}"]["get"]
    responses = operation["responses"]

    assert responses["200"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Found"},
        "examples": {"Found": {"value": {"name": "x", "oldName": None}}},
    }
    assert responses["202"]["content"]["application/json"]["schema"]["$ref"].endswith("/Refused")
    assert responses["409"] == {"$ref": "#/components/responses/Conflict"}
    assert responses["507"]["description"] == "Insufficient Storage"
    assert responses["507"]["content"]["application/json"]["schema"]["$ref"].endswith("/Failure")


def test_a_docstring_says_what_an_operation_does_and_who_may(small: Any) -> None:
    operation = small["paths"]["/api/things/{id}/parts/{number}"]["get"]

    assert operation["summary"] == "Find a part."
    assert operation["description"].startswith("Of a thing that is there.\n\n")
    assert "`viewer`" in operation["description"]


def test_a_form_has_the_same_fields_without_null_and_the_file(small: Any) -> None:
    content = small["paths"]["/api/things"]["post"]["requestBody"]["content"]

    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Thing"}
    form = content["multipart/form-data"]
    assert form["schema"]["required"] == ["name"]
    assert form["schema"]["properties"] == {
        "name": {"type": "string"},
        "photo": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "The file itself, of one of these types: image/png",
        },
        "colour": {"type": "string", "maxLength": 9},
    }
    assert form["encoding"] == {"photo": {"contentType": "image/png"}}


def test_an_optional_login_is_one_of_two_ways(small: Any) -> None:
    operation = small["paths"]["/api/things"]["post"]

    assert operation["security"] == [{}, {"bearer": []}]
    assert "401" in operation["responses"]
    assert "403" not in operation["responses"]
