"""The sides of a saving as plain series: power, hours, prices and bills."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, OutsideData
from gridloop.market.savings.days import HOUR, require_gapless
from gridloop.optimize.before import Before
from gridloop.optimize.plan import Plan
from gridloop.series.clock import require_utc
from gridloop.units import FloatArray


def net_of(side: Plan | Before | pd.Series) -> pd.Series:
    """Import less export, MW."""
    if isinstance(side, Before):
        return side.net_mw
    if isinstance(side, Plan):
        table = side.table[side.table["kind"] == "connection"]
        wide = table.pivot(index="valid_at", columns="quantity", values="value")
        return wide["import_mw"] - wide["export_mw"]
    return pd.Series(side.to_numpy(dtype=float), index=require_utc(side.index, "savings"))


def money_of(side: Plan | Before | pd.Series) -> float | None:
    return float(side.cost) if isinstance(side, Plan | Before) else None


def hours_of(side: Plan | pd.Series, series: pd.Series) -> FloatArray:
    if isinstance(side, Plan):
        return np.asarray(side.horizon.hours, dtype=float)
    index = pd.DatetimeIndex(series.index)
    if len(index) < 2:
        return np.ones(len(index))
    gaps = np.diff(index.as_unit("ns").asi8)
    if (gaps != gaps[0]).any() or gaps[0] <= 0:
        raise OutOfRange("savings: the intervals are not of one length; give a regular series.")
    return np.full(len(index), float(gaps[0]) / HOUR.value)


def over(series: pd.Series, like: pd.Series, what: str) -> FloatArray:
    """Values of a series at the intervals of another; each holds until its next one."""
    known = pd.Series(series.to_numpy(dtype=float), index=require_utc(series.index, what)).sort_index()
    at = known.reindex(require_utc(like.index, what), method="ffill")
    step = known.index[1] - known.index[0] if len(known) > 1 else pd.Timedelta(days=1)
    if like.index[0] < known.index[0] or like.index[-1] >= known.index[-1] + step:
        raise OutsideData(
            f"savings: {what} covers {known.index[0]} to {known.index[-1]}, needed is {like.index[0]} to "
            f"{like.index[-1]}."
        )
    return require_gapless(at, f"savings: {what}")


def bill_of(net: FloatArray, hours: FloatArray, prices: pd.Series | pd.DataFrame, like: pd.Series) -> FloatArray:
    """Money of every interval: imports are paid, exports earn. [step]"""
    if isinstance(prices, pd.DataFrame):
        buy, sell = (over(prices[f"{way}_eur_per_mwh"], like, "prices") for way in ("import", "export"))
    else:
        buy = sell = over(prices, like, "prices")
    return np.asarray(np.where(net > 0, buy, sell) * net * hours)
