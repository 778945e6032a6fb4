"""Where the encrypted file's key comes from."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shared.configuration.encrypted_file import WrongSecretKey
from shared.configuration.secret_key import BadSecretKey, secret_key
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.settings import Settings
from tests.support.configuration import KEY, event, file_store, processes, wait_for, write_key


@pytest.fixture(autouse=True)
def _no_key_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROWPOST_SECRET_KEY", raising=False)


def test_the_key_is_made_once_and_only_this_user_may_read_it(tmp_path: Path) -> None:
    data = tmp_path / "data"

    key = secret_key(Settings(data=data))

    assert secret_key(Settings(data=data)) == key
    assert stat.S_IMODE((data / "key").stat().st_mode) == 0o600
    assert file_store(data, key).set("a", "x")


def test_rights_that_others_have_on_the_key_are_taken_away(tmp_path: Path) -> None:
    key = secret_key(Settings(data=tmp_path))
    (tmp_path / "key").chmod(0o644)

    assert secret_key(Settings(data=tmp_path)) == key
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    go, data = event(), tmp_path / "data"
    answers = [tmp_path / f"answer-{number}" for number in range(3)]
    with processes(write_key, *((data, answer, go) for answer in answers)) as starting:
        go.set()
        wait_for(starting)

    assert len({answer.read_bytes() for answer in answers}) == 1


def test_the_setting_wins_over_the_file(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, secret_key=f" {KEY.decode()}\n")

    assert secret_key(settings) == KEY
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_gives_the_same_key_everywhere_and_another_one_another(
    tmp_path: Path,
) -> None:
    one = Settings(data=tmp_path, secret_key="correct horse battery staple, twice")
    other = Settings(data=tmp_path / "b", secret_key="correct horse battery staple, twicE")

    assert secret_key(one) == secret_key(one.model_copy(update={"data": tmp_path / "a"}))
    assert secret_key(one) != secret_key(other)
    file_store(tmp_path, secret_key(one)).set("a", "x")
    with pytest.raises(WrongSecretKey):
        file_store(tmp_path, secret_key(other)).get("a")


def test_a_short_passphrase_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BadSecretKey, match="at least 32") as refused:
        secret_key(Settings(data=tmp_path, secret_key="only thirty-one characters long"))

    assert "thirty-one" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"not a key", KEY[:-8]])
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(BadSecretKey, match="backup"):
        secret_key(Settings(data=tmp_path))
    assert (tmp_path / "key").read_bytes() == content


def test_a_data_folder_that_is_none_is_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(SecretStoreUnavailable, match="ROWPOST_SECRET_KEY"):
        secret_key(Settings(data=tmp_path / "data"))
