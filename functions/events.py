"""Events of other services, from storage queues."""

from __future__ import annotations

import logging

import azure.functions as func

from shared.app import application
from shared.features.reset_codes import reset_codes
from shared.monitoring.telemetry.invocation import NO_HOST, invoked

blueprint = func.Blueprint()

log = logging.getLogger("rowpost.reset")


@blueprint.function_name("password_reset_event")
@blueprint.queue_trigger(
    arg_name="message",
    queue_name=reset_codes.QUEUE_NAME,
    connection="AzureWebJobsStorage",
)
def password_reset_event(message: func.QueueMessage, context: func.Context = NO_HOST) -> None:
    """Have the code of an event sent. One that cannot be understood ends in the poison queue."""
    with invoked(context):
        try:
            reset_codes.take_event(application(), message.get_body())
        except reset_codes.BadEvent as error:
            log.error("a message on %s is refused: %s", reset_codes.QUEUE_NAME, error)
            raise
