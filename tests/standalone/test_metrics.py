"""`GET /metrics` of standalone: what Prometheus reads, and who may."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.settings import Settings
from standalone import run
from tests.support.standalone import Launch, Standalone, wait_until


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module()


def _values(service: Standalone) -> dict[tuple[str, str], float]:
    """Each sample by its name and account."""
    answer = service.request("GET", "/metrics", token=service.login())
    assert answer.status == 200, answer
    return {
        (sample.name, sample.labels.get("account", "")): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def test_what_was_sent_is_counted_under_prometheus_names(service: Standalone) -> None:
    stored = service.post(
        "/api/emails",
        {"subject": "Counted", "recipients": ["ann@example.com"], "text_content": "Hi"},
        token=service.login(),
    )
    assert stored.status == 202, stored
    service.wait_for_mail(1)
    wait_until(
        lambda: ("rowpost_emails_sent_total", "CATCHER") in _values(service), 10, "the measure"
    )

    ticked = service.post("/admin/functions/queue_timer", {"input": ""}, token=service.login())
    assert ticked.status == 202
    depth = ("rowpost_queue_depth", "")
    wait_until(lambda: _values(service).get(depth) == 0, 30, "the depth of the empty queue")

    values = _values(service)
    assert values["rowpost_emails_sent_total", "CATCHER"] == 1
    assert values["rowpost_delivery_seconds_count", "CATCHER"] == 1
    assert values["rowpost_drain_rate_per_second_count", ""] >= 1
    assert values["rowpost_queue_oldest_waiting_seconds", ""] == 0


def test_nobody_reads_them_without_a_login_or_key(service: Standalone) -> None:
    for token in (None, "wrong"):
        answer = service.request("GET", "/metrics", token=token)
        assert (answer.status, answer.json["success"]) == (401, False)
        assert answer.json["requestId"]


def test_they_are_text_and_only_read(service: Standalone) -> None:
    answer = service.request("GET", "/metrics", token=service.login())
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "ann@" not in answer.body.decode()

    posted = service.post("/metrics", {}, token=service.login())
    assert (posted.status, posted.json["code"]) == (405, "method_not_allowed")
    assert "GET" in posted.headers["allow"]


def test_they_are_open_to_all_or_off_where_the_setting_says_so() -> None:
    opened = run.metrics_of(Settings(metrics="open"))

    assert opened is not None
    opened.require_reader({})
    assert run.metrics_of(Settings(metrics="off")) is None
