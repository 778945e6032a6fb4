"""`rowpost doctor`: what stands in the way of sending, and what to do about it."""

from __future__ import annotations

import click

from standalone.commands.shown import at_work, print_json, visible
from standalone.commands.verb import as_json, verb


@verb(name="doctor")
@as_json
def command(as_json: bool) -> int:
    """Say what stands in the way, and what helps; changes nothing. 1 where something is refused."""
    from functions.adoption import AdoptionAnswer
    from shared.app import application
    from shared.database.adoption.rules import refusals
    from shared.monitoring.diagnosis import diagnose
    from shared.settings import settings
    from standalone.claimed_folder import who_serves

    with at_work("Looking at every part"):
        found = diagnose(application())
    if not as_json and (server := who_serves(settings().data)):
        click.echo(f"{'fine':8} service: Rowpost runs here, {server}.")
    if as_json:
        print_json(AdoptionAnswer.of(found))
    else:
        for finding in found.findings:
            click.echo(f"{finding.level:8} {finding.code}: {visible(finding.message)}")
            for line in (finding.statement or "").splitlines():
                click.echo(f"{'':8} {line}")
    return 1 if refusals(found.findings) else 0
