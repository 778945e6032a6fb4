"""What an application's database must be like for Rowpost to work on it: judged, never changed.

Pure: `look` of `shared.database.adoption.questions` reads, this says what follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from shared.database.columns.widths import cut

QUEUE: Final = "Digital_Emaildetails"
ACCOUNTS: Final = "tbl_EMailParameters"
OURS: Final = "PYFUC"
"""The letters that Rowpost writes into `dd_SendFlag`."""

_REASON_CHARACTERS: Final = 500
_FLAG: Final = "dd_SendFlag"
_ID: Final = "dd_srno"
_TEXTS: Final = ("dd_toEmailid", "dd_ccEmailid", "dd_subject", "dd_bodyText", "dd_filename")
_NUMBERS: Final = ("int", "smallint", "tinyint", "integer")
# The seed's columns, with what adds one that is missing.
_SEED: Final[Mapping[str, str]] = {
    _ID: "INT",
    "dd_document": "VARBINARY(MAX)",
    "dd_filename": "NVARCHAR(255)",
    "dd_toEmailid": "NVARCHAR(500)",
    "dd_ccEmailid": "NVARCHAR(500)",
    "dd_subject": "NVARCHAR(500)",
    "dd_bodyText": "NVARCHAR(MAX)",
    _FLAG: "NVARCHAR(1)",
    "dd_EmailParamCode": "NVARCHAR(50)",
    "dd_RetryCount": "INT",
    "dd_SentDate": "DATETIME",
    "dd_BounceReason": "NVARCHAR(500)",
    "dd_LastRetryDate": "DATETIME",
}
_SEED_ACCOUNTS: Final[Mapping[str, str]] = {
    "SMTPServer": "NVARCHAR(255)",
    "SMTPPort": "INT",
    "SMTPAccountName": "NVARCHAR(255)",
    "SMTPPassword": "NVARCHAR(255)",
    "SMTPMailId": "NVARCHAR(255)",
    "ApplicationName": "NVARCHAR(255)",
    "SMTPSSLFlag": "NVARCHAR(1)",
    "ParamCode": "NVARCHAR(50)",
    "IsActive": "NVARCHAR(1)",
}
_TEXT_TYPES: Final = frozenset({"nvarchar", "nchar", "varchar", "char", "text", "ntext"})
_ONE_BYTE_TYPES: Final = frozenset({"varchar", "char", "text"})
_WIDE_KEY_CHARACTERS: Final = 400


class Level(StrEnum):
    REFUSED = "refused"
    WARNED = "warned"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """`statement`: the SQL that helps, for somebody to read before they run it."""

    level: Level
    code: str
    message: str
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnSeen:
    """`characters`: the width of a text; None: any number, or no text."""

    name: str
    type: str
    characters: int | None = None
    nullable: bool = True
    default: str | None = None
    is_identity: bool = False
    is_computed: bool = False
    is_masked: bool = False
    is_encrypted: bool = False
    has_rule: bool = False


@dataclass(frozen=True, slots=True)
class TriggerSeen:
    name: str
    events: tuple[str, ...]
    instead_of: bool = False


@dataclass(frozen=True, slots=True)
class IndexSeen:
    name: str
    columns: tuple[str, ...]
    is_unique: bool = False
    row_locks: bool = True


@dataclass(frozen=True, slots=True)
class CheckSeen:
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class KeySeen:
    """A foreign key. `letters`: where it is the flag's, what the other table holds of them."""

    name: str
    action: str
    column: str
    points_here: bool
    letters: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TableSeen:
    """`kinds`: words of what is special about it (`temporal`, `memory_optimized`, `cdc` ...)."""

    columns: tuple[ColumnSeen, ...] = ()
    triggers: tuple[TriggerSeen, ...] = ()
    indexes: tuple[IndexSeen, ...] = ()
    checks: tuple[CheckSeen, ...] = ()
    keys: tuple[KeySeen, ...] = ()
    kinds: frozenset[str] = frozenset()

    def column(self, name: str) -> ColumnSeen | None:
        """The column of this name, in whatever letter case."""
        return next((one for one in self.columns if one.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """What was read. None: it is not there, or does not exist in this kind of database."""

    queue: TableSeen | None = None
    accounts: TableSeen | None = None
    is_server: bool = False
    elsewhere: tuple[str, ...] = ()
    """What has one of the two names and is not the table in our schema: `sales.Name (view)`."""
    letters: Mapping[str | None, int] = field(default_factory=dict)
    """How often each letter stands in the newest rows."""
    may_unmask: bool = True
    sees_definitions: bool = True
    row_security: bool = False
    snapshot: bool | None = None
    forced_durability: bool = False
    user_options: int = 0
    other_collations: tuple[str, ...] = ()
    flag_views: tuple[str, ...] = ()
    blind_inserts: tuple[str, ...] = ()
    """Modules that INSERT into the accounts' table without naming columns."""
    all_columns: tuple[str, ...] = ()
    """Modules that SELECT * from the accounts' table."""
    jobs: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    """Modules that mention sp_send_dbmail beside the queue."""
    idle_transactions: tuple[str, ...] = ()
    offset_minutes: int = 0
    writes_utc: bool = True
    counts_ids_again: bool = False
    last_id: int | None = None
    last_known_id: int | None = None
    unread: tuple[str, ...] = ()
    """Questions that this login may not ask."""


def findings(seen: DatabaseSeen) -> tuple[Finding, ...]:
    """All there is to say, the worst first; a database without their tables is fine."""
    found = list(_findings(seen))
    if not any(finding.level is not Level.FINE for finding in found):
        text = (
            "There is no queue table yet: Rowpost makes it."
            if seen.queue is None
            else "Nothing stands in the way of Rowpost here."
        )
        found.append(Finding(Level.FINE, "ready", text))
    return tuple(sorted(found, key=lambda finding: list(Level).index(finding.level)))


def refusals(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Those that keep Rowpost from starting."""
    return tuple(finding for finding in found if finding.level is Level.REFUSED)


def letters_of(definition: str) -> frozenset[str] | None:
    """The letters that a CHECK of the flag allows; None where it says something else than a list.

    SQL Server keeps `IN ('N','Y')` as `([dd_SendFlag]='Y' OR [dd_SendFlag]='N')`.
    """
    letters = re.findall(r"N?'((?:[^']|'')*)'", definition)
    rest = re.sub(r"N?'(?:[^']|'')*'", "", definition)
    rest = re.sub(r'["\[\]`]', "", rest)
    rest = re.sub(r"(?i)\b(dd_SendFlag|IN|OR|IS|NULL|CHECK|COLLATE \w+)\b|[(),=\s]", "", rest)
    return frozenset(letter.strip() for letter in letters) if letters and not rest else None


def _refused(code: str, message: str, statement: str | None = None) -> Finding:
    return Finding(Level.REFUSED, code, message, statement)


def _warned(code: str, message: str, statement: str | None = None) -> Finding:
    return Finding(Level.WARNED, code, message, statement)


def _findings(seen: DatabaseSeen) -> Iterator[Finding]:
    for name in seen.elsewhere:
        yield _refused(
            "table_elsewhere",
            f"There is {name}: emails may be inserted there, while Rowpost works on the tables "
            f"dbo.{QUEUE} and dbo.{ACCOUNTS} alone.",
        )
    for what in seen.unread:
        yield _warned("not_looked_at", f"This login may not ask for {what}: look yourself.")
    if seen.queue is not None:
        yield from _of_kind(QUEUE, seen.queue)
        yield from _of_columns(QUEUE, seen.queue, _SEED, is_server=seen.is_server)
        yield from _of_the_id(seen.queue, seen)
        yield from _of_the_flag(seen.queue, seen)
        yield from _of_results(seen.queue, is_server=seen.is_server)
        yield from _of_options(seen.queue)
        yield from _of_triggers(QUEUE, seen.queue)
        yield from _of_keys(seen.queue)
        yield from _of_indexes(seen.queue)
        yield from _of_secrecy(seen.queue, seen)
        yield from _of_letters(seen.letters)
        yield from _of_surroundings(seen)
    if seen.accounts is not None:
        yield from _of_kind(ACCOUNTS, seen.accounts)
        yield from _of_columns(ACCOUNTS, seen.accounts, _SEED_ACCOUNTS, is_server=seen.is_server)
        yield from _of_triggers(ACCOUNTS, seen.accounts)
        yield from _of_modules(seen)
    yield from _of_database(seen)


def _of_kind(name: str, table: TableSeen) -> Iterator[Finding]:
    refused = {
        "memory_optimized": "memory-optimized: READPAST and other hints do not work there",
        "append_only": "an append-only ledger table: rows can't be told what became of them",
        "external": "an external table: Rowpost can't write to it in its own transactions",
    }
    warned = {
        "temporal": "system-versioned: each change copies the row, document included, and what is "
        "emptied or removed lives on in its history",
        "ledger": "a ledger table: what is emptied or removed lives on in its history",
        "cdc": "tracked by change data capture: two or three more changes an email travel there",
        "replicated": "replicated: two or three more changes an email travel to the subscribers",
    }
    for kind in sorted(table.kinds):
        if kind in refused:
            yield _refused(f"table_{kind}", f"{name} is {refused[kind]}.")
        elif kind in warned:
            yield _warned(f"table_{kind}", f"{name} is {warned[kind]}.")


def _of_columns(
    name: str, table: TableSeen, seed: Mapping[str, str], *, is_server: bool
) -> Iterator[Finding]:
    for column, kind in seed.items():
        found = table.column(column)
        if found is None:
            yield _refused(
                "column_missing",
                f"{name} has no column {column}.",
                f"ALTER TABLE {_named(name, is_server)} ADD {column} {kind} NULL;",
            )
        elif found.is_computed:
            yield _refused("column_computed", f"{name}.{column} is computed: it can't be written.")
    known = {column.lower() for column in seed}
    for own in table.columns:
        fills_itself = own.is_identity or own.is_computed or own.default is not None
        written = own.name.lower() in known or own.name.startswith(("dd_", "Rowpost_"))
        if not own.nullable and not fills_itself and not written and own.type != "timestamp":
            yield _refused(
                "column_required",
                f"{name}.{own.name} takes no NULL and has no default: what comes by the API could "
                "not be stored (error 515).",
                f"ALTER TABLE {_named(name, is_server)} ADD DEFAULT '' FOR [{own.name}];"
                if is_server
                else None,
            )


def _of_the_id(table: TableSeen, seen: DatabaseSeen) -> Iterator[Finding]:
    column = table.column(_ID)
    if column is None:
        return
    if column.type.lower() not in ("int", "integer"):
        yield _refused(
            "id_type",
            f"{_ID} is {column.type}: Rowpost takes INT alone, for numbers beyond 2,147,483,647 "
            "and others would not fit its own tables.",
        )
    if not column.is_identity:
        yield _refused(
            "id_not_given",
            f"{_ID} is not numbered by the database: what comes by the API could not be stored.",
        )
    if not any(index.is_unique and index.columns == (_ID.lower(),) for index in table.indexes):
        yield _refused(
            "id_not_unique",
            f"{_ID} has no unique index of its own: two rows could be one email.",
            f"CREATE UNIQUE INDEX UQ_{_ID} ON {_named(QUEUE, seen.is_server)} ({_ID});",
        )
    if seen.counts_ids_again:
        yield _warned(
            "ids_again",
            f"{_ID} is without AUTOINCREMENT: the number of a row that was deleted comes again. "
            "Rowpost tells them apart; your reports may not.",
        )
    if (seen.last_known_id or 0) > (seen.last_id or 0):
        yield _warned(
            "ids_came_again",
            f"Ids have begun anew: Rowpost knows emails up to {seen.last_known_id}, the table is "
            f"at {seen.last_id or 0} (TRUNCATE or RESEED). A first id to send that is higher "
            "lapses.",
        )


def _of_the_flag(table: TableSeen, seen: DatabaseSeen) -> Iterator[Finding]:
    column = table.column(_FLAG)
    if column is None:
        return
    if not _is_text(column):
        yield _refused(
            "flag_type",
            f"{_FLAG} is {column.type}: it has to hold the letters N, {', '.join(OURS)}.",
        )
    if column.has_rule:
        yield _refused(
            "flag_rule",
            f"A bound rule guards {_FLAG}; whether it takes {', '.join(OURS)} can't be read.",
            f"EXEC sp_unbindrule N'dbo.{QUEUE}.{_FLAG}';",
        )
    for check in table.checks:
        if _FLAG.lower() in check.definition.lower():
            yield from _of_check(check, is_server=seen.is_server)
    if "'n'" not in (column.default or "").lower():
        yield _warned(
            "flag_default",
            f"{_FLAG} has no default N: a row without it stays NULL. Rowpost takes a NULL in a "
            "row that it has never seen for N.",
        )
    if column.type.lower() in ("char", "nchar") and (column.characters or 1) > 1:
        yield _warned(
            "flag_padded",
            f"{_FLAG} is {column.type.upper()}({column.characters}): letters are padded with "
            "blanks where a program compares them.",
        )
    is_wide = column.characters is None or column.characters > _WIDE_KEY_CHARACTERS
    if seen.is_server and _is_text(column) and is_wide:
        yield _refused(
            "flag_wide",
            f"{_FLAG} is too wide for an index, which Rowpost makes (errors 1919, 1946).",
            f"ALTER TABLE dbo.{QUEUE} ALTER COLUMN {_FLAG} NVARCHAR(10) NULL;",
        )


def _of_check(check: CheckSeen, *, is_server: bool) -> Iterator[Finding]:
    allowed = letters_of(check.definition)
    if allowed is None:
        yield _warned(
            "flag_check_unclear",
            f"A CHECK guards {_FLAG} ({cut(check.definition, 200)}): see to it that it takes "
            f"{', '.join(OURS)}.",
        )
        return
    lacking = [letter for letter in OURS if letter not in allowed]
    if lacking:
        letters = ", ".join(f"'{letter}'" for letter in sorted({*allowed, *OURS, "N"}))
        yield _refused(
            "flag_check",
            f"The CHECK {check.name} of {_FLAG} refuses {', '.join(lacking)} (error 547): "
            f"{cut(check.definition, 200)}.",
            f"ALTER TABLE dbo.{QUEUE} DROP CONSTRAINT [{check.name}];\n"
            f"ALTER TABLE dbo.{QUEUE} ADD CONSTRAINT [{check.name}] "
            f"CHECK ({_FLAG} IN ({letters}));"
            if is_server
            else None,
        )


def _of_results(table: TableSeen, *, is_server: bool) -> Iterator[Finding]:
    reason = table.column("dd_BounceReason")
    width = reason.characters if reason is not None else None
    if width is not None and width < _REASON_CHARACTERS:
        yield _warned(
            "reason_narrow",
            f"dd_BounceReason holds {width} characters: reasons are cut there. "
            "GET /api/emails/{id} has them whole.",
        )
    if reason is not None and not reason.nullable:
        yield _warned(
            "reason_required",
            "dd_BounceReason takes no NULL: an empty text stands there for no reason.",
        )
    # SQLite's texts hold all letters, whatever their type is called.
    for name in _TEXTS if is_server else ():
        column = table.column(name)
        if column is not None and column.type.lower() in _ONE_BYTE_TYPES and column.characters:
            yield _warned(
                "text_one_byte",
                f"{name} is {column.type.upper()}: it holds the letters of its collation alone, "
                "others become `?` when they are stored.",
            )
    for name in ("dd_RetryCount",):
        column = table.column(name)
        if column is not None and column.type.lower() not in (*_NUMBERS, "bigint"):
            yield _refused("column_type", f"{QUEUE}.{name} is {column.type}: it has to be INT.")


def _of_options(table: TableSeen) -> Iterator[Finding]:
    priority = table.column("dd_Priority")
    if priority is not None and priority.type.lower() not in (*_NUMBERS, "bigint"):
        yield _warned(
            "option_type",
            f"dd_Priority is {priority.type}: where it is no number of 1 to 5 the row is held.",
        )


def _of_triggers(name: str, table: TableSeen) -> Iterator[Finding]:
    for trigger in table.triggers:
        if trigger.instead_of:
            yield _refused(
                "trigger_instead_of",
                f"The trigger {trigger.name} of {name} stands in the place of "
                f"{' and '.join(trigger.events)}: what Rowpost writes would not be written.",
                f"DISABLE TRIGGER [{trigger.name}] ON dbo.{name};",
            )
        else:
            yield _warned(
                "trigger",
                f"The trigger {trigger.name} of {name} fires at {' and '.join(trigger.events)}: "
                "Rowpost writes N to P and the end, several rows in one statement. One that fails "
                "is told in health, and stops nothing else.",
            )


def _of_keys(table: TableSeen) -> Iterator[Finding]:
    for key in table.keys:
        if key.points_here:
            cascades = "; it deletes those rows, too" if "CASCADE" in key.action.upper() else ""
            yield _warned(
                "row_referred_to",
                f"The foreign key {key.name} points to {QUEUE}{cascades}: retention leaves rows "
                "that others refer to.",
            )
        elif key.column.lower() == _FLAG.lower() and key.letters is not None:
            lacking = [letter for letter in OURS if letter not in key.letters]
            if lacking:
                yield _refused(
                    "flag_key",
                    f"The foreign key {key.name} of {_FLAG} refuses {', '.join(lacking)}: add "
                    "them to the table that it points to.",
                )


def _of_indexes(table: TableSeen) -> Iterator[Finding]:
    for index in table.indexes:
        if not index.row_locks:
            yield _warned(
                "no_row_locks",
                f"The index {index.name} allows no row locks: senders pass over whole pages.",
                f"ALTER INDEX [{index.name}] ON dbo.{QUEUE} SET (ALLOW_ROW_LOCKS = ON);",
            )
        if index.is_unique and _FLAG.lower() in index.columns:
            yield _warned(
                "flag_unique",
                f"The unique index {index.name} holds {_FLAG}: two rows that are equal in it "
                "can't have the same letter (error 2601).",
            )


def _of_secrecy(table: TableSeen, seen: DatabaseSeen) -> Iterator[Finding]:
    for column in table.columns:
        if column.is_encrypted:
            yield _refused(
                "column_encrypted", f"{column.name} is always encrypted: Rowpost can't read it."
            )
        if column.is_masked and not seen.may_unmask:
            yield _refused(
                "column_masked",
                f"{column.name} is masked for this login: emails would go to masked addresses.",
                "GRANT UNMASK TO [rowpost_service];",
            )
    if seen.row_security:
        yield _warned(
            "row_security",
            f"A security policy hides rows of {QUEUE}: see to it that Rowpost's login sees all.",
        )


def _of_letters(letters: Mapping[str | None, int]) -> Iterator[Finding]:
    if letters.get(None):
        yield _warned(
            "flag_null",
            f"{letters[None]} of the newest rows have no letter: from the first id to send on "
            "they are sent.",
        )
    small = sum(number for letter, number in letters.items() if letter in ("n", " n", "n "))
    if small:
        yield _warned("flag_small", f"{small} of the newest rows say n: it is taken for N.")
    ours = {letter: number for letter, number in letters.items() if letter in set("PFCU")}
    for letter, number in sorted(ours.items(), key=str):
        yield _warned(
            "flag_letter_of_ours",
            f"{number} of the newest rows say {letter} already, by somebody else: they stay as "
            "they are. Look whether your programs mean something else by it.",
        )


def _of_surroundings(seen: DatabaseSeen) -> Iterator[Finding]:
    for job in seen.jobs:
        yield _warned(
            "job", f"The job step {job} mentions the queue or sp_send_dbmail: does it send, too?"
        )
    for sender in seen.senders:
        yield _warned(
            "old_sender",
            f"{sender} works on the queue and calls sp_send_dbmail: an old sender that still "
            "runs sends everything twice.",
        )
    for view in seen.flag_views:
        yield _warned("indexed_view", f"The indexed view {view} on the queue is one more lock.")
    if seen.offset_minutes and seen.writes_utc:
        yield _warned(
            "dates",
            "dd_SentDate and dd_LastRetryDate are written in UTC, and this server's clock is "
            f"{seen.offset_minutes} minutes off: set ROWPOST_LEGACY_DATES=local if your reports "
            "compare them with GETDATE().",
        )


def _of_modules(seen: DatabaseSeen) -> Iterator[Finding]:
    for module in seen.blind_inserts:
        yield _refused(
            "insert_without_columns",
            f"{module} inserts into {ACCOUNTS} without naming columns; Rowpost adds nullable "
            "columns there, and it would fail (error 213): name them.",
        )
    for module in seen.all_columns:
        yield _warned(
            "select_all",
            f"{module} selects * from {ACCOUNTS}, which gets more columns: look at it "
            "(sp_refreshview for a view).",
        )


def _of_database(seen: DatabaseSeen) -> Iterator[Finding]:
    if seen.forced_durability:
        yield _refused(
            "delayed_durability",
            "DELAYED_DURABILITY is FORCED: after a crash emails that were sent would go again.",
            "ALTER DATABASE CURRENT SET DELAYED_DURABILITY = ALLOWED;",
        )
    if seen.snapshot is False:
        yield _warned(
            "snapshot_off",
            "READ_COMMITTED_SNAPSHOT is off: counting waits for open transactions of others.",
            "ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH NO_WAIT;",
        )
    if seen.user_options & (512 | 16384):
        yield _warned(
            "user_options",
            "The server's `user options` set NOCOUNT or XACT_ABORT for everybody: Rowpost's own "
            "sessions set them back.",
        )
    if not seen.sees_definitions:
        yield _warned(
            "blind",
            "This login sees the definitions of its own objects alone: what stands here may not "
            "be all. Run doctor with VIEW DEFINITION.",
            "GRANT VIEW DEFINITION TO [LOGIN];",
        )
    for column in seen.other_collations:
        yield _warned(
            "collation", f"{column} has another collation than the database: comparing takes care."
        )
    for session in seen.idle_transactions:
        yield _warned(
            "idle_transaction",
            f"The session {session} has had a transaction open for more than 5 minutes.",
        )


def _is_text(column: ColumnSeen) -> bool:
    return column.type.lower() in _TEXT_TYPES


def _named(table: str, is_server: bool) -> str:
    return f"dbo.{table}" if is_server else table
