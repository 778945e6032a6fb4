"""`--t-sql FILE` writes the statements for SQL Server, from however many test processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.t_sql_statements import PARTING
from tests.support.tools import ROOT

COMPILED = "tests/security/test_limit_statements.py"
SENT = "tests/database/dialects/test_sql_server_trips.py::test_nothing_warns_at_the_start"


@pytest.mark.parametrize("processes", ["0", "2"])
def test_every_statement_is_written_once(tmp_path: Path, processes: str) -> None:
    file = tmp_path / "statements.sql"

    subprocess.run(
        [sys.executable, "-m", "pytest", "-n", processes, "--t-sql", str(file), COMPILED, SENT],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=100,
    )

    statements = file.read_text("utf-8").removesuffix("\n").split(PARTING)
    assert len(set(statements)) == len(statements)
    assert any("dbo.[Rowpost_Limits]" in statement for statement in statements)
    assert any("SERVERPROPERTY('ProductVersion')" in statement for statement in statements)
