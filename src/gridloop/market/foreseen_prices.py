"""What would have been expected of each day's prices when it was planned: the past replayed, day by day.

Of a local day nothing is known when it is planned, and all prices of the days before are (day-ahead markets publish
whole days). As long as there is too little past for `PriceForecaster`, those of the day before are expected again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.price import PriceForecaster
from gridloop.units import IntArray

WINDOWS = (56, 84)
"""Days from which the linear experts learn: a year of history holds these two well."""

LEAST_DAYS = 125
"""Days of the past from which a forecaster is fitted; it asks for 120, and a few may have gaps."""

MEMORY_DAYS = 70
"""Days of the past that are handed to a forecast."""

DAY_BEFORE, FORECASTER = "the day before", "PriceForecaster"


def foreseen_prices(
    prices: pd.DataFrame,
    zone: str,
    *,
    before: pd.Timedelta | str = "14h",
    learn_days: int = LEAST_DAYS,
    trees: int = 100,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.Series]:
    """Expected prices of every interval as they were when its local day was planned, and what made them, by row.

    prices      UTC valid_at × column, regular, without gaps: energy and services alike; columns that are the same
                everywhere are forecast once
    zone        of the local days; a zone whose clock changes is taken as it is
    before      how long before its midnight a day is planned
    learn_days  days of the past from which `PriceForecaster` takes over from the day before; more than there are: never

    The first day is NaN: nothing was known. Raises `OutOfRange` where learn_days is too few to learn from.
    """
    if learn_days < LEAST_DAYS - 5:
        raise OutOfRange(f"learn_days: {learn_days}; a price model needs {LEAST_DAYS - 5}.", learn_days=learn_days)
    names, of = _distinct(prices)
    known = prices[names]
    index = pd.DatetimeIndex(prices.index)
    midnights = index.tz_convert(zone).normalize()
    days = np.split(np.arange(len(index)), np.flatnonzero(midnights[1:] != midnights[:-1]) + 1)
    expected = np.full(known.shape, np.nan)
    by = np.full(len(index), "", dtype=object)
    forecaster: PriceForecaster | None = None
    for k, rows in enumerate(days):
        if k == 0:
            continue
        issue = midnights[rows[0]].tz_convert("UTC") - pd.Timedelta(before)
        published = known.iloc[: rows[0]]
        if k == learn_days:
            forecaster = PriceForecaster(zone=zone, before=before, windows=WINDOWS, trees=trees, seed=seed)
            forecaster.fit(published, until=issue)
        if forecaster is None:
            values = known.to_numpy()
            expected[rows] = values[_same_time(index, days[k - 1], rows, zone)]
            by[rows] = DAY_BEFORE
        else:
            recent = published[published.index >= issue - pd.Timedelta(days=MEMORY_DAYS)]
            said = forecaster.predict(recent, issue, index[rows])
            expected[rows] = said.p50()[names].to_numpy()
            by[rows] = FORECASTER
    table = pd.DataFrame(expected, index=index, columns=names)
    whole = pd.DataFrame({name: table[source] for name, source in of.items()})
    return whole, pd.Series(by, index=index, name="expected_by")


def _distinct(prices: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Columns that differ, and for every column the one that stands for it."""
    of: dict[str, str] = {}
    for name in map(str, prices.columns):
        same = [other for other in of.values() if prices[other].equals(prices[name])]
        of[name] = same[0] if same else name
    return list(dict.fromkeys(of.values())), of


def _same_time(index: pd.DatetimeIndex, before: IntArray, rows: IntArray, zone: str) -> IntArray:
    """For rows of a day those of the day before at the same time since midnight, or the last one there was."""
    clock = index.tz_convert(zone)
    then, now = ((clock[part] - clock[part].normalize()).to_numpy() for part in (before, rows))
    return np.asarray(before[np.clip(np.searchsorted(then, now, side="right") - 1, 0, len(before) - 1)])
