"""`rowpost show`: all that is known of one email, and how sending it went."""

from __future__ import annotations

import click

from standalone.commands.shown import print_facts, print_json, print_table
from standalone.commands.verb import as_json, verb


@verb(name="show")
@click.argument("email_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))
@as_json
def command(email_id: int, as_json: bool) -> int:
    """Say all that is known of an email, but not what it says."""
    from functions.emails import details
    from shared.accounts.directory import sender_of
    from shared.app import application
    from shared.bounces.noted import bounces_of
    from shared.outbox.queries import search

    with application().database().read() as connection:
        email = search.find(connection, email_id)
        sender = sender_of(connection, email.account_code)
        known = details(email, sender, bounces_of(connection, email_id))
        attempts = search.attempts_at(connection, email_id)
    if as_json:
        print_json(known)
        return 0
    facts = known.model_dump(by_alias=True)
    lists = ("recipients", "cc", "bcc", "tags")
    files = [one.filename for one in known.attachments]
    refused = [f"{one.address}: {one.reply}" for one in known.refused]
    facts |= {name: ", ".join(facts[name]) for name in lists}
    came_back = [
        f"{bounce.kind}: {bounce.recipient} {bounce.reason or ''}".rstrip()
        for bounce in known.came_back
    ]
    texts = {
        "attachments": ", ".join(files),
        "refused": "; ".join(refused),
        "came_back": "; ".join(came_back),
    }
    print_facts({**facts, **texts})
    if attempts:
        click.echo()
        print_table(
            ("TRIED", "ACCOUNT", "OUTCOME", "CODE", "REPLY"),
            [(one.at, one.account, one.outcome, one.code, one.reply) for one in attempts],
        )
    return 0
