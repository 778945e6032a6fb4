"""`rowpost accounts`: the mail accounts, their state, and what each has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shared.accounts.presets import PresetName
from standalone.commands.shown import print_json, print_table, visible
from standalone.commands.verb import Verb, as_json, group, prepare

if TYPE_CHECKING:
    from shared.accounts.shown import ShownAccount

_number = click.argument("account_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))


@group(name="accounts")
@as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List the mail accounts, or add, try and remove one."""
    if context.invoked_subcommand is not None:
        return 0
    prepare()
    from functions.accounts import AccountList, account_of
    from shared.accounts.shown import shown_accounts
    from shared.app import application

    known = shown_accounts(application())
    if as_json:
        print_json(AccountList(tuple(account_of(shown) for shown in known)))
        return 0
    print_table(
        ("ID", "CODE", "STATE", "SERVER", "FROM", "TODAY", "REASON"),
        [
            (
                shown.id,
                f"{shown.settings.param_code}{' (default)' if shown.settings.default else ''}",
                shown.state.state if shown.state else "inactive",
                f"{shown.settings.smtp_host}:{shown.settings.smtp_port}",
                shown.settings.email_address,
                shown.sent.today,
                _remark(shown),
            )
            for shown in known
        ],
    )
    return 0


def _remark(shown: ShownAccount) -> str | None:
    """Why it does not send, and whom its emails may not reach."""
    reason = shown.state.reason if shown.state else None
    test_mode = f"TEST MODE: {shown.test_mode}" if shown.test_mode else None
    return "; ".join(text for text in (reason, test_mode) if text) or None


@command.command(cls=Verb)
@click.option("--name", required=True, help="What it is called.")
@click.option("--address", "email_address", required=True, help="Who its emails are from.")
@click.option(
    "--preset",
    type=click.Choice([preset.value for preset in PresetName]),
    help="Whose server it is.",
)
@click.option("--host", "smtp_host", help="The mail server, where no preset names it.")
@click.option("--port", "smtp_port", type=int)
@click.option("--tls/--no-tls", "use_tls", default=None, help="STARTTLS, required.")
@click.option("--ssl/--no-ssl", "use_ssl", default=None, help="TLS from the first byte.")
@click.option("--user", "username", help="Who logs in; the password is asked for.")
@click.option("--password", help="The password, where it is not to be asked for.")
@click.option("--code", "param_code", help="What rows name it by (dd_EmailParamCode).")
@click.option("--default", is_flag=True, default=None, help="For rows that name none.")
def add(password: str | None, **given: Any) -> int:
    """Add an account; its password goes into the secret store."""
    from pydantic_core import to_json

    from functions.accounts import NewAccount
    from shared.accounts import admin
    from shared.api.request.body import parse_body
    from shared.app import application

    if given["username"] and password is None:
        password = click.prompt("Password", hide_input=True)
    given |= {"password": password}
    fields = {name: value for name, value in given.items() if value is not None}
    wanted = parse_body(NewAccount, {}, to_json(fields))
    number = admin.create(application(), wanted.given(), wanted.secret())
    click.echo(f"Account {number} is there. Try it: rowpost accounts test {number}")
    return 0


@command.command(cls=Verb, name="test")
@_number
@as_json
def try_it(account_id: int, as_json: bool) -> int:
    """Connect and log in without sending, and say what the server answered at each step."""
    from functions.accounts import tried_of
    from shared.accounts.connection_test import try_account
    from shared.app import application

    tried = try_account(application(), account_id)
    if as_json:
        print_json(tried_of(tried))
    else:
        for step in tried.steps:
            how = "ok" if step.success else "FAILED"
            click.echo(f"{how:8} {step.name:8} {visible(step.answer)}")
        click.echo(visible(tried.message))
    return 0 if tried.success else 1


@command.command(cls=Verb)
@_number
def remove(account_id: int) -> int:
    """Remove an account and its password. Emails that wait for it are held."""
    from shared.accounts import admin
    from shared.app import application

    held = admin.remove(application(), account_id)
    click.echo(f"Account {account_id} is removed." + (f" Emails held: {held}." if held else ""))
    return 0
