"""`rowpost dkim`: the keys that sign an account's emails."""

from __future__ import annotations

import click

from shared.mime.dkim.signature import DkimKey
from standalone.commands.shown import at_work
from standalone.commands.verb import Verb, group

_number = click.argument("account_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))
_LONGEST_STRING = 255


@group(name="dkim")
@click.pass_context
def command(context: click.Context) -> int:
    """Sign an account's emails by DKIM, where its mail server does not."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


@command.command(cls=Verb)
@_number
def make(account_id: int) -> int:
    """Make a key for an account and print the DNS record that it needs; nothing is signed yet."""
    from shared.accounts.credentials.dkim_keys import make_key
    from shared.app import application

    _print_record(make_key(application(), account_id))
    click.echo(f"\nWhen DNS has it: rowpost dkim sign {account_id}")
    return 0


@command.command(cls=Verb)
@_number
@click.option("--unchecked", is_flag=True, help="Do not look whether DNS has the record.")
def sign(account_id: int, unchecked: bool) -> int:
    """Sign with the key that was made last, once DNS has its record; forget the one before."""
    from shared.accounts.credentials.dkim_keys import begin_signing
    from shared.app import application

    with at_work("Looking for the record in DNS"):
        key = begin_signing(application(), account_id, unchecked=unchecked)
    click.echo(f"Emails of account {account_id} are signed with {key.record_name} now.")
    click.echo("Leave the record of the key before in DNS for a week.")
    return 0


@command.command(cls=Verb)
@_number
def show(account_id: int) -> int:
    """Print the DNS records of an account's keys."""
    from shared.accounts.credentials.dkim_keys import keys_of
    from shared.app import application

    keys = keys_of(application(), account_id)
    for what, key in (("signs", keys.present), ("to sign", keys.following)):
        if key is not None:
            click.echo(f"; {what}")
            _print_record(key)
    if keys == (None, None):
        click.echo(f"Account {account_id} has no key: rowpost dkim make {account_id}")
    return 0


@command.command(cls=Verb)
@_number
def end(account_id: int) -> int:
    """Sign no more, and forget the account's keys."""
    from shared.accounts.credentials.dkim_keys import end_signing
    from shared.app import application

    end_signing(application(), account_id)
    click.echo(f"Emails of account {account_id} are not signed any more.")
    return 0


def _print_record(key: DkimKey) -> None:
    """As a zone file has it: strings of 255 characters at most."""
    text = key.record
    strings = [text[at : at + _LONGEST_STRING] for at in range(0, len(text), _LONGEST_STRING)]
    quoted = " ".join(f'"{string}"' for string in strings)
    click.echo(f"{key.record_name}. IN TXT ( {quoted} )")
