"""The API as a Postman collection (format 2.1), made from its description (make postman).

python -m tools.postman FILE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
LOCAL_ADDRESS = "http://127.0.0.1:7071"
_LOGIN = "logIn"
# What follows the log-in takes its token from here.
_KEEP_TOKEN = [
    "if (pm.response.code === 200) {",
    '  pm.collectionVariables.set("token", pm.response.json().token);',
    "}",
]


def main() -> None:
    from functions.docs import description

    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(collection(json.loads(description())), indent=2), "utf-8")
    print(f"{file}: import it in Postman, and set its variables baseUrl and token.")


def collection(document: Json) -> Json:
    """The collection of an OpenAPI document: a folder for each tag, a request for each operation.

    Its variables are the service's address (`baseUrl`) and the token that a log-in leaves there.
    """
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "version": document["info"]["version"],
            "schema": FORMAT,
        },
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}],
        },
        "variable": [
            {"key": "baseUrl", "value": LOCAL_ADDRESS},
            {"key": "token", "value": ""},
        ],
        "item": [_folder(document, tag) for tag in document["tags"]],
    }


def _folder(document: Json, tag: Json) -> Json:
    return {
        "name": tag["name"],
        "description": tag["description"],
        "item": [
            _item(path, method, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ],
    }


def _item(path: str, method: str, operation: Json) -> Json:
    item: Json = {"name": operation["summary"], "request": _request(path, method, operation)}
    if operation["operationId"] == _LOGIN:
        script = {"type": "text/javascript", "exec": _KEEP_TOKEN}
        item["event"] = [{"listen": "test", "script": script}]
    return item


def _request(path: str, method: str, operation: Json) -> Json:
    request: Json = {
        "method": method.upper(),
        "description": operation["description"],
        "header": [{"key": "Accept", "value": "application/json"}],
        "url": _url(path, operation.get("parameters", [])),
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if "requestBody" in operation:
        request["header"] += [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(_example(operation["requestBody"]), indent=2, ensure_ascii=False),
            "options": {"raw": {"language": "json"}},
        }
    return request


def _url(path: str, parameters: list[Json]) -> Json:
    """In Postman a parameter of a path is `:name`. What may be left out of a query is off."""
    segments = [_segment(part) for part in path.strip("/").split("/")]
    url: Json = {
        "raw": "/".join(["{{baseUrl}}", *segments]),
        "host": ["{{baseUrl}}"],
        "path": segments,
    }
    if variables := list(_pairs(parameters, "path")):
        url["variable"] = variables
    if query := list(_pairs(parameters, "query")):
        url["query"] = query
    return url


def _segment(part: str) -> str:
    return f":{part[1:-1]}" if part.startswith("{") else part


def _pairs(parameters: list[Json], place: str) -> Iterator[Json]:
    for parameter in parameters:
        if parameter["in"] == place:
            yield {
                "key": parameter["name"],
                "value": str(parameter["schema"].get("default", "")),
                "description": parameter.get("description", ""),
                **({} if parameter["required"] else {"disabled": True}),
            }


def _example(body: Mapping[str, Any]) -> Any:
    """The first example of a JSON body, or an object to fill in."""
    examples = body["content"]["application/json"].get("examples", {})
    return next((one["value"] for one in examples.values()), {})


if __name__ == "__main__":
    main()
