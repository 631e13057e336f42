"""The Korean steel plant of 2018 (UCI Machine Learning Repository 851): a year of quarter-hours of its meter.

The stamps are the *ends* of the quarter-hours on the plant's own clock (the first is 00:15 of 1 January, and the one
called 00:00 closes the day whose date it bears). The clock is never changed: Korea has no summer time.

Source: V E, S., Shin, C., & Cho, Y. (2021), Steel Industry Energy Consumption, CC BY 4.0.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.io.columns import as_numbers, need, read_text
from gridloop.series.clock import zone as known_zone

QUARTER = pd.Timedelta(minutes=15)
KWH_TO_MW = 4 / 1000  # kWh of a quarter-hour
USED, LAGGING, LEADING = (
    "Usage_kWh", "Lagging_Current_Reactive_Power_kVarh", "Leading_Current_Reactive_Power_kVarh",
)  # fmt: skip
SECONDS = "NSM"  # seconds of the day at the end of the interval
ZONE = "Asia/Seoul"


def read_steel_plant(path: str | Path, *, zone: str = ZONE) -> pd.DataFrame:
    """p_mw and q_mvar (positive: inductive) of every quarter-hour, by its start in UTC.

    zone  whose clock the stamps are read on; a fixed one such as Etc/GMT-1 puts the plant elsewhere, its days as long

    Raises `MissingFile`, `MissingColumn`, `OutOfRange` where quarter-hours are missing or out of order.
    """
    text = read_text(path, "steel plant")
    name = Path(path).name
    need(["date", USED, LAGGING, LEADING, SECONDS], text, name)
    seconds = as_numbers(text[SECONDS], name).to_numpy()
    day = pd.to_datetime(text["date"].str.slice(0, 10), format="%d/%m/%Y", errors="coerce")
    # 0 seconds are the end of the day, not its begin.
    end = day + pd.to_timedelta(pd.Series(seconds).where(seconds > 0, 86_400), unit="s")
    start = pd.DatetimeIndex(end - QUARTER)
    expected = pd.date_range(start[0], periods=len(start), freq=QUARTER)
    off = ~(start == expected)
    if off.any():
        first = int(off.argmax())
        raise OutOfRange(
            f"{name}: {int(off.sum())} of {len(start)} rows are not the quarter-hour after the one before (first in "
            f"row {first + 2}: {text['date'].iloc[first]!r}). Give the file whole and in order."
        )
    index = start.tz_localize(known_zone(zone)).tz_convert("UTC").as_unit("ns")
    used, lagging, leading = (as_numbers(text[column], name).to_numpy() for column in (USED, LAGGING, LEADING))
    table = pd.DataFrame({"p_mw": used * KWH_TO_MW, "q_mvar": (lagging - leading) * KWH_TO_MW}, index=index)
    return table.rename_axis("valid_at")
