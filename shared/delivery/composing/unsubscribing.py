"""The fields of an email that let its reader unsubscribe with one click."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.delivery.composing import test_mode
from shared.delivery.composing.prepare import recipients_of
from shared.mime.addresses import envelope_address
from shared.mime.allowed_recipients import RecipientRule
from shared.mime.bad_email import BadEmail
from shared.outbox.sending.fetch import ClaimedEmail
from shared.unsubscribing.links import Headers, Subscription, UnsubscribeLinks
from shared.unsubscribing.unsubscribed import list_named

ONE_RECIPIENT = "an unsubscribe link is its recipient's own: send it to one recipient alone"


def unsubscribe_headers(
    email: ClaimedEmail,
    links: Callable[[], UnsubscribeLinks],
    rules: Sequence[RecipientRule] = (),
) -> Headers:
    """None for an email that offers no link. The link is of whoever gets the email: where test
    mode's `rules` redirect it, whoever it was for stays on the list, whatever is clicked.

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
    (recipient,) = test_mode.redirected(recipients, rules)
    address = envelope_address(recipient.mailed_at).address
    return links().headers(Subscription(address, list_name, email.id))
