"""What doctor says of a database before anything is created in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from shared.app import Application
from shared.database.adoption.questions import (
    QUESTIONS,
    AdoptionRefused,
    examine,
    require_adoptable_at,
)
from shared.database.adoption.rules import (
    OURS,
    CheckSeen,
    ColumnSeen,
    DatabaseSeen,
    IndexSeen,
    KeySeen,
    Level,
    TableSeen,
    TriggerSeen,
    findings,
    letters_of,
)
from shared.database.engine import file_url, open_engine
from shared.outbox.add import NewEmail, add
from shared.outbox.rows.their_rows import telling
from shared.outbox.states import Letter
from shared.scheduling import service_state
from shared.settings import Settings
from tests.support.t_sql import t_sql

QUEUE = """CREATE TABLE Digital_Emaildetails (
    dd_srno INTEGER PRIMARY KEY AUTOINCREMENT, dd_document BLOB, dd_filename NVARCHAR(255),
    dd_toEmailid NVARCHAR(500), dd_ccEmailid NVARCHAR(500), dd_subject NVARCHAR(500),
    dd_bodyText TEXT, dd_SendFlag NVARCHAR(1) DEFAULT 'N' {flag},
    dd_EmailParamCode NVARCHAR(50), dd_RetryCount INT DEFAULT 0, dd_SentDate DATETIME,
    dd_BounceReason NVARCHAR(500), dd_LastRetryDate DATETIME{more})"""
KNOWS_TWO_LETTERS = "CHECK (dd_SendFlag IN ('N','Y'))"
ACCOUNTS = """CREATE TABLE tbl_EMailParameters (
    SMTPServer TEXT, SMTPPort INT, SMTPAccountName TEXT, SMTPPassword TEXT, SMTPMailId TEXT,
    ApplicationName TEXT, SMTPSSLFlag TEXT, ParamCode TEXT, IsActive TEXT)"""
_TEXT = ColumnSeen("", "nvarchar", 500)
SEED = TableSeen(
    columns=(
        ColumnSeen("dd_srno", "int", nullable=False, is_identity=True),
        ColumnSeen("dd_document", "varbinary"),
        *(
            replace(_TEXT, name=name)
            for name in ("dd_filename", "dd_toEmailid", "dd_ccEmailid", "dd_subject")
        ),
        ColumnSeen("dd_bodyText", "ntext"),
        ColumnSeen("dd_SendFlag", "nvarchar", 1, default="('N')"),
        replace(_TEXT, name="dd_EmailParamCode"),
        ColumnSeen("dd_RetryCount", "int"),
        ColumnSeen("dd_SentDate", "datetime"),
        replace(_TEXT, name="dd_BounceReason"),
        ColumnSeen("dd_LastRetryDate", "datetime"),
    ),
    indexes=(IndexSeen("PK", ("dd_srno",), is_unique=True),),
)


def with_column(column: ColumnSeen) -> TableSeen:
    others = tuple(one for one in SEED.columns if one.name != column.name)
    return replace(SEED, columns=(*others, column))


def without_column(name: str) -> TableSeen:
    return replace(SEED, columns=tuple(one for one in SEED.columns if one.name != name))


def codes(seen: DatabaseSeen, level: Level) -> set[str]:
    return {finding.code for finding in findings(seen) if finding.level is level}


def test_the_seeds_own_table_is_fine() -> None:
    found = findings(DatabaseSeen(queue=SEED, is_server=True))
    assert [(finding.level, finding.code) for finding in found] == [(Level.FINE, "ready")]


REFUSED = {
    "id_type": with_column(ColumnSeen("dd_srno", "bigint", is_identity=True)),
    "id_not_given": with_column(ColumnSeen("dd_srno", "int")),
    "id_not_unique": replace(SEED, indexes=(IndexSeen("PK", ("dd_srno", "x"), is_unique=True),)),
    "column_missing": without_column("dd_ccEmailid"),
    "column_required": with_column(ColumnSeen("Tenant", "int", nullable=False)),
    "column_computed": with_column(ColumnSeen("dd_subject", "nvarchar", 9, is_computed=True)),
    "column_encrypted": with_column(ColumnSeen("dd_subject", "nvarchar", 9, is_encrypted=True)),
    "column_type": with_column(ColumnSeen("dd_RetryCount", "nvarchar", 5)),
    "flag_type": with_column(ColumnSeen("dd_SendFlag", "bit", default="('N')")),
    "flag_rule": with_column(ColumnSeen("dd_SendFlag", "nvarchar", 1, has_rule=True)),
    "flag_wide": with_column(ColumnSeen("dd_SendFlag", "nvarchar", None, default="('N')")),
    "flag_check": replace(
        SEED, checks=(CheckSeen("CK", "([dd_SendFlag]='Y' OR [dd_SendFlag]='N')"),)
    ),
    "flag_key": replace(
        SEED, keys=(KeySeen("FK", "NO_ACTION", "dd_SendFlag", False, frozenset("NY")),)
    ),
    "trigger_instead_of": replace(SEED, triggers=(TriggerSeen("tr", ("UPDATE",), True),)),
    "table_memory_optimized": replace(SEED, kinds=frozenset({"memory_optimized"})),
    "table_append_only": replace(SEED, kinds=frozenset({"append_only"})),
    "table_external": replace(SEED, kinds=frozenset({"external"})),
}
WARNED = {
    "trigger": replace(SEED, triggers=(TriggerSeen("tr", ("UPDATE",)),)),
    "flag_check_unclear": replace(SEED, checks=(CheckSeen("CK", "dd_SendFlag LIKE '[A-Z]'"),)),
    "flag_default": with_column(ColumnSeen("dd_SendFlag", "nvarchar", 1)),
    "flag_padded": with_column(ColumnSeen("dd_SendFlag", "char", 10, default="('N')")),
    "reason_narrow": with_column(ColumnSeen("dd_BounceReason", "nvarchar", 50)),
    "reason_required": with_column(ColumnSeen("dd_BounceReason", "nvarchar", 500, False)),
    "text_one_byte": with_column(ColumnSeen("dd_subject", "varchar", 200)),
    "option_type": with_column(ColumnSeen("dd_Priority", "nvarchar", 10)),
    "row_referred_to": replace(SEED, keys=(KeySeen("FK", "CASCADE", "EmailId", True),)),
    "no_row_locks": replace(SEED, indexes=(*SEED.indexes, IndexSeen("IX", ("x",), False, False))),
    "flag_unique": replace(SEED, indexes=(*SEED.indexes, IndexSeen("UX", ("dd_sendflag",), True))),
    "table_temporal": replace(SEED, kinds=frozenset({"temporal"})),
    "table_ledger": replace(SEED, kinds=frozenset({"ledger"})),
    "table_cdc": replace(SEED, kinds=frozenset({"cdc"})),
    "table_replicated": replace(SEED, kinds=frozenset({"replicated"})),
}


@pytest.mark.parametrize("code", REFUSED)
def test_a_table_that_would_be_harmed_or_do_harm_is_refused(code: str) -> None:
    assert codes(DatabaseSeen(queue=REFUSED[code], is_server=True), Level.REFUSED) == {code}


@pytest.mark.parametrize("code", WARNED)
def test_what_somebody_should_know_is_a_warning_and_no_refusal(code: str) -> None:
    seen = DatabaseSeen(queue=WARNED[code], is_server=True)
    assert codes(seen, Level.WARNED) == {code}
    assert not codes(seen, Level.REFUSED)


@pytest.mark.parametrize(
    ("code", "level", "seen"),
    [
        ("delayed_durability", Level.REFUSED, DatabaseSeen(forced_durability=True)),
        ("table_elsewhere", Level.REFUSED, DatabaseSeen(elsewhere=("sales.X (view)",))),
        (
            "insert_without_columns",
            Level.REFUSED,
            DatabaseSeen(accounts=TableSeen(), blind_inserts=("proc",)),
        ),
        ("snapshot_off", Level.WARNED, DatabaseSeen(snapshot=False)),
        ("user_options", Level.WARNED, DatabaseSeen(user_options=512)),
        ("blind", Level.WARNED, DatabaseSeen(sees_definitions=False)),
        ("not_looked_at", Level.WARNED, DatabaseSeen(unread=("jobs",))),
        ("idle_transaction", Level.WARNED, DatabaseSeen(idle_transactions=("51 (SSMS)",))),
        ("job", Level.WARNED, DatabaseSeen(queue=SEED, jobs=("send",))),
        ("old_sender", Level.WARNED, DatabaseSeen(queue=SEED, senders=("proc",))),
        ("row_security", Level.WARNED, DatabaseSeen(queue=SEED, row_security=True)),
        ("dates", Level.WARNED, DatabaseSeen(queue=SEED, offset_minutes=60)),
        ("flag_null", Level.WARNED, DatabaseSeen(queue=SEED, letters={None: 2})),
        ("flag_small", Level.WARNED, DatabaseSeen(queue=SEED, letters={"n": 2})),
        ("flag_letter_of_ours", Level.WARNED, DatabaseSeen(queue=SEED, letters={"P": 2})),
        ("indexed_view", Level.WARNED, DatabaseSeen(queue=SEED, flag_views=("waiting",))),
        ("collation", Level.WARNED, DatabaseSeen(other_collations=("dd_SendFlag",))),
        ("ids_again", Level.WARNED, DatabaseSeen(queue=SEED, counts_ids_again=True)),
        ("select_all", Level.WARNED, DatabaseSeen(accounts=TableSeen(), all_columns=("view",))),
        ("ids_came_again", Level.WARNED, DatabaseSeen(queue=SEED, last_id=1, last_known_id=9)),
    ],
)
def test_the_database_around_it_counts_too(code: str, level: Level, seen: DatabaseSeen) -> None:
    assert code in codes(seen, level)


def test_a_masked_column_is_refused_for_whoever_may_not_unmask_it() -> None:
    masked = with_column(ColumnSeen("dd_toEmailid", "nvarchar", 500, is_masked=True))
    assert not codes(DatabaseSeen(queue=masked), Level.REFUSED)
    assert "column_masked" in codes(DatabaseSeen(queue=masked, may_unmask=False), Level.REFUSED)


@pytest.mark.parametrize(
    ("definition", "letters"),
    [
        ("([dd_SendFlag]='Y' OR [dd_SendFlag]='N')", "NY"),
        ("dd_SendFlag IN (N'N', N'P', 'Y') OR dd_SendFlag IS NULL", "NPY"),
        ("([dd_SendFlag]<>'X')", None),
        ("len(dd_SendFlag)=(1)", None),
    ],
)
def test_a_list_of_letters_is_read(definition: str, letters: str | None) -> None:
    assert letters_of(definition) == (None if letters is None else frozenset(letters))


def test_every_question_about_a_sql_server_only_reads() -> None:
    for name, question in QUESTIONS.items():
        assert question.startswith(("SELECT", "IF CAST(SERVERPROPERTY")), name
        assert not {"INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER "} & set(question.split())


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(file_url(tmp_path / "rowpost.db"))
    yield engine
    engine.dispose()


def make(engine: Engine, *statements: str, flag: str = "", more: str = "") -> None:
    with engine.begin() as connection:
        for statement in (QUEUE.format(flag=flag, more=more), ACCOUNTS, *statements):
            connection.execute(text(statement))


def found_in(engine: Engine, level: Level) -> set[str]:
    with engine.connect() as connection:
        return {each.code for each in examine(connection).findings if each.level is level}


def test_a_living_sqlite_queue_is_looked_at_and_left_as_it_is(theirs: Engine) -> None:
    make(
        theirs,
        "CREATE TABLE audit (id INT)",
        "CREATE TRIGGER tr AFTER UPDATE ON Digital_Emaildetails BEGIN "
        "INSERT INTO audit VALUES (1); END",
    )
    with theirs.connect() as connection:
        before = connection.execute(text("SELECT sql FROM sqlite_master")).all()
        assert examine(connection).adopted
        assert connection.execute(text("SELECT sql FROM sqlite_master")).all() == before
    assert found_in(theirs, Level.WARNED) == {"trigger"}
    require_adoptable_at(theirs)


@pytest.mark.parametrize(
    ("code", "flag", "more"),
    [
        ("flag_check", "CHECK (dd_SendFlag IN ('N','Y'))", ""),
        ("column_required", "", ", Tenant INT NOT NULL"),
    ],
)
def test_a_refused_sqlite_queue_is_not_touched_at_a_start(
    theirs: Engine, tmp_path: Path, code: str, flag: str, more: str
) -> None:
    make(theirs, flag=flag, more=more)
    app = Application(Settings(ROWPOST_DATA=tmp_path, DATABASE_URL=None))

    with pytest.raises(AdoptionRefused, match="doctor"):
        app.database()

    assert code in found_in(theirs, Level.REFUSED)
    assert "nothing was changed" in (app.health.check().database_problem or "")
    with theirs.connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master")).scalars().all()
    assert not [name for name in names if "Rowpost" in name]
    app.close()


def test_doctor_makes_no_file(tmp_path: Path) -> None:
    app = Application(Settings(ROWPOST_DATA=tmp_path / "data", DATABASE_URL=None))

    assert not app.adoption().adopted
    assert not (tmp_path / "data" / "rowpost.db").exists()
    app.close()


def test_a_copied_database_starts_stopped_and_runs_once_it_is_started_there(
    tmp_path: Path,
) -> None:
    first = Application(Settings(ROWPOST_DATA=tmp_path / "first", DATABASE_URL=None))
    with first.database().read() as connection:
        assert service_state.status(connection).running
    first.close()
    (tmp_path / "second").mkdir()
    shutil.copyfile(tmp_path / "first" / "rowpost.db", tmp_path / "second" / "rowpost.db")

    copy = Application(Settings(ROWPOST_DATA=tmp_path / "second", DATABASE_URL=None))
    with copy.database().read() as connection:
        state = service_state.status(connection)
    assert (state.running, state.copied) == (False, True)
    assert any("restored or copied" in problem for problem in copy.health.check().problems)
    copy.database().run(lambda connection: service_state.start(connection, "olga"))
    copy.close()

    again = Application(Settings(ROWPOST_DATA=tmp_path / "second", DATABASE_URL=None))
    with again.database().read() as connection:
        assert service_state.status(connection).running
    again.close()


def test_a_letter_of_rowposts_own_is_nobody_elses(tmp_path: Path) -> None:
    app = Application(Settings(ROWPOST_DATA=tmp_path, DATABASE_URL=None))
    email = NewEmail(to="ann@example.com", subject="Hello", body="Hello Ann")
    app.database().run(partial(add, email=email))

    assert "flag_letter_of_ours" not in {found.code for found in app.adoption().findings}

    with app.database().write() as connection:
        connection.execute(
            text("INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_SendFlag) VALUES ('x', 'P')")
        )
    [said] = [one for one in app.adoption().findings if one.code == "flag_letter_of_ours"]
    assert said.message.startswith("1 of the newest rows say P")
    app.close()


def test_dates_are_in_the_servers_own_time_where_the_setting_says_so() -> None:
    told = t_sql(telling(None, False, True).statement(1))

    for column in ("SentAt", "LastTriedAt"):
        offset = "DATEPART(tz, SYSDATETIMEOFFSET())"
        assert f"DATEADD(minute, {offset}, Rowpost_Emails.{column})" in told
    assert "SYSDATETIMEOFFSET" not in t_sql(telling(None, False).statement(1))


def test_the_letters_that_must_be_allowed_are_those_that_are_written() -> None:
    assert set(OURS) == {letter.value for letter in Letter} - {Letter.NEW.value}
