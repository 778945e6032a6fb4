"""`rowpost revoke-key`: end a key."""

from __future__ import annotations

import click

from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb


@verb(name="revoke-key")
@click.argument("key_id", metavar="ID", type=int)
@as_json
def command(key_id: int, as_json: bool) -> int:
    """End a key."""
    from functions.keys import KeyRevoked
    from shared.app import application

    application().keys.revoke(key_id)
    if as_json:
        print_json(KeyRevoked(id=key_id))
    else:
        click.echo(f"Key {key_id} is revoked: within 30 seconds it opens nothing.")
    return 0
