"""Templates: listed, looked at with variables, and sent to somebody to see how they arrive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from shared.api.errors import ApiError, FieldError
from shared.api.models import EmailAddress, SnakeInput
from shared.app import application
from shared.console.email_frame import frame_policy
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Visit
from shared.security.roles import Role
from shared.submissions import templates
from shared.submissions.store import store
from shared.submissions.submission import Origin, Submission
from shared.submissions.template_errors import (
    MissingVariable,
    TemplateRefused,
    UnknownTemplate,
)
from shared.submissions.templates import Rendered, Template

pages = Pages()

HERE = "/console/templates"
_LONGEST = 2_000
"""Characters of variables: they stand in the address of the frame."""


class Preview(SnakeInput):
    variables: str = Field("", max_length=_LONGEST)


class Trial(SnakeInput):
    email: EmailAddress
    variables: str = Field("{}", max_length=_LONGEST)


@dataclass(frozen=True, slots=True)
class Known:
    """A template of the list; `problem`: what is wrong with it."""

    name: str
    template: Template | None
    problem: str = ""


@pages.page("console/templates", who=Role.VIEWER)
def template_list(visit: Visit) -> Page:
    """List the templates."""
    return visit.show("templates.html", known=[_known(name) for name in templates.names()])


@pages.page("console/templates/{name}", who=Role.VIEWER)
def template(visit: Visit[None, Preview]) -> Page:
    """Show what a template says with these variables."""
    found = _find(visit.path["name"])
    variables = visit.typed.value("variables", visit.query.variables) or found.example
    rendered, problem = _rendered(found.name, variables)
    return visit.show(
        "template.html",
        chosen=found,
        variables=variables,
        rendered=rendered,
        problem=problem,
        frame=f"{HERE}/{found.name}/html?{urlencode({'variables': variables})}",
        longest=_LONGEST,
    )


@pages.page("console/templates/{name}/html", who=Role.VIEWER)
def template_html(visit: Visit[None, Preview]) -> Page:
    """Show its HTML, for a frame."""
    found = _find(visit.path["name"])
    rendered, problem = _rendered(found.name, visit.query.variables or found.example)
    html = rendered.html if rendered else None
    page = Page(content=(html or problem or "").encode("utf-8", "replace"))
    return page.with_headers(frame_policy(False))


@pages.form("console/templates/{name}", who=Role.OPERATOR, shown_by=template)
def send_template(visit: Visit[Trial]) -> Redirect:
    """Send it with these variables."""
    found, form = _find(visit.path["name"]), visit.form
    submission = Submission(
        recipients=[form.email],
        template=found.name,
        variables=_variables(form.variables),
        origin=Origin.API,
        stored_by=visit.caller.identity,
    )
    number = store(application(), submission)
    return visit.go(
        f"/console/emails/{number}", f"Email #{number} is stored: this is what becomes of it."
    )


def _known(name: str) -> Known:
    try:
        return Known(name, templates.find(name))
    except TemplateRefused as error:
        return Known(name, None, str(error))


def _find(name: str) -> Template:
    try:
        return templates.find(name)
    except UnknownTemplate as error:
        raise ApiError(404, "template_not_found", str(error)) from None
    except TemplateRefused as error:
        raise ApiError(409, "template_refused", f"This template can't be used: {error}.") from None


def _rendered(name: str, variables: str) -> tuple[Rendered | None, str]:
    """What it says, or why it says nothing."""
    try:
        return templates.render(name, _variables(variables)), ""
    except ApiError as error:
        return None, error.message
    except (MissingVariable, TemplateRefused) as error:
        words = str(error)
        return None, f"{words[:1].upper()}{words[1:]}."


def _variables(text: str) -> dict[str, Any]:
    """Raises ApiError 422 for what is no JSON object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        message = 'The variables are a JSON object, as {"name": "Ann"}.'
        raise ApiError(
            422, "validation_failed", message, errors=(FieldError("variables", message),)
        )
    return found
