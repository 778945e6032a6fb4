"""A machine without unixODBC, where pyodbc cannot be imported: health says what to install."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.standalone import Standalone, start, wait_until

ABSENT = "raise ImportError('libodbc.so.2: cannot open shared object file: No such file')\n"
SOMEWHERE = "mssql+pyodbc://rowpost:secret@127.0.0.1:1/rowpost"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Standalone]:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "pyodbc.py").write_text(ABSENT)
    settings = {"DATABASE_URL": SOMEWHERE, "PYTHONPATH": str(packages)}
    started = start(tmp_path, "without-odbc", settings, fresh=True)
    yield started
    started.kill()


def _says_it_is_unhealthy(service: Standalone) -> bool:
    assert service.process.poll() is None, service.written()
    try:
        return service.get("/health").status == 503
    except OSError:
        return False


def test_health_says_what_to_install_and_all_that_needs_no_database_works(
    service: Standalone,
) -> None:
    wait_until(lambda: _says_it_is_unhealthy(service), 60, "the service")

    health = service.get("/api/health", token=service.login())

    assert health.json["status"] == "unhealthy"
    assert "install unixODBC" in health.json["database"]["problem"]
    assert health.json["secretStore"]["problem"] is None
    assert service.get("/api/get-current-config", token=service.login()).status == 200
    assert service.get("/api/openapi.json").status == 200
    refused = service.get("/api/service-status", token=service.login())
    assert (refused.status, refused.json["code"]) == (503, "database_unreachable")
