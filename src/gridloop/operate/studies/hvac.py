"""Heating and cooling planned again and again on forecast weather, beside two ways without a plan in the same weather.

All run the same true building in the weather that came. The plan knows a model of it, the prices that are published
by then, carbon of the hours before, and weather foretold; between two plans a real-time rule keeps the band
(`optimize/building/operation.py`), which knows that model too and the air as it is read. Thermostats switch on and off
with a dead band; the rule modulates, which saves by itself. So the rule alone, with no plan, is run beside both: what a
plan adds is told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, SolveFailed
from gridloop.operate.studies.hvac_result import BASELINE, MONTH_H, PLANNED, RULE, Week
from gridloop.operate.studies.weather_ahead import WeatherAhead
from gridloop.optimize.building.control import Following, Thermostat
from gridloop.optimize.building.margins import with_margins
from gridloop.optimize.building.operation import Operated, Running, run_given, run_thermostat
from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.replanned import Replanned
from gridloop.units import FloatArray

LEADS_H = (-0.5, 0.0, 1.0, 2.0, 3.0, 5.0, 7.0)
# Sites ask for the band of their first occupied hour one hour before: that much earlier a start is.
SOON_H = 1.0
ALLOWED = 0.01
"""Share of occupied zone-hours in which the band may be left: what thermostats are set to keep, and plans have to."""
PUBLISHED_AT = 13  # local hour at which tomorrow's prices are known


class Site(Protocol):
    """What makes a building of weather; its model may differ from the truth."""

    def building(self, index: pd.DatetimeIndex, outdoor_c: FloatArray, sun_w_m2: FloatArray) -> Building: ...


def run_week(
    true: Site,
    model: Site,
    weather: WeatherAhead,
    prices: pd.Series,
    start: pd.Timestamp,
    days: int,
    *,
    zone: str = "UTC",
    horizon_h: int = 24,
    every_h: int = 1,
    peak_eur_per_mw_month: float = 0.0,
    fuel_eur_per_mwh: float = 0.0,
    carbon_t_per_mwh: pd.Series | None = None,
    carbon_eur_per_t: float = 0.0,
    chance: float | None = 0.05,
    disturbance: FloatArray | None = None,
    initial_c: Sequence[FloatArray] | None = None,
    lead_h: float | None = None,
    gains: Sequence[FloatArray] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Week:
    """A span all three ways; the day before it is run too, so that the start does not count.

    true, model   what the building is, and what the plan believes
    prices        day-ahead, hourly (UTC), from two days before on; what is not published yet is as a day before
    carbon_t_per_mwh  what the grid emitted, over the hours of the prices. No plan knows it before its hour has passed:
                  hours ahead are taken as a day before, and what was emitted is reckoned with what came
    horizon_h     how far a plan looks; every_h: hours from plan to plan
    chance        of leaving the band by the forecast's error that a plan keeps room for; None: none kept
    disturbance   [state, step] over the span and the day before it: what no model knows
    lead_h        early start of thermostats and of the rule alone; None takes for each the cheapest of `LEADS_H` that
                  keeps the band in all but `ALLOWED` of the occupied hours of this very span, which is more than a
                  time switch knows
    gains         [state] of each zone: how a reading of its air corrects the plan's belief; None: air as it is read
    """
    first = start - pd.Timedelta(days=1)
    index = pd.date_range(first, periods=24 * (days + 1), freq="h", tz="UTC")
    at = int(weather.index.searchsorted(first))
    if at < 0 or at + len(index) > len(weather.index):
        raise OutOfRange(f"The weather ends at {weather.index[-1]}, before the span's end.")
    rows = slice(at, at + len(index))
    horizon = Horizon.regular(index)
    outdoor, sun = weather.outdoor_c[rows], weather.sun_w_m2[rows]
    real = true.building(index, outdoor, sun)
    if initial_c is not None:
        real = real.at(slice(0, len(index)), list(initial_c))
    counted = slice(24, len(index))
    leads = LEADS_H if lead_h is None else (lead_h,)
    hourly = prices.reindex(index)
    if hourly.isna().any():
        raise OutOfRange(f"{int(hourly.isna().sum())} of {len(index)} hours from {first} on have no price.")
    seen = model.building(index, outdoor, sun)
    if initial_c is not None:
        seen = seen.at(slice(0, len(index)), list(initial_c))
    tell("thermostats")
    lead, switched = _best(
        {lead: run_thermostat(real, horizon, Thermostat(lead), disturbance=disturbance).over(counted)
         for lead in leads}, hourly, fuel_eur_per_mwh)  # fmt: skip
    tell("the rule alone")
    rule_lead, unplanned = _best(
        {lead: run_given(real, horizon, None, model=seen, lead_h=lead, disturbance=disturbance,
                         gains=gains).over(counted)
         for lead in sorted({max(0.0, lead) for lead in leads})}, hourly, fuel_eur_per_mwh)  # fmt: skip
    running = Running(real, horizon, disturbance=disturbance, model=seen, gains=gains)
    belief = running.belief
    assert belief is not None
    rule = Following.on(real, len(index), running.parts)
    expected = np.full(len(index), np.nan)
    peak, plans, elastic, failed, planner = 0.0, 0, 0, 0, Replanned()
    month = peak_eur_per_mw_month * 24 * days / MONTH_H
    for t in range(len(index)):
        if t % every_h == 0:
            if t % 24 == 0:
                tell(f"planning day {t // 24 + 1} of {days + 1}")
            ahead = pd.date_range(index[t], periods=horizon_h, freq="h", tz="UTC")
            foretold, bright = weather.ahead(at + t, horizon_h)
            expected[t : t + every_h] = foretold[: min(every_h, len(index) - t)]
            asked = model.building(ahead, foretold, bright).at(slice(0, horizon_h), belief.zones())
            errors = weather.errors(at + t, horizon_h)
            if chance is not None and len(errors) >= 1 / chance:
                asked = with_margins(asked, errors, 1.0, chance=chance,
                                     recourse_h=float(max(1, every_h)))  # fmt: skip
            if carbon_t_per_mwh is not None and carbon_eur_per_t > 0:
                asked = replace(asked, carbon_t_per_mwh=_known(carbon_t_per_mwh, index[t], ahead),
                                carbon_eur_per_t=carbon_eur_per_t)  # fmt: skip
            known = pd.Series(_known(prices, _published_until(index[t], zone), ahead), index=ahead)
            link = Connection(contracted_peak_mw=peak, peak_price_per_mw=month) if month > 0 else Connection()
            plan = planner.schedule([asked], known, connection=link)
            plans += 1
            if plan.solved:
                elastic += plan.parts["building_outside"] > 1e-6
                heat = plan.wide("heat_mw", "building")[[f"{asked.id}/{z.id}" for z in asked.zones]].to_numpy().T
                last = min(horizon_h, len(index) - t)
                rule.heat_mw[:, t : t + last] = heat[:, :last]
            elif t == 0:
                raise SolveFailed(f"There is no plan at {index[t]}: {plan.diagnosis}")
            else:  # what the last plan has for these hours stands in, and it is told how often
                failed += 1
        running.run(rule, range(t, t + 1))
        if t >= 24:
            peak = max(peak, float(running.rows[t, 0]))
    ways = {BASELINE: switched, RULE: unplanned, PLANNED: running.result(counted)}
    span = index[counted]
    return Week(
        start, ways, hourly[counted], None if carbon_t_per_mwh is None else carbon_t_per_mwh.reindex(span),
        peak_eur_per_mw_month, fuel_eur_per_mwh, lead + SOON_H, rule_lead + SOON_H,
        pd.Series(expected[counted], index=span), pd.Series(outdoor[counted], index=span),
        _bands(real, span, counted, len(index)), plans, elastic, failed,
    )  # fmt: skip


def _bands(
    real: Building, span: pd.DatetimeIndex, counted: slice, steps: int
) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Lower and upper end of every zone's band."""
    return {
        zone.id: (
            pd.Series(over_steps(zone.min_c, steps)[counted], index=span),
            pd.Series(over_steps(zone.max_c, steps)[counted], index=span),
        )
        for zone in real.zones
    }


def _best(tried: Mapping[float, Operated], prices: pd.Series, fuel: float) -> tuple[float, Operated]:
    """The cheapest start that keeps the band; where none does, the one that leaves it least."""
    good = [lead for lead, ran in tried.items() if ran.violation_share <= ALLOWED]
    if good:
        best = min(good, key=lambda lead: tried[lead].cost(prices, fuel))
    else:
        best = min(tried, key=lambda lead: tried[lead].violation_share)
    return best, tried[best]


def _published_until(now: pd.Timestamp, zone: str) -> pd.Timestamp:
    """The first hour whose price is not published by now."""
    local = now.tz_convert(zone)
    days = 2 if local.hour >= PUBLISHED_AT else 1
    return (local.normalize() + pd.DateOffset(days=days)).tz_convert("UTC")


def _known(values: pd.Series, until: pd.Timestamp, ahead: pd.DatetimeIndex) -> FloatArray:
    """Values of the hours ahead where they are known, which is before `until`; the rest is as a day before. [step]"""
    found = np.empty(len(ahead))
    for k, at in enumerate(ahead):
        source = at
        while source >= until or source not in values.index:
            source -= pd.Timedelta(days=1)
            if source < values.index[0]:
                raise OutOfRange(f"No value is known for {at}.")
        found[k] = float(values.loc[source])
    return found
