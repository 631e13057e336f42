"""Measurement and verification: what an event delivered, per customer, group and in all, how surely, and what is paid.

Delivered is baseline less meter. The interval around it comes from placebo days of the same customers before the event
(`placebo.py`): with the errors' ends l and u, what was truly delivered lies between delivered − u and delivered − l.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.market.demand_response.baseline import (
    TEN_OF_TEN,
    Baseline,
    BaselineMethod,
    EventWindows,
    customer_baseline,
)
from gridloop.market.demand_response.day_windows import tidy
from gridloop.market.demand_response.event import DREvent
from gridloop.market.demand_response.placebo import bias_of, ends_of, of_sum, placebo_errors
from gridloop.units import FloatArray


@dataclass(frozen=True, eq=False)
class MeasuredDelivery:
    """What came of an event. Powers are means over its hours.

    customer   index customer; group, expected_mw, baseline_mw, metered_mw, delivered_mw, bias_mw, corrected_mw, low_mw,
               high_mw, days (of the baseline), adjustment, capped, delivered_mwh, paid, reason (why it could not be
               measured, or "")
    group      index group; called, measured, expected_mw, delivered_mw, bias_mw, corrected_mw, low_mw, high_mw,
               delivered_mwh, paid, placebo_days, without_placebo (how many of the measured have not one placebo day,
               such as new ones: delivered_mw has them, bias_mw and the interval's width are of the others)
    total      the same in one row

    delivered_mw is what the baseline of the programme says, and what is paid for; bias_mw is its mean error on placebo
    days, and corrected_mw what is left without it: the better estimate of what was truly delivered.
    level      chance with which an interval holds what was truly delivered
    baseline   what it was measured against
    """

    event: DREvent
    customer: pd.DataFrame
    group: pd.DataFrame
    total: pd.Series
    level: float
    baseline: Baseline


def measure_event(
    event: DREvent,
    meters: pd.DataFrame,
    *,
    method: BaselineMethod = TEN_OF_TEN,
    event_days: Sequence[dt.date] = (),
    level: float = 0.9,
    placebo_days: int = 60,
) -> MeasuredDelivery:
    """Measure what those who were called delivered, and what they are paid.

    meters        interval × customer, mean power in MW, regular, UTC, NaN where missing; to the end of the event
    event_days    local days of other events of the programme
    level         of the intervals; placebo_days is how many days before the event they rest on (90 % take 19)

    A customer whose meter or baseline is missing is not measured and not paid: its row says why. It is not counted as
    having delivered nothing, and sums over it are over the others (`measured` says how many).
    Raises `OutOfRange` for a customer without a meter, or a level that is none.
    """
    if not 0 < level < 1:
        raise OutOfRange(f"level is {level}; allowed is a share between 0 and 1, such as 0.9.", level=level)
    called = event.called
    table = tidy(meters)
    absent = [str(i) for i in called.index if i not in table.columns]
    if absent:
        raise OutOfRange(f"{len(absent)} customers who were called have no meter: {listed(absent)}.", customers=absent)
    table = table[list(called.index)]
    program = event.program
    other_days = [day for day in event_days if pd.Timestamp(day) != event.day]
    found = customer_baseline(
        table,
        event.start,
        event.end,
        method=method,
        zone=program.zone,
        holidays=program.holidays,
        event_days=other_days,
    )
    windows = EventWindows.of(table, event.start, event.end, method, program.zone, program.holidays, other_days)
    errors = placebo_errors(windows, method, placebo_days).set_axis(table.columns, axis=1)
    customer = _customers(event, found, windows.window[-1], errors, level)
    total = _sums(customer, errors, pd.Series("all", index=customer.index), level).iloc[0]
    groups = _sums(customer, errors, customer["group"], level)
    return MeasuredDelivery(event, customer, groups, total.rename("all"), level, found)


def _customers(
    event: DREvent, found: Baseline, metered: FloatArray, errors: pd.DataFrame, level: float
) -> pd.DataFrame:
    table = event.called[["group", "expected_mw"]].copy()
    table["baseline_mw"] = found.p_mw.mean(axis=0, skipna=False)
    table["metered_mw"] = metered.mean(axis=0)
    table["delivered_mw"] = table["baseline_mw"] - table["metered_mw"]
    ends = np.array([ends_of(errors[name].to_numpy(), level) for name in table.index]).reshape(-1, 2)
    table["bias_mw"] = [bias_of(errors[name].to_numpy()) for name in table.index]
    table["corrected_mw"] = table["delivered_mw"] - table["bias_mw"]
    table["low_mw"] = table["delivered_mw"] - ends[:, 1]
    table["high_mw"] = table["delivered_mw"] - ends[:, 0]
    table[["days", "adjustment", "capped"]] = found.customer[["days", "adjustment", "capped"]]
    table["delivered_mwh"] = table["delivered_mw"] * event.hours
    short = np.clip(table["expected_mw"] - np.clip(table["delivered_mw"], 0, None), 0, None) * event.hours
    earned = np.clip(table["delivered_mwh"], 0, None) * event.program.payment_per_mwh
    table["paid"] = earned - short * event.program.penalty_per_mwh
    table["reason"] = found.customer["reason"].where(
        found.customer["reason"] != "", np.where(np.isnan(table["metered_mw"]), "values of the event are missing", "")
    )
    return table


def _sums(customer: pd.DataFrame, errors: pd.DataFrame, by: pd.Series, level: float) -> pd.DataFrame:
    """Sums over those who could be measured, with the interval of the sum's own placebo errors."""
    rows = {}
    for name, rows_of in customer.groupby(by, sort=True):
        known = rows_of[rows_of["delivered_mw"].notna()]
        of_each = errors[list(known.index)]
        of_known = of_sum(of_each)
        low, high = ends_of(of_known, level)
        delivered = float(known["delivered_mw"].sum()) if len(known) else np.nan
        rows[str(name)] = {
            "called": len(rows_of),
            "measured": len(known),
            "expected_mw": float(rows_of["expected_mw"].sum()),
            "delivered_mw": delivered,
            "bias_mw": bias_of(of_known),
            "corrected_mw": delivered - bias_of(of_known),
            "low_mw": delivered - high,
            "high_mw": delivered - low,
            "delivered_mwh": float(known["delivered_mwh"].sum()) if len(known) else np.nan,
            "paid": float(known["paid"].sum()),
            "placebo_days": int((~np.isnan(of_known)).sum()),
            "without_placebo": int(of_each.isna().all(axis=0).sum()),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis("group")
