"""`rowpost queue`: how many emails wait, are sent, have failed."""

from __future__ import annotations

from dataclasses import asdict

import click

from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb

_STATES = ("waiting", "later", "sending", "unknown", "sent", "failed")


@verb(name="queue")
@as_json
def command(as_json: bool) -> int:
    """Count the emails by state."""
    from shared.app import application
    from shared.outbox.queries.counts import COUNT_LIMIT, counts

    with application().database().read() as connection:
        now = counts(connection)
    oldest = f"{now.oldest_waiting:%Y-%m-%dT%H:%M:%SZ}" if now.oldest_waiting else None
    if as_json:
        print_json({**asdict(now), "oldest_waiting": oldest})
        return 0
    for state in _STATES:
        number = getattr(now, state)
        click.echo(f"{state:8} {number}{'+' if number == COUNT_LIMIT else ''}")
    if oldest:
        click.echo(f"oldest   {oldest}")
    return 0
