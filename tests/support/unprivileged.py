"""Mail servers that insist on root or on users of their own, run by somebody who is neither.

They ask cwrap's libraries: `nss_wrapper` says which users there are, `uid_wrapper` that a program
is root and may become any of them. What it may do with files and ports stays what it is.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.tools import library

_NOBODY = 65534
_STOP_SECONDS = 10


def somebody() -> tuple[int, int]:
    """The user and group ids to run as: our own, or nobody's where we are root."""
    return (_NOBODY, _NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


@contextmanager
def folder_of_somebody(prefix: str) -> Iterator[Path]:
    """A folder that they can reach, which those of pytest are not for anybody but root."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def give(folder: Path) -> None:
    """All that is in the folder now is theirs."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *somebody())


def environment(
    folder: Path, users: Mapping[str, int], groups: Mapping[str, int]
) -> dict[str, str]:
    """Of a program for which there are these users and groups; the folder keeps the lists. A user
    is in the group of its own name."""
    (folder / "passwd").write_text(
        "root:x:0:0::/:/bin/sh\n"
        + "".join(f"{name}:x:{uid}:{groups[name]}::/:/bin/sh\n" for name, uid in users.items())
    )
    (folder / "group").write_text(
        "root:x:0:\n" + "".join(f"{name}:x:{gid}:\n" for name, gid in groups.items())
    )
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LD_PRELOAD": str(library("libnss_wrapper.so")),
        "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
        "NSS_WRAPPER_GROUP": str(folder / "group"),
    }


def as_if_root(environ: Mapping[str, str]) -> dict[str, str]:
    """The same for a program that is to believe that it is root."""
    wrapper = library("libuid_wrapper.so")
    return {
        **environ,
        "LD_PRELOAD": f"{wrapper}:{environ['LD_PRELOAD']}",
        "UID_WRAPPER": "1",
        "UID_WRAPPER_ROOT": "1",
    }


@contextmanager
def running(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    """The program, as somebody; at the end it and all that it has started have to go."""
    process = subprocess.Popen(
        command,
        env=environ,
        cwd="/",
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **_stepping_down(),
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):  # Those that it has started may take longer.
            os.killpg(process.pid, signal.SIGKILL)


def run(command: Sequence[str], environ: Mapping[str, str], given: bytes = b"") -> bytes:
    """What the program, as somebody, writes; it may not fail."""
    ended: subprocess.CompletedProcess[bytes] = subprocess.run(
        command,
        env=environ,
        cwd="/",
        input=given,
        check=True,
        capture_output=True,
        **_stepping_down(),
    )
    return ended.stdout


def _stepping_down() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user, group = somebody()
    return {"user": user, "group": group, "extra_groups": []}
