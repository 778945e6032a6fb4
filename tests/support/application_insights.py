"""Where Application Insights takes telemetry: the ingestion endpoint, on this machine."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "00000000-0000-0000-0000-000000000000"


class ApplicationInsights(ThreadingHTTPServer):
    """Keeps every item that is sent to it (POST /v2.1/track)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._taking = threading.Lock()
        self._items: list[dict[str, Any]] = []

    def take(self, items: list[dict[str, Any]]) -> None:
        with self._taking:
            self._items += items

    def items(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What has come so far: all, or the `baseData` of one kind, such as `MetricData`."""
        with self._taking:
            items = list(self._items)
        if kind is None:
            return items
        return [one["data"]["baseData"] for one in items if one["data"]["baseType"] == kind]

    def environment(self) -> dict[str, str]:
        """The app's settings: telemetry is on, comes at once, and nowhere else."""
        here = f"http://127.0.0.1:{self.server_address[1]}/"
        return {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={KEY};IngestionEndpoint={here};LiveEndpoint={here}"
            ),
            "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
            "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
        }


@contextmanager
def application_insights() -> Iterator[ApplicationInsights]:
    """One that listens on a free port."""
    with ApplicationInsights() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    server: ApplicationInsights

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        items: list[dict[str, Any]] = []
        if self.path.endswith("/track"):
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body)
            self.server.take(items)
        said = {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing on the terminal."""
