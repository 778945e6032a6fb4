"""What visitors wrote in the contact form: listed, read, cancelled, tried again."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.api.models import QueryNumber, SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.features.contact import decide, entries
from shared.features.contact.errors import ContactNotFound
from shared.features.contact.states import ContactStatus
from shared.security.roles import Role

pages = Pages()

HERE = "/console/contact-messages"
_AT_ONCE = 50
_CANCEL = Question("Let this message not be sent to support?", "Cancel it")


class Search(SnakeInput):
    status: Literal["", "Pending", "Processing", "Sent", "Failed", "Cancelled"] = ""
    after: QueryNumber | None = Field(None, ge=0, le=2**31 - 1)


@pages.page("console/contact-messages", who=Role.VIEWER)
def contact_messages(visit: Visit[None, Search]) -> Page:
    """List what was written, the latest first."""
    status = ContactStatus(visit.query.status) if visit.query.status else None
    with application().database().read() as connection:
        page = entries.page(connection, status, visit.query.after, _AT_ONCE)
        counts = entries.counts(connection)
    return visit.show(
        "contact_messages.html",
        found=page.contacts,
        further=page.after,
        counts=counts,
        statuses=list(ContactStatus),
        query=visit.query,
        is_set_up=bool(application().settings.contact_email),
    )


@pages.page("console/contact-messages/{contact_id:guid}", who=Role.VIEWER)
def contact_message(visit: Visit) -> Page:
    """Show what somebody wrote."""
    with application().database().read() as connection:
        found = entries.find(connection, _id_in(visit))
    return visit.show("contact_message.html", found=found, ask_cancel=_CANCEL)


@pages.form(
    "console/contact-messages/{contact_id:guid}/cancel",
    who=Role.OPERATOR,
    shown_by=contact_message,
    asks=_CANCEL,
)
def cancel_message(visit: Visit) -> Redirect:
    """Let it not be sent."""
    decide.cancel(application(), _id_in(visit))
    return visit.go(f"{HERE}/{_id_in(visit)}", "The message is cancelled.")


@pages.form(
    "console/contact-messages/{contact_id:guid}/retry",
    who=Role.OPERATOR,
    shown_by=contact_message,
)
def retry_message(visit: Visit) -> Redirect:
    """Try it again."""
    decide.try_one_again(application(), _id_in(visit))
    return visit.go(f"{HERE}/{_id_in(visit)}", "The message waits to be sent again.")


@pages.form("console/contact-messages/retry-failed", who=Role.OPERATOR, shown_by=contact_messages)
def retry_failed(visit: Visit) -> Redirect:
    """Try again what failed."""
    tried = decide.try_failed_again(application())
    more = " There are more: press once more." if tried.more else ""
    return visit.go(HERE, f"Messages that wait to be sent again: {tried.number}.{more}")


def _id_in(visit: Visit) -> str:
    try:
        return str(UUID(visit.path["contact_id"]))
    except ValueError:
        raise ContactNotFound("this is no id") from None
