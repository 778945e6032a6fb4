"""Importing keys: accounts, passwords and keys, all of it or nothing, and once only."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from shared.accounts.credentials import passwords
from shared.accounts.credentials.passwords import Binding, PasswordUnavailable
from shared.accounts.directory import load_accounts
from shared.app import Application
from shared.database.tables import accounts, keys
from shared.features.keyed_sending.key_file import BadKeyFile, KeyLine
from shared.features.keyed_sending.key_import import Imported, import_keys
from shared.security.roles import Role
from shared.smtp.opening import TlsMode

FIRST = KeyLine(2, "user1_key", "example1@gmail.com", "your_app_password")
SECOND = KeyLine(3, "user2_key", "example2@gmail.com", "another_app_password")


def stored(application: Application) -> tuple[list[Any], list[Any], list[str]]:
    """All that an import may change."""
    with application.database().read() as connection:
        return (
            [tuple(row) for row in connection.execute(select(accounts))],
            [tuple(row) for row in connection.execute(select(keys))],
            sorted(application.secrets.names("smtp-")),
        )


def test_each_line_becomes_a_gmail_account_and_a_key_bound_to_it(application: Application) -> None:
    imported = import_keys(application, [FIRST, SECOND])

    assert imported == Imported(keys=2, accounts=2, passwords=0)
    with application.database().read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)
    assert [
        (one.server.host, one.server.port, one.server.tls, one.server.username, one.server.password)
        for one in book.usable
    ] == [
        ("smtp.gmail.com", 587, TlsMode.STARTTLS, one.email, one.app_password)
        for one in (FIRST, SECOND)
    ]
    assert [one.code for one in book.usable] == ["EXAMPLE1-GMAIL-COM", "EXAMPLE2-GMAIL-COM"]
    assert book.plain_passwords == ()
    for line, account in zip((FIRST, SECOND), book.usable, strict=True):
        key = application.keys.verify(line.key)
        assert (key.role, key.account_id) == (Role.SERVICE, account.id)


def test_once_more_changes_nothing(application: Application) -> None:
    import_keys(application, [FIRST, SECOND])
    before = stored(application)

    again = import_keys(application, [FIRST, SECOND])

    assert again == Imported(keys=0, accounts=0, passwords=0)
    assert stored(application) == before


def test_a_new_line_is_added_and_a_new_password_replaces_the_old_one(
    application: Application,
) -> None:
    import_keys(application, [FIRST])
    changed = KeyLine(2, FIRST.key, "Example1@Gmail.com", "a new one")

    imported = import_keys(application, [changed, SECOND])

    assert imported == Imported(keys=1, accounts=1, passwords=1)
    with application.database().read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)
    assert [one.server.password for one in book.usable] == ["a new one", SECOND.app_password]


def test_two_keys_may_share_an_account(application: Application) -> None:
    other = KeyLine(3, "user3_key", FIRST.email, FIRST.app_password)

    imported = import_keys(application, [FIRST, other])

    assert imported == Imported(keys=2, accounts=1, passwords=0)


def test_a_password_goes_to_gmail_only(application: Application) -> None:
    import_keys(application, [FIRST])
    (reference,) = application.secrets.names("smtp-")

    with pytest.raises(PasswordUnavailable):
        passwords.resolve(
            application.secrets,
            f"secret:{reference}",
            Binding("evil.example.com", 587, "starttls", FIRST.email),
        )


@pytest.mark.parametrize("fault", ["revoked", "bound elsewhere"])
def test_when_one_line_does_not_fit_nothing_is_imported(
    application: Application, fault: str
) -> None:
    import_keys(application, [FIRST])
    line = FIRST
    if fault == "revoked":
        application.keys.revoke(1)
    else:
        line = KeyLine(3, FIRST.key, "somebody@gmail.com", "p")
    before = stored(application)

    with pytest.raises(BadKeyFile, match=f"line {line.line}: ") as refused:
        import_keys(application, [KeyLine(9, "new", "new@gmail.com", "p"), line])

    assert stored(application) == before
    assert FIRST.key not in str(refused.value)


def test_the_only_account_goes_on_sending_what_names_none(application: Application) -> None:
    with application.database().write() as connection:
        connection.execute(
            insert(accounts).values(
                SMTPServer="mail.example.com",
                SMTPPort=25,
                SMTPMailId="shop@example.com",
                ParamCode="EXAMPLE1-GMAIL-COM",
                IsActive="Y",
            )
        )

    import_keys(application, [FIRST])

    with application.database().read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)
    assert [(one.code, None in one.codes) for one in book.usable] == [
        ("EXAMPLE1-GMAIL-COM", True),
        ("EXAMPLE1-GMAIL-COM-2", False),
    ]


def test_an_account_that_was_changed_since_keeps_its_connection(application: Application) -> None:
    import_keys(application, [FIRST])
    with application.database().write() as connection:
        connection.execute(update(accounts).values(SMTPPort=465, IsActive="N"))

    import_keys(application, [FIRST])

    with application.database().write() as connection:
        connection.execute(update(accounts).values(IsActive="Y"))
        book = load_accounts(connection, application.secrets, application.settings)
    (account,) = book.usable
    assert (account.server.port, account.server.tls) == (465, TlsMode.IMPLICIT)
    assert account.server.password == FIRST.app_password
