"""`rowpost completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = {
    "bash": 'eval "$(rowpost completion bash)"',
    "zsh": 'eval "$(rowpost completion zsh)"',
    "fish": "rowpost completion fish | source",
}


@click.command(name="completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print what a shell needs to complete commands and options, for its start file.

    \b
    eval "$(rowpost completion bash)"       in ~/.bashrc
    eval "$(rowpost completion zsh)"        in ~/.zshrc
    rowpost completion fish | source        in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "rowpost", "_ROWPOST_COMPLETE").source())
    return 0
