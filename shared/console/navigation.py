"""What the console's menu leads to. A page appears here once it is there."""

from __future__ import annotations

from typing import NamedTuple

from shared.security.roles import Role, includes


class Entry(NamedTuple):
    """A line of the menu, for whoever may open the page."""

    name: str
    address: str
    role: Role = Role.VIEWER


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
            Entry("Suppressions", "/console/suppressions"),
            Entry("Send log", "/console/send-log"),
        ),
    ),
    Heading(
        "Setting up",
        (
            Entry("First steps", "/console/first-steps", Role.ADMIN),
            Entry("Accounts", "/console/accounts"),
            Entry("Schedule", "/console/schedule"),
            Entry("Database", "/console/database", Role.ADMIN),
        ),
    ),
    Heading(
        "Access",
        (
            Entry("Users", "/console/users", Role.ADMIN),
            Entry("Keys", "/console/keys", Role.ADMIN),
        ),
    ),
    Heading("For developers", (Entry("API", "/api/docs"),)),
)


def menu_for(role: Role | None) -> tuple[Heading, ...]:
    """The menu of somebody with this role, without headings under which nothing stands."""
    if role is None:
        return ()
    shown = (
        heading._replace(entries=tuple(one for one in heading.entries if includes(role, one.role)))
        for heading in MENU
    )
    return tuple(heading for heading in shown if heading.entries)


def is_here(entry: Entry, path: str) -> bool:
    """Whether the page at `path` is the entry's, or one below it."""
    if entry.address == "/console":
        return path.rstrip("/") == "/console"
    return path == entry.address or path.startswith(f"{entry.address}/")
