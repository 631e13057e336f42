"""Savings: what was saved in energy, money and carbon, against a stated baseline, and between which ends.

Two questions, one function. A *plan* (or readings) beside another plan or series: the plain difference, interval by
interval. *Readings* beside a fitted `EnergyBaseline`: what the meter would have shown under the weather and production
of the reporting period, less what it showed (avoided energy, IPMVP option C), with the interval of
`drift.py`, or by the formulas of `uncertainty.py`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.market.savings.days import require_gapless
from gridloop.market.savings.energy_baseline import EnergyBaseline
from gridloop.market.savings.measured import measured, normalised
from gridloop.market.savings.result import Savings, about_the_year, saved_table, yearly_of
from gridloop.market.savings.series import bill_of, hours_of, money_of, net_of, over
from gridloop.optimize.before import Before
from gridloop.optimize.plan import Plan
from gridloop.units import FloatArray

__all__ = ["METHODS", "Savings", "savings"]

METHODS = ("drift", "covariance", "ashrae", "blocks")


def savings(
    actual: Plan | pd.Series,
    baseline: EnergyBaseline | Plan | Before | pd.Series,
    *,
    drivers: pd.DataFrame | None = None,
    prices: pd.Series | pd.DataFrame | None = None,
    carbon: pd.Series | None = None,
    normal: pd.DataFrame | None = None,
    reporting: EnergyBaseline | None = None,
    level: float = 0.90,
    method: str = "drift",
    zone: str = "UTC",
    seed: int = 0,
) -> Savings:
    """What was saved against a baseline.

    actual    a plan, or the meter of the reporting period: mean power taken [MW], regular, UTC
    baseline  a plan, a state `left_alone`, or a series: then the difference is plain, and both cover the same time;
              or an `EnergyBaseline` fitted to the time before, with `drivers` of the reporting period
    prices    money per MWh, one series or the table of `schedule`; needed for money where readings are given
    carbon    t per MWh
    normal    drivers of a normal year: savings under them too (normalised savings). Needs `reporting`, a baseline
              fitted to the time after the measure
    level     of the intervals; method drift (the default), covariance, ashrae or blocks
    zone      of the days; a fitted baseline has its own

    Raises `OutOfRange`, `GapInSeries`, `OutsideData`, `MissingColumn`.
    """
    if not 0 < level < 1 or method not in METHODS:
        raise OutOfRange(f"savings: level {level}, method {method!r}; a share such as 0.9, and one of {METHODS}.")
    for side in (actual, baseline):
        if isinstance(side, Plan) and not side.solved:
            raise OutOfRange(f"savings: a plan that does not hold ({side.status}) saves nothing: {side.diagnosis}")
    if isinstance(baseline, EnergyBaseline):
        if isinstance(actual, Plan):
            actual = net_of(actual)
        found = measured(actual, baseline, drivers, prices, carbon, level, method, seed)
        return found if normal is None else normalised(found, baseline, reporting, normal, level)
    return difference(actual, baseline, prices, carbon, level, zone)


def difference(
    actual: Plan | pd.Series,
    baseline: Plan | Before | pd.Series,
    prices: pd.Series | pd.DataFrame | None,
    carbon: pd.Series | None,
    level: float,
    zone: str,
) -> Savings:
    """Two known series side by side."""
    now, then = net_of(actual), net_of(baseline)
    if len(now) != len(then) or not pd.DatetimeIndex(now.index).equals(pd.DatetimeIndex(then.index)):
        raise OutOfRange(
            f"savings: the plan covers {len(now)} intervals from {now.index[0]}, the baseline {len(then)} from "
            f"{then.index[0]}; a difference needs the same intervals of both."
        )
    hours = hours_of(actual, now)
    a, b = require_gapless(now, "savings: actual"), require_gapless(then, "savings: baseline")
    rows = {"energy_mwh": (float(b @ hours), float(a @ hours))}
    money = money_of(actual), money_of(baseline)
    daily = {"energy_mwh": (b - a) * hours}
    if prices is not None:
        bills = [bill_of(power, hours, prices, now) for power in (b, a)]
        rows["cost"] = (float(bills[0].sum()), float(bills[1].sum()))
        daily["cost"] = bills[0] - bills[1]
    elif money[0] is not None and money[1] is not None:
        rows["cost"] = (money[1], money[0])
    if carbon is not None:
        factor = over(carbon, now, "carbon") * hours
        rows["carbon_t"] = (float(b @ factor), float(a @ factor))
        daily["carbon_t"] = (b - a) * factor
    rows["peak_mw"] = (float(b.max()), float(a.max()))
    table = saved_table(rows, {})
    local = pd.DatetimeIndex(now.index).tz_convert(zone).tz_localize(None).normalize()
    days = pd.DataFrame({"baseline_mwh": b * hours, "actual_mwh": a * hours}).groupby(local).sum()
    days["saved_mwh"] = days["baseline_mwh"] - days["actual_mwh"]
    length = float(hours.sum()) / 24
    assumptions = ["The baseline is what it says: the same time with another plan, so that the difference is exact."]
    by_day: dict[str, FloatArray] = {
        name: np.asarray(pd.Series(each).groupby(local).sum(), dtype=float) for name, each in daily.items()
    }
    yearly = yearly_of(table, by_day, length, level, {})
    return Savings(table, days.rename_axis("day"), yearly, level, "difference",
                   (*assumptions, *about_the_year(yearly, length)))  # fmt: skip
