"""Recordings of a heated house: darkgreybox's CSV with Ti, Ta, Th [°C] and Ph [kW], one row per hour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.io.columns import as_numbers, clock_times, need, read_text
from gridloop.series.clock import to_utc

KW_PER_MW = 1e3
NAMES = {"Ti": "indoor_c", "Ta": "outdoor_c", "Th": "boiler_c", "Ph": "heat_mw"}


def read_house(path: str | Path, zone: str = "UTC") -> pd.DataFrame:
    """Readings as `BuildingModel.fit` takes them: indoor_c, outdoor_c, boiler_c [°C], heat_mw; index valid_at (UTC).

    zone  of times without an offset

    Columns that are named as here already are taken as they are, sun_w_m2 and occupancy too. The file does not say the
    unit of Ph; its size and the house's loss fit kW, as which it is read. Empty cells are NaN.
    Raises `MissingFile`, `UnknownFormat`, `MissingColumn`, `OutOfRange` for what is no time or number.
    """
    name = Path(path).name
    text = read_text(path, "house")
    own = "indoor_c" in text
    first = str(text.columns[0])
    text = text.rename(columns={first: "valid_at"}) if first.startswith("Unnamed") or not first else text
    need(["valid_at", *(("indoor_c", "outdoor_c") if own else ("Ti", "Ta", "Ph"))], text, name)
    clock, utc = clock_times(text["valid_at"], name)
    index = to_utc(pd.DatetimeIndex(clock), zone) if utc is None else pd.DatetimeIndex(utc)
    columns = [*NAMES.values(), "sun_w_m2", "occupancy"] if own else list(NAMES)
    table = pd.DataFrame({NAMES.get(c, c): as_numbers(text[c], name) for c in columns if c in text})
    table = table.set_axis(index.as_unit("ns").rename("valid_at")).sort_index()
    if not own:
        table["heat_mw"] = table["heat_mw"] / KW_PER_MW
    if table.index.has_duplicates:
        twice = int(table.index.duplicated().sum())
        raise OutOfRange(f"{name}: {twice} of {len(table)} times stand twice, the first "
                         f"{table.index[table.index.duplicated()][0]}. Keep one of each.")  # fmt: skip
    return table.astype(np.float64)
