"""Carbon files: carbon dioxide of what the grid gives, per interval, from our own CSV.

    valid_at, carbon_t_per_mwh    or carbon_kg_per_mwh, or carbon_g_per_kwh (the same number as kilograms per MWh)

Other columns are left alone, so that a file of prices may carry it. Whether the values are means or those of the
marginal plant is the file's affair: a sum over imports is what it makes of them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.io.columns import as_numbers, clock_times, need, read_text
from gridloop.io.prices import usual_step
from gridloop.series.clock import to_utc
from gridloop.series.gaps import require_complete

T_PER_MWH = {"carbon_t_per_mwh": 1.0, "carbon_kg_per_mwh": 1e-3, "carbon_g_per_kwh": 1e-3}
MOST_T_PER_MWH = 3.0
"""Above what any plant emits: lignite in old plants comes to 1.3."""


def read_carbon(path: str | Path, zone: str) -> pd.Series:
    """Carbon dioxide of a MWh from the grid [t/MWh], by start of the interval (UTC), without gaps.

    zone  IANA zone of times without an offset

    Raises `MissingFile`, `UnknownFormat`, `MissingColumn`, `GapInSeries`, and `OutOfRange` for values that are no
    numbers, below zero, above what any plant emits, or stand twice.
    """
    name = Path(path).name
    text = read_text(path, "carbon")
    need(["valid_at"], text, name)
    columns = [column for column in T_PER_MWH if column in text]
    if len(columns) != 1:
        raise MissingColumn(
            f"{name}: {len(columns)} columns of carbon ({listed(columns or list(text.columns), 12)}); one is needed, "
            f"{' or '.join(T_PER_MWH)}.",
            columns=list(text.columns),
        )
    clock, utc = clock_times(text["valid_at"], name)
    index = to_utc(pd.DatetimeIndex(clock), zone) if utc is None else pd.DatetimeIndex(utc)
    values = as_numbers(text[columns[0]], name).set_axis(index.rename("valid_at")).sort_index() * T_PER_MWH[columns[0]]
    twice = values.index[values.index.duplicated()]
    if len(twice):
        raise OutOfRange(f"{name}: {len(twice)} intervals stand twice, first {twice[0]}. Remove one of each.")
    wrong = values[(values < 0) | (values > MOST_T_PER_MWH)]
    if len(wrong):
        raise OutOfRange(
            f"{name}: {len(wrong)} of {len(values)} values are not within 0 … {MOST_T_PER_MWH:g} t/MWh, first "
            f"{wrong.iloc[0]:g} at {wrong.index[0]}. Is the unit in the column's name right?",
            count=len(wrong),
        )
    require_complete(values.to_frame("carbon"), usual_step(pd.DatetimeIndex(values.index)), what=f"{name}: carbon")
    return values.rename("carbon_t_per_mwh")
