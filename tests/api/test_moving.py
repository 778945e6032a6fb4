"""The queue moves to another database: nothing is added to, or sent from, the one that was left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from shared.app import Application
from shared.configuration.document import DatabaseAddress
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.database.engine import file_url
from shared.database.tables import relocation as relocation_mark
from shared.delivery import tick
from shared.outbox.add import DatabaseMoved, NewEmail, add
from shared.outbox.states import Flag
from shared.scheduling import relocation, service_state
from shared.scheduling.relocation import LeftBehind, ServiceRuns, TargetUnreachable
from shared.settings import Settings
from tests.support.configuration import store_away
from tests.support.emails import email_in, states
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

EMAIL = NewEmail(to="ann@example.com", subject="Hello", body="Hi")


class Instance(Application):
    """An application whose saved addresses name SQLite files: a server is the folder beside it."""

    def url_of(self, address: DatabaseAddress) -> str:
        return file_url(self.settings.data / address.server / f"{address.database}.db")


def address(database: str) -> DatabaseAddress:
    return DatabaseAddress(server="server", user="rowpost", password="secret", database=database)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Callable[[], Instance]]:
    """Instances of one service, which share their secret store."""
    made: list[Instance] = []

    def make() -> Instance:
        made.append(Instance(Settings(ROWPOST_DATA=tmp_path, ROWPOST_CATCHER_PORT="off")))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def here(instance: Callable[[], Instance]) -> Instance:
    one = instance()
    one.database().run(lambda connection: service_state.stop(connection, "test"))
    return one


def before_the_stop(here: Instance, *states: Flag) -> None:
    """Emails that came to these states while the service ran."""
    here.database().run(lambda connection: service_state.start(connection, "test"))
    for state in states:
        email_in(here.database(), state)
    here.database().run(lambda connection: service_state.stop(connection, "test"))


def test_what_stays_behind_is_counted_and_never_sent_from_there(
    here: Instance, smtp_server: Callable[..., SmtpServer]
) -> None:
    server, old = smtp_server(), here.database()
    queue = Queue(here)
    queue.account(server)
    queue.add(3)
    before_the_stop(here, Flag.UNKNOWN, Flag.UNKNOWN)

    left = relocation.move(here, address("new"))

    assert left == LeftBehind(waiting=3, unknown=2)
    assert here.database() is not old
    assert here.database_source() == "configuration"
    with old.read() as connection:
        assert service_state.status(connection).moved
    with pytest.raises(DatabaseMoved), old.write() as connection:
        add(connection, EMAIL)
    old.run(lambda connection: service_state.start(connection, "test"))
    tick.tick(here)
    assert server.messages == []


def test_another_instance_that_finds_the_mark_looks_for_the_new_address_at_once(
    here: Instance, instance: Callable[[], Instance]
) -> None:
    other = instance()
    before = other.database()

    relocation.move(here, address("new"))

    tick.tick(other)
    assert other.database() is not before
    assert other.database_url() == here.database_url()


def test_a_service_that_runs_is_not_moved(here: Instance) -> None:
    here.database().run(lambda connection: service_state.start(connection, "test"))

    with pytest.raises(ServiceRuns, match="Stop the service first"):
        relocation.move(here, address("new"))

    assert here.database_source() == "local file"


@pytest.mark.parametrize("state", [Flag.PREPARING, Flag.TRANSMITTING])
def test_emails_on_their_way_are_waited_for(here: Instance, state: Flag) -> None:
    before_the_stop(here, state)

    with pytest.raises(ServiceRuns, match="still being sent"):
        relocation.move(here, address("new"))
    with pytest.raises(ServiceRuns):
        relocation.leave(here, here.database(), address("new"))

    with here.database().read() as connection:
        assert not service_state.status(connection).moved


def test_a_database_that_cannot_be_opened_is_saved_only_by_force(
    here: Instance, tmp_path: Path
) -> None:
    (tmp_path / "server").write_text("a file where a folder should be")

    with pytest.raises(TargetUnreachable, match='"force": true'):
        relocation.move(here, address("new"))
    assert here.database_source() == "local file"

    assert relocation.move(here, address("new"), force=True) == LeftBehind()
    assert here.database_source() == "configuration"

    corrected = address("new").model_copy(update={"server": "other"})
    assert relocation.move(here, corrected) == LeftBehind()
    assert here.database().is_local_file


def test_the_same_place_with_another_login_is_not_left(here: Instance) -> None:
    relocation.move(here, address("new"))
    here.database().run(lambda connection: service_state.stop(connection, "test"))
    Queue(here).add(2)

    again = address("NEW").model_copy(update={"user": "somebody", "server": "SERVER"})
    left = relocation.leave(here, here.database(), again)

    assert left == LeftBehind()
    saved = here.configuration.current().database
    assert saved is not None
    assert saved.user == "somebody"


def test_a_database_that_is_come_back_to_is_in_use_again(here: Instance) -> None:
    for name in ("one", "two", "one"):
        relocation.move(here, address(name))
        here.database().run(lambda connection: service_state.stop(connection, "test"))

    with here.database().read() as connection:
        assert not service_state.status(connection).moved
    here.database().run(lambda connection: add(connection, EMAIL))


def test_a_saved_address_can_be_forgotten_and_passwords_stay(
    here: Instance, tmp_path: Path
) -> None:
    here.secrets.set("smtp-shop", "a password")
    (tmp_path / "server").write_text("a file where a folder should be")
    relocation.move(here, address("new"), force=True)

    assert relocation.forget(here) == LeftBehind()

    assert here.database_source() == "local file"
    kept = here.secrets.get("smtp-shop")
    assert kept is not None
    assert kept.value == "a password"
    here.database().run(lambda connection: add(connection, EMAIL))
    assert relocation.forget(here) == LeftBehind()


def test_the_database_whose_address_is_forgotten_is_left_like_any_other(here: Instance) -> None:
    relocation.move(here, address("new"))
    new = here.database()
    with pytest.raises(ServiceRuns, match="Stop the service first"):
        relocation.forget(here)
    new.run(lambda connection: service_state.stop(connection, "test"))
    Queue(here).add(2)

    assert relocation.forget(here) == LeftBehind(waiting=2)

    with pytest.raises(DatabaseMoved), new.write() as connection:
        add(connection, EMAIL)
    with here.database().read() as connection:
        assert not service_state.status(connection).moved


def test_a_database_to_go_back_to_that_is_away_is_gone_back_to_only_by_force(
    instance: Callable[[], Instance], tmp_path: Path
) -> None:
    here = instance()
    here.database().run(lambda connection: service_state.stop(connection, "test"))
    relocation.move(here, address("new"))
    here.database().run(lambda connection: service_state.stop(connection, "test"))
    file = tmp_path / "rowpost.db"
    for old in tmp_path.glob("rowpost.db*"):
        old.unlink()
    file.mkdir()

    with pytest.raises(TargetUnreachable, match="force"):
        relocation.forget(here)
    assert here.database_source() == "configuration"

    relocation.forget(here, force=True)
    assert here.database_source() == "local file"


def test_an_address_that_could_not_be_stored_leaves_all_as_it_was(
    here: Instance, tmp_path: Path
) -> None:
    old = here.database()

    with store_away(tmp_path), pytest.raises(SecretStoreUnavailable):
        relocation.leave(here, old, address("new"))

    with old.read() as connection:
        assert not service_state.status(connection).moved
    old.run(lambda connection: add(connection, EMAIL))


@pytest.mark.parametrize(("minutes", "healed"), [(1, False), (6, True)])
def test_the_mark_of_a_mover_that_died_is_taken_away_after_a_while(
    here: Instance, minutes: int, healed: bool
) -> None:
    """The configuration names this database all the same."""
    from datetime import UTC, datetime, timedelta

    marked = datetime.now(UTC) - timedelta(minutes=minutes)
    with here.database().write() as connection:
        connection.execute(update(relocation_mark).values(MovedAt=marked))

    tick.tick(here)

    with here.database().read() as connection:
        assert service_state.status(connection).moved == (not healed)


def test_a_changed_time_out_opens_the_database_anew(here: Instance) -> None:
    before = here.database()

    here.configuration.save(
        lambda saved: saved.model_copy(
            update={"email": saved.email.model_copy(update={"db_request_timeout": 5_000})}
        )
    )

    assert here.database() is not before
    assert states(here.database()) == ""
