"""Where files are kept until their email is sent: what every store promises."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from shared.errors import RowpostError

CHUNK: Final = 1024 * 1024
"""How much of a file is in memory at once, about."""

LONGEST_SECONDS: Final = 120.0
"""How long one file may take on its way in or out, altogether."""


class AttachmentGone(RowpostError):
    """The store holds no such file, and will not again."""


class AttachmentStoreUnavailable(RowpostError):
    """The store cannot be reached or gives no access just now: try again later."""


class AttachmentStore(Protocol):
    """Files under keys of ours (`names.new_key`). Each is written once, whole or not at all.

    Safe to use from any thread. Every call has a bound in time, and holds a few chunks of a file
    in memory at most. Raises AttachmentStoreUnavailable.
    """

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store the file; when this returns it is there to stay.

        What `chunks` raises is passed on, and nothing is stored then.
        """

    def read(self, key: str) -> Iterator[bytes]:
        """The file, chunk by chunk. Raises AttachmentGone before the first of them."""

    def delete(self, key: str) -> None:
        """Remove the file, and what an interrupted `write` left of it. It may be gone already."""

    def check(self) -> None:
        """Raises AttachmentStoreUnavailable, which says what is wrong."""


def within(seconds: float, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks; raises AttachmentStoreUnavailable when they take longer than that."""
    deadline = time.monotonic() + seconds
    for chunk in chunks:
        yield chunk
        if time.monotonic() > deadline:
            raise AttachmentStoreUnavailable(
                f"the attachment store took longer than {seconds:.0f} seconds for one file"
            )
