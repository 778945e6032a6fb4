"""`rowpost`: the whole service on one machine, and the operator's commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from shared.api.errors import ApiError
from shared.errors import RowpostError
from shared.version import VERSION
from standalone.commands.verb import Verbs, prepare

PROGRAM = "rowpost"
_MODULES = {
    "run": "run",
    "send": "send",
    "queue": "queue",
    "list": "list_emails",
    "show": "show",
    "retry": "retry",
    "resolve": "resolve",
    "cancel": "cancel",
    "drain": "drain",
    "start": "start",
    "stop": "stop",
    "schedule": "schedule",
    "accounts": "accounts",
    "users": "users",
    "keys": "keys",
    "make-key": "make_key",
    "revoke-key": "revoke_key",
    "import-keys": "import_keys",
    "move-passwords": "move_passwords",
    "dkim": "dkim",
    "doctor": "doctor",
    "migrate": "migrate",
    "install-database-mail": "install_database_mail",
    "forget-config": "forget_config",
    "sql": "sql",
    "catcher": "catcher",
    "completion": "completion",
}


@click.group(
    cls=Verbs,
    modules=_MODULES,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> int:
    """Insert a row, an email is sent. Without a command: run the service."""
    if context.invoked_subcommand is not None:
        return 0
    from standalone.commands.run import command

    prepare()
    return int(context.invoke(command))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 1 after one line that says why."""
    try:
        return cli.main(arguments, prog_name=PROGRAM, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo(f"{PROGRAM}: given up", err=True)
        return 1
    except RowpostError as error:
        for line in _said(error):
            click.echo(f"{PROGRAM}: {line}", err=True)
        return 1
    except BrokenPipeError:
        # Whoever read the output (`| head`) has had enough; nothing more may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _said(error: RowpostError) -> list[str]:
    if isinstance(error, ApiError) and error.errors:
        return [f"{one.field}: {one.message}" for one in error.errors]
    return str(error).splitlines()
