"""The lists of docs/reference.md that follow from the code (make reference).

python -m tools.reference
"""

from __future__ import annotations

import re
from pathlib import Path

import click

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"


def main() -> None:
    PAGE.write_text(with_lists(PAGE.read_text("utf-8")), "utf-8")


def with_lists(page: str) -> str:
    """The page with its lists as they have to be now."""
    for name, lines in (("commands", commands()), ("endpoints", endpoints())):
        rows = "\n".join(lines)
        between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- /{name} -->)", re.DOTALL)
        page = between.sub(rows.replace("\\", r"\\"), page)
    return page


def commands() -> list[str]:
    """Each command of `rowpost` and what it does."""
    from standalone.commands.cli import cli

    lines = ["| command | |", "|---|---|"]
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        lines.append(f"| `rowpost {name}` | {_says(command)} |")
        if isinstance(command, click.Group):
            for further in command.list_commands(context):
                of_it = command.get_command(context, further)
                assert of_it is not None
                lines.append(f"| `rowpost {name} {further}` | {_says(of_it)} |")
    return lines


def endpoints() -> list[str]:
    """Each endpoint, who may call it, and what it does."""
    from functions.groups import GROUPS

    lines = ["| endpoint | who | |", "|---|---|---|"]
    for group in GROUPS:
        for operation in group.routes.operations:
            path = re.sub(r":[^}]*", "", f"/{operation.path}").replace("{*", "{")
            who = operation.who.name.lower().replace("_", " ")
            lines.append(f"| {operation.method} `{path}` | {who} | {operation.summary} |")
    return lines


def _says(command: click.Command) -> str:
    first = (command.help or "").split("\n\n")[0]
    return " ".join(first.split())


if __name__ == "__main__":
    main()
