"""Who may log in, and as what: looked after by an admin."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from functions.login import Password
from shared.api.endpoint import Request, Routes
from shared.api.models import Answer, Input, SnakeAnswer, example
from shared.app import application
from shared.configuration.document import Name
from shared.features.database_mail import former_users
from shared.security import passwords
from shared.security.logins import Login, NamedBy
from shared.security.roles import Role

routes = Routes({"username": "The user's name."})

Username = Annotated[Name, StringConstraints(strip_whitespace=True, max_length=100)]

_ROLE = (
    "What the user may do. A viewer reads; service sends, and reads what it has stored; an "
    "operator also starts, stops, retries, cancels and resolves; an admin may do all."
)
_PASSWORD = "72 bytes in UTF-8 at most; with fewer than 12 characters it is told to be weak."
_USERNAME = "The name to log in by. It may not look like somebody else's."
_REMOVED = "The user is removed, and the sessions end within a minute."
_VERA = {"username": "vera", "role": "viewer"}


class NewUser(Input):
    model_config = example(username="vera", password="a long password", role="viewer")

    username: Username = Field(description=_USERNAME)
    password: Password = Field(description=_PASSWORD, repr=False)
    role: Role = Field(description=_ROLE)


class UserChange(Input):
    model_config = example(role="operator")

    password: Password | None = Field(
        None, description=f"Left out, it stays. {_PASSWORD}", repr=False
    )
    role: Role | None = Field(None, description=f"Left out, it stays. {_ROLE}")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.password is None and self.role is None:
            raise ValueError("Give a password, a role, or both.")
        return self


class ListedUser(SnakeAnswer):
    username: str = Field(description="The name to log in by.")
    role: Role = Field(description=_ROLE)
    named_by: NamedBy = Field(
        description="Who named the user: an admin, the settings (the first admin), or the schedule "
        "(the operator of POST /api/save-email-config)."
    )


class UserList(SnakeAnswer):
    model_config = example(
        items=[{"username": "admin", "role": "admin", "named_by": "settings"}], next_cursor=None
    )

    items: list[ListedUser] = Field(description="All users, by name.")
    next_cursor: None = Field(None, description="Null: the list is whole.")


class KnownUser(Answer):
    username: str = Field(description="The name to log in by.")
    role: Role = Field(description=_ROLE)


class UserAdded(Answer):
    model_config = example(success=True, message="The user is added.", user=_VERA)

    http_status: ClassVar[int] = 201

    success: Literal[True] = True
    """Always true."""
    message: str = Field(description="What was done, and whether the password is weak.")
    user: KnownUser = Field(description="The user as added.")


class UserChanged(Answer):
    model_config = example(
        success=True, message="The user is changed and has to log in again.", user=_VERA
    )

    success: Literal[True] = True
    """Always true."""
    message: str = Field(description="What was done, and whether the password is weak.")
    user: KnownUser = Field(description="The user as changed.")


class UserRemoved(Answer):
    success: Literal[True] = True
    """Always true."""
    message: str = _REMOVED
    """The same in words, and whether mail profiles are still given to the name."""


@routes.get("api/users", who=Role.ADMIN)
def list_users(request: Request) -> UserList:
    """List who may log in, and as what."""
    return UserList(items=[listed(login) for login in application().logins.everybody()])


@routes.post("api/users", who=Role.ADMIN, errors={409})
def add_user(request: Request[NewUser]) -> UserAdded:
    """Let somebody else log in."""
    wanted = request.body
    login = application().logins.add(wanted.username, wanted.password, wanted.role)
    return UserAdded(message=told("The user is added.", wanted.password), user=_known(login))


@routes.put("api/users/{*username}", who=Role.ADMIN, errors={404, 409})
def change_user(request: Request[UserChange]) -> UserChanged:
    """Give a user another password or role, which ends the user's sessions."""
    wanted = request.body
    login = application().logins.change(_named(request), wanted.password, wanted.role)
    message = told("The user is changed and has to log in again.", wanted.password)
    return UserChanged(message=message, user=_known(login))


@routes.delete("api/users/{*username}", who=Role.ADMIN, errors={404, 409})
def remove_user(request: Request) -> UserRemoved:
    """Let a user log in no more, and take back what mail profiles the user might use.

    The last admin can't be removed.
    """
    if former_users.remove_user(application(), _named(request)):
        return UserRemoved()
    return UserRemoved(message=f"{_REMOVED} {former_users.GRANTS_ARE_LEFT}")


def _named(request: Request[Any]) -> str:
    """Whom the path names; nobody where it ends with a slash: the host leaves the name out then."""
    return request.path.get("username", "")


def listed(login: Login) -> ListedUser:
    """The user as listed."""
    return ListedUser(username=login.username, role=login.role, named_by=login.named_by)


def told(message: str, password: str | None) -> str:
    """The message, and that the password is weak if it is."""
    return f"{message} {passwords.WEAK}" if password and passwords.is_weak(password) else message


def _known(login: Login) -> KnownUser:
    return KnownUser(username=login.username, role=login.role)
