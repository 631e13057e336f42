"""The plant of `gridloop study process`: its order book, and that of the days before it that the file has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.cli.study_parts import days_from, local_day, meters_of
from gridloop.errors import BadInput
from gridloop.io.steel_plant import read_steel_plant
from gridloop.optimize.process.demo import demo_orders
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.process.recorded import recorded_batches
from gridloop.optimize.studies.process_day import local_days

# Days before the first that base load and peak target are learned from, at most; of a synthetic plant, made up too.
HISTORY_DAYS, DEMO_DAYS = 365, 7
DEMO_FIRST = pd.Timestamp("2018-01-08")


def plant_of(
    load: Path | None,
    steel: bool,
    unit: str,
    zone: str,
    first: str | None,
    days: int,
    lines: int,
    longest_h: float,
    hot_h: float,
    window: tuple[float, float],
) -> tuple[OrderBook, OrderBook | None]:
    """The plant's order book, and that of the days before it where there are any."""
    begin = local_day(first, "--first", zone)
    if load is None:
        begin = DEMO_FIRST if begin is None else begin
        earlier = begin - pd.DateOffset(days=DEMO_DAYS)
        before = demo_orders(DEMO_DAYS, first=f"{earlier:%Y-%m-%d}", zone=zone, seed=1)
        return demo_orders(days, first=f"{begin:%Y-%m-%d}", zone=zone), before
    if steel:
        power = read_steel_plant(load, zone=zone)["p_mw"]
        source = "the steel plant of 2018 (UCI 851), batches read off its meter"
    else:
        meters = meters_of(load, unit, zone)
        if meters.shape[1] != 1:
            raise BadInput(f"{load.name} has {meters.shape[1]} columns beside valid_at; a plant is one.")
        power, source = meters.iloc[:, 0], f"{load.name}, batches read off its meter"
    part = days_from(power.to_frame("p_mw"), load.name, begin, days, zone)["p_mw"]
    hour = pd.Timedelta(hours=1)

    def read(series: pd.Series) -> OrderBook:
        return recorded_batches(
            series, zone=zone, lines=lines, longest=longest_h * hour, hot=hot_h * hour, window_h=window, source=source
        )

    earlier_days = _before(power, part, zone)
    return read(part), None if earlier_days is None else read(earlier_days)


def _before(power: pd.Series, part: pd.Series, zone: str) -> pd.Series | None:
    """Whole days without a gap that end where a part begins; None where there are none."""
    step, first = part.index[1] - part.index[0], part.index[0]
    index = pd.DatetimeIndex(power.index)
    known = power[(index < first) & (index >= first - pd.Timedelta(days=HISTORY_DAYS)) & power.notna().to_numpy()]
    at = pd.DatetimeIndex(known.index)
    if not len(at) or at[-1] != first - step:
        return None
    gaps = np.flatnonzero(at[1:] - at[:-1] != step)
    known = known.iloc[int(gaps[-1]) + 1 if gaps.size else 0 :]
    days = local_days(pd.DatetimeIndex(known.index), zone)
    begin = pd.Timestamp(known.index[0]).tz_convert(zone)
    days = days if begin == begin.normalize() else days[1:]
    return known.iloc[int(days[0][0]) :] if days else None
