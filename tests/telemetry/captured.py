"""Telemetry that stays in this process, for tests to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from shared.monitoring.telemetry.telemetry import Telemetry

Points = dict[str, dict[str | None, Any]]


class Captured:
    """Everything that a process measures and traces."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(sampler=sampler)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.telemetry = Telemetry(MeterProvider([self._reader]), tracers)

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """The spans that have ended, those of one name only if it is given."""
        ended = self._spans.get_finished_spans()
        return [one for one in ended if name in (None, one.name)]

    def points(self) -> Points:
        """The measures by name, then by account; a histogram's is (count, sum)."""
        data = self._reader.get_metrics_data()
        found: Points = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    by_account = found.setdefault(metric.name, {})
                    for point in metric.data.data_points:
                        by_account[_account(point.attributes)] = _value(point)
        return found

    def everything(self) -> str:
        """All that would leave the process, as text."""
        data = self._reader.get_metrics_data()
        spans = "".join(span.to_json() for span in self.spans())
        return spans + (data.to_json() if data else "")


def children_of(span: ReadableSpan, among: list[ReadableSpan]) -> list[ReadableSpan]:
    """The spans that it is the parent of, in the order in which they began."""
    own = span.get_span_context()
    found = [one for one in among if one.parent and own and one.parent.span_id == own.span_id]
    return sorted(found, key=lambda one: one.start_time or 0)


def _account(attributes: Mapping[str, Any] | None) -> str | None:
    assert set(attributes or {}) <= {"account"}
    return (attributes or {}).get("account")


def _value(point: Any) -> Any:
    return (point.count, point.sum) if hasattr(point, "bucket_counts") else point.value
