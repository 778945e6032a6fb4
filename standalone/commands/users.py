"""`rowpost users`: who may log in."""

from __future__ import annotations

import click

from standalone.commands.shown import print_json, print_table
from standalone.commands.verb import Verb, as_json, group, prepare

_password = click.password_option(
    help="The new password; asked for where it is not given.", prompt="Password"
)


@group(name="users")
@as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List who may log in, or change it."""
    if context.invoked_subcommand is not None:
        return 0
    prepare()
    from shared.app import application

    logins = application().logins.everybody()
    if as_json:
        print_json([{"username": login.username, "role": login.role} for login in logins])
    else:
        print_table(("NAME", "ROLE"), [(login.username, login.role) for login in logins])
    return 0


@command.command(cls=Verb)
@click.argument("name")
@_password
def password(name: str, password: str) -> int:
    """Give somebody a new password, which ends their sessions."""
    from shared.app import application

    application().logins.set_password(name, password)
    _say_done(f"{name} has a new password.", password)
    return 0


@command.command(cls=Verb)
@click.argument("name")
@_password
def operator(name: str, password: str) -> int:
    """Let this be the operator, in place of the former one."""
    from shared.app import application

    application().logins.set_operator(name, password)
    _say_done(f"{name} is the operator.", password)
    return 0


@command.command(cls=Verb)
@click.argument("name")
def logout(name: str) -> int:
    """End somebody's sessions, everywhere."""
    from shared.app import application

    application().logins.end_sessions(name)
    click.echo(f"{name} is logged out.")
    return 0


def _say_done(message: str, password: str) -> None:
    from shared.security import passwords

    click.echo(f"{message} {passwords.WEAK}" if passwords.is_weak(password) else message)
