"""What is deployed is pinned with hashes, and is what the requirements ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tools import ROOT

LOCKS = {
    "requirements.txt": "requirements.in",
    "requirements-container.txt": "requirements-deploy.txt",
}
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def asked_for(file: Path) -> Iterator[Requirement]:
    """What a file of requirements names, and those that it takes in."""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("-r "):
            yield from asked_for(file.with_name(line.removeprefix("-r ")))
        elif line and not line.startswith("#"):
            yield Requirement(line)


def pinned(file: Path) -> dict[str, list[tuple[Requirement, int]]]:
    """Each line of a lock file, and how many hashes it has, by name."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    text = re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        requirement = Requirement(_HASH.sub("", line).strip())
        hashes = len(_HASH.findall(line))
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, hashes))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    lines = [line for several in pinned(ROOT / lock).values() for line in several]

    assert len(lines) > 40
    for requirement, hashes in lines:
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes >= 1, requirement


@pytest.mark.parametrize(("lock", "source"), LOCKS.items())
def test_what_is_pinned_is_what_is_asked_for(lock: str, source: str) -> None:
    known = pinned(ROOT / lock)

    for requirement in asked_for(ROOT / source):
        for line, _ in known[canonicalize_name(requirement.name)]:
            (pin,) = line.specifier
            assert requirement.specifier.contains(pin.version), f"make lock: {requirement}"


def test_no_lock_names_where_it_was_made() -> None:
    for lock in LOCKS:
        assert not re.search(
            r"https?:|file:|index-url|find-links", (ROOT / lock).read_text("utf-8")
        )


def test_dependabot_keeps_them() -> None:
    kept = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))["updates"]

    assert {each["package-ecosystem"] for each in kept} >= {
        "pip",
        "npm",
        "github-actions",
        "docker",
    }
    assert all(each["directory"] == "/" for each in kept)
