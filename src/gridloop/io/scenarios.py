"""Tables of scenarios, CSV or Parquet: what differs from a network in each, in one of two forms.

    wide   scenario, load.p_mw/ID, load.q_mvar/ID, line.in_service/ID, …     a row per scenario, a column per element
    long   scenario, quantity, id, value                                     a row per scenario and element

A quantity is a table and its column, such as `load.p_mw`. In the long form what is left out is as in the network; in
the wide form an empty cell is a missing value. Without a column `scenario` the rows of the wide form are numbered
from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gridloop.errors import BadInput, MissingFile, UnknownFormat, listed

LONG = ("scenario", "quantity", "id", "value")


def read_scenario_table(path: str | Path, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Values by quantity, each [scenario, element] with names for both.

    tables  of the network: what the long form leaves out is taken from them

    Raises `MissingFile`, `UnknownFormat` where it is no table, `BadInput` where its columns or values make no sense.
    """
    file = Path(path)
    raw = _read(file)
    if {"quantity", "id", "value"} <= set(raw.columns):
        return _long(file.name, raw, tables)
    return _wide(file.name, raw)


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise MissingFile(f"there is no file {str(file)!r} with scenarios.", path=str(file))
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            table: pd.DataFrame = pq.read_table(file).to_pandas()
            return table.reset_index() if table.index.name else table
        names = {"scenario": str, "quantity": str, "id": str}
        return pd.read_csv(file, dtype=names, encoding="utf-8-sig", float_precision="round_trip")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowInvalid, OSError) as problem:
        raise UnknownFormat(
            f"{file.name} cannot be read as a table of scenarios: {str(problem).splitlines()[0]}. Write it as CSV "
            "(UTF-8, one header line) or Parquet.",
            path=str(file),
        ) from problem


def _wide(name: str, raw: pd.DataFrame) -> dict[str, pd.DataFrame]:
    index = pd.RangeIndex(len(raw)) if "scenario" not in raw else pd.Index(raw["scenario"].astype(str), name="scenario")
    columns = [str(c) for c in raw.columns if c != "scenario"]
    strange = [c for c in columns if "/" not in c or "." not in c.partition("/")[0]]
    if strange or not columns:
        raise BadInput(
            f"{name}: {len(strange)} columns are no QUANTITY/ID such as load.p_mw/L1: {listed(strange)}. The "
            f"other form has the columns {', '.join(LONG)}.",
            columns=strange,
        )
    values = raw[columns].apply(pd.to_numeric, errors="coerce")
    words = [c for c in columns if (values[c].isna() & raw[c].notna()).any()]
    if words:
        raise BadInput(f"{name}: {len(words)} columns hold what is no number: {listed(words)}.", columns=words)
    found: dict[str, list[str]] = {}
    for column in columns:
        found.setdefault(column.partition("/")[0], []).append(column)
    return {
        key: pd.DataFrame(values[mine].to_numpy(dtype=float), index=index, columns=[c.partition("/")[2] for c in mine])
        for key, mine in found.items()
    }


def _long(name: str, raw: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    missing = [c for c in LONG if c not in raw]
    blank = [c for c in LONG[:3] if c in raw and raw[c].isna().any()]
    if missing or blank:
        raise BadInput(f"{name}: every row needs {', '.join(LONG)}; {listed(missing or blank)} is missing.")
    rows = raw.astype({"scenario": str, "quantity": str, "id": str})
    rows["value"] = pd.to_numeric(rows["value"], errors="coerce")
    twice = rows.duplicated(["scenario", "quantity", "id"])
    if twice.any():
        row = rows[twice].iloc[0]
        raise BadInput(
            f"{name}: {int(twice.sum())} values stand twice, first {row['quantity']} of {row['id']} in scenario "
            f"{row['scenario']}."
        )
    # Values that are missing stay so; pairs that are not listed are as in the network.
    index = pd.Index(rows["scenario"].unique(), name="scenario")
    found = {}
    for key, mine in rows.groupby("quantity", sort=True):
        table, _, column = str(key).partition(".")
        columns = pd.Index(mine["id"].unique())
        if table not in tables or column not in tables[table] or not columns.isin(tables[table].index).all():
            base = np.full(len(columns), np.nan)  # whoever takes the scenarios says what is wrong with it
        else:
            base = tables[table].loc[columns, column].to_numpy(dtype=float)
        values = np.repeat(base[None], len(index), axis=0)
        values[index.get_indexer(mine["scenario"]), columns.get_indexer(mine["id"])] = mine["value"]
        found[str(key)] = pd.DataFrame(values, index=index, columns=columns)
    return found
