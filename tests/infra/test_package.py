"""What `azd deploy` uploads, as `.funcignore` says, is the app and nothing beside it."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import ROOT

NEEDED = {"function_app.py", "functions", "host.json", "requirements.txt", "shared"}
NOT_DEPLOYED = {"bench", "docs", "infra", "rowpost", "standalone", "tests", "tools", "compose.yaml"}


# Packages that a build on this machine has put beside the app, to upload without a remote build.
BUILT_HERE = ".python_packages/"
NOT_FOR_OTHERS = [
    ".env",
    ".env.production",
    ".azure/test/.env",
    ".azurite/__blobstorage__/1",
    ".rowpost/key",
]


def ignored(folder: Path, rules: str, path: str) -> bool:
    """Whether these rules, in the form of `.gitignore`, leave the path out."""
    (folder / ".gitignore").write_text(rules)
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    command = ["git", "check-ignore", "--quiet", "--no-index", path]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def examples(rules: str) -> list[str]:
    """A path that each of the rules means."""
    lines = [line for line in rules.splitlines() if line and line[0] != "#"]
    return [line.replace("*", "x") + ("x" if line.endswith("/") else "") for line in lines]


@pytest.mark.parametrize("file", [".gitignore", ".funcignore"])
def test_passwords_and_what_services_keep_here_go_nowhere(tmp_path: Path, file: str) -> None:
    rules = (ROOT / file).read_text("utf-8")

    assert [path for path in NOT_FOR_OTHERS if not ignored(tmp_path, rules, path)] == []


def test_what_git_does_not_take_is_not_deployed_either(tmp_path: Path) -> None:
    of_git = (ROOT / ".gitignore").read_text("utf-8").replace(BUILT_HERE, "")
    rules = (ROOT / ".funcignore").read_text("utf-8")

    assert [path for path in examples(of_git) if not ignored(tmp_path, rules, path)] == []


def uploaded() -> set[str]:
    """Names at the top of the project that git knows and `.funcignore` does not name."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    lines = (ROOT / ".funcignore").read_text("utf-8").splitlines()
    ignored = [line.rstrip("/") for line in lines if line and line[0] != "#"]
    tops = {name.partition("/")[0] for name in listed}
    return {top for top in tops if not any(fnmatch.fnmatch(top, each) for each in ignored)}


def test_the_app_is_uploaded_and_what_surrounds_it_is_not() -> None:
    assert uploaded() >= NEEDED
    assert not uploaded() & NOT_DEPLOYED


def test_what_is_uploaded_is_enough_to_import_the_app(tmp_path: Path) -> None:
    for name in uploaded():
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / name)

    done = subprocess.run(
        [sys.executable, "-c", "import function_app, shared.app, shared.delivery.dispatcher"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
