"""`rowpost start`: let emails be sent."""

from __future__ import annotations

import getpass
from functools import partial

import click

from standalone.commands.shown import print_json, visible
from standalone.commands.verb import as_json, verb


@verb(name="start")
@click.option(
    "--from-id",
    type=click.IntRange(0, 2**31 - 1),
    help="Of an adopted queue the first id to send; 0: all of them.",
)
@as_json
def command(from_id: int | None, as_json: bool) -> int:
    """Start sending, on all instances."""
    from functions.service import choose_first_id, started
    from shared.api.errors import new_request_id
    from shared.app import application
    from shared.scheduling import relocation, service_state

    database = relocation.settled(application())
    with database.read() as connection:
        if from_id is None and service_state.needs_first_id(connection):
            asked = choose_first_id(connection, new_request_id())
            if as_json:
                print_json(asked)
                return 1
            by_age = asked.waiting.model_dump(exclude_none=True)
            ages = ", ".join(f"{age} {number}" for age, number in by_age.items())
            click.echo(
                "rowpost: This queue had rows before Rowpost came: say from which id on they are "
                f"to be sent, --from-id (0: all). The newest is {asked.newest_id}; by age: {ages}.",
                err=True,
            )
            return 1
    answer = database.run(partial(started, by=getpass.getuser(), first_id=from_id))
    if as_json:
        print_json(answer)
    else:
        click.echo(f"Started. Emails that wait: {answer.waiting}.")
        if answer.status.next_run:
            click.echo(f"Next scheduled run: {visible(answer.status.next_run)}")
    return 0
