"""The harness shows what the worker shows: an app that works, and one that vanishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worker.worker import worker

SAMPLE = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("greet/{name}", methods=["POST"])
def greet(req: func.HttpRequest) -> func.HttpResponse:
    name = req.route_params["name"].encode()
    return func.HttpResponse(name + b":" + req.get_body(), status_code=202)

@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def every_minute(timer: func.TimerRequest) -> None:
    assert timer.past_due is False

@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    assert (message.get_body(), message.dequeue_count) == (b"grow", 1)
"""


def test_the_worker_calls_the_functions_of_a_sample_app(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(SAMPLE)

    with worker(tmp_path, {}) as sample:
        answer = sample.request(
            "greet", "POST", "/greet/ann", body=b"\x00\xff", params={"name": "ann"}
        )
        sample.tick("every_minute")
        sample.deliver("work", "grow")

    assert (answer.status, answer.body) == (202, b"ann:\x00\xff")
    assert set(sample.functions) == {"greet", "every_minute", "work"}


@pytest.mark.parametrize(
    ("addition", "error"),
    [
        ("\nimport no_such_module\n", "no_such_module"),
        ("\napplication = app\n", "More than one"),
        ("\n@app.route('x')\ndef extra(req: func.HttpRequest, more: int): ...\n", "more"),
    ],
    ids=["an import error", "a second name for the app", "a parameter without a binding"],
)
def test_all_functions_vanish_at_one_mistake(tmp_path: Path, addition: str, error: str) -> None:
    (tmp_path / "function_app.py").write_text(SAMPLE + addition)

    with worker(tmp_path, {}) as broken:
        assert broken.functions == {}
        assert error in (broken.error or "")


def test_an_exception_that_escapes_a_function_is_seen(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(SAMPLE)

    with worker(tmp_path, {}) as sample, pytest.raises(AssertionError, match="grow"):
        sample.deliver("work", "shrink")
