"""Weather of a site, hour by hour: our own CSV, and CityLearn's weather.csv.

Known formats, told apart by their header:

    ours       valid_at, outdoor_c[, sun_w_m2]; a time without an offset is local time of the zone that is passed in
    citylearn  Outdoor Drybulb Temperature [C], Diffuse and Direct Solar Radiation [W/m2]; without times: the first is
               passed in. Its "predictions" are the later rows themselves, without any error, and are not read
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridloop.errors import BadInput, GapInSeries, OutOfRange
from gridloop.io.columns import as_numbers, clock_times, need, read_text
from gridloop.series.clock import to_utc

TEMPERATURE = "Outdoor Drybulb Temperature [C]"
DIFFUSE, DIRECT = "Diffuse Solar Radiation [W/m2]", "Direct Solar Radiation [W/m2]"
# What a wall or a roof light sees of the direct beam on the mean, by its angle; there is no position in the file.
SEEN = 0.5


def read_weather(path: str | Path, zone: str = "UTC", *, start: pd.Timestamp | None = None) -> pd.DataFrame:
    """outdoor_c [°C] and sun_w_m2 [W/m²], hourly means; index valid_at (UTC).

    start  the first hour of a file without times, with its offset

    Raises `MissingFile`, `MissingColumn`, `BadInput` for a missing start, `GapInSeries`, `OutOfRange` for times that
    are not every hour once.
    """
    name = Path(path).name
    text = read_text(path, "weather")
    if TEMPERATURE in text:
        if start is None:
            raise BadInput(f"{name} has no times: say when its first hour is (start, with its offset).")
        sun = as_numbers(text[DIFFUSE], name) + SEEN * as_numbers(text[DIRECT], name)
        table = pd.DataFrame({"outdoor_c": as_numbers(text[TEMPERATURE], name), "sun_w_m2": sun})
        index = pd.date_range(start.tz_convert("UTC"), periods=len(table), freq="h")
    else:
        need(["valid_at", "outdoor_c"], text, name)
        clock, utc = clock_times(text["valid_at"], name)
        index = to_utc(pd.DatetimeIndex(clock), zone) if utc is None else pd.DatetimeIndex(utc)
        table = pd.DataFrame({"outdoor_c": as_numbers(text["outdoor_c"], name)})
        table["sun_w_m2"] = as_numbers(text["sun_w_m2"], name) if "sun_w_m2" in text else 0.0
    table = table.set_axis(index.as_unit("ns").rename("valid_at")).sort_index()
    missing = int(table.isna().any(axis=1).sum())
    if missing:
        raise GapInSeries(f"{name}: {missing} of {len(table)} hours lack a value. Fill them by name.", missing=missing)
    odd = table.index[1:][table.index[1:] - table.index[:-1] != pd.Timedelta(hours=1)]
    if len(odd):
        raise OutOfRange(f"{name}: weather is needed every hour once; {len(odd)} hours do not follow the one before, "
                         f"the first {odd[0]}.")  # fmt: skip
    return table
