"""The API as pages to read and to try, made from its own description."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

from functions.docs import description
from functions.groups import GROUPS
from shared.api.admission import Who
from shared.api.errors import ApiError
from shared.console.api_reference import ShownGroup, groups_of
from shared.console.page import Page
from shared.console.pages import Pages, Visit
from shared.console.session import whoever

pages = Pages()

_NAMES = [group.__name__.rpartition(".")[2] for group in GROUPS]


@pages.page("api/docs", who=Who.ANYONE)
def contents(visit: Visit) -> Page:
    """List all that the API does."""
    return _with_menu(visit).show("api.html", groups=_groups())


@pages.page(f"api/docs/{{group:regex(^({'|'.join(_NAMES)})$)}}", who=Who.ANYONE)
def group(visit: Visit) -> Page:
    """Show the operations of one group, to read and to try."""
    found = next((one for one in _groups() if one.name == visit.path["group"]), None)
    if found is None:
        raise ApiError(404, "not_found", "The API has no such group: open /api/docs.")
    return _with_menu(visit).show("api_group.html", groups=_groups(), group=found)


def _with_menu(visit: Visit) -> Visit:
    """Open to anyone; who is logged in goes on from here."""
    return replace(visit, caller=whoever(visit.headers))


@cache
def _groups() -> tuple[ShownGroup, ...]:
    return groups_of(json.loads(description()))
