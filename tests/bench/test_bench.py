"""`make bench` measures what it says, shown with a handful of emails."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from bench.far_server import far_server
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


@pytest.fixture(scope="module")
def far_away() -> Any:
    """What the benchmark prints of a database and a mail server that are milliseconds away."""
    far = "--sql-rtt 2 --smtp-rtt 5 --idle-accounts 2"
    return benchmark("bench", f"--emails 60 --pdfs 3 --rounds 1 --waiting 50 {far}")


def test_the_benchmark_prints_one_json_document_with_both_senders(far_away: Any) -> None:
    document = far_away

    assert [workload["emails"] for workload in document["workloads"]] == [60, 3]
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
        assert 0 < workload[checkout]["sql_cpu_ms_an_email"] < workload[checkout]["sql_ms_an_email"]


def test_a_long_queue_is_measured_beside_a_short_one() -> None:
    document = benchmark("bench.admission", "--waiting 2000 --few 600 --rounds 1 --seconds 0.2")

    assert document["admission_alone"]["600"]["rows"] == 600
    assert document["drain_that_admits"]["2000"]["admitted_per_second"] > 0
    for times in (document["claim_and_fetch_ms"], *document["idle_tick_ms"].values()):
        assert all(times[queue] > 0 for queue in ("600", "2000"))


def test_far_away_each_commit_is_one_round_trip_and_all_else_is_counted_too(far_away: Any) -> None:
    workload = far_away["workloads"][0]
    rowpost = workload["rowpost"]
    assert rowpost["round_trips_a_commit"] == 1.0
    assert rowpost["round_trips_an_email"] > 1 / rowpost["emails_a_commit"]
    seconds_in_trips = rowpost["round_trips_an_email"] * 0.002
    assert 1 / rowpost["emails_per_second"] > seconds_in_trips


def test_several_processes_drain_one_queue_and_each_email_goes_out_once() -> None:
    document = benchmark("bench", "--emails 300 --pdfs 0 --rounds 1 --processes 2")

    assert document["processes"] == 2
    assert document["workloads"][0]["rowpost"]["emails_per_second"] > 0


def test_a_far_servers_greeting_and_replies_come_a_round_trip_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with far_server(port, 80) as far, socket.create_connection(("127.0.0.1", far)) as client:
            server, _ = listening.accept()
            began = time.monotonic()
            server.sendall(b"220 Hello\r\n")
            assert client.recv(100) == b"220 Hello\r\n"
            greeted = time.monotonic()
            client.sendall(b"QUIT\r\n")
            assert server.recv(100) == b"QUIT\r\n"
            heard = time.monotonic()
            server.sendall(b"221 ")
            server.sendall(b"Bye\r\n")
            server.close()
            said = b"".join(iter(lambda: client.recv(100), b""))
            ended = time.monotonic()

    assert said == b"221 Bye\r\n"
    assert greeted - began >= 0.08
    assert ended - heard >= 0.08
