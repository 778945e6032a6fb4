"""Keys: what makes one good, what the database has of it, and how soon it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, select, update

from shared.accounts.errors import AccountNotFound
from shared.accounts.numbers import insert_account
from shared.configuration.secret_store import SecretStore
from shared.database.database import Database
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import accounts, keys
from shared.security.kept_keys import KeyNotFound
from shared.security.keys import KNOWN_SECONDS, Keys, is_possible
from shared.security.pseudonyms import Pseudonyms
from shared.security.roles import Role
from shared.security.tokens import InvalidToken
from tests.support.configuration import Clock
from tests.support.standalone import wait_until

ACCOUNT = {"SMTPServer": "mail.example.com", "SMTPMailId": "a@example.com", "ParamCode": "SHOP"}
TOKEN_LIKE = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."


@pytest.fixture
def account_id(database: Database) -> int:
    with database.write() as connection:
        return insert_account(connection, ACCOUNT)


@pytest.fixture
def instance(database: Database, store: SecretStore, clock: Clock) -> Callable[..., Keys]:
    """Makes the keys as one more instance sees them."""
    return lambda **options: Keys(lambda: database, Pseudonyms(store), clock, **options)


@pytest.fixture
def here(instance: Callable[..., Keys]) -> Keys:
    return instance()


def statements_of(database: Database, work: Callable[[], Any]) -> int:
    """How many reads `work` makes in the database."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(seen)


def is_refused(where: Keys, text: str) -> bool:
    try:
        where.verify(text)
    except InvalidToken:
        return True
    return False


def test_a_new_key_is_good_on_every_instance(
    here: Keys, instance: Callable[..., Keys], account_id: int
) -> None:
    made = here.make("shop", account_id, Role.SERVICE, "login:admin")

    found = instance().verify(made.text)

    assert made.text.startswith("rp_")
    assert len(made.text) >= 40
    assert (found.id, found.role, found.account_id) == (made.id, Role.SERVICE, account_id)
    assert found.identity == f"key:{made.id}"
    assert made.text not in repr(made)


def test_the_database_has_no_key_and_nothing_to_try_guesses_on(
    here: Keys, database: Database, account_id: int
) -> None:
    import hashlib

    made = here.make("shop", account_id, Role.SERVICE, "login:admin")

    with database.read() as connection:
        row = connection.execute(select(keys)).one()
    assert made.text not in str(row)
    assert hashlib.sha256(made.text.encode()).hexdigest()[:32] != row.KeyHash


def test_another_secret_store_makes_other_hashes(
    database: Database, account_id: int, here: Keys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.support.configuration import file_store

    made = here.make("shop", account_id, Role.SERVICE, "login:admin")
    elsewhere = Keys(lambda: database, Pseudonyms(file_store(tmp_path_factory.mktemp("other"))))

    assert is_refused(elsewhere, made.text)


@pytest.mark.parametrize(
    "text", ["", "x" * 201, "a key", "schlüssel", "a\nb", "\x00", TOKEN_LIKE, "\ud800"]
)
def test_what_no_header_can_hold_is_no_key_and_asks_nobody(
    here: Keys, database: Database, text: str
) -> None:
    assert not is_possible(text)
    assert statements_of(database, lambda: is_refused(here, text)) == 0
    assert is_refused(here, text)


def test_a_wrong_key_takes_the_way_of_a_good_one(
    here: Keys, instance: Callable[..., Keys], database: Database, account_id: int
) -> None:
    made = here.make("shop", account_id, Role.SERVICE, "login:admin")
    fresh = instance()

    first = [
        statements_of(database, lambda text=text: is_refused(fresh, text))  # type: ignore[misc]
        for text in (made.text, "rp_wrong")
    ]
    again = [
        statements_of(database, lambda text=text: is_refused(fresh, text))  # type: ignore[misc]
        for text in (made.text, "rp_wrong")
    ]

    assert (first, again) == ([1, 1], [0, 0])


def test_a_revoked_key_ends_here_at_once_and_elsewhere_within_half_a_minute(
    here: Keys, instance: Callable[..., Keys], account_id: int, clock: Clock
) -> None:
    made, elsewhere = here.make("shop", account_id, Role.SERVICE, "login:admin"), instance()
    elsewhere.verify(made.text)
    here.verify(made.text)

    here.revoke(made.id)

    assert is_refused(here, made.text)
    assert not is_refused(elsewhere, made.text)
    clock.advance(KNOWN_SECONDS)
    assert is_refused(elsewhere, made.text)


def test_revoking_twice_changes_nothing_and_an_unknown_number_is_told(
    here: Keys, account_id: int
) -> None:
    made = here.make("shop", account_id, Role.SERVICE, "login:admin")
    here.revoke(made.id)
    (before,) = here.page(0, 10)

    here.revoke(made.id)

    assert here.page(0, 10) == [before]
    assert before.revoked_at is not None
    with pytest.raises(KeyNotFound):
        here.revoke(made.id + 1)


def test_no_more_keys_are_remembered_than_was_said(
    instance: Callable[..., Keys], database: Database, account_id: int
) -> None:
    here = instance(most_known=2)
    made = here.make("shop", account_id, Role.SERVICE, "login:admin")
    here.verify(made.text)

    for number in range(5):
        is_refused(here, f"rp_{number}")

    assert statements_of(database, lambda: here.verify(made.text)) == 1
    assert len(here._known) == 2


def test_a_key_needs_an_account_with_a_code(
    here: Keys, database: Database, account_id: int
) -> None:
    with pytest.raises(AccountNotFound):
        here.make("shop", account_id + 1, Role.SERVICE, "login:admin")
    with database.write() as connection:
        connection.execute(update(accounts).values(ParamCode=None))
    with pytest.raises(AccountNotFound, match="code"):
        here.make("shop", account_id, Role.SERVICE, "login:admin")


def test_the_last_use_is_written_once_a_minute(
    here: Keys, database: Database, account_id: int, clock: Clock
) -> None:
    made = here.make("shop", account_id, Role.SERVICE, "login:admin")

    def last_used() -> Any:
        return here.page(0, 10)[0].last_used_at

    assert last_used() is None
    here.verify(made.text)
    wait_until(lambda: last_used() is not None, 5, "the last use")
    written = last_used()

    # Another instance used it less than a minute ago: that one's note counts.
    clock.advance(60)
    here.verify(made.text)
    wait_until(lambda: not here._uses._writing, 5, "the writer's end")
    assert last_used() == written

    with database.write() as connection:
        connection.execute(update(keys).values(LastUsedAt=None))
    here.verify(made.text)
    assert not here._uses._writing
    clock.advance(60)
    here.verify(made.text)
    wait_until(lambda: last_used() is not None, 5, "the next use")


def test_a_database_that_is_away_is_not_taken_for_a_wrong_key(store: SecretStore) -> None:
    def away() -> Database:
        raise DatabaseUnreachable("away")

    with pytest.raises(DatabaseUnreachable):
        Keys(away, Pseudonyms(store)).verify("rp_whatever")
