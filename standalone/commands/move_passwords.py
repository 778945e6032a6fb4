"""`rowpost move-passwords`: no plain password stays in the accounts' table."""

from __future__ import annotations

import click

from standalone.commands.shown import visible
from standalone.commands.verb import verb


@verb(name="move-passwords")
def command() -> int:
    """Move plain passwords from the accounts' table into the secret store."""
    from shared.accounts.credentials.move_passwords import move_passwords
    from shared.app import application

    moved = move_passwords(application())
    for code in moved:
        click.echo(f"moved    {visible(code) or '(without a code)'}")
    click.echo("The table holds no plain password." if not moved else f"{len(moved)} moved.")
    return 0
