"""`rowpost install-database-mail`: sp_send_dbmail and what belongs to it, by T-SQL."""

from __future__ import annotations

import click

from shared.errors import RowpostError
from standalone.commands.shown import at_work
from standalone.commands.verb import verb
from standalone.database_mail import OTHER_SCHEMA


class NoTSql(RowpostError):
    """The queue's database has no procedures."""


@verb(name="install-database-mail")
@click.option("--sql", "as_sql", is_flag=True, help="Print the T-SQL and change nothing.")
@click.option(
    "--schema",
    type=click.Choice([OTHER_SCHEMA]),
    help="Make them in a schema of this name besides, for calls of msdb.sp_send_dbmail.",
)
@click.option("--remove", is_flag=True, help="Drop them again; tables and emails stay.")
def command(as_sql: bool, schema: str | None, remove: bool) -> int:
    """Make Database Mail's procedures and views in the queue's database."""
    from shared.app import application
    from shared.database import migrations
    from shared.database.engine import open_engine
    from shared.database.errors import unreachable
    from standalone import database_mail

    if as_sql:
        click.echo(database_mail.as_sql(schema), nl=False)
        return 0
    engine = open_engine(
        application().database_url(), trusted_servers=application().settings.trusted_servers
    )
    if engine.dialect.name != "mssql":
        raise NoTSql(
            "the queue is in SQLite, which has no procedures: POST /api/database-mail/send takes "
            "the same parameters"
        )
    with at_work("Making the procedures and views"), unreachable():
        autocommit = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with autocommit as connection:
            if not migrations.is_current(connection):
                raise NoTSql("the tables are of an older version: run `rowpost migrate` first")
            if remove:
                database_mail.remove(connection)
            else:
                database_mail.install(connection, schema)
    if remove:
        click.echo("Database Mail's procedures and views are gone.")
        return 0
    click.echo("Database Mail is installed: make an account and a profile, then call")
    click.echo("EXEC dbo.sp_send_dbmail @profile_name = ..., @recipients = ..., @subject = ...")
    return 0
