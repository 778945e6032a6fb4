"""Whether there is room where the data folder lies."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

LEAST_FREE = 100 * 1024 * 1024
"""Below that it is told: SQLite's log alone may grow to 32 MB between two checkpoints."""
_PROBE_BYTES = 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


def disk_problem(folder: Path) -> str | None:
    """What is wrong with the disk of this folder, and what helps; None: there is room.

    A little is written and removed again: quotas and read-only disks show in no number.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * _PROBE_BYTES)
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        if error.errno in _FULL:
            return _full(folder)
        return f"{folder} can't be written ({error.strerror}): make it writable for this user."
    return _full(folder, free) if free < LEAST_FREE else None


def _full(folder: Path, free: int = 0) -> str:
    return (
        f"The disk of {folder} is {'nearly ' if free else ''}full ({free // 2**20} MB left): "
        "nothing can be stored or sent without room; make some, or set ROWPOST_KEEP_DAYS."
    )
