"""Whoever may only send, on a SQL Server: their profiles, their emails, their queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.database_mail.t_sql.caller import Caller

HELLO = {"recipients": "ann@example.com", "subject": "Hello", "body": "World"}
USER = "rowpost_sender"


@pytest.fixture
def sender(caller: Caller, another: Caller) -> Iterator[Caller]:
    """A user of the database who is a member of DatabaseMailUserRole, and of nothing else."""
    try:
        caller.run(f"IF USER_ID('{USER}') IS NULL CREATE USER {USER} WITHOUT LOGIN")
        caller.run(f"ALTER ROLE DatabaseMailUserRole ADD MEMBER {USER}")
        another.run(f"EXECUTE AS USER = '{USER}'")
    except Caller.Error as error:
        pytest.skip(f"this server knows no user without a login: {error}")
    yield another
    another.run("REVERT")
    caller.run(f"DROP USER {USER}")


def test_a_member_of_the_role_sends_by_the_public_profile(sender: Caller) -> None:
    assert sender.send(**HELLO).rc == 0


def test_a_profile_that_is_somebody_elses_is_as_if_it_were_not_there(
    caller: Caller, sender: Caller
) -> None:
    caller.run("EXEC dbo.sysmail_add_profile_sp @profile_name = N'Private'")

    theirs, none = (
        sender.send(**HELLO, profile_name="Private"),
        sender.send(**HELLO, profile_name="Nope"),
    )
    assert (theirs.number, theirs.rc, theirs.text) == (none.number, none.rc, none.text)
    assert theirs.number == 14607


def test_ones_own_default_comes_before_everybodys(caller: Caller, sender: Caller) -> None:
    caller.run("EXEC dbo.sysmail_add_profile_sp @profile_name = N'Mine'")
    caller.run(
        "EXEC dbo.sysmail_add_principalprofile_sp @principal_name = ?, @profile_name = N'Mine', "
        "@is_default = 1",
        USER,
    )
    sender.send(**HELLO)

    used = (
        "SELECT profile.name FROM dbo.sysmail_allitems AS item "
        "JOIN dbo.sysmail_profile AS profile ON profile.profile_id = item.profile_id"
    )
    assert caller.rows(used) == [("Mine",)]


def test_everybody_sees_their_own_emails_and_an_administrator_all(
    caller: Caller, sender: Caller
) -> None:
    caller.send(**HELLO)
    mine = sender.send(**HELLO).mailitem_id

    assert sender.rows("SELECT mailitem_id FROM dbo.sysmail_allitems") == [(mine,)]
    assert caller.value("SELECT COUNT(*) FROM dbo.sysmail_allitems") == 2
    sender.run("EXEC dbo.sysmail_delete_mailitems_sp @sent_before = '2099-01-01'")
    assert caller.value("SELECT COUNT(*) FROM dbo.sysmail_allitems") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM dbo.Digital_Emaildetails",
        "SELECT * FROM dbo.Rowpost_PendingPasswords",
        "SELECT * FROM dbo.Rowpost_MailItems",
        "INSERT INTO dbo.Rowpost_Options (EmailId) VALUES (1)",
        "EXEC dbo.sysmail_add_profile_sp @profile_name = N'Theirs'",
        "EXEC dbo.sysmail_stop_sp",
        "EXEC dbo.sysmail_configure_sp N'MaxFileSize', N'1'",
    ],
)
def test_a_member_may_do_nothing_else(sender: Caller, statement: str) -> None:
    with pytest.raises(Caller.Error, match=r"(?i)denied|permission"):
        sender.run(statement)


def test_a_query_runs_with_the_callers_rights_and_no_more(caller: Caller, sender: Caller) -> None:
    called = sender.send(**HELLO, query="SELECT Password FROM dbo.Rowpost_PendingPasswords")

    assert called.mailitem_id is None
    assert called.number is not None
    assert caller.value("SELECT COUNT(*) FROM dbo.Digital_Emaildetails") == 0
