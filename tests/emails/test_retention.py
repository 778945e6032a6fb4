"""What ended long ago loses its content and later its record; what has not ended stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import literal, select, text, update

from shared.app import Application
from shared.attachments.store import AttachmentGone
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import held_rows
from shared.delivery import tick
from shared.maintenance.cleanup import upkeep
from shared.maintenance.retention import empty_old, remove_old
from shared.outbox.admission.admit import Admitted, admit, admit_rows
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.entries import current_entry, current_number
from shared.outbox.queries.search import attempts_at
from shared.outbox.recipients import (
    Kind,
    KnownRecipient,
    RecipientState,
    known_recipients,
    write_recipients,
)
from shared.outbox.sending.finish import Outcome
from shared.settings import Settings
from tests.emails.conftest import Api
from tests.outbox.sender import number_of
from tests.outbox.test_plans import on_emails, plan
from tests.support.accounts import answered_by
from tests.support.emails import (
    all_that_is_kept,
    attempt,
    became,
    bring,
    date_its_end,
    email_in,
    foreign_row,
    overwrite,
    states,
    waiting_email,
)

EVERYBODY = answered_by([None])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ROWPOST_DATA=tmp_path, ROWPOST_KEEP_DAYS=30, ROWPOST_KEEP_RECORD_DAYS=365)


FILE = {"filename": "a.txt", "content_type": "text/plain", "content_base64": "ZmlsZQ=="}


def end(queue: Database, number: int, flag: str, days: float) -> None:
    """Let the email have ended so, so many days ago."""
    bring(queue, number, flag)
    date_its_end(queue, number, days)


def send_with_file(api: Api) -> int:
    return api.send(attachments=[FILE])


def files_of(queue: Database, number: int) -> tuple[StoredAttachment, ...]:
    with queue.read() as connection:
        entry = current_number(connection, number)
        return attachments_of(connection, [entry]).get(entry, ())


def ended(queue: Database, flag: str, days: float) -> int:
    """An email with a document, an attempt and a known recipient that ended so many days ago."""
    number = waiting_email(queue, dd_document=b"%PDF", dd_filename="a.pdf")
    attempt(queue, number, Outcome.RETRY)
    end(queue, number, flag, days)
    known = KnownRecipient(Kind.TO, "a@example.com", state=RecipientState.SENT)
    entry = number_of(queue, number)
    queue.run(lambda connection: write_recipients(connection, entry, [known]))
    return number


@pytest.mark.parametrize("flag", ["Y", "F", "C"])
def test_content_goes_first_and_the_record_later(
    app: Application, queue: Database, flag: str
) -> None:
    # So that no entry's number is its email's id.
    removed = email_in(queue, "Y")
    date_its_end(queue, removed, 400)
    foreign_row(queue, "X")
    foreign_row(queue, "X")
    young, middle, old = (ended(queue, flag, days) for days in (29, 31, 366))
    numbers = {each: number_of(queue, each) for each in (middle, old)}
    assert all(number != each for each, number in numbers.items())

    assert upkeep(app) == 3

    assert states(queue, [young, middle, old]) == flag * 2
    kept, emptied = became(queue, young), became(queue, middle)
    assert (kept.body, kept.document, kept.emptied_at) == ("Hi Ann", b"%PDF", None)
    assert (emptied.body, emptied.document) == ("", None)
    assert emptied.emptied_at is not None
    assert emptied.subject == "Hello"
    with queue.read() as connection:
        assert attempts_at(connection, old) == []
        assert known_recipients(connection, [numbers[old]]) == {}
        assert attempts_at(connection, middle)
        assert known_recipients(connection, [numbers[middle]])


@pytest.mark.parametrize("flag", ["N", "P", "T", "U"])
def test_what_has_not_ended_stays_whatever_its_dates_say(
    app: Application, queue: Database, flag: str
) -> None:
    number = ended(queue, flag, 1_000)

    assert upkeep(app) == 0
    assert became(queue, number).body == "Hi Ann"


def test_what_somebody_else_ended_stays(app: Application, queue: Database) -> None:
    foreign_row(queue, "Y")

    assert upkeep(app) == 0
    assert states(queue) == "Y"


def test_why_a_row_was_held_is_forgotten_once_the_row_is_gone(
    app: Application, queue: Database
) -> None:
    held, gone = (waiting_email(queue, dd_EmailParamCode="NOBODY") for _ in range(2))
    assert admit(queue, answered_by([None])).held == 2
    with queue.write() as connection:
        connection.execute(
            text("DELETE FROM Digital_Emaildetails WHERE dd_srno = :id"), {"id": gone}
        )
    assert upkeep(app) == 0

    with queue.write() as connection:
        an_hour_ago = utc_now(literal(-3_601.0))
        connection.execute(update(held_rows).values(LookAgainAt=an_hour_ago))

    assert upkeep(app) == 1
    with queue.read() as connection:
        assert list(connection.scalars(select(held_rows.c.EmailId))) == [held]


@pytest.mark.parametrize("letter", ["X", "A", "P"])
def test_a_row_with_a_letter_of_its_own_stays_and_rowpost_forgets_the_email(
    app: Application, queue: Database, letter: str
) -> None:
    number = ended(queue, "Y", 366)
    overwrite(queue, number, letter)

    assert upkeep(app) == 1

    assert not is_known(queue, number)
    assert states(queue, [number]) == letter
    assert "Hi Ann" in all_that_is_kept(queue)
    assert app.database().run(lambda c: admit_rows(c, EVERYBODY)) == Admitted()


@pytest.mark.parametrize("letter", ["N", "n", None])
@pytest.mark.parametrize("days", [31, 366])
def test_a_row_that_asks_for_its_email_again_keeps_all_that_belongs_to_it(
    app: Application, queue: Database, letter: str | None, days: int
) -> None:
    """Forgotten, it would be sent as a new one: though nobody confirmed, or at a NULL."""
    number = ended(queue, "Y", days)
    overwrite(queue, number, letter)

    assert upkeep(app) == 0

    assert is_known(queue, number)
    assert became(queue, number).emptied_at is None
    admitted = app.database().run(lambda c: admit_rows(c, EVERYBODY)).admitted
    assert admitted == (0 if letter is None else 1)


def test_a_row_that_cannot_be_removed_stands_in_the_way_of_no_other(
    app: Application, queue: Database
) -> None:
    """As the errors of a server's triggers, which take their transaction with them."""
    bad, other = ended(queue, "Y", 367), ended(queue, "Y", 366)
    with queue.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER not_this BEFORE DELETE ON Digital_Emaildetails "
                f"WHEN old.dd_srno = {bad} BEGIN SELECT abs(-9223372036854775808); END"
            )
        )

    assert upkeep(app) == 2

    assert states(queue, [bad, other]) == "Y"
    assert not is_known(queue, bad)
    assert upkeep(app) == 0


def test_what_fails_in_one_kind_of_upkeep_stops_none_of_the_others(
    app: Application, queue: Database
) -> None:
    ended(queue, "Y", 31)
    old = ended(queue, "Y", 366)
    with queue.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER not_emptied BEFORE UPDATE ON Digital_Emaildetails "
                "BEGIN SELECT RAISE(ABORT, 'an archive'); END"
            )
        )

    assert upkeep(app) == 1
    assert not is_known(queue, old)


def is_known(queue: Database, number: int) -> bool:
    """Whether Rowpost knows an email of this row."""
    with queue.read() as connection:
        return current_entry(connection, number) is not None


def test_without_a_setting_everything_stays(app: Application, queue: Database) -> None:
    ended(queue, "Y", 1_000)
    app.settings = app.settings.model_copy(update={"keep_days": None, "keep_record_days": None})

    assert upkeep(app) == 0
    assert states(queue) == "Y"


def test_a_tick_does_it_and_an_email_without_content_can_not_be_tried_again(
    app: Application, api: Api, queue: Database
) -> None:
    number = ended(queue, "F", 31)

    tick.tick(app)

    shown = api.get(f"/api/emails/{number}").json
    assert shown["content_removed_at"] is not None
    assert api.post(f"/api/emails/{number}/retry").status == 409


@pytest.mark.parametrize("flag", ["Y", "F", "C"])
@pytest.mark.parametrize(("days", "status"), [(31, 200), (366, 404)])
def test_files_go_with_the_content_and_those_of_others_stay(
    app: Application, api: Api, queue: Database, flag: str, days: int, status: int
) -> None:
    old, young, waiting = (send_with_file(api) for _ in range(3))
    end(queue, old, flag, days)
    end(queue, young, flag, 29)
    (gone,) = files_of(queue, old)
    stay = [*files_of(queue, young), *files_of(queue, waiting)]

    assert upkeep(app) == 1
    assert app.attachments.sweep() == 1

    with pytest.raises(AttachmentGone):
        next(app.attachments.store.read(gone.key))
    assert [b"".join(app.attachments.store.read(one.key)) for one in stay] == [b"file"] * 2
    shown = api.get(f"/api/emails/{old}")
    assert shown.status == status
    assert shown.json.get("attachments", []) == []
    assert len(api.get(f"/api/emails/{young}").json["attachments"]) == 1


def test_a_tick_deletes_the_files_of_what_is_old(
    app: Application, api: Api, queue: Database
) -> None:
    number = send_with_file(api)
    end(queue, number, "Y", 31)

    tick.tick(app)

    assert [one for one in (app.settings.data / "attachments").rglob("*") if one.is_file()] == []
    assert files_of(queue, number) == ()


@pytest.mark.parametrize("flag", ["N", "P", "T", "U"])
def test_files_of_what_has_not_ended_stay_whatever_its_dates_say(
    app: Application, api: Api, queue: Database, flag: str
) -> None:
    number = send_with_file(api)
    end(queue, number, flag, 1_000)

    assert upkeep(app) == 0
    assert app.attachments.sweep() == 0
    assert len(files_of(queue, number)) == 1


def test_a_cancelled_email_that_is_tried_again_has_its_files(
    app: Application, api: Api, queue: Database
) -> None:
    number = api.send(send_at="2100-01-01T00:00:00Z", attachments=[FILE])

    assert api.post(f"/api/emails/{number}/cancel").status == 200
    tick.tick(app)
    assert api.post(f"/api/emails/{number}/retry").status == 200

    (file,) = files_of(queue, number)
    assert b"".join(app.attachments.store.read(file.key)) == b"file"


def test_many_go_in_small_batches_until_the_time_is_over(app: Application, queue: Database) -> None:
    for _ in range(120):
        ended(queue, "Y", 31)

    with queue.write() as connection:
        assert empty_old(connection, 30) == 50
    assert upkeep(app, seconds=0) == 0
    assert upkeep(app) == 70
    assert upkeep(app) == 0


def test_what_ended_meanwhile_is_found_after_a_look_that_found_nothing(
    app: Application, queue: Database
) -> None:
    upkeep(app)
    number = ended(queue, "Y", 30.02)

    upkeep(app)

    assert became(queue, number).emptied_at is not None


def test_it_reads_a_range_of_the_index_of_what_has_ended(sqlite_database: Database) -> None:
    for work in (lambda c: empty_old(c, 30), lambda c: remove_old(c, 365)):
        for step in on_emails(plan(sqlite_database, work)):
            by_key = "INTEGER PRIMARY KEY (rowid=?)" in step
            assert by_key or re.search(r"IX_Rowpost_Ended \(\w+=\? AND \w+[<>]", step), step
