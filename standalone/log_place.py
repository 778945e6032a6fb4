"""Where the log of `python -m standalone` goes.

On a terminal a newcomer reads a few clear lines: there the log is a file in the data folder, and
only what somebody should look at appears on the terminal too. Everywhere else, under systemd or
in a container, whoever runs the service collects its standard error: the log goes there.
"""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from shared.monitoring.logs import JsonLines, PlainLines, write_to
from shared.settings import Settings

_FILE_BYTES = 10 * 1024 * 1024
_FORMER_FILES = 2


def open_log(chosen: Settings) -> Path | None:
    """Let this process log, from now on; answers the log's file, if it is one."""
    addresses = chosen.log_addresses == "on"
    if not sys.stderr.isatty():
        lines: logging.Handler = logging.StreamHandler(sys.stderr)
        lines.setFormatter(JsonLines(addresses=addresses))
        write_to(lines)
        return None
    file = chosen.data / "rowpost.log"
    chosen.data.mkdir(parents=True, exist_ok=True)
    lines = RotatingFileHandler(
        file, maxBytes=_FILE_BYTES, backupCount=_FORMER_FILES, encoding="ascii"
    )
    lines.setFormatter(JsonLines(addresses=addresses))
    warnings = logging.StreamHandler(sys.stderr)
    warnings.setFormatter(PlainLines("%(levelname)s: %(message)s", addresses=addresses))
    warnings.setLevel(logging.WARNING)
    write_to(lines, warnings)
    return file
