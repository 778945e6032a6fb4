"""In CI a test that did not run is a test that failed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import ROOT

FILES = {
    "test_skipped.py": "def test_nothing(): pytest.skip('no such program')\n",
    "test_skipped_file.py": "pytest.skip('no such module', allow_module_level=True)\n",
    "test_expected.py": "@pytest.mark.xfail\ndef test_nothing(): assert False\n",
}
REPORTED = re.compile(r"^([A-Z]+) .*?\b(test_\w+\.py)", re.MULTILINE)


@pytest.mark.parametrize(
    ("ci", "passes", "outcomes"),
    [
        ("true", False, ("FAILED", "ERROR", "XFAIL")),
        ("", True, ("SKIPPED", "SKIPPED", "XFAIL")),
    ],
    ids=["in CI", "elsewhere"],
)
def test_only_ci_fails_what_was_skipped(
    tmp_path: Path, ci: str, passes: bool, outcomes: tuple[str, ...]
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(f"import pytest\n{content}")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command += ["-p", "no:schemathesis", "-rA", "--continue-on-collection-errors"]

    run = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "-c", "/dev/null", str(tmp_path)],
        cwd=ROOT,
        env={"CI": ci, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode == 0) is passes, run.stdout
    _, _, summary = run.stdout.rpartition("short test summary info")
    assert {name: outcome for outcome, name in REPORTED.findall(summary)} == dict(
        zip(FILES, outcomes, strict=True)
    ), summary
