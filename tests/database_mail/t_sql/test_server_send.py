"""sp_send_dbmail on a SQL Server: what it checks, what it answers, what stands in the tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.database_mail.t_sql.caller import Caller

HELLO = {"recipients": "ann@example.com", "subject": "Hello", "body": "World"}
THREE = {"copy_recipients": "bob@example.com", "blind_copy_recipients": "cyd@example.com"}


def test_an_email_is_a_row_with_its_options_and_what_was_asked_for(caller: Caller) -> None:
    called = caller.send(
        **HELLO, **THREE, body_format="html", importance="High", sensitivity="Private",
        from_address="jobs@example.com", reply_to="desk@example.com",
    )  # fmt: skip

    assert (called.rc, called.number) == (0, None)
    (row,) = caller.rows(
        "SELECT dd_srno, dd_toEmailid, dd_ccEmailid, dd_subject, "
        "CAST(dd_bodyText AS NVARCHAR(100)), dd_EmailParamCode "
        "FROM dbo.Digital_Emaildetails"
    )
    assert row == (
        called.mailitem_id, "ann@example.com", "bob@example.com", "Hello", "World", None,
    )  # fmt: skip
    (options,) = caller.rows(
        "SELECT EmailId, bccEmailid, Lane, IsHtml, ReplyTo, Sender, Importance, Sensitivity, "
        "(SELECT Name FROM dbo.Rowpost_MailProfiles WHERE Id = ProfileId) FROM dbo.Rowpost_Options"
    )
    assert options == (
        called.mailitem_id, "cyd@example.com", "immediate", "1", "desk@example.com",
        "jobs@example.com", "HIGH", "PRIVATE", "Ops",
    )  # fmt: skip
    (item,) = caller.rows(
        "SELECT mailitem_id, recipients, subject, from_address, reply_to, body_format, sent_status "
        "FROM dbo.sysmail_mailitems"
    )
    assert item == (
        called.mailitem_id, "ann@example.com", "Hello", "jobs@example.com", "desk@example.com",
        "HTML", 0,
    )  # fmt: skip


def test_without_a_subject_it_has_that_of_database_mail(caller: Caller) -> None:
    caller.send(recipients="ann@example.com", body="World")

    assert caller.value("SELECT dd_subject FROM dbo.Digital_Emaildetails") == "SQL Server Message"


REFUSED: dict[str, tuple[dict[str, Any], int, int]] = {
    "a profile that is not there": ({"profile_name": "Nope"}, 14607, 4),
    "attach without a value": ({"attach_query_result_as_file": None}, 14618, 2),
    "exclude without a value": ({"exclude_query_output": None}, 14618, 3),
    "header without a value": ({"query_result_header": None}, 14618, 4),
    "separator without a value": ({"query_result_separator": None}, 14618, 5),
    "append without a value": ({"append_query_error": None}, 14618, 6),
    "another format": ({"body_format": "RTF"}, 14626, 13),
    "no importance": ({"importance": None}, 14622, 15),
    "another importance": ({"importance": "Urgent"}, 14622, 16),
    "no sensitivity": ({"sensitivity": None}, 14623, 17),
    "another sensitivity": ({"sensitivity": "Secret"}, 14623, 18),
    "nothing to say": ({"subject": None, "body": "  "}, 14624, 19),
    "nobody to send it to": ({"recipients": None}, 14624, 20),
    "a comma": ({"recipients": "ann@example.com, bob@example.com"}, 14613, 1),
    "a comma in the copies": ({"copy_recipients": "ann@example.com,bob@example.com"}, 14613, 1),
    "a comma in reply_to": ({"reply_to": "ann@example.com,bob@example.com"}, 14613, 1),
    "attach without a query": ({"attach_query_result_as_file": 1}, 14625, 21),
    "files": ({"file_attachments": "C:\\report.xlsx"}, 22051, 1),
    "a query elsewhere": ({"query": "SELECT 1", "execute_query_database": "no such"}, 14633, 1),
    "too narrow a result": ({"query": "SELECT 1", "query_result_width": 5}, 22050, 1),
    "neither padding nor cut": (
        {"query": "SELECT 1", "query_no_truncate": 1, "query_result_no_padding": 1}, 22050, 1,
    ),
    "a program": (
        {
            "query": "SELECT 1",
            "attach_query_result_as_file": 1,
            "query_attachment_filename": "a.EXE",
        },
        14630,
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_has_its_number_and_code_and_queues_nothing(
    caller: Caller, what: str
) -> None:
    given, number, rc = REFUSED[what]

    called = caller.send(**(HELLO | given))

    assert called.number == number
    assert called.rc in (rc, None)  # Not every server goes on in the batch.
    assert called.mailitem_id is None
    assert caller.value("SELECT COUNT(*) FROM dbo.Digital_Emaildetails") == 0


ORDER: list[dict[str, Any]] = [
    {"profile_name": "Nope"},
    {"attach_query_result_as_file": None},
    {"exclude_query_output": None},
    {"query_result_header": None},
    {"query_result_separator": None},
    {"append_query_error": None},
    {"body_format": "RTF"},
    {"importance": "Urgent"},
    {"sensitivity": "Secret"},
    {"subject": None, "body": None},
    {"copy_recipients": "ann@example.com,bob@example.com"},
]


def test_of_several_faults_the_first_in_the_order_of_checks_is_told(caller: Caller) -> None:
    numbers = [14607, 14618, 14618, 14618, 14618, 14618, 14626, 14622, 14623, 14624, 14613]
    for place, number in enumerate(numbers):
        given: dict[str, Any] = {}
        for fault in reversed(ORDER[place:]):
            given |= fault

        assert caller.send(**(HELLO | given)).number == number, place


def test_lists_may_end_with_a_semicolon_and_have_a_comma_in_quotes(caller: Caller) -> None:
    lists = "ann@example.com; bob@example.com;", '"Doe, J" <j@example.com>'

    assert [caller.send(**(HELLO | {"recipients": each})).rc for each in lists] == [0, 0]


def test_a_list_that_is_longer_than_its_column_stands_whole_beside_the_row(caller: Caller) -> None:
    everybody = ";".join(f"reader{number:03}@example.com" for number in range(60))

    called = caller.send(**(HELLO | {"recipients": everybody, "blind_copy_recipients": everybody}))

    assert called.rc == 0
    assert caller.rows(
        "SELECT Recipients, BlindCopyRecipients FROM dbo.Rowpost_MailItems"
    ) == [(everybody, everybody)]  # fmt: skip
    assert caller.value("SELECT dd_toEmailid FROM dbo.Digital_Emaildetails") == ""


def test_it_says_that_it_queued_an_email_only_where_it_may(caller: Caller) -> None:
    call = "EXEC dbo.sp_send_dbmail @recipients = 'ann@example.com', @subject = N'Hello'"

    assert "queued." in caller.printed(call)
    assert "Mail (Id: " in caller.printed(call)
    assert "queued" not in caller.printed(f"{call}, @exclude_query_output = 1")


def test_what_goes_only_with_a_query_is_taken_and_ignored_without_one(caller: Caller) -> None:
    called = caller.send(
        **HELLO,
        query_result_header=0,
        query_result_no_padding=1,
        execute_query_database="elsewhere",
    )

    assert called.rc == 0


def test_a_transaction_that_is_rolled_back_takes_its_email_along(
    caller: Caller, another: Caller
) -> None:
    caller.run("BEGIN TRANSACTION")
    caller.send(**(HELLO | {"subject": "Rolled back"}))
    another.run("BEGIN TRANSACTION")
    another.send(**(HELLO | {"subject": "Committed"}))
    caller.run("ROLLBACK TRANSACTION")
    another.run("COMMIT TRANSACTION")

    for table in ("Digital_Emaildetails", "Rowpost_Options", "Rowpost_MailItems"):
        assert caller.value(f"SELECT COUNT(*) FROM dbo.{table}") == 1
    assert caller.value("SELECT subject FROM dbo.sysmail_allitems") == "Committed"


def test_a_refusal_leaves_the_callers_transaction_as_it_was(caller: Caller) -> None:
    caller.run("CREATE TABLE #work (done INT)")
    caller.run("BEGIN TRANSACTION")
    caller.run("INSERT INTO #work VALUES (1)")
    caller.send(**(HELLO | {"importance": "Urgent"}))
    caller.run("COMMIT TRANSACTION")

    assert caller.value("SELECT COUNT(*) FROM #work") == 1


def test_callers_with_every_option_off_send_too(caller: Caller) -> None:
    options = ("ANSI_NULLS", "QUOTED_IDENTIFIER", "ANSI_PADDING", "ANSI_WARNINGS", "ARITHABORT",
               "CONCAT_NULL_YIELDS_NULL", "ANSI_NULL_DFLT_ON")  # fmt: skip
    for option in options:
        caller.run(f"SET {option} OFF")
    try:
        assert caller.send(**HELLO, **THREE).rc == 0
    finally:
        for option in options:
            caller.run(f"SET {option} ON")


def test_while_it_is_stopped_nothing_is_taken(caller: Caller) -> None:
    caller.run("EXEC dbo.sysmail_stop_sp")
    assert caller.value("EXEC dbo.sysmail_help_status_sp") == "STOPPED"
    stopped = caller.send(**HELLO)

    caller.run("EXEC dbo.sysmail_start_sp")
    assert caller.value("EXEC dbo.sysmail_help_status_sp") == "STARTED"
    started = caller.send(**HELLO)

    assert (stopped.number, stopped.mailitem_id) == (14641, None)
    assert started.rc == 0


def test_a_queue_that_was_moved_away_takes_nothing(caller: Caller) -> None:
    caller.run("UPDATE dbo.Rowpost_Relocation SET MovedAt = SYSUTCDATETIME()")

    assert "moved to another database" in caller.send(**HELLO).text


def test_without_a_profile_of_their_own_or_everybodys_nobody_sends(caller: Caller) -> None:
    caller.run("EXEC dbo.sysmail_delete_principalprofile_sp @principal_name = N'public'")

    assert caller.send(**HELLO).number == 14636
    assert caller.send(**HELLO, profile_name="Ops").rc == 0  # Owners may use any.


def test_calls_by_the_schema_msdb_do_the_same(caller: Caller) -> None:
    called = caller.outcome(
        "EXEC @rc = msdb.sp_send_dbmail @recipients = 'ann@example.com', @body = N'Hello', "
        "@mailitem_id = @id OUTPUT"
    )

    assert called.rc == 0
    assert caller.value("SELECT COUNT(*) FROM msdb.sysmail_unsentitems") == 1


def test_in_a_doomed_transaction_the_callers_own_error_stays_theirs(caller: Caller) -> None:
    caller.run("CREATE TABLE #said (number INT)")
    called = caller.outcome(
        "SET XACT_ABORT ON; BEGIN TRANSACTION; BEGIN TRY SELECT 1 / 0 AS x; END TRY "
        "BEGIN CATCH EXEC @rc = dbo.sp_send_dbmail @recipients = 'ann@example.com', "
        "@body = N'It failed', @mailitem_id = @id OUTPUT; ROLLBACK TRANSACTION; "
        "INSERT INTO #said SELECT ERROR_NUMBER(); END CATCH"
    )

    assert (called.rc, called.mailitem_id) == (1, None)
    assert "ROLLBACK first" in called.text
    assert caller.rows("SELECT number FROM #said") == [(8134,)]
    assert caller.value("SELECT COUNT(*) FROM dbo.Digital_Emaildetails") == 0
