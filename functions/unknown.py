"""The last route: a path that nothing else answers."""

from __future__ import annotations

from collections.abc import Mapping

import azure.functions as func

from shared.api.endpoint import answered
from shared.api.errors import ApiError
from shared.api.limits import count_anyone
from shared.monitoring.telemetry.invocation import NO_HOST, invoked

blueprint = func.Blueprint()

ROUTE = "{*path}"
CONSOLE = "/console"


@blueprint.function_name("zz_unknown")
@blueprint.route(ROUTE, auth_level=func.AuthLevel.ANONYMOUS)
def unknown(req: func.HttpRequest, context: func.Context = NO_HOST) -> func.HttpResponse:
    """Answer 404 in the form of every other error."""
    with invoked(context):
        return answered(req.method, ROUTE, lambda _: _answer(req))


def _answer(req: func.HttpRequest) -> func.HttpResponse:
    """A browser that asks for `/` is led to the console; for everything else there is nothing."""
    is_first_page = not req.route_params.get("path") and req.method in ("GET", "HEAD")
    if is_first_page and "text/html" in req.headers.get("accept", ""):
        count_anyone(req.headers)
        return func.HttpResponse(status_code=302, headers={"Location": CONSOLE})
    return _nothing(req.headers)


def _nothing(headers: Mapping[str, str]) -> func.HttpResponse:
    count_anyone(headers)
    raise ApiError(404, "not_found", "There is nothing at this path: check its spelling.")
