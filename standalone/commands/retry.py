"""`rowpost retry`: try emails again that failed or were cancelled."""

from __future__ import annotations

import click

from standalone.commands.verb import as_json, verb


@verb(name="retry")
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=int)
@as_json
def command(numbers: tuple[int, ...], as_json: bool) -> int:
    """Try emails again that failed or were cancelled."""
    from shared.outbox.cancel_retry_resolve import try_again
    from standalone.commands.decided import decide

    return decide(numbers, try_again, "queued", as_json)
