"""All that lies in the data folder is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shared.configuration.private_file import FolderUnusable, private_folder
from tests.support.standalone import Launch


def open_to_others(folder: Path) -> list[str]:
    return [
        path.name
        for path in (folder, *folder.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def test_nothing_that_the_service_makes_can_be_read_by_others(standalone: Launch) -> None:
    service = standalone()
    body = {"email": "ann@example.com"}
    assert service.post("/api/email-test", body, token=service.login()).status == 200
    service.wait_for_mail(1)

    made = {path.name for path in service.folder.iterdir()}

    assert {"rowpost.db", "rowpost.db-wal", "secrets", "key", "mail"} <= made
    assert open_to_others(service.folder) == []


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "mail").mkdir(parents=True)
    for name in ("rowpost.db", "rowpost.log", "key", "secrets", "somebody-elses"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    folder.chmod(0o755)

    private_folder(folder)

    assert open_to_others(folder) == ["somebody-elses"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FolderUnusable, match="set ROWPOST_DATA to another one"):
        private_folder(tmp_path / "file" / "data")
