"""Every page of the console, for the tests that look at all of them and for the screenshots.

A new page is one line more.
"""

from __future__ import annotations

from typing import NamedTuple


class Shown(NamedTuple):
    """A page: the name of its pictures, and where it is."""

    name: str
    path: str


EVERY_PAGE = (
    Shown("overview", "/console"),
    Shown("emails", "/console/emails"),
    Shown("emails-search", "/console/emails?q=order&state=sent"),
    Shown("emails-unknown", "/console/emails?state=unknown"),
    Shown("emails-none", "/console/emails?q=nothing+like+this"),
    Shown("email", "/console/emails/1"),
    Shown("email-source", "/console/emails/1/source"),
    Shown("first-steps", "/console/first-steps"),
    Shown("accounts", "/console/accounts"),
    Shown("account", "/console/accounts/1"),
    Shown("account-edit", "/console/accounts/1/edit"),
    Shown("account-preset", "/console/accounts/new"),
    Shown("account-new", "/console/accounts/new?preset=microsoft365"),
    Shown("schedule", "/console/schedule"),
    Shown("database", "/console/database"),
    Shown("first-start", "/console/first-start"),
    Shown("users", "/console/users"),
    Shown("user", "/console/users/user?username=admin"),
    Shown("keys", "/console/keys"),
    Shown("contact-messages", "/console/contact-messages"),
    Shown("events", "/console/events"),
    Shown("webhooks", "/console/webhooks"),
    Shown("bounces", "/console/bounces"),
    Shown("bounces-not-understood", "/console/bounces?what=not_understood"),
    Shown("bounce-mailbox-new", "/console/bounces/mailboxes/new"),
    Shown("bounce-mailbox", "/console/bounces/mailboxes/1"),
    Shown("bounce-mailbox-edit", "/console/bounces/mailboxes/1/edit"),
    Shown("suppressions", "/console/suppressions"),
    Shown("send-log", "/console/send-log"),
    Shown("templates", "/console/templates"),
    Shown("template", "/console/templates/order_confirmation"),
    Shown("caught-mail", "/console/caught-mail"),
    Shown("api", "/api/docs"),
    Shown("api-emails", "/api/docs/emails"),
    Shown("mail-profiles", "/console/mail-profiles"),
    Shown("nothing-here", "/console/nothing/here"),
)
