"""What people see on a terminal: tables cut to its width, bars while it takes, and nothing of
either where a program reads."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.standalone.test_commands import account
from tests.support import forked
from tests.support.smtp import SmtpServer
from tests.support.standalone import START_SECONDS, command, environment
from tests.support.tools import ROOT

COLUMNS = 60
ESCAPE = "\x1b"
LONG = "A subject that goes on for longer than the terminal of whoever looks is wide, by far"
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

OnATerminal = Callable[..., str]


@pytest.fixture
def on_a_terminal(tmp_path: Path) -> OnATerminal:
    """Runs a command on a terminal of 60 columns; answers all that it writes there."""

    def run(*arguments: str, **settings: str) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
        terminal = Path(os.ttyname(theirs))
        chosen = environment(tmp_path, {"TERM": "xterm", **settings})
        for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
            chosen.pop(name, None)
        process = forked.rowpost(arguments, ROOT, chosen | settings, out=terminal, err=terminal)
        shown = b""
        try:
            while process.poll() is None or _more(ours):
                if _more(ours):
                    shown += os.read(ours, 4096)
            assert process.wait(START_SECONDS) == 0, shown
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
        return shown.decode()

    return run


def _more(ours: int) -> bool:
    return bool(select.select([ours], [], [], 0.02)[0])


def words(shown: str) -> str:
    return CODES.sub("", shown)


@pytest.fixture
def stored(tmp_path: Path) -> None:
    email = ("send", "--to", "ann@example.com", "--subject", LONG, "--body", "Hi", "--immediate")
    assert command(tmp_path, *email).returncode == 0


@pytest.mark.usefixtures("stored")
def test_a_table_is_cut_to_the_width_of_the_terminal(
    on_a_terminal: OnATerminal, tmp_path: Path
) -> None:
    shown = on_a_terminal("list")
    piped = command(tmp_path, "list").stdout

    lines = words(shown).splitlines()
    assert all(len(line) <= COLUMNS for line in lines)
    assert any("…" in line for line in lines)
    assert f"{ESCAPE}[1m" in shown, "headings are bold"
    assert LONG in piped
    assert ESCAPE not in piped


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_who_wants_no_colours_gets_none(
    on_a_terminal: OnATerminal, settings: dict[str, str]
) -> None:
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", on_a_terminal("list", **settings))


@pytest.mark.usefixtures("stored")
def test_what_takes_long_shows_that_it_goes_on(on_a_terminal: OnATerminal, tmp_path: Path) -> None:
    shown = on_a_terminal("doctor")
    piped = command(tmp_path, "doctor")

    assert "Looking at every part" in words(shown)
    assert ESCAPE not in piped.stdout + piped.stderr


@pytest.mark.usefixtures("stored")
def test_a_drain_shows_how_far_it_is_and_leaves_one_line(
    on_a_terminal: OnATerminal, tmp_path: Path, smtp_server: Callable[..., SmtpServer]
) -> None:
    account(tmp_path, "SHOP", smtp_server().port)

    shown = words(on_a_terminal("drain"))

    assert "Sending" in shown
    assert re.search(r"[01]/1", shown)
    assert shown.splitlines()[-1].endswith("Sent 1, failed 0, still due 0.")
