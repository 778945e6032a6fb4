"""`rowpost forget-config`: back to DATABASE_URL, or to the file in the data folder."""

from __future__ import annotations

import click

from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb


@verb(name="forget-config")
@click.option("--force", is_flag=True, help="Though the database to go back to does not answer.")
@as_json
def command(force: bool, as_json: bool) -> int:
    """Forget the database address that was saved; passwords and logins stay."""
    from functions.configuration import DatabaseForgotten, Left
    from shared.app import application
    from shared.scheduling import relocation

    here = application()
    left = relocation.forget(here, force=force)
    source = here.database_source()
    if as_json:
        behind = Left(waiting=left.waiting, unknown=left.unknown)
        print_json(DatabaseForgotten(source=source, left_behind=behind))
        return 0
    click.echo(f"The database is that of: {source}.")
    if left.waiting or left.unknown:
        click.echo(f"Left behind: {left.waiting} that wait, {left.unknown} with unknown outcome.")
    return 0
