"""docs/architecture.md names files that are there, and the loop's own rules hold in the code."""

from __future__ import annotations

import re

import pytest

from tests.support.tools import ROOT

_NAMED = sorted(
    set(
        re.findall(
            r"`((?:shared|tests|functions|standalone)/[\w/.]*)`",
            (ROOT / "docs/architecture.md").read_text("utf-8"),
        )
    )
)


@pytest.mark.parametrize("name", _NAMED)
def test_a_file_that_the_architecture_names_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_every_folder_of_shared_is_in_the_table() -> None:
    told = (ROOT / "docs/architecture.md").read_text("utf-8")
    folders = [path.name for path in (ROOT / "shared").iterdir() if (path / "__init__.py").exists()]

    assert [name for name in folders if f"`shared/{name}/`" not in told] == []


def test_no_statement_is_made_on_the_loop() -> None:
    """What works on the loop's thread imports no verb that reads or writes."""
    for name in ("worker", "account_queue", "reports"):
        source = (ROOT / f"shared/delivery/{name}.py").read_text("utf-8")
        assert "sqlalchemy" not in source
        assert "database.read" not in source
