"""What the console's menu leads to. A page appears here once it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shared.app import application
from shared.console.caught_mail import mail_folder
from shared.security.roles import Role, includes


def _always() -> bool:
    return True


def _catches_mail() -> bool:
    return mail_folder(application().settings) is not None


class Entry(NamedTuple):
    """A line of the menu, for whoever may open the page; `is_there`: whether it leads anywhere."""

    name: str
    address: str
    role: Role = Role.VIEWER
    is_there: Callable[[], bool] = _always


class Heading(NamedTuple):
    """Some lines with what they have in common."""

    name: str
    entries: tuple[Entry, ...]


MENU: tuple[Heading, ...] = (
    Heading(
        "Sending",
        (
            Entry("Overview", "/console"),
            Entry("Emails", "/console/emails"),
            Entry("Contact messages", "/console/contact-messages"),
            Entry("Events", "/console/events"),
            Entry("Bounces", "/console/bounces"),
            Entry("Suppressions", "/console/suppressions"),
            Entry("Send log", "/console/send-log"),
            Entry("Templates", "/console/templates"),
            Entry("Caught mail", "/console/caught-mail", Role.OPERATOR, _catches_mail),
        ),
    ),
    Heading(
        "Setting up",
        (
            Entry("First steps", "/console/first-steps", Role.ADMIN),
            Entry("Accounts", "/console/accounts"),
            Entry("Mail profiles", "/console/mail-profiles"),
            Entry("Schedule", "/console/schedule"),
            Entry("Database", "/console/database", Role.ADMIN),
        ),
    ),
    Heading(
        "Access",
        (
            Entry("Users", "/console/users", Role.ADMIN),
            Entry("Keys", "/console/keys", Role.ADMIN),
            Entry("Webhooks", "/console/webhooks", Role.ADMIN),
        ),
    ),
    Heading("For developers", (Entry("API", "/api/docs"),)),
)


def menu_for(role: Role | None) -> tuple[Heading, ...]:
    """The menu of somebody with this role, without headings under which nothing stands."""
    if role is None:
        return ()
    shown = (
        heading._replace(
            entries=tuple(
                entry
                for entry in heading.entries
                if includes(role, entry.role) and entry.is_there()
            )
        )
        for heading in MENU
    )
    return tuple(heading for heading in shown if heading.entries)


def is_here(entry: Entry, path: str) -> bool:
    """Whether the page at `path` is the entry's, or one below it."""
    if entry.address == "/console":
        return path.rstrip("/") == "/console"
    return path == entry.address or path.startswith(f"{entry.address}/")
