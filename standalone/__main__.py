"""`python -m standalone`: what `rowpost` is where the package is not installed."""

from __future__ import annotations

import sys

from standalone.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
