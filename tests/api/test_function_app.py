"""The app as the Functions host finds it, loaded in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions import unknown
from functions.console.groups import PAGES
from functions.groups import GROUPS
from shared.api.endpoint import function_name
from tests.support.api import Client
from tests.support.application_insights import KEY

ROOT = Path(__file__).parents[2]
LAZY = (
    "pyodbc",
    "jinja2",
    "alembic",
    "azure.identity",
    "azure.keyvault",
    "azure.storage",
    "jwt",
    "bcrypt",
    "openapi_pydantic",
    "opentelemetry",
)
IMPORT_SECONDS = 1.5
LOAD = f"""
import json, sys, time
started = time.process_time()
import function_app
seconds = time.process_time() - started
functions = {{
    function.get_function_name(): function.get_trigger().get_dict_repr()
    for function in function_app.app.get_functions()
}}
heavy = [name for name in {LAZY!r} if name in sys.modules]
print(json.dumps({{"seconds": seconds, "functions": functions, "heavy": heavy}}, default=str))
"""


TELEMETRY_ON = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={KEY}",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
}


@pytest.fixture(scope="module")
def loaded() -> Any:
    return _load({}, "")


def _load(settings: dict[str, str], before: str, tries: int = 6) -> Any:
    run = subprocess.run(
        [sys.executable, "-c", before + LOAD],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    loaded = json.loads(run.stdout)
    # On a machine that does other things, too, one quiet load of several is enough.
    if loaded["seconds"] >= IMPORT_SECONDS and tries > 1:
        return _load(settings, before, tries - 1)
    return loaded


def test_every_function_is_there(loaded: Any) -> None:
    groups = (*(group.routes for group in GROUPS), *PAGES)
    declared = {function_name(one.path) for routes in groups for one in routes.operations}
    assert set(loaded["functions"]) == declared | {
        "drain",
        "password_reset_event",
        "queue_timer",
        "zz_unknown",
    }


def test_loading_it_costs_little_and_leaves_what_is_heavy_for_later(loaded: Any) -> None:
    assert loaded["seconds"] < IMPORT_SECONDS
    assert loaded["heavy"] == []


@pytest.mark.parametrize(
    ("settings", "before"),
    [(TELEMETRY_ON, ""), ({}, "import sys; sys.modules['pyodbc'] = None")],
    ids=["with telemetry on", "where pyodbc cannot be imported"],
)
def test_it_loads_as_fast_and_with_all_functions(
    loaded: Any, settings: dict[str, str], before: str
) -> None:
    here = _load(settings, before)

    assert here["seconds"] < IMPORT_SECONDS
    assert set(here["functions"]) == set(loaded["functions"])
    assert set(here["heavy"]) <= {"pyodbc"}


def test_the_catch_all_is_tried_last(loaded: Any) -> None:
    assert max(loaded["functions"]) == "zz_unknown"
    assert loaded["functions"]["zz_unknown"]["route"] == "{*path}"


def test_every_path_takes_every_method_so_that_a_wrong_one_can_be_answered(loaded: Any) -> None:
    for name, trigger in loaded["functions"].items():
        if trigger["type"] == "httpTrigger":
            assert "methods" not in trigger, name
            assert trigger["authLevel"] == "ANONYMOUS", name


def test_a_functions_name_follows_from_its_route(loaded: Any) -> None:
    for name, trigger in loaded["functions"].items():
        if trigger["type"] == "httpTrigger" and name != "zz_unknown":
            assert name == function_name(trigger["route"])


def test_the_timer_ticks_every_minute_and_the_drain_listens_to_its_queue(loaded: Any) -> None:
    timer, drain = loaded["functions"]["queue_timer"], loaded["functions"]["drain"]

    assert (timer["type"], timer["schedule"]) == ("timerTrigger", "0 * * * * *")
    assert timer["runOnStartup"] is False
    assert (drain["type"], drain["queueName"]) == ("queueTrigger", "drain-requests")
    assert drain["connection"] == "AzureWebJobsStorage"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"])
def test_an_unknown_path_is_404_in_the_form_of_every_error(method: str) -> None:
    reply = Client(unknown.blueprint).request(method, "no/such/path", route="{*path}")

    assert reply.status == 404
    assert set(reply.json) == {"success", "code", "message", "errors", "requestId"}
    assert reply.json["code"] == "not_found"


def test_the_host_options_are_what_the_sender_relies_on() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))

    assert host["extensions"]["http"]["routePrefix"] == ""
    assert host["extensions"]["queues"]["batchSize"] == 1
    assert host["extensions"]["queues"]["newBatchThreshold"] == 0
    assert host["extensions"]["queues"]["messageEncoding"] == "base64"
