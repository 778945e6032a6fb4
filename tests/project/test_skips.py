"""In CI a test that did not run is a test that failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import ROOT

A_SKIPPED_TEST = "import pytest\ndef test_nothing(): pytest.skip('no such program')\n"
A_SKIPPED_FILE = "import pytest\npytest.skip('no such module', allow_module_level=True)\n"
AN_EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_nothing(): assert False\n"


@pytest.mark.parametrize(
    ("content", "ci", "passes"),
    [
        (A_SKIPPED_TEST, "true", False),
        (A_SKIPPED_FILE, "true", False),
        (AN_EXPECTED_FAILURE, "true", True),
        (A_SKIPPED_TEST, "", True),
    ],
    ids=["a skipped test", "a skipped file", "an expected failure", "a skipped test elsewhere"],
)
def test_only_ci_fails_what_was_skipped(
    tmp_path: Path, content: str, ci: str, passes: bool
) -> None:
    (tmp_path / "test_sample.py").write_text(content)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]

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
