"""`rowpost migrate`: bring the tables up to date, or print the SQL that would."""

from __future__ import annotations

import click

from standalone.commands.shown import at_work
from standalone.commands.verb import verb

NO_VERSION = "none"
"""Of a database that Rowpost has not been in yet."""


@verb(name="migrate")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL and change nothing.")
@click.option(
    "--from",
    "start",
    metavar="VERSION",
    help="Print it for a database of this version, or 'none', without asking the database.",
)
def command(as_sql: bool, start: str | None) -> int:
    """Bring the database's tables up to date."""
    from shared.app import application
    from shared.database import migrations
    from shared.database.adoption.questions import require_adoptable_at
    from shared.database.engine import open_engine
    from shared.database.errors import unreachable

    url = application().database_url()
    if start is not None:
        click.echo(migrations.as_sql(url, None if start == NO_VERSION else start), nl=False)
        return 0
    engine = open_engine(url, trusted_servers=application().settings.trusted_servers)
    if as_sql:
        with unreachable():
            version = migrations.version_at(engine)
        click.echo(migrations.as_sql(url, version), nl=False)
        return 0
    with at_work("Bringing the tables up to date"):
        with unreachable():
            require_adoptable_at(engine)
        made_again = migrations.complete(engine)
    for gone in made_again:
        click.echo(f"made again: {gone.kind.value} {gone.name}")
    click.echo("The database is up to date.")
    return 0
