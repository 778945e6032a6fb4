"""Is Rowpost well?"""

from __future__ import annotations

from typing import ClassVar, Literal

from sqlalchemy.exc import DBAPIError

from shared import service
from shared.api.endpoint import Request, Routes, Who
from shared.api.models import Answer
from shared.application import application
from shared.database.errors import DatabaseUnreachable

routes = Routes()


class Healthy(Answer):
    status: Literal["healthy"] = "healthy"
    service: Literal["email-service"] = "email-service"


class Unhealthy(Answer):
    http_status: ClassVar[int] = 503

    status: Literal["unhealthy"] = "unhealthy"
    service: Literal["email-service"] = "email-service"
    reason: Literal["database_unreachable"] = "database_unreachable"


@routes.get("health", who=Who.ANYONE)
def health(request: Request) -> Healthy | Unhealthy:
    """Say whether the database answers."""
    try:
        with application().database().read() as connection:
            service.status(connection)
    except (DatabaseUnreachable, DBAPIError):
        return Unhealthy()
    return Healthy()
