"""Every group of endpoints but the one that describes them, listed once."""

from __future__ import annotations

from typing import Protocol

from functions import (
    accounts,
    acs_events,
    adoption,
    bounce_mailboxes,
    bounces,
    configuration,
    contact,
    dashboard,
    database_mail,
    email_contents,
    email_decisions,
    emails,
    event_feed,
    keyed_sending,
    keys,
    login,
    operations,
    reset_codes,
    sending,
    service,
    suppressions,
    unsubscribing,
    users,
    webhooks,
)
from shared.api.endpoint import Routes


class Group(Protocol):
    """A module of endpoints: its name is their heading in the documentation."""

    __name__: str
    __doc__: str | None
    routes: Routes


ENDPOINTS: tuple[Group, ...] = (
    login,
    users,
    keys,
    configuration,
    service,
    adoption,
    dashboard,
    operations,
    sending,
    accounts,
    emails,
    database_mail,
    email_contents,
    email_decisions,
    event_feed,
    webhooks,
    bounce_mailboxes,
    bounces,
    suppressions,
    unsubscribing,
    acs_events,
    keyed_sending,
    reset_codes,
    contact,
)
