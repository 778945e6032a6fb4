"""The one row that says which revision a database has; Alembic's own, under our name."""

from __future__ import annotations

VERSION_TABLE = "Rowpost_Migrations"

# As Alembic makes it.
CREATE_VERSION_TABLE = f"""\
CREATE TABLE {VERSION_TABLE} (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num)
)"""
