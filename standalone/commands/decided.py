"""Decisions about several emails, each for itself: one that can't be made stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click
from sqlalchemy import Connection

from shared.app import application
from shared.errors import RowpostError
from standalone.commands.shown import print_json


def decide(
    numbers: Sequence[int], work: Callable[[Connection, int], object], done: str, as_json: bool
) -> int:
    """Do `work` for each email and say `done`; 1 where one of them could not be."""
    database, refused = application().database(), 0
    for number in numbers:
        try:
            database.run(lambda connection, number=number: work(connection, number))  # type: ignore[misc]
        except RowpostError as error:
            refused += 1
            if as_json:
                print_json({"email_id": number, "error": str(error)})
            else:
                click.echo(f"rowpost: {error}", err=True)
            continue
        if as_json:
            print_json({"email_id": number, "status": done})
        else:
            click.echo(f"Email {number} is now {done}.")
    return 1 if refused else 0
