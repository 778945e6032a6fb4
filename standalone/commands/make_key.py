"""`rowpost make-key`: a key for a program."""

from __future__ import annotations

import click

from shared.security.roles import Role
from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb


@verb(name="make-key")
@click.argument("name")
@click.option("--account", type=int, required=True, metavar="ID", help="The account it sends with.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.SERVICE.value,
    show_default=True,
)
@as_json
def command(name: str, account: int, role: str, as_json: bool) -> int:
    """Make a key for a program and print it, this once."""
    from functions.keys import KeyMade
    from shared.app import application

    key = application().keys.make(name, account, Role(role), "command")
    if as_json:
        print_json(KeyMade(id=key.id, key=key.text))
    else:
        click.echo(key.text)
    return 0
