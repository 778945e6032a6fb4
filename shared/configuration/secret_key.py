"""The key of the encrypted file: from the settings, or made once in the data folder."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path

from shared.configuration import private_file
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.errors import RowpostError
from shared.settings import Settings

SHORTEST_PASSPHRASE = 32

_KEY_BYTES = 32
# A passphrase must give the same key on every machine that has it, so the salt is a constant.
_SALT = b"rowpost encrypted secret file"


class BadSecretKey(RowpostError):
    """The key that was given, or the one in the key file, can't be used."""


def secret_key(settings: Settings) -> bytes:
    """A Fernet key: `ROWPOST_SECRET_KEY`, else `<data>/key`, which is made if it is not there.

    The setting is a Fernet key or any passphrase of at least 32 characters (scrypt makes a key of
    it, which takes some 50 ms). Processes that start at once get the same key. Raises BadSecretKey,
    and SecretStoreUnavailable when the folder can't be read or written.
    """
    if settings.secret_key:
        return _from_passphrase(settings.secret_key.strip())
    try:
        return _from_file(settings.data / "key")
    except OSError as error:
        raise SecretStoreUnavailable(
            f"The key in the data folder can't be used ({error.strerror or error}). Make the "
            "folder readable and writable for this user, or set ROWPOST_SECRET_KEY."
        ) from error


def _from_passphrase(text: str) -> bytes:
    if _is_key(text.encode()):
        return text.encode()
    if len(text) < SHORTEST_PASSPHRASE:
        raise BadSecretKey(
            f"ROWPOST_SECRET_KEY is too short: give at least {SHORTEST_PASSPHRASE} characters."
        )
    derived = hashlib.scrypt(text.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=_KEY_BYTES)
    return base64.urlsafe_b64encode(derived)


def _from_file(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    private_file.close_to_others(path)
    key = path.read_bytes().strip()
    if not _is_key(key):
        raise BadSecretKey(
            "The file `key` in the data folder holds no key. Put the right one back from a backup."
        )
    return key


def _make(path: Path) -> None:
    with private_file.locked(path):
        if not path.exists():
            private_file.replace(path, base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)))


def _is_key(text: bytes) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False
