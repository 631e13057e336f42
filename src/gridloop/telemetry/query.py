"""SQL over the lake: duckdb sees the tables and nothing else, and can change nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from gridloop.errors import BadInput

CONFIG = {
    "enable_external_access": "false",  # no file, no network, no extension
    "python_enable_replacements": "false",  # no variable of the caller either
}


def run_query(sql: str, schemas: Mapping[str, pa.Schema], dataset: Callable[[str], ds.Dataset]) -> pd.DataFrame:
    """The result of one SELECT; times in UTC.

    schemas  of the tables there are
    dataset  opens one of them; called only for tables that the text names

    Raises `BadInput` with the tables and columns that exist where duckdb refuses the text.
    """
    named = [name for name in schemas if re.search(rf"\b{name}\b", sql, re.IGNORECASE)]
    try:
        with duckdb.connect(config=dict(CONFIG)) as connection:
            connection.execute("SET TimeZone = 'UTC'; SET lock_configuration = true")
            _require_select(connection, sql)
            for name in schemas:
                rows = dataset(name) if name in named else schemas[name].empty_table()
                connection.register(name, rows)
            result = connection.sql(sql)
            return in_utc(result.df())
    except duckdb.Error as error:
        columns = "".join(f" Columns of {name}: {', '.join(schemas[name].names)}." for name in named)
        raise BadInput(
            f"query: {str(error).splitlines()[0]} Tables: {', '.join(schemas)}.{columns}",
            sql=sql,
            tables=list(schemas),
        ) from error


def in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every time in UTC nanoseconds."""
    zoned: Iterable[str] = [name for name in frame.columns if isinstance(frame[name].dtype, pd.DatetimeTZDtype)]
    return frame.assign(**{name: frame[name].dt.tz_convert("UTC").dt.as_unit("ns") for name in zoned})


def _require_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds not in (["SELECT"], ["EXPLAIN"]):
        raise BadInput(
            f"query: one SELECT is allowed, found {' and '.join(kinds) or 'none'}. SQL cannot change the lake.",
            sql=sql,
            found=kinds,
        )
