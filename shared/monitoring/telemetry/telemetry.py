"""Telemetry: what Rowpost measures and traces, by OpenTelemetry's API alone.

Who has set up where it goes is somebody else: in Azure the Functions worker (with
azure-monitor-opentelemetry), on one machine `standalone` (for Prometheus), in a test the test.
"""

from __future__ import annotations

from functools import cache
from threading import Lock

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Tracer, TracerProvider

from shared.monitoring.telemetry.measures import Measures

_NAME = "rowpost"
_making = Lock()


class Telemetry:
    """Where a process's measures and traces go. `tracer` is None where nobody takes traces."""

    def __init__(self, meters: MeterProvider, tracers: TracerProvider | None = None) -> None:
        self.measures = Measures(meters.get_meter(_NAME))
        self.tracer: Tracer | None = tracers.get_tracer(_NAME) if tracers else None


def of_this_process() -> Telemetry:
    """To wherever this process's OpenTelemetry has been told to send.

    One a process: of an instrument that is made twice only the first is read.
    """
    with _making:
        return _made()


@cache
def _made() -> Telemetry:
    return Telemetry(metrics.get_meter_provider(), trace.get_tracer_provider())
