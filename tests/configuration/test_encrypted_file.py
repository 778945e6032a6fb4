"""The encrypted file: unreadable for others, whole after a kill, shared by processes."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from shared.configuration.encrypted_file import WrongSecretKey
from shared.configuration.secret_store import SecretStoreUnavailable
from tests.support.configuration import (
    count_up,
    event,
    file_store,
    hold_lock,
    processes,
    secret_file,
    set_many,
    wait_for,
    write_until_killed,
)


def test_no_name_and_no_value_can_be_read_from_the_disk(tmp_path: Path) -> None:
    file_store(tmp_path).set("smtp-account", "hush")

    for file in tmp_path.iterdir():
        assert b"hush" not in file.read_bytes()
        assert b"smtp-account" not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_folder_is_made_with_the_first_secret(tmp_path: Path) -> None:
    store = file_store(tmp_path / "a" / "b")

    assert store.get("a") is None
    assert store.names() == []
    assert store.set("a", "x") == store.get("a")


def test_another_key_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file_store(tmp_path).set("a", "x")
    stranger = file_store(tmp_path, base64.urlsafe_b64encode(b"o" * 32))

    with pytest.raises(WrongSecretKey, match="ROWPOST_SECRET_KEY"):
        stranger.get("a")
    with pytest.raises(WrongSecretKey):
        stranger.set("b", "x")
    assert file_store(tmp_path).names() == ["a"]


def test_a_damaged_file_is_not_overwritten(tmp_path: Path) -> None:
    file_store(tmp_path).set("a", "x")
    whole = secret_file(tmp_path).read_bytes()
    secret_file(tmp_path).write_bytes(whole[:-20])

    with pytest.raises(SecretStoreUnavailable):
        file_store(tmp_path).set("b", "x")

    assert secret_file(tmp_path).read_bytes() == whole[:-20]


def test_processes_that_write_different_names_lose_nothing(tmp_path: Path) -> None:
    go = event()
    with processes(set_many, (tmp_path, "a", 30, go), (tmp_path, "b", 30, go)) as writers:
        go.set()
        wait_for(writers)

    assert len(file_store(tmp_path).names("a-")) == 30
    assert len(file_store(tmp_path).names("b-")) == 30


def test_processes_that_update_one_secret_lose_no_update(tmp_path: Path) -> None:
    go = event()
    with processes(count_up, (tmp_path, "n", 30, go), (tmp_path, "n", 30, go)) as writers:
        go.set()
        wait_for(writers)

    assert file_store(tmp_path).update("n", str).value == "60"


@pytest.mark.parametrize("delay_ms", [0, 1, 2, 3, 5])
def test_a_kill_in_the_middle_of_a_write_leaves_a_store_that_works(
    tmp_path: Path, delay_ms: int
) -> None:
    started = event()
    file_store(tmp_path).set("small", "from before")
    with processes(write_until_killed, (tmp_path, started)) as writers:
        assert started.wait(30)
        writers[0].join(delay_ms / 1000)
        writers[0].kill()
        writers[0].join(30)

    store = file_store(tmp_path)
    large, small = store.get("large"), store.get("small")
    assert large
    assert large.value == large.value[0] * 200_000
    assert small
    assert small.value == "from before"
    assert store.set("small", "from after") == file_store(tmp_path).get("small")


def test_what_a_killed_writer_left_behind_is_cleared_away(tmp_path: Path) -> None:
    leftover = secret_file(tmp_path).with_name("secrets.new")
    leftover.write_bytes(b"half a fi")

    file_store(tmp_path).set("a", "x")

    assert file_store(tmp_path).names() == ["a"]
    assert not leftover.exists()


def test_a_writer_does_not_wait_for_ever_and_a_reader_not_at_all(tmp_path: Path) -> None:
    file_store(tmp_path).set("a", "x")
    held, release = event(), event()
    with processes(hold_lock, (tmp_path, held, release)) as holders:
        assert held.wait(30)
        hasty = file_store(tmp_path, wait=0.05)

        assert hasty.get("a") is not None
        with pytest.raises(SecretStoreUnavailable, match="too long"):
            hasty.set("a", "y")

        release.set()
        wait_for(holders)
    assert file_store(tmp_path).names() == ["a", "held"]
