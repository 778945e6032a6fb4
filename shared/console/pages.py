"""How a page is declared, and what happens to every form before its function sees it.

    pages = Pages()

    @pages.page("console/suppressions", who=Role.VIEWER)
    def suppressions(visit: Visit[None, Search]) -> Page:
        return visit.show("suppressions.html", found=...)

    @pages.form(
        "console/suppressions/{address}/remove",
        who=Role.OPERATOR,
        shown_by=suppressions,
        asks=Question("Send to this address again?", "Remove it"),
    )
    def remove(visit: Visit[Removal]) -> Redirect:
        ...
        return visit.go("/console/suppressions", "The address gets emails again.")

The machinery is the API's (`shared.api.endpoint`): roles, limits, sizes, the log. What is wrong
with a form is raised, too, be it a value or what became of it meanwhile: the page that it came from
is shown again with all that was typed, and with the words beside the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl, quote, urljoin

import azure.functions as func
from pydantic import Field, ValidationError
from typing_extensions import TypeVar as TypeVarWithDefault

from shared.api.admission import Who
from shared.api.caller import Caller
from shared.api.endpoint import BodyLimit, Request, Room, Routes, to_response
from shared.api.errors import ApiError, as_api_error
from shared.api.limits import Limits
from shared.api.models import Answer, Input
from shared.api.request.body import validated_form
from shared.app import application
from shared.console.navigation import menu_for
from shared.console.page import Page, Redirect, rendered
from shared.console.session import (
    FORM_TOKEN,
    as_browser_sees,
    notice_cookie,
    notice_in,
    parts_of,
    require_own_form,
    require_same_origin,
    token_for,
    told_notice,
    visitor_cookie,
    whoever,
    with_session,
)
from shared.security.roles import Role, includes

SURE = "sure"
"""The field that says that somebody was asked."""
LOGIN = "/console/login"
_MOST_FIELDS = 1_000
_LONGEST_KEPT = 64 * 1024
_PARAMETER = re.compile(r"\{(\w+)[^}]*\}")

Filled = TypeVarWithDefault("Filled", default=None)
Query = TypeVarWithDefault("Query", default=None)
M = TypeVar("M", bound=Input)
Handler = TypeVar("Handler", bound=Callable[[Any], Answer])


class Question(NamedTuple):
    """What is asked before something that can't be undone; `button`: what says yes."""

    text: str
    button: str


Asks = Question | Callable[[Any], Question | None]
"""The question, or what finds it for a visit; None: nothing needs asking."""


class SentForm(Input):
    """The fields of a form as a browser sends them (application/x-www-form-urlencoded)."""

    fields: tuple[tuple[str, str], ...] = Field(repr=False)


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody has typed into a form that was not accepted, and why it was not."""

    values: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    message: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, otherwise: Any = "") -> Any:
        """What was typed into this field, or what stands in it else."""
        if not self.values:
            return otherwise
        return self.values.get(name, [""])[-1]

    def has(self, name: str, value: str, otherwise: bool = False) -> bool:
        """Whether the box with this value was ticked, or is else."""
        return value in self.values.get(name, []) if self.values else otherwise


@dataclass(frozen=True, slots=True)
class Visit(Generic[Filled, Query]):
    """Somebody's visit to a page, or a form that they have sent."""

    caller: Caller
    url: str
    headers: Mapping[str, str] = field(repr=False)
    path: Mapping[str, str]
    query: Query
    form: Filled
    typed: Typed = field(default_factory=Typed)

    def may(self, role: str) -> bool:
        """Whether the visitor may do what this role may."""
        return self.caller.role is not None and includes(self.caller.role, Role(role))

    @property
    def here(self) -> str:
        """The page's address, from its first slash on."""
        parts = parts_of(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def show(self, template: str, **values: Any) -> Page:
        """The page made of `console/pages/{template}`."""
        cookie, to_set = visitor_cookie(self.url, self.headers)
        notice = notice_in(self.headers)
        page = rendered(
            f"pages/{template}",
            {
                "visit": self,
                "may": self.may,
                "typed": self.typed,
                "menu": menu_for(self.caller.role),
                "form_token": token_for(cookie),
                "notice": notice,
                "now": application().clock(),
                **values,
            },
        )
        if notice and to_set is None:
            to_set = told_notice(self.url)
        return page.with_headers({"Set-Cookie": to_set}) if to_set else page

    def go(self, address: str, notice: str = "") -> Redirect:
        """On to this page of the console, which says what was done."""
        there = Redirect().with_headers({"Location": address})
        if notice:
            there.with_headers({"Set-Cookie": notice_cookie(self.url, notice)})
        return there


class Pages:
    """The pages of one group."""

    def __init__(self) -> None:
        self.routes = Routes(surface=_PageSurface())
        self._paths: dict[Callable[[Any], Answer], str] = {}

    def page(
        self, path: str, *, who: Role | Who, limits: Limits = None, room: Room = Room.COMMON
    ) -> Callable[[Handler], Handler]:
        """Declare the page at `path`."""

        def declare(handler: Handler) -> Handler:
            _, query = _models_of(handler)

            def answer(request: Request[Any, Any]) -> Answer:
                return handler(_visit(request))

            answer.__annotations__ = {"request": Request[None, query or type(None)]}  # type: ignore[misc]
            answer.__annotations__["return"] = get_type_hints(handler)["return"]
            answer.__doc__ = handler.__doc__
            self.routes.get(path, who=who, limits=limits, room=room)(answer)
            self._paths[handler] = path
            return handler

        return declare

    def form(
        self,
        path: str,
        *,
        who: Role | Who,
        shown_by: Callable[[Any], Answer] | None = None,
        asks: Asks | None = None,
        limits: Limits = None,
        room: Room = Room.COMMON,
        body_limit: BodyLimit | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare what becomes of a form that is sent to `path`.

        `shown_by`: the page that has the form; it is shown again when something is wrong. `asks`:
        what is asked first, in the browser or on a page of its own.
        """

        def declare(handler: Handler) -> Handler:
            model, _ = _models_of(handler)

            def answer(request: Request[SentForm, None]) -> Answer:
                return _carry_out(handler, model, asks, request)

            answer.__annotations__ = {"request": Request[SentForm], "return": Page | Redirect}
            answer.__doc__ = handler.__doc__
            self.routes.post(path, who=who, limits=limits, room=room, body_limit=body_limit)(
                answer
                if shown_by is None
                else _shown_again(answer, shown_by, self._paths[shown_by])
            )
            return handler

        return declare


class _NotAccepted(ApiError):
    """The page of a form that was not accepted, as an error with the status of its reason."""

    def __init__(self, error: ApiError, page: Answer) -> None:
        super().__init__(
            error.status, error.code, error.message, errors=error.errors, headers=error.headers
        )
        self.page = page


def _shown_again(
    answer: Callable[[Request[SentForm, None]], Answer],
    shown_by: Callable[[Any], Answer],
    path: str,
) -> Callable[[Request[SentForm, None]], Answer]:
    _, query = _models_of(shown_by)

    def answer_or_show(request: Request[SentForm, None]) -> Answer:
        try:
            return answer(request)
        except Exception as reason:
            error = as_api_error(reason)
            if error.status >= 500 or error.code == "foreign_form":
                raise
            typed = _typed(request.body, error)
            page = shown_by(
                replace(
                    _visit(request),
                    url=urljoin(
                        as_browser_sees(request.url, request.headers),
                        f"/{_filled_path(path, request.path)}",
                    ),
                    query=_query_of(query, typed),
                    typed=typed,
                )
            )
            raise _NotAccepted(error, page) from reason

    answer_or_show.__annotations__ = answer.__annotations__
    answer_or_show.__doc__ = answer.__doc__
    return answer_or_show


def _filled_path(path: str, values: Mapping[str, str]) -> str:
    return _PARAMETER.sub(lambda found: quote(values.get(found[1], ""), safe=""), path)


def _query_of(model: type[Input] | None, typed: Typed) -> Input | None:
    """What the page is asked for where its form has the same fields, as a list's filters."""
    if model is None:
        return None
    given = {name: several[-1] for name, several in typed.values.items() if several}
    try:
        return model.model_validate(given)
    except ValidationError:
        return model.model_validate({})


def _carry_out(
    handler: Callable[[Any], Answer],
    model: type[Input] | None,
    asks: Asks | None,
    request: Request[SentForm, None],
) -> Answer:
    fields = _values(request.body)
    require_own_form(request.headers, fields.pop(FORM_TOKEN, [""])[-1])
    sure = fields.pop(SURE, [""])[-1] == "yes"
    form = _filled(model, fields)
    visit = replace(_visit(request), form=form)
    question = asks(visit) if callable(asks) else asks
    if question is not None and not sure:
        return visit.show(
            "sure.html",
            question=question,
            kept=_kept(fields),
            back=_way_back(request.headers),
        )
    return handler(visit)


def _visit(request: Request[Any, Any]) -> Visit[Any, Any]:
    return Visit(
        caller=request.caller,
        url=as_browser_sees(request.url, request.headers),
        headers=request.headers,
        path=request.path,
        query=request.query,
        form=None,
    )


def _models_of(handler: Callable[..., Any]) -> tuple[type[Input] | None, type[Input] | None]:
    """The models of form and query in `Visit[Form, Query]`."""
    hints = get_type_hints(handler)
    told = next((hint for name, hint in hints.items() if name != "return"), None)
    models = [None if model is type(None) else model for model in get_args(told)]
    form, query = [*models, None, None][:2]
    return form, query


def _values(sent: SentForm) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in sent.fields:
        values.setdefault(name, []).append(value)
    return values


def _kept(values: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, several in values.items() for value in several]


def _filled(model: type[Input] | None, values: Mapping[str, list[str]]) -> Input | None:
    """The form as its model: a field of several values is a list there. Raises ApiError 422."""
    if model is None:
        return None
    lists = {
        described.alias or name
        for name, described in model.model_fields.items()
        if getattr(described.annotation, "__origin__", None) in (list, tuple)
    }
    given = {
        name: several if name in lists else several[-1]
        for name, several in values.items()
        # What is left empty was not given.
        if several[-1] or name in lists
    }
    return validated_form(model, given)


def _typed(sent: SentForm, error: ApiError) -> Typed:
    values = _values(sent)
    for hidden in (FORM_TOKEN, SURE):
        values.pop(hidden, None)
    errors = {one.field: one.message for one in error.errors}
    return Typed(values or {"": []}, error.message, errors)


def _way_back(headers: Mapping[str, str]) -> str:
    """The page that the form was on, as far as the browser says so."""
    return own_address(parts_of(headers.get("referer", ""))._replace(scheme="", netloc="").geturl())


def own_address(address: str) -> str:
    """An address within the console; any other one becomes its first page."""
    parts = parts_of(address)
    own = not parts.scheme and not parts.netloc and "\\" not in address and address.isprintable()
    inside = parts.path == "/console" or parts.path.startswith("/console/")
    return address if own and inside and "//" not in parts.path else "/console"


class _PageSurface:
    """Cookies and forms in, pages out."""

    def credentials(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return with_session(headers)

    def parsed(
        self, model: type[M], headers: Mapping[str, str], body: bytes, most: int | None
    ) -> M:
        return model.model_validate({"fields": _fields_in(headers, body)})

    def refusal(self, error: ApiError, req: func.HttpRequest, request_id: str) -> func.HttpResponse:
        if isinstance(error, _NotAccepted):
            return to_response(error.page.with_headers(error.headers), request_id, error.status)
        visit: Visit[None, None] = Visit(
            caller=whoever(req.headers),
            url=as_browser_sees(req.url, req.headers),
            headers=req.headers,
            path={},
            query=None,
            form=None,
        )
        if error.status == 401:
            return _log_in_first(visit, req, error, request_id)
        page = visit.show("error.html", error=error, request_id=request_id)
        return to_response(page.with_headers(error.headers), request_id, error.status)


def _log_in_first(
    visit: Visit[None, None], req: func.HttpRequest, error: ApiError, request_id: str
) -> func.HttpResponse:
    """The login; what was typed into a form of ours comes back when that is done."""
    if req.method in ("GET", "HEAD"):
        away = Redirect().with_headers({"Location": f"{LOGIN}?next={quote(visit.here, safe='/')}"})
        return to_response(away, request_id)
    kept, message = "", "Your session has ended: log in again."
    try:
        require_same_origin(req.headers)
        body = req.get_body()
        if len(body) <= _LONGEST_KEPT:
            _fields_in(req.headers, body)
            kept, message = body.decode(), f"{message} What you have typed is kept."
    except (ApiError, UnicodeDecodeError):
        kept = ""
    page = visit.show("login.html", next=own_address(visit.here), kept=kept, message=message)
    return to_response(page, request_id, 401)


def _fields_in(headers: Mapping[str, str], body: bytes) -> tuple[tuple[str, str], ...]:
    """Raises ApiError 415 and 400."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media != "application/x-www-form-urlencoded":
        raise ApiError(415, "unsupported_media_type", "Send this with the form of the console.")
    return fields_of(body)


def fields_of(body: bytes) -> tuple[tuple[str, str], ...]:
    """A form's fields, those left empty among them. Raises ApiError 400 for what is none."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise ApiError(
            400, "malformed_form", "The form cannot be read: open the page again, and send it anew."
        ) from None
    return tuple((name, value.replace("\r\n", "\n")) for name, value in pairs)
