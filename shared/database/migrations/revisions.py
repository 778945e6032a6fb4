"""The revisions in their order, and the SQL file that each has for a kind of database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared.database.errors import SchemaRefused
from shared.database.migrations.steps import Step, steps_of

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "2026_12"
FOLDER = Path(__file__).parent

# The steps of what was developed before the first release; no database of theirs is migrated.
_DEVELOPMENT = frozenset(f"{number:04}" for number in range(1, 9))
_FILES = {"sqlite": "sqlite.sql", "mssql": "sqlserver.sql"}


def is_known(version: str) -> bool:
    """Whether this version of Rowpost has a revision of that name."""
    return version in {file.stem for file in (FOLDER / "versions").glob("*.py")}


def require_released(version: str | None) -> None:
    """Raise SchemaRefused for the version of a database that no release has made."""
    if version in _DEVELOPMENT:
        raise SchemaRefused(
            f"the database is of a development state of Rowpost (version {version}) from before "
            "its first release, which is not migrated, and nothing was changed: take an empty "
            "database, or remove what Rowpost made there (docs/upgrade.md, section Refused)"
        )


def steps_for(revision: str, dialect: str) -> tuple[Step, ...]:
    """The revision's statements for this SQLAlchemy dialect."""
    file = FOLDER / "versions" / revision / _FILES[dialect]
    return steps_of(file.read_text(encoding="utf-8"))


def revisions_after(version: str | None) -> list[str]:
    """Names of the revisions that a database of this version lacks, the next one first.

    None: a database without Rowpost. Raises SchemaRefused for a version that is none.
    """
    from alembic.script import ScriptDirectory

    require_released(version)
    if version is not None and not is_known(version):
        raise SchemaRefused(f"there is no version {version} of the tables: the last one is {HEAD}")
    scripts = ScriptDirectory.from_config(alembic_configuration())
    newest_first = scripts.iterate_revisions("head", version or "base")
    return [script.revision for script in newest_first][::-1]


def alembic_configuration() -> Config:
    """Where Alembic finds the revisions."""
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return configuration
