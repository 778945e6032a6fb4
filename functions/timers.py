"""What runs without a caller: the tick of every minute, and the drains that it asks for."""

from __future__ import annotations

import azure.functions as func

from shared.app import application
from shared.delivery import tick
from shared.monitoring.telemetry.invocation import NO_HOST, invoked

blueprint = func.Blueprint()


@blueprint.function_name("queue_timer")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False)
def queue_timer(timer: func.TimerRequest, context: func.Context = NO_HOST) -> None:
    """Rescue what a dead sender left behind, and send what is due."""
    with invoked(context):
        tick.tick(application())


@blueprint.function_name("drain")
@blueprint.queue_trigger(
    arg_name="message", queue_name="drain-requests", connection="AzureWebJobsStorage"
)
def drain(message: func.QueueMessage, context: func.Context = NO_HOST) -> None:
    """Send what is due in the lanes that the wakeup names."""
    with invoked(context):
        tick.drain_woken(application(), message.get_body().decode())
