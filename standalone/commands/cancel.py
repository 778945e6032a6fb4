"""`rowpost cancel`: let waiting emails not be sent."""

from __future__ import annotations

import click

from standalone.commands.verb import as_json, verb


@verb(name="cancel")
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=int)
@as_json
def command(numbers: tuple[int, ...], as_json: bool) -> int:
    """Let waiting emails not be sent."""
    from shared.outbox.cancel_retry_resolve import cancel
    from standalone.commands.decided import decide

    return decide(numbers, cancel, "cancelled", as_json)
