"""`rowpost send`: store one email, and say when it goes."""

from __future__ import annotations

from pathlib import Path

import click

from standalone.commands.read_file import read_file
from standalone.commands.shown import print_json
from standalone.commands.verb import as_json, verb


@verb(name="send")
@click.option("--to", required=True, metavar="ADDRESSES", help="Separated by ; or ,")
@click.option("--cc", default="", metavar="ADDRESSES")
@click.option("--bcc", default="", metavar="ADDRESSES")
@click.option("--subject", required=True)
@click.option("--body", required=True)
@click.option("--html", is_flag=True, help="The body is HTML.")
@click.option("--attach", multiple=True, type=click.Path(path_type=Path), metavar="FILE")
@click.option("--account", metavar="CODE", help="The account to send it with.")
@click.option("--priority", type=click.IntRange(1, 5), default=3, help="1 is first, 3 is usual.")
@click.option("--immediate", is_flag=True, help="Do not wait for the window.")
@as_json
def command(
    to: str,
    cc: str,
    bcc: str,
    subject: str,
    body: str,
    html: bool,
    attach: tuple[Path, ...],
    account: str | None,
    priority: int,
    immediate: bool,
    as_json: bool,
) -> int:
    """Store an email; answers its number and when it goes."""
    from shared.app import application
    from shared.attachments.keeper import Upload
    from shared.mime.addresses import entries_of
    from shared.outbox.states import Lane
    from shared.scheduling import service_state
    from shared.submissions.store import store
    from shared.submissions.submission import Origin, Submission
    from standalone.commands.when import expected

    here = application()
    lane = Lane.IMMEDIATE if immediate else Lane.SCHEDULED
    submission = Submission(
        recipients=entries_of(to),
        cc=entries_of(cc),
        bcc=entries_of(bcc),
        subject=subject,
        html=body if html else None,
        text=None if html else body,
        account=account,
        priority=priority,
        lane=lane,
        attachments=[Upload(file.name, [read_file(file)]) for file in attach],
        origin=Origin.COMMAND,
        stored_by="command",
    )
    number = store(here, submission, wakes=False)
    if immediate:
        # This process ends right after: nobody would be left to wake others.
        here.waker.wake_now()
    with here.database().read() as connection:
        state = service_state.status(connection)
    goes = expected(state, here.schedule(), lane, here.clock())
    if as_json:
        at = f"{goes.at:%Y-%m-%dT%H:%M:%SZ}" if goes.at else None
        print_json({"email_id": number, "goes_at": at, "message": goes.words})
    else:
        click.echo(f"Email {number} goes {goes.words}.")
    return 0
