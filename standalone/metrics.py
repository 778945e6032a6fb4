"""`GET /metrics`: what Rowpost measures, in Prometheus' text format."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.monitoring.telemetry.telemetry import Telemetry
from standalone.admin import EVERY_METHOD, Gate, logged, wrong_method
from standalone.http import request_headers

PATH = "/metrics"


@dataclass(frozen=True, slots=True)
class Metrics:
    """This process's measures, and who may read them."""

    telemetry: Telemetry
    require_reader: Gate

    def route(self) -> Route:
        return Route(PATH, logged(self._answer, PATH.strip("/")), methods=EVERY_METHOD)

    async def _answer(self, request: Request) -> Response:
        await run_in_threadpool(self.require_reader, request_headers(request))
        if request.method not in ("GET", "HEAD"):
            raise wrong_method("GET", "HEAD")
        content = await run_in_threadpool(generate_latest)
        return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})


def metrics_for(require_reader: Gate) -> Metrics:
    """Measures that are kept in this process for whoever reads them."""
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False)
    return Metrics(Telemetry(MeterProvider([reader])), require_reader)
