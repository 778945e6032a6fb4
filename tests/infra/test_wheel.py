"""The wheel that `pip install .` and `pipx install .` build, installed in a Python of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.version import VERSION
from tests.support.standalone import environment, wait_until
from tests.support.tools import ROOT, free_port

NEXT = "999.0.1"


def build(project: Path, folder: Path) -> Path:
    """The project's wheel, without asking for anything."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, project], check=True
    )
    (wheel,) = folder.glob("rowpost-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def next_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a later version."""
    project = tmp_path_factory.mktemp("next") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in listed:
        if name and (ROOT / name).is_file() and not name.startswith("tests/"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    version = project / "shared" / "version.py"
    version.write_text(version.read_text("utf-8").replace(VERSION, NEXT), "utf-8")
    return build(project, tmp_path_factory.mktemp("next-wheel"))


class Installed:
    """A Python of its own, as pipx makes one; what Rowpost needs is lent by this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "python"
        venv.create(self.python, with_pip=False)
        lent = sysconfig.get_path("purelib")
        (site,) = self.python.glob("lib/python3.*/site-packages")
        (site / "lent.pth").write_text(lent)
        self.ports = {name: str(free_port()) for name in ("ROWPOST_PORT", "ROWPOST_CATCHER_PORT")}

    def install(self, wheel: Path) -> None:
        pip = (sys.executable, "-m", "pip", "--python", str(self.python / "bin" / "python"))
        options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
        subprocess.run([*pip, "install", *options, wheel], check=True)

    def rowpost(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.python / "bin" / "rowpost", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        inherited = environment(self.folder, {**self.ports, "HOME": str(self.folder)})
        return {name: value for name, value in inherited.items() if name != "ROWPOST_DATA"}

    @contextmanager
    def running(self) -> Iterator[None]:
        log = self.folder / "log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                [self.python / "bin" / "rowpost", "run"],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                wait_until(lambda: "Database:" in log.read_text(), 30, "the service")
                yield
            finally:
                process.terminate()
                process.wait(15)
        assert process.returncode == 0, log.read_text()


def test_it_sends_an_email_and_a_later_version_opens_its_data_folder(
    wheel: Path, next_wheel: Path, tmp_path: Path
) -> None:
    installed = Installed(tmp_path)
    installed.install(wheel)
    assert installed.rowpost("--version") == f"rowpost {VERSION}\n"
    email = ("send", "--to", "ann@example.com", "--subject", "Hello", "--body", "Hi", "--immediate")

    with installed.running():
        installed.rowpost(*email)
        installed.rowpost("drain")
    mail = tmp_path / ".rowpost" / "mail"
    assert len(list(mail.glob("*.eml"))) == 1

    installed.install(next_wheel)
    assert installed.rowpost("--version") == f"rowpost {NEXT}\n"
    with installed.running():
        assert json.loads(installed.rowpost("show", "1", "--json"))["status"] == "sent"
        installed.rowpost(*email)
        installed.rowpost("drain")
    assert len(list(mail.glob("*.eml"))) == 2
    assert json.loads(installed.rowpost("queue", "--json"))["sent"] == 2
    assert "/rowpost/" in os.fspath(next(installed.python.glob("**/function_app.py")))


def test_all_that_it_installs_lies_in_one_folder(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.partition("/")[0] for name in names} == {"rowpost", f"rowpost-{VERSION}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("rowpost/tests")]
    assert {"rowpost/console/static/console.css", "rowpost/console/pages/login.html"} <= set(names)


def test_it_needs_what_the_requirements_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [
        line
        for file in ("requirements.in", "requirements-standalone.txt")
        for line in (ROOT / file).read_text("utf-8").splitlines()
        if line and not line.startswith(("#", "-r "))
    ]

    assert project["dependencies"] == named
