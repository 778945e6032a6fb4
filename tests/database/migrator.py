"""A process that migrates the database at an address.

It says when it is ready and waits for a line. With a number it is killed before that statement.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from shared.database import migrations
from shared.database.engine import open_engine


def main(address: str, fatal: int) -> None:
    engine = open_engine(address)
    executed = 0

    def count(*_: Any) -> None:
        nonlocal executed
        executed += 1
        if executed == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    print("ready", flush=True)
    sys.stdin.readline()
    migrations.upgrade(engine)
    print("done", executed, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
