"""How one kind of caller speaks with us: programs in JSON with a token, people in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

import azure.functions as func

from shared.api.errors import ApiError
from shared.api.models import Input
from shared.api.request.body import parse_body

M = TypeVar("M", bound=Input)


class Surface(Protocol):
    """What differs between the two; who may do what, limits and the log do not."""

    def credentials(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers, with what proves who calls as `authorization`."""

    def parsed(
        self, model: type[M], headers: Mapping[str, str], body: bytes, most: int | None
    ) -> M:
        """The body as the model, with at most so many values. Raises ApiError."""

    def refusal(self, error: ApiError, req: func.HttpRequest, request_id: str) -> func.HttpResponse:
        """The answer other than success."""


class JsonApi:
    """JSON in, JSON out, a token or key in `Authorization`."""

    def credentials(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return headers

    def parsed(
        self, model: type[M], headers: Mapping[str, str], body: bytes, most: int | None
    ) -> M:
        return parse_body(model, headers, body, most)

    def refusal(self, error: ApiError, req: func.HttpRequest, request_id: str) -> func.HttpResponse:
        return error.to_response(request_id)
