"""What every verb is: a click command that finds the settings read and the data folder ready."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from shared.configuration.private_file import private_folder
from shared.settings import misspelled, read_local_settings, settings
from standalone.storage_emulator import WITHOUT_EMULATOR, forget_absent_emulator

ROOT = Path(__file__).resolve().parents[2]
"""The folder of host.json, functions/ and shared/."""

F = TypeVar("F", bound=Callable[..., Any])


class Verb(click.Command):
    """Does one thing, prints it, and answers the exit code. Asking for its help changes nothing."""

    def invoke(self, ctx: click.Context) -> Any:
        prepare()
        return super().invoke(ctx)


class Verbs(click.Group):
    """Verbs by their names, each read from its module when it is asked for."""

    def __init__(self, *arguments: Any, modules: dict[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return None
        module = import_module(f"standalone.commands.{self._modules[cmd_name]}")
        command: click.Command = module.command
        return command


def verb(**options: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A function as a verb."""
    return click.command(cls=Verb, **options)


def prepare() -> None:
    """Read the settings, say which are misspelled, and make the data folder its owner's alone.

    Raises WrongSettings, FolderUnusable.
    """
    read_local_settings(ROOT)
    if forget_absent_emulator(os.environ):
        click.echo(f"rowpost: {WITHOUT_EMULATOR}", err=True)
    for line in misspelled(os.environ):
        click.echo(f"rowpost: {line}", err=True)
    os.umask(0o077)
    private_folder(settings().data)


def as_json(command: F) -> F:
    """With `--json`: print what the API answers."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")(
        command
    )


def group(**options: Any) -> Callable[[Callable[..., Any]], click.Group]:
    """Verbs about one thing; without one of them the function lists what there is."""

    def made(function: Callable[..., Any]) -> click.Group:
        return click.group(cls=click.Group, invoke_without_command=True, **options)(function)

    return made
