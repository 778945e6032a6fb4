"""`rowpost run`: the service, until it is told to stop."""

from __future__ import annotations

from standalone.commands.verb import ROOT, verb


@verb(name="run")
def command() -> int:
    """Run the service until it is told to stop."""
    from standalone.run import run

    return run(ROOT)
