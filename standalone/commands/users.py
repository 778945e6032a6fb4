"""`rowpost users`: who may log in."""

from __future__ import annotations

import click

from shared.security.roles import Role
from standalone.commands.shown import print_json, print_table
from standalone.commands.verb import Verb, as_json, group, prepare

_password = click.password_option(
    help="The new password; asked for where it is not given.", prompt="Password"
)

_roles = click.Choice([role.value for role in Role])
_role = click.option("--role", type=_roles, required=True, help="What they may do.")


@group(name="users")
@as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List who may log in, or change it."""
    if context.invoked_subcommand is not None:
        return 0
    prepare()
    from functions.users import UserList, listed
    from shared.app import application

    logins = application().logins.everybody()
    if as_json:
        print_json(UserList(items=[listed(login) for login in logins]))
    else:
        print_table(
            ("NAME", "ROLE", "NAMED BY"),
            [(login.username, login.role, login.named_by) for login in logins],
        )
    return 0


@command.command(cls=Verb)
@click.argument("name")
@_role
@_password
def add(name: str, role: str, password: str) -> int:
    """Let somebody else log in."""
    from pydantic_core import to_json

    from functions.users import NewUser
    from shared.api.request.body import parse_body
    from shared.app import application

    given = {"username": name, "password": password, "role": role}
    wanted = parse_body(NewUser, {}, to_json(given))
    application().logins.add(wanted.username, wanted.password, wanted.role)
    _say_done(f"{wanted.username} may log in.", password)
    return 0


@command.command(cls=Verb, name="role")
@click.argument("name")
@click.argument("role", type=_roles)
def change_role(name: str, role: str) -> int:
    """Give somebody another role, which ends their sessions."""
    from shared.app import application

    application().logins.change(name, role=Role(role))
    click.echo(f"{name} is: {role}.")
    return 0


@command.command(cls=Verb)
@click.argument("name")
def remove(name: str) -> int:
    """Let somebody log in no more; the last admin stays."""
    from shared.app import application
    from shared.features.database_mail import former_users

    whole = former_users.remove_user(application(), name)
    click.echo(f"{name} is removed.")
    if not whole:
        click.echo(former_users.GRANTS_ARE_LEFT, err=True)
    return 0


@command.command(cls=Verb)
@click.argument("name")
@_password
def password(name: str, password: str) -> int:
    """Give somebody a new password, which ends their sessions."""
    from shared.app import application

    application().logins.change(name, password)
    _say_done(f"{name} has a new password.", password)
    return 0


@command.command(cls=Verb)
@click.argument("name")
@_password
def operator(name: str, password: str) -> int:
    """Let this be the schedule's operator, in place of the former one."""
    from shared.app import application
    from shared.features.database_mail import former_users

    whole = former_users.set_operator(application(), name, password)
    _say_done(f"{name} is the operator.", password)
    if not whole:
        click.echo(former_users.GRANTS_ARE_LEFT, err=True)
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
    from functions.users import told

    click.echo(told(message, password))
