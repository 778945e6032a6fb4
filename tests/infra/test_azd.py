"""What azd reads: its hooks are there, and what they say stays on the screen."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.tools import ROOT

AZURE = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
HOOK = AZURE["hooks"]["postprovision"]


@pytest.mark.parametrize("system", ["posix", "windows"])
def test_the_step_after_provisioning_is_a_script_whose_words_are_kept(system: str) -> None:
    hook: dict[str, Any] = HOOK[system]

    assert (ROOT / hook["run"]).is_file()
    assert hook["interactive"] is True, "azd erases what a hook writes that is not"


def test_the_template_and_its_module_are_there() -> None:
    infra = AZURE["infra"]

    assert (ROOT / infra["path"] / f"{infra['module']}.bicep").is_file()
    assert (ROOT / infra["path"] / f"{infra['module']}.parameters.json").is_file()
