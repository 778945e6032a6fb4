"""A mailbox that is changed while somebody reads it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.app import Application
from shared.bounces.mailboxes.leases import LeaseLost, read_on, take
from shared.bounces.mailboxes.mailbox import Brought, Position
from shared.bounces.noted import unfiled
from tests.support.bounces import AUTOREPLY, ORDINARY, Mailroom
from tests.support.dovecot import Dovecot

ANOTHER = {"folder": "Another"}


@pytest.mark.parametrize("change", [ANOTHER, {"enabled": False}])
def test_whoever_reads_it_as_it_was_before_writes_nothing_more(
    app: Application, mailroom: Mailroom, change: dict[str, Any]
) -> None:
    mailbox = mailroom.add("bounces@shop.example", 1)
    database = app.database()
    assert database.run(lambda connection: take(connection, mailbox.id, "reader"))

    app.mailbox_admin().change(mailbox.id, mailbox.settings.with_values(change), None)

    with pytest.raises(LeaseLost):
        database.run(
            lambda connection: read_on(
                connection, mailbox.id, "reader", Position(0, 1_795_770_000), Brought()
            )
        )
    assert mailroom.state(mailbox).position == Position()


def test_in_another_folder_nothing_is_moved_or_deleted_by_the_numbers_of_the_former_one(
    app: Application, mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    mailbox = mailroom.add(user, server.port)
    server.put(user, AUTOREPLY)
    mailroom.collect()
    server.put(user, ORDINARY)
    server.refuse_to_file(user, "Processed")
    mailroom.collect_again()
    with app.database().read() as connection:
        waited = unfiled(connection, mailbox.id)

    app.mailbox_admin().change(mailbox.id, mailbox.settings.with_values(ANOTHER), None)

    with app.database().read() as connection:
        assert (len(waited), unfiled(connection, mailbox.id)) == (1, [])
