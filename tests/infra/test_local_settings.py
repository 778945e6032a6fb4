"""`local.settings.sample.json` works when it is copied to `local.settings.json`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient

from shared.settings import Settings, read_local_settings
from standalone import storage_emulator
from tests.infra.image import Image
from tests.support.standalone import wait_until
from tests.support.tools import ROOT, free_port

SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))
OF_THE_HOST = {
    "AzureWebJobsDisableHomepage",
    "FUNCTIONS_WORKER_RUNTIME",
    "PYTHON_THREADPOOL_THREAD_COUNT",
}


def test_every_value_is_one_that_somebody_reads() -> None:
    names = {field.alias for field in Settings.model_fields.values() if field.alias}

    assert SAMPLE["Values"].keys() <= names | OF_THE_HOST
    assert SAMPLE["IsEncrypted"] is False


def test_its_storage_is_the_one_that_azurite_listens_for() -> None:
    queue = QueueClient.from_connection_string(SAMPLE["Values"]["AzureWebJobsStorage"], "q")

    assert queue.url == "http://127.0.0.1:10001/devstoreaccount1/q"


def test_the_service_runs_with_a_copy_and_the_first_login_is_the_one_in_it(
    tmp_path: Path, azurite: str
) -> None:
    work = tmp_path / "project"
    work.mkdir()
    Image.read().lay_out(work)
    shutil.copy(ROOT / "local.settings.sample.json", work / "local.settings.json")
    port = str(free_port())
    # Azurite's own ports may be taken here; all else comes from the file.
    here = {"AzureWebJobsStorage": azurite, "ROWPOST_PORT": port, "ROWPOST_CATCHER_PORT": "off"}
    process = subprocess.Popen(
        [sys.executable, "-m", "standalone"],
        cwd=work,
        env={"PATH": os.environ["PATH"], **here},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        password = SAMPLE["Values"]["ROWPOST_ADMIN_PASSWORD"]
        wait_until(lambda: _logs_in(port, password), 30, "the first login")
    finally:
        process.terminate()
        process.wait(15)

    assert (work / ".rowpost" / "rowpost.db").exists()


def test_as_it_comes_it_breaks_nothing_where_no_emulator_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "local.settings.json").write_text(json.dumps(SAMPLE))
    with monkeypatch.context() as patched, socket.socket() as nobody:
        # Bound, and not listening: whoever connects is refused.
        nobody.bind(("127.0.0.1", 0))
        patched.setattr(storage_emulator, "_QUEUES", nobody.getsockname())
        patched.delenv("AzureWebJobsStorage", raising=False)
        for name in SAMPLE["Values"]:
            patched.setenv(name, "")
            patched.delenv(name)
        read_local_settings(tmp_path)
        assert Settings().has_storage

        assert storage_emulator.forget_absent_emulator(os.environ)

        assert not Settings().has_storage
        nobody.listen()
        patched.setenv("AzureWebJobsStorage", SAMPLE["Values"]["AzureWebJobsStorage"])
        assert not storage_emulator.forget_absent_emulator(os.environ)
        assert Settings().has_storage


def _logs_in(port: str, password: str) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/authenticate",
        json.dumps({"username": "admin", "password": password}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(json.load(answer)["success"])
    except OSError:
        return False
