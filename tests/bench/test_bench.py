"""`make bench` measures what it says, shown with a handful of emails."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.tools import ROOT, program


def test_the_benchmark_prints_one_json_document_with_both_senders() -> None:
    program("smtp-source")

    run = subprocess.run(
        [*f"{sys.executable} -m bench --emails 40 --pdfs 3 --rounds 1 --waiting 50".split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert [workload["emails"] for workload in document["workloads"]] == [40, 3]
    for workload in document["workloads"]:
        assert workload["rowpost"]["emails_per_second"] > 0
        assert workload["rowpost"]["peak_rss_mb"] > 0
        assert workload["smtp_source"]["emails_per_second"] > 0
    assert document["long_queue"]["rowpost"]["emails"] == 50
