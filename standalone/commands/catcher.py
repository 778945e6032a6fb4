"""`rowpost catcher`: the mail catcher alone."""

from __future__ import annotations

import click

from shared.errors import RowpostError
from shared.settings import settings
from standalone.commands.verb import verb


class CatcherOff(RowpostError):
    """The mail catcher was asked for and turned off at once."""


@verb(name="catcher")
def command() -> int:
    """Run the mail catcher alone until it is told to stop."""
    from shared.app import application
    from standalone.catcher import LOOPBACK, Catcher
    from standalone.claimed_folder import claimed
    from standalone.run import open_database
    from standalone.shutdown import StopSignal

    port = settings().catcher_port
    if port is None:
        raise CatcherOff("ROWPOST_CATCHER_PORT is off: set it to a port to catch mail on.")
    signal = StopSignal()
    folder = settings().data / "mail"
    with claimed(settings().data, f"{LOOPBACK}:{port}"):
        server = Catcher(folder, port)
        server.start()
        # `func start` beside it finds an account to send with.
        open_database(application(), server)
        click.echo(f"Catching mail at {LOOPBACK}:{port}; emails land in {folder}")
        signal.wait()
        server.stop()
    return 0
