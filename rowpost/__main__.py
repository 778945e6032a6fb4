"""`rowpost` as it is installed: the service's own folders lie here, beside this file.

In the project they lie one folder above, where `python -m standalone` is the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run one command; answers its exit code.

    The data folder is `~/.rowpost`, from whichever folder it is called, unless ROWPOST_DATA names
    another one.
    """
    if (_HERE / "shared").is_dir():
        sys.path.insert(0, str(_HERE))
        os.environ.setdefault("ROWPOST_DATA", str(Path.home() / ".rowpost"))
    from standalone.commands.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
