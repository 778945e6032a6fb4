"""Where everything secret lives: a small store of named, versioned texts.

Names are Key Vault's, so that the same ones work in a vault and in a file on one machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.errors import RowpostError

Change = Callable[[str | None], str]
"""Makes a secret's new value from the one it has (None: it has none)."""

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


class SecretStoreUnavailable(RowpostError):
    """The store cannot be reached, read or written just now."""


class SecretDisabled(SecretStoreUnavailable):
    """Somebody has switched off this one secret, where a store can."""


class BadSecretName(RowpostError):
    """The name is none that Key Vault would take."""


class SecretTooLarge(RowpostError):
    """The value is longer than the store takes."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One value of a secret. Every write makes a new `version`, also one of the same value."""

    value: str = field(repr=False)
    version: str


class SecretStore(Protocol):
    """Every verb on secrets raises BadSecretName, and SecretStoreUnavailable when it is away."""

    def get(self, name: str) -> Secret | None:
        """The secret as it is now, None if there is none."""
        ...

    def recent(self, name: str) -> Secret | None:
        """The secret as it was within the last 30 seconds, for what is looked at all the time.

        While the store is away: as it was last seen, if it ever was.
        """
        ...

    def set(self, name: str, value: str) -> Secret:
        """Keep a value, in place of the one before."""
        ...

    def update(self, name: str, change: Change) -> Secret:
        """Keep what `change` makes of the present value; write nothing if it leaves it as it is.

        A store that can keeps other writers out meanwhile; another one looks afterwards whether
        somebody came in between, and then has `change` work on what they wrote. So `change` must be
        quick, may be called several times, and must not use the store. What it raises leaves all as
        it was.
        """
        ...

    def delete(self, name: str) -> None:
        """Forget a secret; one that is not there is forgotten already."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin with `prefix`, sorted."""
        ...

    def problem(self) -> str | None:
        """What is wrong with the store and since when; None if its last answer was a good one.

        Asks nothing of the store itself, so it never waits.
        """
        ...


def checked_name(name: str) -> str:
    """The name itself, or BadSecretName."""
    if not _NAME.fullmatch(name):
        raise BadSecretName(
            "A secret's name has 1 to 127 characters: letters from a to z, digits and hyphens."
        )
    return name
