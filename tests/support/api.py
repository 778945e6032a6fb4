"""Calls the functions of the app as the Functions host would, without a host around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from shared.api.request.addresses import tell_peers

OPERATOR_ADDRESS = "192.0.2.10"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Finds a path's function among those of some blueprints, and calls it."""

    def __init__(self, *blueprints: func.Blueprint) -> None:
        tell_peers()
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        for blueprint in blueprints:
            app.register_functions(blueprint)
        self._functions = {
            function.get_trigger().route: function.get_user_function()  # type: ignore[union-attr]
            for function in app.get_functions()
        }

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] = b"",
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        route: str | None = None,
        route_params: Mapping[str, str] | None = None,
    ) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"x-rowpost-peer": OPERATOR_ADDRESS}
        if content:
            sent["content-type"] = "application/json"
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        response = self._functions[route or path](
            func.HttpRequest(
                method,
                f"http://127.0.0.1:7071/{path}",
                headers={**sent, **(headers or {})},
                params=query,
                route_params=route_params,
                body=content,
            )
        )
        assert isinstance(response, func.HttpResponse)
        return Reply(response.status_code, dict(response.headers), response.get_body())

    def get(self, path: str, **options: Any) -> Reply:
        return self.request("GET", path, **options)

    def post(self, path: str, body: bytes | Mapping[str, Any] = b"", **options: Any) -> Reply:
        return self.request("POST", path, body, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        return self.request("DELETE", path, **options)
