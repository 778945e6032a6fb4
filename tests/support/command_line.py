"""`rowpost` in this process: as `command` of tests.support.standalone, but without a new Python."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from shared import app
from shared.app import use
from shared.settings import settings
from standalone.commands.cli import main
from tests.support.standalone import environment

Rowpost = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rowpost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rowpost]:
    """`rowpost(*arguments, **settings)` runs a command on the data folder `tmp_path / "data"`."""
    mask = os.umask(0o022)

    def run(*arguments: str, **chosen: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patched:
            for name in os.environ.keys() - environment(tmp_path, {}).keys():
                patched.delenv(name)
            for name, value in environment(tmp_path, chosen).items():
                patched.setenv(name, value)
            settings.cache_clear()
            try:
                with redirect_stdout(out), redirect_stderr(err):
                    code = main(arguments)
                if app._here is not None:
                    app._here.close()
            finally:
                use(None)
                settings.cache_clear()
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    yield run
    os.umask(mask)
