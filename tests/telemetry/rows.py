"""Rows for the tables of a store: small, different in every tick, and the same in every run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from gridloop.telemetry.tables import TABLES

DAY = pd.Timestamp("2016-07-25", tz="UTC")
QUARTER = pd.Timedelta(minutes=15)


def rows(table: str, tick: int, count: int = 3) -> pd.DataFrame:
    """`count` rows of a tick; numbers and texts name the tick and the row."""
    columns: dict[str, object] = {}
    for field in TABLES[table].schema:
        steps = np.arange(count)
        if field.name == "tick":
            columns[field.name] = np.full(count, tick)
        elif field.name == "run":
            columns[field.name] = ["controlled"] * count
        elif pa.types.is_integer(field.type):
            columns[field.name] = ((tick * count + steps) % 100).astype(field.type.to_pandas_dtype())
        elif pa.types.is_floating(field.type):
            columns[field.name] = tick + steps / 7
        elif pa.types.is_timestamp(field.type):
            columns[field.name] = pd.DatetimeIndex([DAY + (tick + int(k)) * QUARTER for k in steps])
        else:
            columns[field.name] = [f"{field.name} {tick} {k}" for k in steps]
    return pd.DataFrame(columns)


def tick_rows(tick: int) -> dict[str, pd.DataFrame]:
    """What a tick stores, in small: some tables, and the row that completes it."""
    return {"ticks": rows("ticks", tick, 1), "readings": rows("readings", tick), "plans": rows("plans", tick, 4)}
