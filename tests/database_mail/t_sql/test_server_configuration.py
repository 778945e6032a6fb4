"""The sysmail_* procedures and views on a SQL Server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.database_mail.t_sql.caller import Caller
from tests.database_mail.t_sql.signatures import VIEWS, words

SENTENCES = Path(__file__).parents[1] / "explained.json"
EXPLAINED = json.loads(SENTENCES.read_text("utf-8"))["cases"]
HELLO = {"recipients": "ann@example.com", "subject": "Hello", "body": "World"}


def time_of(text: str | None) -> str | None:
    return text and text.replace("T", " ").removesuffix("Z")


def account(caller: Caller, name: str = "Second", **given: Any) -> int:
    wanted = {"email_address": "second@example.com", "mailserver_name": "mx.example.com", **given}
    called = caller.call("sysmail_add_account_sp", account_name=name, **wanted)
    assert called.rc == 0, called.text
    return int(caller.value("SELECT account_id FROM dbo.sysmail_account WHERE name = ?", name))


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_columns_that_scripts_read(caller: Caller, view: str) -> None:
    headings = caller.headings(f"SELECT * FROM dbo.{view}")

    assert [name.lower() for name in headings] == VIEWS[view]


HELP = {
    "account": words("""
        account_id name description email_address display_name replyto_address servertype
        servername port username use_default_credentials enable_ssl
    """),
    "profile": words("profile_id name description"),
    "profileaccount": words("profile_id profile_name account_id account_name sequence_number"),
    "principalprofile": words("principal_id principal_name profile_id profile_name is_default"),
    "configure": words("paramname paramvalue description"),
    "status": ["Status"],
    "queue": words("queue_type length state last_empty_rowset_time last_activated_time"),
}


@pytest.mark.parametrize("about", HELP)
def test_help_answers_the_columns_that_callers_insert(caller: Caller, about: str) -> None:
    assert caller.headings(f"EXEC dbo.sysmail_help_{about}_sp") == HELP[about]


def test_an_account_is_one_of_rowposts_and_its_password_waits_to_be_moved(caller: Caller) -> None:
    number = account(
        caller, "Orders & more", display_name="Orders", replyto_address="desk@example.com",
        description="For orders", port=587, username=" orders ", password=" secret ", enable_ssl=1,
    )  # fmt: skip

    assert caller.rows(
        "SELECT SMTPServer, SMTPPort, SMTPAccountName, SMTPPassword, SMTPMailId, ApplicationName, "
        "SMTPSSLFlag, ParamCode, IsActive, Rowpost_ReplyTo, Rowpost_Description "
        "FROM dbo.tbl_EMailParameters WHERE Rowpost_Id = ?", number,
    ) == [(
        "mx.example.com", 587, "orders", None, "second@example.com", "Orders", "Y", "ORDERS-MORE",
        "Y", "desk@example.com", "For orders",
    )]  # fmt: skip
    pending = "SELECT AccountId, Password FROM dbo.Rowpost_PendingPasswords"
    assert caller.rows(pending) == [(number, "secret")]
    assert "secret" not in str(caller.rows("EXEC dbo.sysmail_help_account_sp"))


def test_who_sent_emails_without_a_code_before_goes_on_with_them(caller: Caller) -> None:
    account(caller)

    default = "SELECT Rowpost_Name FROM dbo.tbl_EMailParameters WHERE Rowpost_Default = 'Y'"
    assert caller.rows(default) == [("Main",)]


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"mailserver_type": ""}, 14614),
        ({"use_default_credentials": 1, "username": "ann"}, 14666),
        ({"password": "secret"}, 14615),
        ({"replyto_address": "a@example.com,b@example.com"}, 14613),
        ({"account_name": "Main"}, 2627),
        ({"mailserver_name": None}, 14618),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    caller: Caller, given: dict[str, Any], number: int
) -> None:
    wanted = {"account_name": "New", "email_address": "a@example.com", "mailserver_name": "mx"}

    assert caller.call("sysmail_add_account_sp", **(wanted | given)).number == number
    assert caller.value("SELECT COUNT(*) FROM dbo.sysmail_account") == 1


def test_null_keeps_what_an_account_has_but_takes_its_login_away(caller: Caller) -> None:
    number = account(caller, username="ann", password="secret")
    login = (
        "SELECT SMTPServer, SMTPMailId, SMTPAccountName FROM dbo.tbl_EMailParameters "
        "WHERE Rowpost_Id = ?"
    )

    change = {"account_id": number, "email_address": "new@example.com"}
    assert caller.call("sysmail_update_account_sp", **change, no_credential_change=1).rc == 0
    assert caller.rows(login, number) == [("mx.example.com", "new@example.com", "ann")]
    assert caller.value("SELECT COUNT(*) FROM dbo.Rowpost_PendingPasswords") == 1

    caller.call("sysmail_update_account_sp", account_id=number, account_name="Renamed")
    assert caller.rows(login, number) == [("mx.example.com", "new@example.com", None)]
    assert caller.value("SELECT COUNT(*) FROM dbo.Rowpost_PendingPasswords") == 0
    assert caller.value("SELECT name FROM dbo.sysmail_account WHERE account_id = ?", number) == (
        "Renamed"
    )


def test_a_password_goes_only_where_it_was_given_for(caller: Caller) -> None:
    number = account(caller, username="ann", password="secret")

    change = {"account_id": number, "mailserver_name": "elsewhere.example.com"}
    refused = caller.call("sysmail_update_account_sp", **change, no_credential_change=1)
    assert "again" in refused.text
    given = caller.call("sysmail_update_account_sp", **change, username="ann", password="new")
    assert given.rc == 0
    assert caller.value("SELECT Password FROM dbo.Rowpost_PendingPasswords") == "new"


def test_an_account_that_is_removed_leaves_its_profiles_and_its_failovers_places(
    caller: Caller,
) -> None:
    first, second = account(caller, "First"), account(caller, "Next")
    caller.run(
        "UPDATE dbo.tbl_EMailParameters SET Rowpost_FallbackId = ? WHERE Rowpost_Name = N'Main'",
        first,
    )
    main = caller.value("SELECT account_id FROM dbo.sysmail_account WHERE name = N'Main'")
    caller.run(
        "INSERT INTO dbo.Rowpost_Failovers (AccountId, Position, FailoverId) VALUES (?, 1, ?)",
        main, second,
    )  # fmt: skip
    caller.call("sysmail_add_profileaccount_sp", profile_name="Ops", account_id=first,
                sequence_number=2)  # fmt: skip

    assert caller.call("sysmail_delete_account_sp", account_name="First").rc == 0

    fallback = "SELECT Rowpost_FallbackId FROM dbo.tbl_EMailParameters WHERE Rowpost_Id = ?"
    assert caller.value(fallback, main) == second
    assert caller.value("SELECT COUNT(*) FROM dbo.Rowpost_Failovers") == 0
    assert caller.rows("SELECT account_id FROM dbo.sysmail_profileaccount") == [(main,)]


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({}, 14604),
        ({"profile_id": 4711}, 14606),
        ({"profile_name": "Nope"}, 14607),
        ({"profile_id": 4711, "profile_name": "Ops"}, 14605),
    ],
)
def test_id_and_name_mean_the_same_object(
    caller: Caller, given: dict[str, Any], number: int
) -> None:
    assert caller.call("sysmail_delete_profile_sp", **given).number == number


def test_a_profile_is_changed_and_its_name_is_its_own(caller: Caller) -> None:
    caller.call("sysmail_add_profile_sp", profile_name="Other")
    number = caller.value("SELECT profile_id FROM dbo.sysmail_profile WHERE name = N'Other'")

    assert caller.call("sysmail_add_profile_sp", profile_name="Ops").number == 2627
    assert caller.call("sysmail_update_profile_sp", profile_id=number).number == 14610
    renamed = {"profile_id": number, "profile_name": "Renamed", "description": "d"}
    assert caller.call("sysmail_update_profile_sp", **renamed).rc == 0
    assert caller.rows("EXEC dbo.sysmail_help_profile_sp @profile_id = ?", number) == [
        (number, "Renamed", "d")
    ]


def test_a_profile_with_emails_that_are_not_sent_goes_only_by_force(caller: Caller) -> None:
    email = caller.send(**HELLO).mailitem_id

    kept = caller.call("sysmail_delete_profile_sp", profile_name="Ops", force_delete=0)
    assert kept.number == 14668
    assert caller.call("sysmail_delete_profile_sp", profile_name="Ops").rc == 0
    assert caller.rows("SELECT mailitem_id, sent_status FROM dbo.sysmail_faileditems") == [
        (email, "failed")
    ]


def test_an_account_has_its_place_in_a_profile(caller: Caller) -> None:
    number = account(caller)
    pair = {"profile_name": "Ops", "account_id": number}

    assert caller.call("sysmail_add_profileaccount_sp", **pair, sequence_number=2).rc == 0
    assert caller.call("sysmail_add_profileaccount_sp", **pair, sequence_number=3).number == 2627
    no_number = caller.call("sysmail_update_profileaccount_sp", **pair, sequence_number=None)
    assert no_number.number == 14611
    assert caller.call("sysmail_update_profileaccount_sp", **pair, sequence_number=0).rc == 0
    placed = caller.rows("EXEC dbo.sysmail_help_profileaccount_sp @profile_name = N'Ops'")
    assert [(row[3], row[4]) for row in placed] == [("Second", 0), ("Main", 1)]
    assert caller.call("sysmail_delete_profileaccount_sp").number == 14608
    assert caller.call("sysmail_delete_profileaccount_sp", profile_name="Ops").rc == 0
    assert caller.rows("EXEC dbo.sysmail_help_profileaccount_sp") == []


def test_a_new_default_takes_the_place_of_the_former(caller: Caller) -> None:
    caller.call("sysmail_add_profile_sp", profile_name="Other")
    public = {"principal_name": "public", "profile_name": "Other"}

    caller.call("sysmail_add_principalprofile_sp", **public, is_default=1)
    shown = caller.rows("EXEC dbo.sysmail_help_principalprofile_sp @principal_id = 0")
    assert [(row[0], row[1], row[3], bool(row[4])) for row in shown] == [
        (0, "public", "Ops", False),
        (0, "public", "Other", True),
    ]
    caller.call("sysmail_update_principalprofile_sp", principal_id=0, profile_name="Ops",
                is_default=1)  # fmt: skip
    shown = caller.rows("EXEC dbo.sysmail_help_principalprofile_sp")
    assert [bool(row[4]) for row in shown] == [True, False]
    assert caller.call("sysmail_delete_principalprofile_sp").number == 14608
    assert caller.call("sysmail_delete_principalprofile_sp", profile_name="Other").rc == 0
    assert len(caller.rows("EXEC dbo.sysmail_help_principalprofile_sp")) == 1


def test_a_parameter_is_set_whatever_its_case_and_an_unknown_one_changes_nothing(
    caller: Caller,
) -> None:
    for name in ("maxfilesize", "NoSuchParameter", "Rowpost.Status"):
        set_to = {"parameter_name": name, "parameter_value": "2000"}
        assert caller.call("sysmail_configure_sp", **set_to).rc == 0

    shown = caller.rows("EXEC dbo.sysmail_help_configure_sp")
    assert [name for name, value, _ in shown if value == "2000"] == ["MaxFileSize"]
    assert not any("Rowpost" in name for name, _, _ in shown)
    assert caller.value("EXEC dbo.sysmail_help_status_sp") == "STARTED"
    one = caller.rows("EXEC dbo.sysmail_help_configure_sp N'MaxFileSize'")
    assert [row[:2] for row in one] == [("MaxFileSize", "2000")]


def test_the_queue_says_how_many_wait(caller: Caller) -> None:
    caller.send(**HELLO)

    shown = caller.rows("EXEC dbo.sysmail_help_queue_sp")
    assert [row[:3] for row in shown] == [
        ("mail", 1, "RECEIVES_OCCURRING"),
        ("status", 0, "RECEIVES_OCCURRING"),
    ]
    assert caller.call("sysmail_help_queue_sp", queue_type="other").number == 14266


def test_emails_are_removed_by_age_or_status_and_that_is_noted(caller: Caller) -> None:
    caller.send(**HELLO)
    assert caller.call("sysmail_delete_mailitems_sp").number == 14608
    assert caller.call("sysmail_delete_mailitems_sp", sent_status="lost").number == 14266
    assert caller.call("sysmail_delete_mailitems_sp", sent_status="sent").rc == 0
    assert caller.value("SELECT COUNT(*) FROM dbo.sysmail_allitems") == 1

    caller.run("EXEC dbo.sysmail_delete_mailitems_sp @sent_before = '2099-01-01'")

    assert caller.value("SELECT COUNT(*) FROM dbo.sysmail_allitems") == 0
    assert caller.value("SELECT COUNT(*) FROM dbo.Digital_Emaildetails") == 0
    latest = (
        "SELECT TOP (1) event_type, description FROM dbo.sysmail_event_log ORDER BY log_id DESC"
    )
    ((kind, said),) = caller.rows(latest)
    assert kind == "information"
    assert "removed 1 emails" in said


def test_the_log_is_cleared_by_age_or_kind(caller: Caller) -> None:
    caller.run("EXEC dbo.sysmail_stop_sp")
    count = "SELECT COUNT(*) FROM dbo.sysmail_event_log"
    assert caller.value(count) == 1

    assert caller.call("sysmail_delete_log_sp", event_type="informational").number == 14266
    caller.run("EXEC dbo.sysmail_delete_log_sp @event_type = 'error'")
    assert caller.value(count) == 1
    caller.run("EXEC dbo.sysmail_delete_log_sp @event_type = 'information'")
    assert caller.value(count) == 0


def test_an_email_is_explained_in_a_sentence(caller: Caller) -> None:
    email = caller.send(**HELLO).mailitem_id

    assert "waits" in caller.value("EXEC rowpost.explain ?", email)
    assert "no email 4711" in caller.value("EXEC rowpost.explain 4711")


@pytest.mark.parametrize("case", EXPLAINED, ids=[case["expected"] for case in EXPLAINED])
def test_a_sentence_is_that_of_the_api(caller: Caller, case: dict[str, Any]) -> None:
    known = case["known"]
    said = caller.value(
        "SELECT rowpost.explained(?, ?, ?, ?, ?, ?)",
        7, known["status"], time_of(known.get("ended_at")), known.get("tries", 0),
        time_of(known.get("next_try")), known.get("reason"),
    )  # fmt: skip

    assert said == case["expected"]
