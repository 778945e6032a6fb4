"""How an endpoint is declared, and what happens to every request before and after it.

    routes = Routes()

    @routes.post("api/service-control", who=Role.OPERATOR)
    def control_service(request: Request[ServiceControl]) -> ServiceControlled:
        '''Start or stop sending.'''

The declaration is complete: who may call, the models of body and query (from the annotation of
`request`), every answer with its status (from the return annotation), the statuses of `errors`
that are this endpoint's own, and a summary (the docstring). What goes wrong is raised;
`shared.api.errors` turns it into the answer.

The Functions host knows neither 405 nor HEAD nor OPTIONS, so one function is registered for each
path, for all methods, and the method is dispatched here.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import azure.functions as func
from typing_extensions import TypeVar as TypeVarWithDefault

from shared.api.access_log import log_answer
from shared.api.admission import (
    OPEN_DOORS,
    Door,
    Who,
    admit,
    admit_holder,
    is_welcome,
    knock,
)
from shared.api.caller import Caller
from shared.api.errors import EVERY_ANSWER, ApiError, as_api_error, new_request_id
from shared.api.idempotency import Once, earlier_answer, once_of
from shared.api.limits import Limits, count_anyone, count_request
from shared.api.models import Answer, Input, KeyedInput
from shared.api.request.body import (
    MEGABYTE,
    refuse_fields,
    refuse_oversized,
    validated,
    validated_form,
)
from shared.api.request.form import (
    FileField,
    Form,
    FormFile,
    FormLimits,
    is_form,
    parsed_form,
)
from shared.api.request.json_structure import MOST_OF_ANYONE
from shared.api.request.local_request import LocalRequest, arrival_of, pieces_of
from shared.api.surface import JsonApi, Surface
from shared.monitoring import logs
from shared.monitoring.telemetry.invocation import NO_HOST, invoked
from shared.security.roles import Role
from shared.submissions.kept_answers import AlreadyKept

log = logging.getLogger("rowpost.api")

Body = TypeVarWithDefault("Body", default=None)
Query = TypeVarWithDefault("Query", default=None)
H = TypeVar("H", bound=Callable[..., Answer])

BodyLimit = int | Callable[[], int]
"""In bytes; what a setting decides is asked for when a request comes."""

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

MOST_FROM_ANYONE = 64 * 1024
"""Bytes of JSON that a caller without a login may send."""
_BESIDE_THE_FILE = MEGABYTE


class Room(Enum):
    """Where a host with threads of its own lets an operation run: none waits for another room."""

    COMMON = auto()
    HEALTH = auto()
    LOGIN = auto()
    CONTROL = auto()
    OTHER_SERVERS = auto()
    """It waits for a mail server or a database that somebody has named."""


@dataclass(frozen=True, slots=True)
class Request(Generic[Body, Query]):
    """A request that was let in, with its parts checked."""

    id: str
    caller: Caller
    body: Body
    query: Query
    path: Mapping[str, str]
    headers: Mapping[str, str]
    file: FormFile | None = None
    """What came in the form's file field; open until the answer is made."""
    once: Once | None = None
    """Set where the endpoint is idempotent and the caller has sent a key."""
    arrived: float = field(default_factory=time.monotonic)
    """When it came, by `time.monotonic`; it may have waited for a thread since."""
    url: str = ""
    """Where it went, as the caller has written it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as declared."""

    method: str
    path: str
    who: Role | Who
    body: type[Input] | None
    query: type[Input] | None
    answers: Mapping[int, tuple[type[Answer], ...]]
    errors: frozenset[int]
    summary: str
    body_limit: BodyLimit
    limits: Limits
    handler: Callable[[Request[Any, Any]], Answer]
    idempotent: bool = False
    file: FileField | None = None
    room: Room = Room.COMMON
    surface: Surface = field(default_factory=JsonApi)
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the parts of the path that vary are, by their names."""

    @property
    def door(self) -> Door:
        """What is asked of whoever calls."""
        return Door(f"{self.method} {self.path}", self.who, self.limits)

    def is_welcome(self, headers: Mapping[str, str]) -> bool:
        """Whether a caller with these headers would be let in. Counts nothing."""
        return is_welcome(self.door, self.surface.credentials(headers))

    def most_in_body(self, headers: Mapping[str, str]) -> int:
        """How many bytes the body of a request with these headers may have."""
        if self.file and is_form(headers):
            return self.file.most() + _BESIDE_THE_FILE
        return self.body_limit if isinstance(self.body_limit, int) else self.body_limit()

    def most_values(self) -> int | None:
        """How many values a JSON body may hold; None: as many as its size allows."""
        return MOST_OF_ANYONE if self.who in OPEN_DOORS else None


class Routes:
    """The endpoints of one group, and the blueprint that the Functions host sees.

    `parameters`: what the parts of their paths that vary are, by their names. `surface`: how their
    callers speak; JSON where none is given.
    """

    def __init__(
        self, parameters: Mapping[str, str] | None = None, *, surface: Surface | None = None
    ) -> None:
        self.surface = surface or JsonApi()
        self.blueprint = func.Blueprint()
        self.parameters = parameters or {}
        self.operations: list[Operation] = []
        self._paths: dict[str, dict[str, Operation]] = {}

    def get(
        self,
        path: str,
        *,
        who: Role | Who,
        errors: Collection[int] = (),
        limits: Limits = None,
        room: Room = Room.COMMON,
    ) -> Callable[[H], H]:
        """Declare what GET (and HEAD) of `path` does."""
        return self._declare("GET", path, who, 0, errors, limits, room)

    def post(
        self,
        path: str,
        *,
        who: Role | Who,
        body_limit: BodyLimit | None = None,
        errors: Collection[int] = (),
        limits: Limits = None,
        room: Room = Room.COMMON,
        idempotent: bool = False,
        file: FileField | None = None,
    ) -> Callable[[H], H]:
        """Declare what POST of `path` does.

        `body_limit`: bytes of JSON; None: 64 KB from anyone, 1 MB from whoever is known.
        `idempotent`: a request that comes again with the same Idempotency-Key gets the first
        answer again; see `shared.api.idempotency`. `file`: the body may also be a form
        (multipart/form-data) with the model's fields and a file in this one.
        """
        return self._declare("POST", path, who, body_limit, errors, limits, room, idempotent, file)

    def put(
        self,
        path: str,
        *,
        who: Role | Who,
        body_limit: BodyLimit | None = None,
        errors: Collection[int] = (),
        limits: Limits = None,
        room: Room = Room.COMMON,
        file: FileField | None = None,
    ) -> Callable[[H], H]:
        """Declare what PUT of `path` does; `body_limit` and `file` as for POST."""
        return self._declare("PUT", path, who, body_limit, errors, limits, room, file=file)

    def delete(
        self,
        path: str,
        *,
        who: Role | Who,
        errors: Collection[int] = (),
        limits: Limits = None,
        room: Room = Room.COMMON,
    ) -> Callable[[H], H]:
        """Declare what DELETE of `path` does."""
        return self._declare("DELETE", path, who, 0, errors, limits, room)

    def _declare(
        self,
        method: str,
        path: str,
        who: Role | Who,
        body_limit: BodyLimit | None,
        errors: Collection[int],
        limits: Limits,
        room: Room,
        idempotent: bool = False,
        file: FileField | None = None,
    ) -> Callable[[H], H]:
        if body_limit is None:
            body_limit = MOST_FROM_ANYONE if who in OPEN_DOORS else MEGABYTE

        def declare(handler: H) -> H:
            hints = get_type_hints(handler)
            body, query = _models_of(hints["request"])
            operation = Operation(
                method=method,
                path=path,
                who=who,
                body=body,
                query=query,
                answers=_answers_of(hints["return"]),
                errors=frozenset({*errors, 409} if idempotent else errors),
                summary=(handler.__doc__ or "").strip().partition("\n")[0],
                body_limit=body_limit,
                limits=limits,
                handler=handler,
                idempotent=idempotent,
                file=file,
                room=room,
                surface=self.surface,
                parameters=self.parameters,
            )
            self.operations.append(operation)
            self._operations_at(path)[method] = operation
            return handler

        return declare

    def _operations_at(self, path: str) -> dict[str, Operation]:
        if path not in self._paths:
            self._paths[path] = {}
            self._register(path, self._paths[path])
        return self._paths[path]

    def _register(self, path: str, operations: Mapping[str, Operation]) -> None:
        def dispatch(req: func.HttpRequest, context: func.Context = NO_HOST) -> func.HttpResponse:
            with invoked(context):
                return answered(
                    req.method,
                    path,
                    lambda request_id: _respond(operations, req, request_id),
                    lambda error, request_id: self.surface.refusal(error, req, request_id),
                )

        route = self.blueprint.route(path, auth_level=func.AuthLevel.ANONYMOUS)
        self.blueprint.function_name(function_name(path))(route(dispatch))


def function_name(path: str) -> str:
    """The name of a path's function: its words, with `z` for a parameter.

    The host tries routes in the order of their functions' names, so `api/emails/status` has to
    come before `api/emails/{id}`.
    """
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"\{[^}]*\}", "z", path.lower())).strip("_")


def answered(
    method: str,
    route: str,
    respond: Callable[[str], func.HttpResponse],
    refuse: Callable[[ApiError, str], func.HttpResponse] = ApiError.to_response,
) -> func.HttpResponse:
    """What `respond` makes of a request with this id, and `refuse` of what it raises; one line in
    the log."""
    request_id = new_request_id()
    with logs.request(request_id):
        began = time.monotonic()
        try:
            response = respond(request_id)
        except Exception as error:
            failure = as_api_error(error)
            if failure.status >= 500:
                log.exception("%s %s failed", method, route)
            response = refuse(failure, request_id)
        log_answer(method, route, response.status_code, began)
    return response


def _respond(
    operations: Mapping[str, Operation], req: func.HttpRequest, request_id: str
) -> func.HttpResponse:
    method = "GET" if req.method == "HEAD" else req.method
    if method not in operations:
        count_anyone(req.headers)
    if method == "OPTIONS":
        return func.HttpResponse(status_code=204, headers={"Allow": _allowed(operations)})
    if method not in operations:
        raise ApiError(
            405,
            "method_not_allowed",
            f"Use one of the methods that this path knows: {_allowed(operations)}.",
            headers={"Allow": _allowed(operations)},
        )
    operation = operations[method]
    with ExitStack() as answering:
        request = _let_in(operation, req, request_id, answering)
        return to_response(_carry_out(operation, request), request_id)


def _carry_out(operation: Operation, request: Request[Any, Any]) -> Answer:
    """Let the handler answer; a request that came before with the same key is answered as then."""
    once = None
    if operation.idempotent:
        endpoint = operation.door.endpoint
        once = once_of(request.headers, request.caller, endpoint, request.body, request.file)
    if once is None:
        return operation.handler(request)
    if (earlier := earlier_answer(once, operation.answers)) is not None:
        return earlier
    try:
        return operation.handler(replace(request, once=once))
    except AlreadyKept:
        if (earlier := earlier_answer(once, operation.answers)) is None:
            raise
        return earlier


def _let_in(
    operation: Operation, req: func.HttpRequest, request_id: str, answering: ExitStack
) -> Request[Any, Any]:
    """The request with its parts checked; its file stays open while it is `answering`."""
    by_body = operation.who is Who.KEY_IN_BODY
    caller = None if by_body else admit(operation.door, operation.surface.credentials(req.headers))
    if operation.method in WITH_BODY:
        refuse_oversized(req, operation.most_in_body(req.headers))
    file = None
    if caller is None:
        caller, body = _by_key(operation, req)
    elif operation.file and is_form(req.headers):
        form = answering.enter_context(_form(operation.file, req))
        body, file = _fields(operation.body, form), form.file
    else:
        body = _body(operation, req)
    return Request(
        id=request_id,
        caller=caller,
        body=body,
        query=validated(operation.query, req.params) if operation.query else None,
        path=_path_values(req),
        headers=req.headers,
        file=file,
        arrived=arrival_of(req),
        url=req.url,
    )


def _path_values(req: func.HttpRequest) -> Mapping[str, str]:
    """The parts of the path that vary. The Functions host leaves an encoded slash as it is."""
    values: Mapping[str, str] = req.route_params
    if isinstance(req, LocalRequest):
        return values
    return {name: re.sub("%2f", "/", value, flags=re.I) for name, value in values.items()}


def _by_key(operation: Operation, req: func.HttpRequest) -> tuple[Caller, Input | None]:
    """The holder of the key in the body, and the body."""
    anyone = knock(operation.door, req.headers)
    try:
        body = _body(operation, req)
    except ApiError:
        count_request(anyone, operation.door.endpoint, operation.limits)
        raise
    assert isinstance(body, KeyedInput), "it is declared with the model of its body"
    return admit_holder(operation.door, anyone, body.key), body


def _body(operation: Operation, req: func.HttpRequest) -> Input | None:
    if operation.body is None:
        if operation.method in WITH_BODY:
            refuse_fields(req.headers, req.get_body())
        return None
    return operation.surface.parsed(
        operation.body, req.headers, req.get_body(), operation.most_values()
    )


def _form(field: FileField, req: func.HttpRequest) -> AbstractContextManager[Form]:
    limits = FormLimits(field.name, field.most())
    return parsed_form(req.headers, pieces_of(req), limits)


def _fields(model: type[Input] | None, form: Form) -> Input | None:
    return None if model is None else validated_form(model, form.fields)


def to_response(content: Answer, request_id: str, status: int | None = None) -> func.HttpResponse:
    """The answer as the host sends it; `status` where it is not the answer's own."""
    return func.HttpResponse(
        content.to_bytes(),
        status_code=status or content.http_status,
        mimetype=content.media_type,
        headers={**EVERY_ANSWER, "X-Request-Id": request_id, **content.http_headers},
    )


def _allowed(operations: Mapping[str, Operation]) -> str:
    head = {"HEAD"} if "GET" in operations else set()
    return ", ".join(sorted({*operations, *head, "OPTIONS"}))


def _models_of(request: Any) -> tuple[type[Input] | None, type[Input] | None]:
    """The models of body and query in `Request[Body, Query]`; what is left out has none."""
    body, query = [
        None if model is NoneType else model for model in (*get_args(request), None, None)
    ][:2]
    return body, query


def _answers_of(annotation: Any) -> dict[int, tuple[type[Answer], ...]]:
    kinds: tuple[type[Answer], ...] = get_args(annotation) or (annotation,)
    return {
        status: tuple(kind for kind in kinds if kind.http_status == status)
        for status in sorted({kind.http_status for kind in kinds})
    }
