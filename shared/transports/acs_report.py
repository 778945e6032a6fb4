"""Delivery reports of Azure Communication Services, as Event Grid brings them. Pure.

One event a recipient; they come at least once, in any order, minutes to hours after the email.
https://learn.microsoft.com/azure/event-grid/communication-services-email-events
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

DELIVERY_REPORT = "Microsoft.Communication.EmailDeliveryReportReceived"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_DELIVERED = "delivered"
_BOUNCED = "bounced"
_NOTHING_NEW = frozenset({"expanded", ""})
_LONGEST_ADDRESS = 320


class DeliveryReport(NamedTuple):
    """What became of one recipient. `is_bad_address`: the receiving server has refused it for
    good; what was filtered, quarantined or suppressed says nothing of the address."""

    operation: str
    recipient: str
    status: str
    is_delivered: bool
    is_bad_address: bool
    reason: str


def report_of(event: Mapping[str, Any]) -> DeliveryReport | None:
    """The report in an event; None where it is another kind, or says nothing that can be used."""
    content = event.get("data")
    if event.get("eventType") != DELIVERY_REPORT or not isinstance(content, Mapping):
        return None
    operation, recipient = _text(content.get("messageId")), _text(content.get("recipient"))
    status = _text(content.get("status"))
    if not operation or "@" not in recipient or len(recipient) > _LONGEST_ADDRESS:
        return None
    if status.lower() in _NOTHING_NEW:
        return None
    details = content.get("deliveryStatusDetails")
    said = _text(details.get("statusMessage")) if isinstance(details, Mapping) else ""
    return DeliveryReport(
        operation,
        recipient,
        status.lower(),
        status.lower() == _DELIVERED,
        status.lower() == _BOUNCED,
        f"{status}: {said}" if said else status,
    )


def validation_code(event: Mapping[str, Any]) -> str | None:
    """What Event Grid wants to hear when it is told of this endpoint; None: it is no such event."""
    content = event.get("data")
    if event.get("eventType") != VALIDATION or not isinstance(content, Mapping):
        return None
    return _text(content.get("validationCode")) or None


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
