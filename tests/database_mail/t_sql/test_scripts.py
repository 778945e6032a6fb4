"""What can be told of the T-SQL without a server: names, rights, options, spelling."""

from __future__ import annotations

import re

import pytest

from shared.database.tables import metadata
from standalone import database_mail
from tests.database_mail.t_sql.calls import HABITS, PLAIN, WITH_QUERY, Call
from tests.database_mail.t_sql.script_text import (
    Script,
    all_texts,
    columns_of,
    objects,
    spaced,
    without_literals,
)
from tests.database_mail.t_sql.signatures import PROCEDURES, SEND, VIEWS

OBJECTS = objects()
BY_NAME = {script.name: script for script in OBJECTS}
PROCEDURES_HERE = [script for script in OBJECTS if script.kind == "PROCEDURE"]
each = pytest.mark.parametrize("script", OBJECTS, ids=lambda script: script.name)
each_procedure = pytest.mark.parametrize("script", PROCEDURES_HERE, ids=lambda script: script.name)
_RAISED = re.compile(r"raise_message (\d{5})|(?:THEN|ELSE) (14\d{3})$", re.MULTILINE)


def test_sp_send_dbmail_has_the_24_parameters_in_their_declared_order_and_ours_after_them() -> None:
    declared = BY_NAME["dbo.sp_send_dbmail"].parameters

    assert declared.startswith(spaced(SEND))
    assert re.findall(r"@\w+", declared.removeprefix(spaced(SEND))) == ["@query_result_format"]


@pytest.mark.parametrize("name", PROCEDURES)
def test_a_procedure_has_its_parameters_in_their_declared_order(name: str) -> None:
    assert BY_NAME[f"dbo.{name}"].parameters == spaced(PROCEDURES[name])


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_its_columns_in_their_order(name: str) -> None:
    assert columns_of(BY_NAME[f"dbo.{name}"]) == VIEWS[name]


def test_no_other_names_are_taken_than_those_of_database_mail() -> None:
    offered = {f"dbo.{name}" for name in ("sp_send_dbmail", *PROCEDURES, *VIEWS)}

    assert {script.name for script in OBJECTS if script.name.startswith("dbo.")} == offered


@each
def test_a_script_makes_the_one_object_that_it_is_named_after(script: Script) -> None:
    assert script.file.partition("-")[2] == f"{script.name}.sql"
    assert script.text.count("CREATE OR ALTER") == 1
    assert script.text.endswith("\nGO\n")
    assert script.text.startswith("--")


@each_procedure
def test_a_procedure_counts_no_rows_for_its_caller_and_says_how_it_ended(script: Script) -> None:
    if script.name != "rowpost.raise_again":
        assert "\n    SET NOCOUNT ON;" in script.code
        assert re.search(r"\n    RETURN [01];\nEND\nGO\n$", script.code)


@each
def test_nobody_gets_another_ones_rights_by_it(script: Script) -> None:
    assert not re.search(r"\bEXECUTE AS\b|\bWITH EXECUTE\b|\bIMPERSONATE\b", script.code, re.I)


@each
def test_no_script_decides_by_what_a_trigger_may_change(script: Script) -> None:
    assert not re.search(r"@@ROWCOUNT|@@IDENTITY|\bMERGE\b|SELECT \*", script.code)
    assert not re.search(r"\bOUTPUT (inserted|deleted)\b", script.code, re.I)


def test_what_is_sent_works_for_callers_with_old_options() -> None:
    code = BY_NAME["dbo.sp_send_dbmail"].code

    for option in ("ANSI_WARNINGS", "ANSI_PADDING", "ARITHABORT", "CONCAT_NULL_YIELDS_NULL"):
        assert f"SET {option} ON;" in code
    assert "SET NUMERIC_ROUNDABORT OFF;" in code
    # Those that a procedure keeps of the session that makes it.
    assert database_mail.as_sql().startswith("SET QUOTED_IDENTIFIER ON;\nSET ANSI_NULLS ON;\nGO\n")


@pytest.mark.parametrize("script", [each for each in OBJECTS if "TRANSACTION" in each.code])
def test_an_error_dooms_no_transaction_of_the_caller(script: Script) -> None:
    assert "SET XACT_ABORT OFF;" in script.code
    assert not re.search(r"ROLLBACK TRANSACTION;", script.code.replace(
        "IF @began = 1 AND XACT_STATE() <> 0\n            ROLLBACK TRANSACTION;", ""))  # fmt: skip


def spellings(texts: list[str], words: set[str]) -> list[str]:
    """Words that are one of these but for the case of their letters."""
    folded = {word.lower() for word in words}
    used = {word for text in texts for word in re.findall(r"@?\b[A-Za-z_]\w+", text)}
    return sorted(word for word in used if word.lower() in folded and word not in words)


def test_tables_and_columns_are_spelled_as_they_are_where_case_matters() -> None:
    """In a database with a case-sensitive collation another case is another name."""
    ours = {
        name
        for table in metadata.tables.values()
        for name in (table.name, *(column.name for column in table.columns))
        # Also words of the language, or names of Database Mail's own columns and parameters.
        if "_" in name or sum(letter.isupper() for letter in name) > 1
    }

    assert spellings([without_literals(text) for text in all_texts().values()], ours) == []


@each
def test_a_variable_is_spelled_alike_throughout(script: Script) -> None:
    used = set(re.findall(r"(?<!@)@(?!@)\w+", script.code))

    assert len({name.lower() for name in used}) == len(used)
    assert all(name == name.lower() for name in used)


def test_every_message_that_is_raised_has_a_text_and_is_known_by_its_number() -> None:
    known = BY_NAME["rowpost.message_text"].text
    raised = {
        int(one or other)
        for script in OBJECTS
        for one, other in _RAISED.findall(script.text)
        if script.name not in ("rowpost.message_text", "rowpost.raise_message")
    }

    assert raised >= {14607, 14613, 14618, 14624, 14625, 14626, 14636, 14641}
    for number in sorted(raised - {22050}):
        assert f"WHEN {number} THEN N'" in known
        assert f"RAISERROR({number}, -1, -1" in BY_NAME["rowpost.raise_message"].text


def test_what_is_used_by_a_view_or_function_is_made_before_it() -> None:
    made: set[str] = set()
    for script in OBJECTS:
        if script.kind != "PROCEDURE":
            used = set(re.findall(r"\b(?:rowpost|dbo)\.\w+", script.code)) - {script.name}
            later = {name for name in used if name in BY_NAME and name not in made}
            assert later == set(), script.name
        made.add(script.name)


def test_members_of_the_role_may_send_and_see_and_nothing_else() -> None:
    grants = re.findall(r"GRANT (\w+) ON (\S+) TO (\w+);", all_texts()["900-grants.sql"])

    assert {role for _, _, role in grants} == {"DatabaseMailUserRole"}
    assert {name for right, name, _ in grants if right == "EXECUTE"} == {
        "dbo.sp_send_dbmail",
        "dbo.sysmail_help_status_sp",
        "dbo.sysmail_delete_mailitems_sp",
        "rowpost.explain",
    }
    for right, name, _ in grants:
        assert BY_NAME[name].kind == {"EXECUTE": "PROCEDURE", "SELECT": "VIEW"}[right]
        if right == "SELECT" and name not in ("dbo.sysmail_sentitems", "dbo.sysmail_unsentitems",
                                              "dbo.sysmail_faileditems"):  # fmt: skip
            assert "is_administrator() = 1 OR" in BY_NAME[name].code


def test_the_other_schema_has_what_callers_name_and_works_on_the_objects_of_dbo() -> None:
    besides = list(database_mail.batches("msdb"))[len(list(database_mail.batches())) :]
    made = re.findall(r"CREATE OR ALTER \w+ (\S+)", "\n".join(batch.text for batch in besides))

    assert sorted(made) == sorted(
        f"msdb.{name}" for name in ("sp_send_dbmail", *PROCEDURES, *VIEWS)
    )
    assert "CREATE SCHEMA [msdb] AUTHORIZATION dbo" in besides[0].text
    assert not any(re.search(r"(FROM|JOIN|EXEC) msdb\.", batch.text) for batch in besides)
    assert "GRANT EXECUTE ON msdb.sp_send_dbmail TO DatabaseMailUserRole;" in besides[-1].text


def test_the_calls_that_are_tried_are_like_those_that_were_found() -> None:
    """Of 19: how many give each parameter."""
    found = {"recipients": 19, "subject": 19, "body": 19, "profile_name": 16, "body_format": 14,
             "importance": 8, "copy_recipients": 2, "blind_copy_recipients": 1, "sensitivity": 1,
             "file_attachments": 1, "query": 0}  # fmt: skip
    given = [set(re.findall(r"@(\w+)\s*=", without_literals(call.text))) for call in PLAIN]

    assert len(PLAIN) == 19
    assert {name: sum(name in each for each in given) for name in found} == found


@pytest.mark.parametrize("call", [*PLAIN, *HABITS, *WITH_QUERY], ids=lambda call: call.name)
def test_a_call_names_parameters_and_views_that_there_are(call: Call) -> None:
    assert "msdb" not in call.here
    for name in re.findall(r"\bdbo\.\[?(\w+)", call.here):
        assert f"dbo.{name}" in BY_NAME
    known = set(re.findall(r"@\w+", BY_NAME["dbo.sp_send_dbmail"].parameters))
    for given in re.findall(r"sp_send_dbmail\]?\s+(@.*?)(?:;|\Z)", call.here, re.DOTALL):
        assert set(re.findall(r"(@\w+)\s*=", without_literals(given))) <= known
