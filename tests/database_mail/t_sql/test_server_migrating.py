"""The scripts that help to move, run on the views that are named like the tables they read."""

from __future__ import annotations

from tests.database_mail.t_sql.caller import Caller
from tests.support.tools import ROOT

FOLDER = ROOT / "sql" / "migrating"


def batch(name: str) -> str:
    return (FOLDER / name).read_text("utf-8").replace("\nGO\n", "\n")


def test_the_calls_that_are_printed_make_the_configuration_again(caller: Caller) -> None:
    caller.call("sysmail_add_profile_sp", profile_name="It's", description="Theirs")
    before = caller.rows(
        "SELECT name, description FROM dbo.sysmail_profile UNION ALL "
        "SELECT name, email_address FROM dbo.sysmail_account"
    )
    printed = [call for (call,) in caller.rows(batch("print-configuration.sql"))]
    for table in ("MailPrincipals", "MailProfileAccounts", "MailProfiles"):
        caller.run(f"DELETE FROM dbo.Rowpost_{table}")
    caller.run("DELETE FROM dbo.tbl_EMailParameters")

    for call in printed:
        caller.run(call)

    after = caller.rows(
        "SELECT name, description FROM dbo.sysmail_profile UNION ALL "
        "SELECT name, email_address FROM dbo.sysmail_account"
    )
    assert sorted(after) == sorted(before)
    assert caller.send(recipients="ann@example.com", body="Hello").rc == 0


def test_what_uses_something_different_is_listed_with_what_to_do(caller: Caller) -> None:
    caller.run(
        "CREATE PROCEDURE dbo.rowpost_test_caller AS EXEC dbo.sp_send_dbmail "
        "@recipients = 'ann@example.com', @file_attachments = 'C:\\a.txt'"
    )
    try:
        found = caller.rows(batch("list-calls.sql"))
    finally:
        caller.run("DROP PROCEDURE dbo.rowpost_test_caller")

    ours = [(what, to_do) for place, what, to_do in found if "rowpost_test_caller" in place]
    assert [what for what, _ in ours] == ["@file_attachments"]
    assert "22051" in ours[0][1]
