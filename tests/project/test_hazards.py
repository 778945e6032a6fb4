"""docs/adopt.md says of each hazard what guards against it: that is there, and it is tried."""

from __future__ import annotations

import re

import pytest

from tests.support.tools import ROOT

SECTION = "## Where each hazard is guarded"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
CODE = re.compile(r"`([a-z_]+)`")
RULES = (ROOT / "shared/database/adoption/rules.py").read_text("utf-8")
TRIED = (ROOT / "tests/outbox/test_adoption.py").read_text("utf-8")


def hazards() -> dict[str, str]:
    """What guards against each, by the hazard."""
    text = (ROOT / "docs/adopt.md").read_text("utf-8").split(SECTION, 1)[1]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {hazard.strip(): guards.strip() for hazard, guards in rows[2:] if guards.strip()}


HAZARDS = hazards()
NAMED = {found for guards in HAZARDS.values() for found in TEST.findall(guards)}
DOCTORS = {
    code
    for guards in HAZARDS.values()
    for codes in re.findall(r"doctor ((?:`[a-z_]+`(?:, )?)+)", guards)
    for code in CODE.findall(codes)
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_each_hazard_names_a_test_or_a_check(hazard: str) -> None:
    assert TEST.search(HAZARDS[hazard]) or "doctor `" in HAZARDS[hazard]


@pytest.mark.parametrize(
    ("file", "name"),
    sorted({found for guards in HAZARDS.values() for found in TEST.findall(guards)}),
)
def test_each_test_that_is_named_is_there(file: str, name: str) -> None:
    assert re.search(rf"^ *def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


def codes_of_doctor() -> set[str]:
    """What it can say: the first argument of a finding, and the kinds of a table."""
    named = set(re.findall(r'_(?:refused|warned)\(\s*"([a-z_]+)"', RULES))
    kinds = RULES.split("def _of_kind", 1)[1].split("def ", 1)[0]
    return named | {f"table_{kind}" for kind in re.findall(r'^ {8}"(\w+)":', kinds, re.MULTILINE)}


def test_all_that_doctor_can_say_stands_in_the_table_and_no_more() -> None:
    assert codes_of_doctor() | {"ready"} == DOCTORS


@pytest.mark.parametrize("code", sorted(DOCTORS))
def test_each_check_of_doctor_is_tried(code: str) -> None:
    assert f'"{code}"' in TRIED
