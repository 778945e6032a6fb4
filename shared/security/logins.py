"""Who may log in, kept in the secret store, not in the database.

So logging in works while no database does. The settings name the first admin and the schedule's
configuration an operator, each in place of the one that it has named before; an admin adds others.
"""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import TypeAdapter

from shared.configuration.live_document import LOOK_AGAIN_SECONDS, DocumentFormat, LiveDocument
from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError
from shared.security import passwords
from shared.security.roles import Role

SECRET_NAME = "rowpost-logins"
FIRST_ADMIN = "admin"
FIRST_PASSWORD_SECRET = "rowpost-admin-password"

MOST_LOGINS = 100
"""A key vault's secret has room for them."""

_PASSWORD_BYTES = 15
_TAKEN = "This user name is somebody else's, or looks like it: choose another one."
_UNKNOWN = "There is no such user."
_GIVEN = (
    "The settings give this login, and would bring it back: take ROWPOST_ADMIN_PASSWORD (in Azure "
    f"the vault's secret {FIRST_PASSWORD_SECRET}) away and start anew, then remove it. Or make it "
    "a viewer, which lasts."
)
# What another instance has just changed is looked for at once, but not for each wrong password.
_LOOK_AGAIN_AFTER_SECONDS = 2.0


class UnknownLogin(RowpostError):
    """Nobody has this user name."""


class LoginTaken(RowpostError):
    """The user name is somebody else's, or looks like it."""


class LastAdmin(RowpostError):
    """Nobody would be left who may change anything."""


class GivenBySettings(RowpostError):
    """The settings would bring the login back at the next start."""


class TooManyLogins(RowpostError):
    """There are as many as are kept."""


class NamedBy(StrEnum):
    """Who names a login, and may put another one in its place."""

    SETTINGS = "settings"
    """The first admin."""
    SCHEDULE = "schedule"
    """The operator of the schedule's configuration."""
    ADMIN = "admin"


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
    named_by: NamedBy = NamedBy.ADMIN


_Logins = dict[str, Login]
_Change = Callable[[_Logins], _Logins]


class Logins:
    """The logins of all instances; what another one changes is seen within 30 seconds.

    Every verb may raise SecretStoreUnavailable or DocumentUnreadable, the changing ones also
    PasswordTooLong and SecretTooLarge. `cost` is bcrypt's work factor.
    """

    def __init__(
        self,
        store: SecretStore,
        cost: int = passwords.COST,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cost = cost
        self._given_by_settings: str | None = None
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
        """The operator whom the schedule's configuration names, if it names one."""
        return _named_by(self._document.current(), NamedBy.SCHEDULE)

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
        if _has_admin(self._document.current()):
            return None
        return self._generate_admin(username or FIRST_ADMIN)

    def set_operator(self, username: str, password: str) -> Login:
        """The schedule's operator, in place of the former one. Raises LoginTaken, TooManyLogins.

        Another operator of this very name becomes it.
        """
        hashed = passwords.hash_password(password, self._cost)

        def in_place(known: _Logins) -> _Logins:
            others = _without_named_by(known, NamedBy.SCHEDULE)
            of_this_name = others.pop(username, None)
            if of_this_name and not _may_be_the_schedules(of_this_name):
                raise LoginTaken(_TAKEN)
            _require_room(others, username)
            return _with_named(known, username, hashed, Role.OPERATOR, NamedBy.SCHEDULE)

        return self._document.update(in_place)[username]

    def add(self, username: str, password: str, role: Role) -> Login:
        """Somebody new. Raises LoginTaken, TooManyLogins."""
        hashed = passwords.hash_password(password, self._cost)

        def added(known: _Logins) -> _Logins:
            _require_room(known, username)
            return {**known, username: Login(username, role, hashed, _first_epoch())}

        return self._document.update(added)[username]

    def change(self, username: str, password: str | None = None, role: Role | None = None) -> Login:
        """Another password or role, which ends the user's sessions. Raises UnknownLogin, LastAdmin.

        None leaves it as it is.
        """
        hashed = None if password is None else passwords.hash_password(password, self._cost)

        def changed(login: Login) -> Login:
            if hashed is None and role in (None, login.role):
                return login
            return replace(
                login,
                role=role or login.role,
                password_hash=hashed or login.password_hash,
                epoch=login.epoch + 1,
                named_by=_still_named_by(login, role or login.role),
            )

        return self._replace(username, changed)

    def remove(self, username: str) -> None:
        """Nobody logs in by this name any more. Raises UnknownLogin, LastAdmin, GivenBySettings."""

        def removed(known: _Logins) -> _Logins:
            if username not in known:
                raise UnknownLogin(_UNKNOWN)
            others = {name: login for name, login in known.items() if name != username}
            left = _with_an_admin(others, known)
            if username == self._given_by_settings:
                raise GivenBySettings(_GIVEN)
            return left

        self._document.update(removed)

    def end_sessions(self, username: str) -> Login:
        """Log a user out everywhere. Raises UnknownLogin."""
        return self._replace(username, lambda login: replace(login, epoch=login.epoch + 1))

    def _fits(self, password: str, login: Login | None) -> bool:
        hashed = login.password_hash if login else passwords.nobodys_hash(self._cost)
        return passwords.verify(password, hashed) and login is not None

    def _set_admin(self, username: str, password: str) -> None:
        self._given_by_settings = username
        seen = _named_by(self._document.current(), NamedBy.SETTINGS)
        if seen and seen.username == username and _was_given(seen, password):
            return
        hashed = passwords.hash_password(password, self._cost)

        def unless_changed(known: _Logins) -> _Logins:
            # Of several processes that start at once, one sets the password.
            if _named_by(known, NamedBy.SETTINGS) != seen:
                return known
            return _with_named(known, username, hashed, Role.ADMIN, NamedBy.SETTINGS, given=hashed)

        self._document.update(unless_changed)

    def _generate_admin(self, username: str) -> str | None:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        hashed = passwords.hash_password(password, self._cost)

        def unless_there(known: _Logins) -> _Logins:
            if _has_admin(known):
                return known
            return _with_named(known, username, hashed, Role.ADMIN, NamedBy.SETTINGS)

        stored = self._document.update(unless_there).get(username)
        # Of several processes that start at once, one makes the admin.
        return password if stored and stored.password_hash == hashed else None

    def _replace(self, username: str, change: Callable[[Login], Login]) -> Login:
        def changed(known: _Logins) -> _Logins:
            if username not in known:
                raise UnknownLogin(_UNKNOWN)
            return _with_an_admin({**known, username: change(known[username])}, known)

        return self._document.update(changed)[username]


def look_alike(name: str, other: str) -> bool:
    """Whether people would take one for the other: their case, width or blanks alone differ."""
    return _skeleton(name) == _skeleton(other)


def _skeleton(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _has_admin(known: _Logins) -> bool:
    return any(login.role is Role.ADMIN for login in known.values())


def _named_by(known: _Logins, named_by: NamedBy) -> Login | None:
    return next((login for login in known.values() if login.named_by is named_by), None)


def _without_named_by(known: _Logins, named_by: NamedBy) -> _Logins:
    return {name: login for name, login in known.items() if login.named_by is not named_by}


def _may_be_the_schedules(login: Login) -> bool:
    return login.role is Role.OPERATOR and login.named_by is not NamedBy.SETTINGS


def _still_named_by(login: Login, role: Role) -> NamedBy:
    """Who has another role than operator is not the schedule's any more. The settings' admin stays
    theirs in any role, so that what they say is not done over again."""
    left = login.named_by is NamedBy.SCHEDULE and role is not Role.OPERATOR
    return NamedBy.ADMIN if left else login.named_by


def _was_given(login: Login, password: str) -> bool:
    return passwords.verify(password, login.given_hash or login.password_hash)


def _with_named(
    known: _Logins,
    username: str,
    hashed: str,
    role: Role,
    named_by: NamedBy,
    given: str | None = None,
) -> _Logins:
    """The logins with this one in place of the one that the same hand has named before."""
    before = known.get(username)
    epoch = before.epoch + 1 if before else _first_epoch()
    named = Login(username, role, hashed, epoch, given, named_by)
    return {**_without_named_by(known, named_by), username: named}


def _with_an_admin(wanted: _Logins, known: _Logins) -> _Logins:
    """What is wanted; raises LastAdmin where it takes away the last one."""
    if _has_admin(known) and not _has_admin(wanted):
        raise LastAdmin("This is the last admin: make somebody else an admin first.")
    return wanted


def _require_room(others: _Logins, username: str) -> None:
    if any(look_alike(name, username) for name in others):
        raise LoginTaken(_TAKEN)
    if len(others) >= MOST_LOGINS:
        raise TooManyLogins(
            f"There are {MOST_LOGINS} users, as many as are kept: remove one who has left."
        )


def _first_epoch() -> int:
    """The time in milliseconds: beyond every epoch of a former login of the same name."""
    return time.time_ns() // 1_000_000


def _read(text: str | None) -> _Logins:
    stored = TypeAdapter(list[Login]).validate_json(text) if text else []
    return {login.username: login for login in stored}


def _write(known: _Logins) -> str:
    return TypeAdapter(list[Login]).dump_json(list(known.values())).decode()
