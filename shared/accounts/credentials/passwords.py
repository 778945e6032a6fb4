"""Account passwords: kept in the secret store, referred to from the accounts table.

The table holds `secret:smtp-<name>`. Whoever may write rows must not get at other secrets, nor
have a password sent to a server of their own: only names with the prefix resolve, and the secret
carries the connection that it belongs to.
"""

from __future__ import annotations

import json
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from shared.configuration.secret_store import BadSecretName, SecretStore
from shared.errors import RowpostError

PREFIX = "secret:"
NAME_PREFIX = "smtp-"
_LONGEST_CODE = 50


class PasswordUnavailable(RowpostError):
    """The reference leads to no password for this connection: somebody must enter it again."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The connection that a password belongs to; a host's case does not matter.

    `application`: whose client secret it is, where it buys tokens instead of logging in itself.
    """

    host: str
    port: int
    tls: str
    user: str
    application: str = ""


def is_reference(text: str) -> bool:
    """Whether a password column holds a reference and not a plain password."""
    return text.startswith(PREFIX)


def same_connection(one: Binding, other: Binding) -> bool:
    """Whether a password for one of these connections is good for the other."""
    return _compared(one) == _compared(other)


def new_name(code: str) -> str:
    """A name that no password has had, for an account of this code."""
    readable = re.sub(r"[^0-9a-z]+", "-", code.lower()).strip("-") or "account"
    return f"{readable[:_LONGEST_CODE]}-{uuid.uuid4().hex[:12]}"


def keep(store: SecretStore, name: str, password: str, binding: Binding) -> str:
    """Store an account's password; gives the reference for its row.

    `name` is the account's own: letters from a to z, digits and hyphens. Raises BadSecretName and
    SecretStoreUnavailable.
    """
    kept = _Kept(password=SecretStr(password), **_compared(binding))
    store.set(f"{NAME_PREFIX}{name}", kept.to_secret())
    return f"{PREFIX}{NAME_PREFIX}{name}"


def resolve(store: SecretStore, reference: str, binding: Binding) -> str:
    """The password that `reference` names, if it belongs to this very connection.

    One that another instance has changed is known within 30 seconds, and what was known goes on
    working while the store is away. Raises PasswordUnavailable, and SecretStoreUnavailable.
    """
    name = reference.removeprefix(PREFIX)
    if not is_reference(reference) or not name.startswith(NAME_PREFIX):
        raise PasswordUnavailable("The account's password is no reference to one: enter it again.")
    kept = _kept(store, name)
    if kept.binding() != _compared(binding):
        raise PasswordUnavailable(
            "The account's host, port, TLS mode or user has changed: enter the password again."
        )
    return kept.password.get_secret_value()


def forget(store: SecretStore, reference: str | None) -> None:
    """Delete the password that a row's column refers to, if it does. Raises SecretStoreUnavailable.

    What is no reference to an account's password is left alone.
    """
    name = (reference or "").removeprefix(PREFIX)
    if is_reference(reference or "") and name.startswith(NAME_PREFIX):
        with suppress(BadSecretName):
            store.delete(name)


def _kept(store: SecretStore, name: str) -> _Kept:
    try:
        secret = store.recent(name)
        if secret:
            return _Kept.model_validate_json(secret.value)
    except (BadSecretName, ValidationError):
        pass
    # Outside the handler, so that no traceback carries the secret's text along.
    raise PasswordUnavailable("The account's password is not in the store: enter it again.")


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    password: SecretStr
    host: str
    port: int
    tls: str
    user: str
    application: str = ""

    def binding(self) -> dict[str, str | int]:
        return self.model_dump(exclude={"password"})

    def to_secret(self) -> str:
        return json.dumps({**self.binding(), "password": self.password.get_secret_value()})


def _compared(binding: Binding) -> dict[str, str | int]:
    return {
        "host": binding.host.strip().lower(),
        "port": binding.port,
        "tls": binding.tls,
        "user": binding.user,
        "application": binding.application,
    }
