"""The Postman collection: every operation of the API, ready to be sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.docs import description
from tests.support.tools import ROOT
from tools.postman import collection


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(description())


@pytest.fixture(scope="module")
def made(document: Any) -> Any:
    return collection(document)


def items(made: Any) -> Iterator[Any]:
    for folder in made["item"]:
        yield from folder["item"]


def item(made: Any, method: str, path: str) -> Any:
    (found,) = (
        one
        for one in items(made)
        if (one["request"]["method"], one["request"]["url"]["raw"]) == (method, path)
    )
    return found


def test_every_operation_is_one_request_in_the_folder_of_its_group(
    document: Any, made: Any
) -> None:
    assert [folder["name"] for folder in made["item"]] == [tag["name"] for tag in document["tags"]]
    assert len(list(items(made))) == sum(map(len, document["paths"].values()))


def test_address_and_token_are_variables(made: Any) -> None:
    assert {one["key"]: one["value"] for one in made["variable"]} == {
        "baseUrl": "http://127.0.0.1:7071",
        "token": "",
    }
    assert made["auth"]["bearer"][0]["value"] == "{{token}}"
    assert made["info"]["schema"].endswith("/v2.1.0/collection.json")


def test_a_log_in_leaves_its_token_for_the_others(made: Any) -> None:
    login = item(made, "POST", "{{baseUrl}}/api/authenticate")
    who = item(made, "GET", "{{baseUrl}}/api/authenticate")

    assert login["request"]["auth"] == {"type": "noauth"}
    assert json.loads(login["request"]["body"]["raw"])["username"] == "admin"
    assert "collectionVariables.set" in "".join(login["event"][0]["script"]["exec"])
    assert "auth" not in who["request"]
    assert "body" not in who["request"]


def test_parameters_are_there_to_be_filled_in() -> None:
    operation = {
        "tags": ["things"],
        "summary": "Find.",
        "description": "Find.",
        "operationId": "find",
        "security": [{"bearer": []}],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}},
            {"name": "limit", "in": "query", "required": False, "schema": {"default": 50}},
        ],
    }
    document = {
        "info": {"title": "Things", "description": "", "version": "1"},
        "tags": [{"name": "things", "description": ""}],
        "paths": {"/things/{id}": {"get": operation}},
    }

    (made,) = items(collection(document))

    url = made["request"]["url"]
    assert (url["raw"], url["path"]) == ("{{baseUrl}}/things/:id", ["things", ":id"])
    assert [one["key"] for one in url["variable"]] == ["id"]
    assert [(one["key"], one["value"], one.get("disabled", False)) for one in url["query"]] == [
        ("q", "", False),
        ("limit", "50", True),
    ]


def test_it_is_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "build" / "rowpost.json"

    subprocess.run([sys.executable, "-m", "tools.postman", str(file)], cwd=ROOT, check=True)

    assert json.loads(file.read_text("utf-8"))["info"]["name"] == "Rowpost"
