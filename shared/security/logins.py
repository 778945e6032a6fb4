"""Who may log in: one admin and one operator, kept in the secret store, not in the database.

So logging in works while no database does.
"""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from shared.configuration.live_document import LOOK_AGAIN_SECONDS, DocumentFormat, LiveDocument
from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError
from shared.security import passwords
from shared.security.roles import Role

SECRET_NAME = "rowpost-logins"
FIRST_ADMIN = "admin"
FIRST_PASSWORD_SECRET = "rowpost-admin-password"

_PASSWORD_BYTES = 15
# What another instance has just changed is looked for at once, but not for each wrong password.
_LOOK_AGAIN_AFTER_SECONDS = 2.0


class UnknownLogin(RowpostError):
    """Nobody has this user name."""


class LoginTaken(RowpostError):
    """The user name belongs to somebody of another role."""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who may log in. Raising `epoch` ends all sessions that began before.

    `given_hash`: of the password that the settings gave, which may have been changed since.
    """

    username: str
    role: Role
    password_hash: str = field(repr=False)
    epoch: int
    given_hash: str | None = field(default=None, repr=False)


_Logins = dict[str, Login]
_Change = Callable[[_Logins], _Logins]


class Logins:
    """The logins of all instances; what another one changes is seen within 30 seconds.

    Every verb may raise SecretStoreUnavailable or DocumentUnreadable, the changing ones also
    PasswordTooLong. `cost` is bcrypt's work factor.
    """

    def __init__(
        self,
        store: SecretStore,
        cost: int = passwords.COST,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cost = cost
        document = DocumentFormat(SECRET_NAME, _read, _write)
        self._document = LiveDocument(store, document, look_again_seconds, clock)

    def find(self, username: str, max_age_seconds: float | None = None) -> Login | None:
        """The login of this name, as known or not older than `max_age_seconds`."""
        known = (
            self._document.current()
            if max_age_seconds is None
            else self._document.reload(max_age_seconds)
        )
        return known.get(username)

    def everybody(self) -> list[Login]:
        """All logins, by name."""
        known = self._document.current()
        return [known[name] for name in sorted(known)]

    def operator(self) -> Login | None:
        """The operator's login, if there is one."""
        known = self._document.current().values()
        return next((login for login in known if login.role is Role.OPERATOR), None)

    def check(self, username: str, password: str) -> Login | None:
        """The login if the password is right.

        A wrong one is compared again with the stored login if that has changed, for which the store
        is asked every 2 seconds at most. So a new password is good at once on every instance, and
        an unknown user costs as much time as a known one.
        """
        known = self.find(username)
        if self._fits(password, known):
            return known
        stored = self.find(username, _LOOK_AGAIN_AFTER_SECONDS)
        return stored if stored != known and self._fits(password, stored) else None

    def ensure_first_admin(self, username: str | None, password: str | None) -> str | None:
        """See to it that there is an admin.

        A password that is given counts once: one that was changed later stays, until another one
        is given. Without it the first admin gets a generated one: it is returned, this once, and
        else None.
        """
        if password is not None:
            self._set_admin(username or FIRST_ADMIN, password)
            return None
        if _admin(self._document.current()):
            return None
        return self._generate_admin(username or FIRST_ADMIN)

    def set_operator(self, username: str, password: str) -> Login:
        """The operator's login, in place of the former operator's. Raises LoginTaken."""
        hashed = passwords.hash_password(password, self._cost)

        def in_place(known: _Logins) -> _Logins:
            for other in known.values():
                if other.role is not Role.OPERATOR and look_alike(other.username, username):
                    raise LoginTaken("This user name is somebody else's: choose another one.")
            return _with_only(known, username, Role.OPERATOR, hashed)

        return self._document.update(in_place)[username]

    def set_password(self, username: str, password: str) -> Login:
        """A new password, which ends the user's sessions. Raises UnknownLogin."""
        hashed = passwords.hash_password(password, self._cost)
        return self._replace(
            username, lambda login: replace(login, password_hash=hashed, epoch=login.epoch + 1)
        )

    def end_sessions(self, username: str) -> Login:
        """Log a user out everywhere. Raises UnknownLogin."""
        return self._replace(username, lambda login: replace(login, epoch=login.epoch + 1))

    def _fits(self, password: str, login: Login | None) -> bool:
        hashed = login.password_hash if login else passwords.nobodys_hash(self._cost)
        return passwords.verify(password, hashed) and login is not None

    def _set_admin(self, username: str, password: str) -> None:
        seen = _admin(self._document.current())
        if seen and seen.username == username and _was_given(seen, password):
            return
        hashed = passwords.hash_password(password, self._cost)

        def unless_changed(known: _Logins) -> _Logins:
            # Of several processes that start at once, one sets the password.
            if _admin(known) != seen:
                return known
            return _with_only(known, username, Role.ADMIN, hashed, given=hashed)

        self._document.update(unless_changed)

    def _generate_admin(self, username: str) -> str | None:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        hashed = passwords.hash_password(password, self._cost)

        def unless_there(known: _Logins) -> _Logins:
            return known if _admin(known) else _with_only(known, username, Role.ADMIN, hashed)

        stored = _admin(self._document.update(unless_there))
        # Of several processes that start at once, one makes the admin.
        return password if stored and stored.password_hash == hashed else None

    def _replace(self, username: str, change: Callable[[Login], Login]) -> Login:
        def changed(known: _Logins) -> _Logins:
            if username not in known:
                raise UnknownLogin("There is no such user.")
            return {**known, username: change(known[username])}

        return self._document.update(changed)[username]


def look_alike(name: str, other: str) -> bool:
    """Whether people would take one for the other: their case, width or blanks alone differ."""
    return _skeleton(name) == _skeleton(other)


def _skeleton(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _admin(known: _Logins) -> Login | None:
    return next((login for login in known.values() if login.role is Role.ADMIN), None)


def _was_given(login: Login, password: str) -> bool:
    return passwords.verify(password, login.given_hash or login.password_hash)


def _with_only(
    known: _Logins, username: str, role: Role, hashed: str, given: str | None = None
) -> _Logins:
    """The logins with this one as the only one of its role."""
    others = {name: login for name, login in known.items() if login.role is not role}
    before = known.get(username)
    epoch = before.epoch + 1 if before else _first_epoch()
    return {**others, username: Login(username, role, hashed, epoch, given)}


def _first_epoch() -> int:
    """The time in milliseconds: beyond every epoch of a former login of the same name."""
    return time.time_ns() // 1_000_000


def _read(text: str | None) -> _Logins:
    stored = TypeAdapter(list[Login]).validate_json(text) if text else []
    return {login.username: login for login in stored}


def _write(known: _Logins) -> str:
    return TypeAdapter(list[Login]).dump_json(list(known.values())).decode()
