"""`make bench` measures what it says, shown with a handful of emails."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.tools import ROOT, program


def benchmark(module: str, options: str) -> Any:
    program("smtp-source")
    run = subprocess.run(
        [sys.executable, "-m", module, *options.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_benchmark_prints_one_json_document_with_both_senders() -> None:
    document = benchmark("bench", "--emails 40 --pdfs 3 --rounds 1 --waiting 50")

    assert [workload["emails"] for workload in document["workloads"]] == [40, 3]
    for workload in document["workloads"]:
        assert workload["rowpost"]["emails_per_second"] > 0
        assert workload["rowpost"]["peak_rss_mb"] > 0
        assert workload["smtp_source"]["emails_per_second"] > 0
    assert document["long_queue"]["rowpost"]["emails"] == 50


def test_two_working_copies_are_measured_in_the_same_rounds_and_how_long_sql_takes_in_them() -> (
    None
):
    document = benchmark("bench", f"--emails 20 --pdfs 0 --rounds 1 --before {ROOT}")

    (workload,) = document["workloads"]
    for checkout in ("rowpost", "rowpost_before"):
        assert workload[checkout]["emails_per_second"] > 0
        assert workload[checkout]["sql_ms_an_email"] > 0


def test_a_long_queue_is_measured_beside_a_short_one() -> None:
    document = benchmark("bench.admission", "--waiting 5000 --few 600 --rounds 1 --seconds 0.2")

    assert document["admission_alone"]["600"]["rows"] == 600
    assert document["drain_that_admits"]["5000"]["admitted_per_second"] > 0
    for times in (document["claim_and_fetch_ms"], *document["idle_tick_ms"].values()):
        assert all(times[queue] > 0 for queue in ("600", "5000"))
