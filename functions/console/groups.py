"""Every group of pages, listed once: for the Functions host and for standalone."""

from __future__ import annotations

from typing import Protocol

from functions.console import (
    accounts,
    api,
    bounces,
    caught_mail,
    contact_messages,
    database,
    emails,
    events,
    first_steps,
    keys,
    login,
    mail_profiles,
    one_email,
    overview,
    schedule,
    send_log,
    static,
    suppressions,
    templates,
    users,
    webhooks,
)
from shared.api.endpoint import Routes
from shared.console.pages import Pages


class PageGroup(Protocol):
    """A module of pages."""

    pages: Pages


GROUPS: tuple[PageGroup, ...] = (
    static,
    login,
    overview,
    emails,
    one_email,
    first_steps,
    accounts,
    mail_profiles,
    schedule,
    database,
    users,
    keys,
    contact_messages,
    events,
    webhooks,
    bounces,
    suppressions,
    send_log,
    templates,
    caught_mail,
    api,
)
PAGES: tuple[Routes, ...] = tuple(group.pages.routes for group in GROUPS)
