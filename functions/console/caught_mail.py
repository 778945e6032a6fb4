"""Caught mail: what the mail catcher of this machine has kept, the newest on top."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from functions.email_contents import EmailFile, RawEmail
from shared.api.errors import ApiError
from shared.api.models import SnakeInput
from shared.app import application
from shared.console.caught_mail import Caught, NothingCaught, mail_folder, newest, read
from shared.console.email_frame import MOST_INLINE, frame_policy, is_picture, with_inline
from shared.console.page import Page
from shared.console.pages import Pages, Visit
from shared.security.roles import Role

pages = Pages()

_PATH = "console/caught-mail/{name}"
_AT_ONCE = 50
_MOST_SHOWN = 300_000


class Place(SnakeInput):
    below: str = Field("", max_length=80)


class Looked(SnakeInput):
    """`pictures`: those of other servers, too."""

    pictures: Literal["", "yes"] = ""


@pages.page("console/caught-mail", who=Role.OPERATOR)
def caught_mail(visit: Visit[None, Place]) -> Page:
    """List what was caught."""
    folder = mail_folder(application().settings)
    found = [] if folder is None else newest(folder, _AT_ONCE + 1, visit.query.below)
    return visit.show(
        "caught_mail.html",
        found=found[:_AT_ONCE],
        further=found[_AT_ONCE - 1].name if len(found) > _AT_ONCE else None,
        is_caught=folder is not None,
        query=visit.query,
    )


@pages.page(_PATH, who=Role.OPERATOR)
def one_caught(visit: Visit[None, Looked]) -> Page:
    """Show an email that was caught."""
    found = _found(visit.path["name"])
    return visit.show(
        "caught_email.html",
        found=found,
        source=found.source[:_MOST_SHOWN].decode("utf-8", "replace"),
        is_cut=len(found.source) > _MOST_SHOWN,
        most_shown=_MOST_SHOWN,
        pictures=visit.query.pictures,
    )


@pages.page(f"{_PATH}/html", who=Role.OPERATOR)
def caught_html(visit: Visit[None, Looked]) -> Page:
    """Show its HTML, for a frame."""
    found = _found(visit.path["name"])
    html = with_inline(found.html or "", _inline(found))
    page = Page(content=html.encode("utf-8", "replace"))
    return page.with_headers(frame_policy(bool(visit.query.pictures)))


@pages.page(f"{_PATH}/message", who=Role.OPERATOR)
def caught_message(visit: Visit) -> RawEmail:
    """Give the message as a file."""
    found = _found(visit.path["name"])
    return RawEmail(content=found.source).saved_as(found.listed.name)


@pages.page(f"{_PATH}/files/{{place:int}}", who=Role.OPERATOR)
def caught_file(visit: Visit) -> EmailFile:
    """Give one of its files."""
    files, place = _found(visit.path["name"]).files, int(visit.path["place"])
    if place >= len(files):
        raise ApiError(404, "file_not_found", "The email has no such file.")
    file = files[place]
    return EmailFile(content=file.content).saved_as(file.filename)


def _found(name: str) -> Caught:
    folder: Path | None = mail_folder(application().settings)
    try:
        if folder is None:
            raise NothingCaught("no mail is caught here")
        return read(folder, name)
    except NothingCaught as error:
        raise ApiError(404, "not_found", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None


def _inline(found: Caught) -> dict[str, tuple[str, bytes]]:
    """The pictures that the HTML shows, up to MOST_INLINE bytes together."""
    shown: dict[str, tuple[str, bytes]] = {}
    size = 0
    for file in found.files:
        if file.content_id is None or not is_picture(file.content_type):
            continue
        size += len(file.content)
        if size > MOST_INLINE:
            break
        shown[file.content_id] = (file.content_type, file.content)
    return shown
