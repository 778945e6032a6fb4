"""The Functions host's trace goes on in our functions: the worker sees to async ones only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import azure.functions as func

# The worker loads no function whose context is declared as optional.
NO_HOST = cast("func.Context", None)
"""The context of a function that somebody else than a Functions host has called."""


@contextmanager
def invoked(context: func.Context | None) -> Iterator[None]:
    """What is logged and traced inside belongs to the host's invocation.

    Where telemetry is off nobody has loaded OpenTelemetry, and nothing is done.
    """
    if context is None or "opentelemetry.context" not in sys.modules:
        yield
        return
    from opentelemetry.context import attach, detach
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = context.trace_context
    carrier = {"traceparent": given.trace_parent or "", "tracestate": given.trace_state or ""}
    token = attach(TraceContextTextMapPropagator().extract(carrier))
    try:
        yield
    finally:
        detach(token)
