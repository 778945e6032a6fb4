"""`rowpost schedule`: when scheduled emails go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shared.errors import RowpostError
from standalone.commands.shown import print_facts, print_json
from standalone.commands.verb import as_json, verb

if TYPE_CHECKING:
    from shared.configuration.document import EmailSchedule


_SHOWN = {"start_time", "end_time", "interval", "interval_unit", "time_zone", "days"}


class BadSchedule(RowpostError):
    """Options that make no schedule; the text has a line for each."""


@verb(name="schedule")
@click.option("--from", "start_time", metavar="HH:MM", help="When the window opens.")
@click.option("--to", "end_time", metavar="HH:MM", help="When it closes; the same: all day.")
@click.option("--every", "interval", type=int, help="How long between two runs.")
@click.option("--unit", "interval_unit", type=click.Choice(["minutes", "hours"]))
@click.option("--zone", "time_zone", metavar="ZONE", help="The clock's IANA name: Europe/Berlin.")
@click.option("--days", metavar="mon,tue,...", help="On which days; all: every day.")
@as_json
def command(days: str | None, as_json: bool, **given: Any) -> int:
    """Show when scheduled emails go; with options, change it."""
    from shared.app import application
    from shared.configuration.document import WEEK

    configuration = application().configuration
    wanted = {name: value for name, value in given.items() if value is not None}
    if days is not None:
        wanted["days"] = WEEK if days == "all" else tuple(days.replace(" ", "").split(","))
    if wanted:
        configuration.save(
            lambda before: before.model_copy(update={"email": _changed(before.email, wanted)})
        )
    schedule = configuration.current().email
    if as_json:
        print_json(schedule.model_dump(mode="json", include=_SHOWN))
        return 0
    whole_day = schedule.start_time == schedule.end_time
    print_facts(
        {
            "window": "all day" if whole_day else f"{schedule.start_time} to {schedule.end_time}",
            "every": f"{schedule.interval} {schedule.interval_unit}",
            "days": "all" if schedule.days == WEEK else ", ".join(schedule.days),
            "zone": schedule.time_zone,
        }
    )
    return 0


def _changed(before: EmailSchedule, wanted: dict[str, Any]) -> EmailSchedule:
    from pydantic import ValidationError

    from shared.configuration.document import EmailSchedule

    try:
        return EmailSchedule.model_validate(before.model_dump(by_alias=False) | wanted)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False, include_context=False)
        ]
        raise BadSchedule("\n".join(lines)) from None
