"""`rowpost stop`: let nothing more be sent."""

from __future__ import annotations

import getpass
from functools import partial

import click

from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb


@verb(name="stop")
@as_json
def command(as_json: bool) -> int:
    """Stop sending, on all instances: what is on its way is finished."""
    from functions.service import stopped
    from shared.app import application
    from shared.scheduling import relocation

    database = relocation.settled(application())
    answer = database.run(partial(stopped, by=getpass.getuser()))
    if as_json:
        print_json(answer)
    else:
        click.echo(f"Stopped. Emails still being finished: {answer.finishing}.")
    return 0
