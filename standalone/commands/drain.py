"""`rowpost drain`: send all that is due, now, from here."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb

if TYPE_CHECKING:
    from shared.app import Application
    from shared.delivery.tick import RunResult

_LOOK_SECONDS = 0.5
_SECONDS_FOR_WEBHOOKS = 2.0
"""What they have not got until then, the service sends."""


@verb(name="drain")
@click.option("--seconds", type=click.IntRange(1, 3600), default=180, show_default=True)
@as_json
def command(seconds: int, as_json: bool) -> int:
    """Send all that is due, in both lanes, whatever the window; the service has to be started."""
    from shared.app import application
    from shared.delivery import tick

    here = application()
    if as_json or not sys.stderr.isatty():
        run = tick.force(here, seconds)
    else:
        run = _with_progress(here, seconds)
    here.webhooks.finish(_SECONDS_FOR_WEBHOOKS)
    if as_json:
        print_json(
            {
                "processed": run.processed,
                "sent": run.sent,
                "failed": run.failed,
                "remaining": run.remaining,
            }
        )
    else:
        click.echo(f"Sent {run.sent}, failed {run.failed}, still due {run.remaining}.")
    return 0


def _with_progress(here: Application, seconds: int) -> RunResult:
    """The same, with a bar of the emails that are due no more."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from shared.background import Work
    from shared.delivery import tick
    from shared.outbox.queries.counts import due

    def still_due() -> int:
        with here.database().read() as connection:
            return due(connection)

    total = still_due()
    work = Work(lambda: tick.force(here, seconds), "drain", daemon=False)
    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        while not work.ended:
            time.sleep(_LOOK_SECONDS)
            progress.update(task, completed=max(0, total - still_due()))
    return work.result()
