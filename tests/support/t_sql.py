"""What SQL Server is handed, as text to compare."""

from __future__ import annotations

import re

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.sql.compiler import SQLCompiler

from shared.database.dialects.sqlserver.expressions import SCHEMA
from tests.support.t_sql_statements import note


def t_sql(statement: ClauseElement) -> str:
    """The text that the driver is handed, on one line, less brackets, schema and table's name."""
    dialect = MSDialect_pyodbc(paramstyle="qmark")  # type: ignore[no-untyped-call]
    dialect._supports_offset_fetch = True  # As it finds on a server of 2012 or later.
    compiled = statement.compile(
        dialect=dialect, schema_translate_map={None: SCHEMA}, render_schema_translate=True
    )
    assert isinstance(compiled, SQLCompiler)
    required = {name: bind for name, bind in compiled.binds.items() if bind.required}
    values = {name: [1] if bind.expanding else 1 for name, bind in required.items()}
    text = compiled.construct_expanded_state(values).statement
    if isinstance(statement, Executable):
        note(text)
    text = re.sub(r"[\[\]]", "", " ".join(text.split()))
    text = re.sub(rf"\b{SCHEMA}\.", "", text)
    return re.sub(r"(Digital_Emaildetails|Rowpost_Limits|Rowpost_LoginFailures)\.", "", text)
