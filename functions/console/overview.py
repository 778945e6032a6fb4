"""The console's first page: whether emails go out, what waits, and what somebody should look at."""

from __future__ import annotations

from shared.api.endpoint import Room
from shared.app import application
from shared.console.page import Page
from shared.console.pages import Pages, Visit
from shared.monitoring.health import AWAY
from shared.security.roles import Role

pages = Pages()


@pages.page("console", who=Role.VIEWER, room=Room.CONTROL)
def overview(visit: Visit) -> Page:
    """Show the service and its queue."""
    try:
        queue = application().overview.ask()
    except AWAY:
        queue = None
    return visit.show("overview.html", queue=queue)
