"""One run of schemathesis against a running service, and what it came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.tools import ROOT

COUNTS_FILE = "ROWPOST_FUZZ_COUNTS"
"""The environment variable that names the file for the hooks' counts."""

SEED = "20261121"
SETTINGS = {"ROWPOST_REQUEST_LIMITS": "off", "CONTACT_EMAIL": "support@example.com"}
"""Of the service: nobody waits, and the contact form is set up."""
# What would end the fuzzing: no login, database, schedule, key or admin is there any more.
LEFT_OUT = ("logOut", "saveConfig", "saveEmailConfig")
LEFT_OUT_PATHS = r"^/api/(keys|users)/"
_EXCEPTIONS = Path(__file__).with_name("schemathesis.toml")
_LONGEST_ANSWER = 30
# The phases before the fuzzing itself come to their end, whatever the time.
_OVERTIME = 120


Requests = Literal["positive", "negative", "all"]
"""Those that the description allows, those that it does not, or both."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has found (`report`, for people), and how many answers had which status."""

    clean: bool
    report: str
    statuses: Counter[int]


def fuzz(
    base: str, folder: Path, seconds: int, requests: Requests, token: str | None = None
) -> Outcome:
    """All checks, for about `seconds`, with this token or none; `folder` takes its files."""
    counts = folder / "counts.json"
    counts.unlink(missing_ok=True)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(_EXCEPTIONS)]
    command += ["run", f"{base}/api/openapi.json"]
    command += ["--mode", requests, "--checks", "all", "--seed", SEED, "--max-time", str(seconds)]
    command += ["--continue-on-failure", "--warnings", "off", "--no-color"]
    command += ["--request-timeout", str(_LONGEST_ANSWER), "--exclude-path-regex", LEFT_OUT_PATHS]
    for operation in LEFT_OUT:
        command += ["--exclude-operation-id", operation]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    run = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
            COUNTS_FILE: str(counts),
        },
        capture_output=True,
        text=True,
        timeout=seconds + _OVERTIME,
        check=False,
    )
    counted = json.loads(counts.read_text()) if counts.exists() else {}
    statuses = Counter({int(status): number for status, number in counted.items()})
    return Outcome(run.returncode == 0, run.stdout + run.stderr, statuses)
