"""`rowpost import-keys`: the keys of an older service, with their Gmail accounts."""

from __future__ import annotations

from pathlib import Path

import click

from standalone.commands.read_file import read_file
from standalone.commands.shown import at_work
from standalone.commands.verb import verb


@verb(name="import-keys")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    """Take over key,email,app_password from a CSV file."""
    from shared.app import application
    from shared.features.keyed_sending.key_file import read_key_file
    from shared.features.keyed_sending.key_import import SHORT_CHARACTERS, import_keys

    lines = read_key_file(read_file(file))
    with at_work(f"Importing {len(lines)} keys"):
        imported = import_keys(application(), lines)
    click.echo(
        f"Keys: {imported.keys} made, {len(lines) - imported.keys} were there. "
        f"Accounts: {imported.accounts} made, {imported.passwords} with a new password."
    )
    short = [str(line.line) for line in lines if len(line.key) < SHORT_CHARACTERS]
    if short:
        click.echo(
            f"Short keys may be guessed (line {', '.join(short[:10])}): make-key makes better ones."
        )
    return 0
