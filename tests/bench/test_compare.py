"""`make compare`: what can be shown of it without the environments of the compared programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.compare.emails import Email, read, write
from bench.compare.table import table
from tests.support.tools import ROOT

COMPARE = ROOT / "bench" / "compare"


def test_every_program_is_given_the_same_emails(tmp_path: Path) -> None:
    emails = [Email("ann@example.com", "Grüße", "Hi\n\nAnn", "<p>Hi</p>")] * 2

    write(tmp_path / "emails", emails)

    assert list(read(tmp_path / "emails")) == emails


def test_the_table_has_a_dash_where_nothing_was_measured() -> None:
    speeds = {("Rowpost", "near"): 4321.4, ("Rowpost", "far"): 99.6, ("Other", "near"): 7.0}

    assert table(["Rowpost", "Other"], ["near", "far"], speeds) == (
        "| | near | far |\n|---|---|---|\n| Rowpost | 4,321 | 100 |\n| Other | 7 | – |"
    )


@pytest.mark.parametrize("program", ["celery", "mailer", "post_office"])
def test_each_programs_version_is_written_down(program: str) -> None:
    wanted = (COMPARE / f"{program}.txt").read_text().split()

    assert all("==" in requirement for requirement in wanted)
    assert (COMPARE / f"with_{program}.py").exists()
