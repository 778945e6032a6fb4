"""The fields of an email that let its reader unsubscribe with one click."""

from __future__ import annotations

from collections.abc import Callable

from shared.delivery.composing.prepare import recipients_of
from shared.mime.addresses import envelope_address
from shared.mime.bad_email import BadEmail
from shared.outbox.sending.fetch import ClaimedEmail
from shared.unsubscribing.links import Headers, Subscription, UnsubscribeLinks
from shared.unsubscribing.unsubscribed import list_named

ONE_RECIPIENT = "an unsubscribe link is its recipient's own: send it to one recipient alone"


def unsubscribe_headers(email: ClaimedEmail, links: Callable[[], UnsubscribeLinks]) -> Headers:
    """None for an email that offers no link.

    Raises BadEmail where it can't have one, NoPublicAddress, SecretStoreUnavailable and
    DocumentUnreadable.
    """
    try:
        list_name = list_named(email.unsubscribe)
    except ValueError as error:
        raise BadEmail(str(error)) from None
    if list_name is None:
        return ()
    recipients = recipients_of(email)
    if len(recipients) != 1:
        raise BadEmail(ONE_RECIPIENT)
    address = envelope_address(recipients[0].address).address
    return links().headers(Subscription(address, list_name, email.id))
