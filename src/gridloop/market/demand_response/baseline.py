"""Baselines: what customers would have taken without an event, from their own recent days.

For a customer and an event, the `days` most recent days of the same type (working, or not) without event and with all
their values are taken, or those `highest` among them with the most energy in the event's hours; their mean by clock
hour is the baseline b. On the day itself it is moved by what the customer takes in some hours before the event, m, and
took in the same hours of those days, m̄:

    multiplicative  b · clip(m / m̄, 1 − cap, 1 + cap)
    additive        b + clip(m − m̄, ± cap · mean of b)

10 of 10 is CAISO's ("10-in-10"), 5 of 10 NYISO's; a cap of 20 % is CAISO's too. A day that lacks a value is no day: the
next older one stands in. Missing is missing: too few days, and the baseline is NaN and says how many there were.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.market.demand_response.day_windows import (
    DAY,
    is_working,
    local_days,
    offsets_of,
    on_days,
    step_of,
    tidy,
)
from gridloop.series.clock import utc
from gridloop.units import BoolArray, FloatArray

ADJUSTMENTS = ("multiplicative", "additive", "none")


@dataclass(frozen=True)
class BaselineMethod:
    """How a baseline is made.

    days            most recent days that count
    highest         of these, those with the most energy in the event's hours; None: all
    adjustment      multiplicative, additive or none
    cap             largest adjustment, as a share of the baseline
    adjust_from_h, adjust_to_h  the hours before the event that it is adjusted by: from so many to so many hours before.
                    A call that goes out earlier than these invites customers to take more in them
    min_days        with fewer there is no baseline
    look_back_days  how far back days are looked for
    """

    days: int = 10
    highest: int | None = None
    adjustment: str = "multiplicative"
    cap: float = 0.2
    adjust_from_h: float = 4.0
    adjust_to_h: float = 1.0
    min_days: int = 5
    look_back_days: int = 45

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.min_days <= self.days <= self.look_back_days:
            problems.append(
                f"min_days {self.min_days}, days {self.days}, look_back_days {self.look_back_days} must rise from 1"
            )
        if self.highest is not None and not 1 <= self.highest <= self.days:
            problems.append(f"highest is {self.highest}; allowed is 1 … {self.days}")
        if self.adjustment not in ADJUSTMENTS:
            problems.append(f"adjustment is {self.adjustment!r}; allowed are {', '.join(ADJUSTMENTS)}")
        if not 0 <= self.cap < np.inf:
            problems.append(f"cap is {self.cap}; it must not be negative")
        if not self.adjust_from_h > self.adjust_to_h >= 0:
            problems.append(f"adjust_from_h {self.adjust_from_h} must be more than adjust_to_h {self.adjust_to_h} ≥ 0")
        if problems:
            raise OutOfRange(f"baseline method: {'; '.join(problems)}.", problems=problems)


TEN_OF_TEN = BaselineMethod()
FIVE_OF_TEN = BaselineMethod(highest=5)


@dataclass(frozen=True, eq=False)
class Baseline:
    """Baselines of customers for one event.

    p_mw           interval × customer; NaN where there is none
    unadjusted_mw  the same before the adjustment of the day
    customer       index customer; days (how many it had), adjustment (factor, or MW), capped, reason ("" where all is
                   well)
    """

    p_mw: pd.DataFrame
    unadjusted_mw: pd.DataFrame
    customer: pd.DataFrame


@dataclass(frozen=True)
class Estimate:
    """unadjusted, adjusted [step, customer]; adjustment, capped, days [customer]"""

    unadjusted: FloatArray
    adjusted: FloatArray
    adjustment: FloatArray
    capped: BoolArray
    days: FloatArray


def customer_baseline(
    meters: pd.DataFrame,
    start: pd.Timestamp,
    end: pd.Timestamp,
    *,
    method: BaselineMethod = TEN_OF_TEN,
    zone: str = "UTC",
    holidays: Sequence[dt.date] = (),
    event_days: Sequence[dt.date] = (),
) -> Baseline:
    """Baselines of all customers for the hours of an event.

    meters      interval × customer, mean power in MW, regular, UTC; NaN where a value is missing
    start, end  of the event, on the meters' steps
    event_days  local days of other events, which are no days for a baseline

    Raises `OutOfRange` for irregular meters or an event off their steps.
    """
    table, start, end = tidy(meters), utc(start), utc(end)
    windows = EventWindows.of(table, start, end, method, zone, holidays, event_days)
    estimate = windows.estimate(len(windows.days) - 1, method)
    times = pd.date_range(start, end, freq=step_of(table), inclusive="left", name="valid_at")
    reason = np.full(table.shape[1], "", dtype=object)
    no_adjustment = np.isnan(estimate.adjustment)
    reason[no_adjustment] = "values before the event are missing"
    reason[estimate.days < method.min_days] = f"fewer than {method.min_days} days have all values"
    return Baseline(
        pd.DataFrame(estimate.adjusted, index=times, columns=table.columns),
        pd.DataFrame(estimate.unadjusted, index=times, columns=table.columns),
        pd.DataFrame(
            {
                "days": estimate.days.astype(int),
                "adjustment": estimate.adjustment,
                "capped": estimate.capped,
                "reason": reason,
            },
            index=pd.Index(table.columns, name="customer"),
        ),
    )


@dataclass(frozen=True, eq=False)
class EventWindows:
    """An event's clock hours on its day and on all days before that may stand for it.

    days    [day]                  midnights without a zone; the last is the event's own
    window  [day, step, customer]  power in the event's hours
    before  [day, customer]        mean power in the hours that the day is adjusted by
    """

    days: pd.DatetimeIndex
    window: FloatArray
    before: FloatArray

    @classmethod
    def of(
        cls,
        meters: pd.DataFrame,
        start: pd.Timestamp,
        end: pd.Timestamp,
        method: BaselineMethod,
        zone: str,
        holidays: Sequence[dt.date],
        event_days: Sequence[dt.date],
    ) -> EventWindows:
        """From tidy meters; days of the same type as the event's, without those of other events."""
        step = step_of(meters)
        offsets = offsets_of(meters, start, end, zone)
        own = start.tz_convert(zone).tz_localize(None).normalize()
        days = local_days(meters, zone)
        days = pd.DatetimeIndex([*days[days < own], own])
        alike = is_working(days, holidays)
        others = days.isin([pd.Timestamp(day) for day in event_days])
        days = days[(alike == alike[-1]) & ~others | (days == own)]
        first = offsets[0]
        adjusts = pd.timedelta_range(
            first - pd.Timedelta(hours=method.adjust_from_h),
            first - pd.Timedelta(hours=method.adjust_to_h),
            freq=step,
            closed="left",
        )
        before = on_days(meters, days, adjusts, zone).mean(axis=1)
        return cls(days, on_days(meters, days, offsets, zone), before)

    def estimate(self, day: int, method: BaselineMethod) -> Estimate:
        """The baseline of one of the days, from those before it alone."""
        age = (self.days[day] - self.days[:day]) / DAY
        recent = slice(int(np.searchsorted(-np.asarray(age), -float(method.look_back_days))), day)
        return estimate(self.window[recent], self.before[recent], self.before[day], method)


def estimate(past: FloatArray, before: FloatArray, today: FloatArray, method: BaselineMethod) -> Estimate:
    """Baselines from the windows of days, the most recent last.

    past    [day, step, customer]  power in the event's hours
    before  [day, customer]        mean power in the hours that the day is adjusted by
    today   [customer]             the same on the event's day
    """
    adjusts = method.adjustment != "none"
    whole = np.asarray(~np.isnan(past).any(axis=1))
    if adjusts:
        whole &= ~np.isnan(before)
    taken = whole & (np.cumsum(whole[::-1], axis=0)[::-1] <= method.days)
    days = taken.sum(axis=0).astype(float)
    if method.highest is not None:
        energy = np.where(taken, past.sum(axis=1), -np.inf)
        # Of two days alike the more recent one comes first.
        order = np.argsort(-energy[::-1], axis=0, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(len(order))[:, None] + np.zeros_like(order), axis=0)
        taken = taken & (rank[::-1] < method.highest)
    count = taken.sum(axis=0)
    enough = days >= method.min_days
    share = np.where(enough, 1.0 / np.maximum(count, 1), np.nan)
    plain = np.einsum("dsc,dc->sc", np.nan_to_num(past), taken.astype(float)) * share
    if not adjusts:
        none = np.where(enough, 0.0, np.nan)
        return Estimate(plain, plain.copy(), none, np.zeros(none.shape, dtype=bool), days)
    mean = (np.nan_to_num(before) * taken).sum(axis=0) * share
    if method.adjustment == "additive":
        most = method.cap * np.abs(plain.mean(axis=0))
        wanted = today - mean
        moved = np.clip(wanted, -most, most)
        return Estimate(plain, plain + moved, moved, np.abs(wanted) > most, days)
    # Who takes nothing in those hours is not adjusted by a ratio that has no value.
    ratio = np.where(mean > 0, today / np.where(mean > 0, mean, 1.0), np.where(np.isnan(today), np.nan, 1.0))
    ratio = np.where(enough, ratio, np.nan)
    moved = np.clip(ratio, 1 - method.cap, 1 + method.cap)
    return Estimate(plain, plain * moved, moved, np.abs(ratio - 1) > method.cap, days)
