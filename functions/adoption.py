"""Whether the queue is somebody else's table, and what of it stands in Rowpost's way."""

from __future__ import annotations

from typing import Literal, Self

from shared.api.endpoint import Request, Routes
from shared.api.models import Answer, example
from shared.app import application
from shared.database.adoption.questions import Adoption
from shared.security.roles import Role

routes = Routes()


class AdoptionFinding(Answer):
    level: Literal["refused", "warned", "fine"]
    """`refused`: Rowpost does not work on the table as it is; `warned`: it works, but somebody
    should look; `fine`: nothing to do."""
    code: str
    """What it is about, for programs."""
    message: str
    """What was found, and what to do."""
    statement: str | None
    """The SQL that mends it; null where there is none."""


class AdoptionAnswer(Answer):
    model_config = example(
        adopted=True,
        findings=[
            {
                "level": "warned",
                "code": "flag_default",
                "message": "dd_SendFlag has no default N.",
                "statement": None,
            }
        ],
    )

    adopted: bool
    """Whether the queue's table was there before Rowpost."""
    findings: tuple[AdoptionFinding, ...]
    """What was found, the worst first."""

    @classmethod
    def of(cls, found: Adoption) -> Self:
        """As it is answered."""
        return cls(
            adopted=found.adopted,
            findings=tuple(
                AdoptionFinding(
                    level=finding.level.value,
                    code=finding.code,
                    message=finding.message,
                    statement=finding.statement,
                )
                for finding in found.findings
            ),
        )


@routes.get("api/adoption", who=Role.ADMIN)
def adoption(request: Request) -> AdoptionAnswer:
    """Say what of the tables that are there stands in the way, and what helps."""
    return AdoptionAnswer.of(application().adoption())
