"""`rowpost list`: the latest emails."""

from __future__ import annotations

import click

from shared.outbox.states import Status
from standalone.commands.shown import print_json, print_table
from standalone.commands.verb import as_json, verb


@verb(name="list")
@click.option(
    "--status",
    type=click.Choice([status.value for status in Status]),
    help="Only those in this status.",
)
@click.option("--find", "text", default="", help="Only those with this in subject or recipients.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@click.option("--cursor", help="Where the page before has ended.")
@as_json
def command(status: Status | None, text: str, limit: int, cursor: str | None, as_json: bool) -> int:
    """List emails, the latest first."""
    from functions.emails import EmailPage, listed
    from shared.api.cursor import read_cursor, write_cursor
    from shared.app import application
    from shared.outbox.queries import search
    from shared.outbox.queries.search import Wish

    wish = Wish(Status(status) if status else None, text)
    with application().database().read() as connection:
        page = search.page(connection, wish, read_cursor(cursor), limit)
    after = write_cursor(page.after)
    if as_json:
        print_json(EmailPage(items=[listed(one) for one in page.emails], next_cursor=after))
        return 0
    print_table(
        ("ID", "STATUS", "TRIES", "CREATED", "TO", "SUBJECT"),
        [
            (email.id, email.status, email.retries, email.created_at, email.to, email.subject)
            for email in page.emails
        ],
    )
    if after:
        click.echo(f"More: --cursor {after}", err=True)
    return 0
