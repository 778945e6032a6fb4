"""The numbers of accounts: each account gets one, each number is given once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import delete, select, text, update

from shared.accounts.directory import load_accounts
from shared.accounts.numbers import NUMBER_ONE, insert_account, number_new_accounts
from shared.app import Application
from shared.database.database import Database
from shared.database.tables import accounts
from tests.accounts.conftest import Ask
from tests.support.t_sql import t_sql

# As docs/install.md has it, and as applications did before Rowpost was there.
INSERT = (
    "INSERT INTO tbl_EMailParameters (SMTPServer, SMTPPort, SMTPMailId, SMTPSSLFlag, ParamCode, "
    "IsActive) VALUES ('127.0.0.1', 2525, 'shop@example.com', 'N', '{}', 'Y')"
)


def insert_as_others_do(database: Database, *codes: str) -> None:
    with database.write() as connection:
        for code in codes:
            connection.execute(text(INSERT.format(code)))


def insert(database: Database, code: str = "SHOP") -> int:
    return database.run(lambda connection: insert_account(connection, {"ParamCode": code}))


def numbers(database: Database) -> list[int | None]:
    with database.read() as connection:
        return list(connection.scalars(select(accounts.c.Rowpost_Id).order_by("ParamCode")))


def test_accounts_that_others_insert_get_a_number_and_keep_it(database: Database) -> None:
    insert_as_others_do(database, "A", "B")
    number_new_accounts(database)
    given = numbers(database)
    insert_as_others_do(database, "C")
    number_new_accounts(database)

    assert sorted(given, key=str) == [1, 2]
    assert numbers(database) == [*given, 3]


def test_a_number_is_never_given_twice(database: Database) -> None:
    first, second = insert(database), insert(database)
    with database.write() as connection:
        connection.execute(delete(accounts).where(accounts.c.Rowpost_Id == second))

    assert (first, second, insert(database)) == (1, 2, 3)


def test_numbers_go_on_above_one_that_somebody_gave_by_hand(database: Database) -> None:
    insert(database)
    with database.write() as connection:
        connection.execute(update(accounts).values(Rowpost_Id=70))

    assert [insert(database), insert(database)] == [71, 72]


def test_many_are_numbered_in_a_row_above_what_somebody_gave_by_hand(database: Database) -> None:
    insert(database)
    with database.write() as connection:
        connection.execute(update(accounts).values(Rowpost_Id=70))
    insert_as_others_do(database, *"ABC")
    number_new_accounts(database)

    assert sorted(number or 0 for number in numbers(database)) == [70, 71, 72, 73]
    assert insert(database) == 74


def test_eight_at_once_get_eight_numbers(database: Database) -> None:
    insert_as_others_do(database, "A", "B", "C", "D")
    with ThreadPoolExecutor(8) as threads:
        numbering = [threads.submit(number_new_accounts, database) for _ in range(4)]
        list(threads.map(lambda code: insert(database, code), "EFGH"))
        for each in numbering:
            each.result()

    there = [number for number in numbers(database) if number is not None]
    assert len(set(there)) == len(there) == 8


def test_a_new_account_is_shown_with_its_number(app: Application, ask: Ask) -> None:
    insert_as_others_do(app.database(), "SHOP")

    reply = ask("GET")

    assert [account["id"] for account in reply.json] == [1]


def test_an_account_that_was_inserted_a_moment_ago_does_no_harm(app: Application) -> None:
    insert_as_others_do(app.database(), "SHOP")

    with app.database().read() as connection:
        book = load_accounts(connection, app.secrets, app.settings)

    assert (book.usable, book.unusable) == ((), ())


def test_a_row_that_was_copied_with_its_number_is_told(app: Application) -> None:
    """Pauses, limits and keys of the one would be the other's."""
    insert_as_others_do(app.database(), "SHOP", "COPY")
    with app.database().write() as connection:
        connection.execute(update(accounts).values(Rowpost_Id=1))
        book = load_accounts(connection, app.secrets, app.settings)

    assert book.usable == ()
    assert "Rowpost_Id" in book.problems["SHOP"]
    assert "Rowpost_Id" in book.problems["COPY"]


def test_sql_server_numbers_one_row_at_a_time() -> None:
    """Its accounts table has no key, and nothing else tells the rows apart."""
    assert t_sql(NUMBER_ONE) == (
        "UPDATE TOP (1) tbl_EMailParameters SET Rowpost_Id=? "
        "WHERE tbl_EMailParameters.Rowpost_Id IS NULL AND 1 = 1"
    )
