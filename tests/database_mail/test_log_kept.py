"""The event log's own lines are kept as long as events are."""

from __future__ import annotations

from sqlalchemy import literal, update

from shared.database.columns.times import in_days
from shared.database.tables import mail_log
from shared.maintenance.cleanup import upkeep
from tests.database_mail.queues import insert, scalar
from tests.support.queue import Queue


def test_who_started_and_stopped_it_is_forgotten_when_events_are(queue: Queue) -> None:
    old = insert(queue, "Rowpost_MailLog", EventType="information", Description="started")
    insert(queue, "Rowpost_MailLog", EventType="information", Description="stopped")
    with queue.database.write() as connection:
        its_line = update(mail_log).where(mail_log.c.Id == old)
        connection.execute(its_line.values(At=in_days(literal(-31.0))))

    assert upkeep(queue.application) == 1

    assert scalar(queue, "SELECT Description FROM Rowpost_MailLog") == "stopped"
