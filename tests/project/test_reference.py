"""docs/reference.md names every command, setting and endpoint, and nothing else."""

from __future__ import annotations

import re

from pydantic_core import PydanticUndefined

from shared.settings import Settings
from shared.version import VERSION
from tests.support.tools import ROOT
from tools.reference import PAGE, with_lists

TEXT = PAGE.read_text("utf-8")


def settings_in_the_table() -> dict[str, str]:
    """What stands in the second column, by each name of the first."""
    table = re.search(r"^## Settings$(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
    assert table
    found = {}
    for names, without in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", table[1], re.MULTILINE):
        defaults = without.split(", ")
        for place, name in enumerate(re.findall(r"`([^`]+)`", names)):
            found[name] = defaults[min(place, len(defaults) - 1)].strip("` ")
    return found


def test_commands_and_endpoints_are_those_that_there_are() -> None:
    assert with_lists(TEXT) == TEXT, "make reference writes them anew"
    assert TEXT.count("\n| `rowpost ") >= 25
    assert TEXT.count("\n| POST `") >= 20


def test_every_setting_is_in_the_table() -> None:
    known = {field.alias for field in Settings.model_fields.values() if field.alias}
    told = settings_in_the_table().keys()
    by_a_pattern = {name for name in known if name.startswith("ROWPOST_TRUST_")}

    assert known - by_a_pattern - told == {"AzureWebJobsStorage__accountName"}
    assert "ROWPOST_TRUST_..." in told
    assert told - known == {"ROWPOST_TRUST_..."}


def test_numbers_in_the_table_are_the_settings_own() -> None:
    told = settings_in_the_table()
    checked = 0
    for field in Settings.model_fields.values():
        default = field.default
        if field.alias in told and isinstance(default, int | float) and default is not None:
            assert told[field.alias] == f"{default:g}".replace("1.04858e+08", "104857600")
            checked += 1
        assert default is not PydanticUndefined

    assert checked >= 12


def test_the_version_has_its_chapter_among_the_changes() -> None:
    assert f"\n## {VERSION} " in (ROOT / "CHANGELOG.md").read_text("utf-8")
