"""Keys: what a program shows in place of a login's token, each bound to the account it sends with.

The database has a fast, keyed hash of each (HMAC-SHA-256). A key made here is 256 random bits:
there is nothing to guess, and bcrypt would only cost each request some 0.2 s. An imported key may
be a short one that somebody thought up; who has the database alone can't try such ones out, since
the secret store has the hash's own key.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from shared.accounts.codes import code_of
from shared.database.database import Database
from shared.security import kept_keys, tokens
from shared.security.kept_keys import KeptKey, Key
from shared.security.key_uses import KeyUses
from shared.security.pseudonyms import Pseudonyms
from shared.security.roles import Role
from shared.security.tokens import InvalidToken

PREFIX = "rp_"
LONGEST_CHARACTERS = 200
KNOWN_SECONDS = 30.0

_KEY_BYTES = 32
_MADE_CHARACTERS = len(PREFIX) + 43  # 32 bytes in base64url
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. Its text is nowhere else."""

    id: int
    text: str = field(repr=False)


class Keys:
    """The keys in the queue's database; each is looked up there once in 30 s at most.

    So a revoked one ends on every instance within that time. Safe to use from any thread. Every
    verb may raise DatabaseUnreachable and SecretStoreUnavailable.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        pseudonyms: Pseudonyms,
        clock: Callable[[], float] = time.monotonic,
        most_known: int = _MOST_KNOWN,
    ) -> None:
        self._database = database
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._most_known = most_known
        self._uses = KeyUses(database, clock)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def verify(self, text: str) -> Key:
        """The key that this text is. Raises InvalidToken for one that is wrong or revoked.

        A wrong one takes as long: it is hashed, looked up and remembered as a good one is.
        """
        if not is_possible(text):
            raise InvalidToken
        key = self._find(self.hash_of(text))
        if key is None:
            raise InvalidToken
        self._uses.note(key.id)
        return key

    def make(self, name: str, account_id: int, role: Role, made_by: str) -> NewKey:
        """A new key for an account, which has to have a code. Raises AccountNotFound."""
        text = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
        hashed = self.hash_of(text)

        def write(connection: Connection) -> int:
            code_of(connection, account_id, "smtp_config_id")
            return kept_keys.add(connection, hashed, name, account_id, role, made_by)

        return NewKey(self._database().run(write), text)

    def revoke(self, key_id: int) -> None:
        """End a key: here at once, elsewhere within 30 s. Raises KeyNotFound."""
        self._database().run(lambda connection: kept_keys.revoke(connection, key_id))
        with self._lock:
            self._known.clear()

    def page(self, after: int, limit: int) -> list[KeptKey]:
        """Up to `limit` keys beyond number `after`, in the order in which they were made."""
        with self._database().read() as connection:
            return kept_keys.page(connection, after, limit)

    def hash_of(self, text: str) -> str:
        """The key as the database has it."""
        return self._pseudonyms.of("key", text)

    def _find(self, hashed: str) -> Key | None:
        now = self._clock()
        with self._lock:
            known = self._known.get(hashed)
        if known is not None and now - known.at < KNOWN_SECONDS:
            return known.key
        with self._database().read() as connection:
            key = kept_keys.find(connection, hashed)
        with self._lock:
            self._known[hashed] = _Known(key, now)
            self._known.move_to_end(hashed)
            if len(self._known) > self._most_known:
                self._known.popitem(last=False)
        return key


class _Known(NamedTuple):
    """What a look into the database has shown; None: there is no such key."""

    key: Key | None
    at: float


def is_guessable(text: str) -> bool:
    """Whether a key like this may have been thought up: it is none that was made here."""
    return not (text.startswith(PREFIX) and len(text) >= _MADE_CHARACTERS)


def is_possible(text: str) -> bool:
    """Whether a key may be written like this: a header can hold it, and it looks like no token."""
    return (
        0 < len(text) <= LONGEST_CHARACTERS
        and text.isascii()
        and text.isprintable()
        and " " not in text
        and not tokens.looks_like_one(text)
    )
