"""What verbs print: JSON for programs, lines and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from shared.api.models import Answer

_WIDEST = 10_000


def print_json(value: Answer | object) -> None:
    """An answer as the API gives it, or anything that JSON holds."""
    if isinstance(value, Answer):
        click.echo(value.to_bytes().decode("ascii"))
    else:
        click.echo(json.dumps(value, default=str))


def visible(value: object) -> str:
    """A value for a terminal: nothing in it moves the cursor or turns the direction of writing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows in columns; on a terminal what is too wide is cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _WIDEST
    Console(width=width, highlight=False).print(table, soft_wrap=width is not None)


def print_facts(facts: dict[str, Any]) -> None:
    """Names and values, a line each; those without a value are left out."""
    shown = {name: visible(value) for name, value in facts.items() if value not in (None, "", [])}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name:{width}}  {value}")


@contextmanager
def at_work(what: str) -> Iterator[None]:
    """Show on a terminal that something is being done."""
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
