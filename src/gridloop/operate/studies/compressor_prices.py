"""Prices on the quarters of an hour of judged weeks: those of a file, for made-up weeks of another year of it."""

from __future__ import annotations

import pandas as pd

from gridloop.errors import OutOfRange, OutsideData
from gridloop.market.savings.series import over
from gridloop.operate.studies.compressor_weeks import Demand
from gridloop.optimize.compressors.demand import INTERVAL_S
from gridloop.optimize.devices.given_numbers import clock

_QUARTER = pd.Timedelta(seconds=INTERVAL_S)
_WEEK, _YEAR = pd.Timedelta(weeks=1), pd.Timedelta(weeks=52)


def over_weeks(prices: pd.Series, quarters: pd.DatetimeIndex, demand: Demand) -> pd.Series:
    """Money per MWh on the judged quarters of an hour.

    prices  UTC, regular; shorter intervals than a quarter of an hour are averaged, longer ones hold until the next
    A recording has the prices of its own time. Made-up weeks are of no year: where the prices are of another one, as
    many years of 52 weeks lie between that they cover all weeks, weeks alone where none does.

    Raises `OutOfRange` for prices on no regular clock, `OutsideData` where they do not cover the weeks.
    """
    index = pd.DatetimeIndex(prices.index)
    if len(index) < 2 or index.tz is None or not index.is_monotonic_increasing:
        raise OutOfRange(f"prices: {len(index)} values; two or more at rising times with a zone are needed.")
    step = index[1] - index[0]
    if step < _QUARTER:
        prices = prices.resample(_QUARTER, origin=quarters[0]).mean()
    back = pd.Timedelta(0) if demand.recorded else _back(index[0], index[-1] + step, quarters)
    asked = pd.Series(0.0, index=quarters - back)
    if asked.index[0] < index[0] or asked.index[-1] + _QUARTER > index[-1] + step:
        weeks = (quarters[-1] + _QUARTER - quarters[0]) / _WEEK
        raise OutsideData(
            f"The prices go from {clock(index[0])} to {clock(index[-1] + step)}; the judged weeks "
            + (
                f"from {clock(quarters[0])} to {clock(quarters[-1] + _QUARTER)}."
                if demand.recorded
                else f"need {weeks:.0f} weeks in a row, made-up ones of any year."
            )
        )
    return pd.Series(over(prices, asked, "prices"), index=quarters, name="price_per_mwh")


def _back(first: pd.Timestamp, end: pd.Timestamp, quarters: pd.DatetimeIndex) -> pd.Timedelta:
    """How much earlier the weeks are taken to lie: the last whole years, or weeks, before that the prices cover."""
    if first <= quarters[0] and quarters[-1] + _QUARTER <= end:
        return pd.Timedelta(0)
    for whole in (_YEAR, _WEEK):
        needed = quarters[-1] + _QUARTER - end
        back = whole * -(-needed // whole)
        if quarters[0] - back >= first:
            return back
    return pd.Timedelta(0)
