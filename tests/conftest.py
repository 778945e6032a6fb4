"""The fixtures of every area, and the rule that CI may not skip a test."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("rowpost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rowpost")

# Tests ask more in a minute than callers may; those of the limits turn them on for themselves.
os.environ["ROWPOST_REQUEST_LIMITS"] = "off"

# These begin first, so that no test process is left with one of them when the others have ended.
LONGEST_FILES = (
    "tests/standalone/test_rooms.py",
    "tests/faults/test_kills.py",
    "tests/faults/test_drains.py",
    "tests/infra/test_wheel.py",
    "tests/bench/test_bench.py",
    "tests/delivery/test_liveness.py",
    "tests/smtp/test_session.py",
)

pytest_plugins = [
    "tests.support.azurite",
    "tests.support.database",
    "tests.support.log_lines",
    "tests.support.mail_readers",
    "tests.support.t_sql_statements",
    "tests.support.odbc_stand_in",
    "tests.support.smtp",
    "tests.support.key_vault",
    "tests.support.standalone",
    "tests.support.command_line",
    "tests.support.postfix",
    "tests.support.exim",
    "tests.support.redis",
]

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST_FILES))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _not_skipped_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _not_skipped_in_ci((yield))


def _not_skipped_in_ci(report: Report) -> Report:
    """A skipped test has not run: in CI, where everything can be installed, that is a failure."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
