"""What came back: bounces, complaints, and what was not understood."""

from __future__ import annotations

from pydantic import Field

from shared.api.endpoint import Request, Routes
from shared.api.models import QueryNumber, SnakeAnswer, SnakeInput, Timestamp, example
from shared.app import application
from shared.bounces.consequence import Done
from shared.bounces.noted import NEWEST, Bounce, bounces_after
from shared.bounces.report import Kind
from shared.security.roles import Role

routes = Routes()


class BounceQuery(SnakeInput):
    after: QueryNumber = Field(0, ge=0, le=NEWEST)
    """`next` of the page before; left out, from the beginning."""
    # The host leaves out what is empty.
    kind: Kind | None = None
    """Only those that say this; left out, all."""
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many at most."""


class BounceShown(SnakeAnswer):
    model_config = example(
        id=12,
        at="2026-11-27T09:00:00.000Z",
        mailbox_id=1,
        kind="hard",
        email_id=4711,
        recipient="ann@example.com",
        code=550,
        enhanced_code="5.1.1",
        reason="smtp; 550 5.1.1 no such user",
        done="suppressed",
    )

    id: int
    """Its number; later ones are higher."""
    at: Timestamp
    """When it was read."""
    mailbox_id: int
    """The mailbox that it came into."""
    kind: Kind
    """What it says: `hard`, the address is a bad one; `soft` and `policy`, not delivered for
    another reason; `delayed`; `delivered`; `complaint`; `autoreply`, `receipt` and `other` say
    nothing of an email; `unclear`."""
    email_id: int | None
    """The email that it is about; null: none of ours."""
    recipient: str | None
    """Whose address it is about; null: it names none."""
    code: int | None
    """The mail server's reply code (RFC 5321); null: it gives none."""
    enhanced_code: str | None
    """The enhanced status code (RFC 3463); null: it gives none."""
    reason: str | None
    """The mail server's words; null: it gives none."""
    done: Done
    """What was done: `suppressed`, the address gets nothing for now; `once`, it is suppressed once
    another day says the same; `noted` with its email; `counted`; `repeated`, ten messages have
    said the same of that email and recipient, so it is not told again; `unclear`, it was not
    understood; `not_ours`, it names no email from here to that recipient, so it is not believed;
    `unreadable`."""

    @classmethod
    def of(cls, bounce: Bounce) -> BounceShown:
        values = bounce._asdict()
        del values["excerpt"]
        return cls(**values)


class BouncePage(SnakeAnswer):
    items: list[BounceShown]
    """What came back, the oldest first."""
    next: int
    """To be given as `after` for the next page; it stays as it is while nothing new has come."""


@routes.get("api/bounces", who=Role.VIEWER)
def list_bounces(request: Request[None, BounceQuery]) -> BouncePage:
    """List what came back into the mailboxes, in the order in which it was read."""
    query = request.query
    with application().database().read() as connection:
        found = bounces_after(connection, query.after, query.kind, query.limit)
    return BouncePage(
        items=[BounceShown.of(each) for each in found],
        next=found[-1].id if found else query.after,
    )
