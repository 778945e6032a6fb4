"""`rowpost resolve`: decide about an email whose outcome is unknown."""

from __future__ import annotations

import click

from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb


@verb(name="resolve")
@click.argument("email_id", metavar="ID", type=int)
@click.argument("decision", type=click.Choice(["resend", "sent"]))
@as_json
def command(email_id: int, decision: str, as_json: bool) -> int:
    """Decide about an email whose outcome is unknown: send it again, or count it as sent."""
    from shared.app import application
    from shared.outbox.cancel_retry_resolve import Decision, resolve

    chosen = Decision(decision)
    flag = application().database().run(lambda connection: resolve(connection, email_id, chosen))
    status = flag.name.lower()
    if as_json:
        print_json({"email_id": email_id, "status": status})
    else:
        click.echo(f"Email {email_id} is now {status}.")
    return 0
