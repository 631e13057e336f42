"""A month of charging at Caltech as it was recorded, planned on what drivers said, beside charging without control.

Sessions are those of ACN-Data: when a car came and left and what it took is the truth; energy and departure that its
driver asked for are what a plan sees. Where a session was not claimed by a driver the data repeat the truth as the
driver's words; these words are taken away here, and the plan knows nothing but the car's presence.

Plans are made anew every quarter of an hour. What they know of the past are the sessions of the months before: how far
drivers leave from when they said, and the peak of uncontrolled charging in the last of them, of which a share
(`peak_share`) is the import that the plan treats as paid for.

The tariff is that of Southern California Edison for charging (TOU-EV-4 of March 2019): a price by time of use, and a
demand charge for the highest quarter of an hour of the month. All money is USD.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutsideData
from gridloop.io.ev_sessions import read_ev_sessions
from gridloop.optimize.charging.baselines import least_laxity_first, uncontrolled_charging
from gridloop.optimize.charging.departures import DepartureRisk
from gridloop.optimize.charging.replan import ChargingRules, replan_charging
from gridloop.optimize.charging.result import Charging, charging_result
from gridloop.optimize.charging.stays import stays_of
from gridloop.optimize.charging.step import Step, plan_step
from gridloop.optimize.horizon import Horizon

ZONE, BUS = "America/Los_Angeles", "garage"
STEP = pd.Timedelta(minutes=15)
# USD per MWh by clock hour, of weekdays: night, morning and evening, afternoon; weekends are night all day.
SUMMER, WINTER = (56.23, 92.50, 266.68), (60.87, 74.92, 86.90)
DEMAND_CHARGE_PER_MW = 15_510.0
FILES = ("2019-05-01_2019-08-31.csv.gz", "2019-09-01_2019-12-31.csv.gz", "2020-02-01_2020-05-31.csv.gz")


def time_of_use(starts: pd.DatetimeIndex) -> pd.Series:
    """Price of every interval. [USD/MWh]"""
    local = starts.tz_convert(ZONE)
    summer = (local.month >= 6) & (local.month <= 9)
    hour, weekend = np.asarray(local.hour), np.asarray(local.dayofweek >= 5)
    kind = np.where((hour >= 12) & (hour < 18), 2, np.where((hour >= 8) & (hour < 23), 1, 0))
    kind = np.where(weekend, 0, kind)
    return pd.Series(np.where(summer, np.array(SUMMER)[kind], np.array(WINTER)[kind]), index=starts)


def read_month(folder: Path, files: Sequence[str] = FILES) -> pd.DataFrame:
    """All sessions of ACN-Data files of one site; words of sessions that nobody claimed are missing."""
    tables = []
    for name in files:
        path = folder / name
        sessions = read_ev_sessions(path, [BUS], ZONE)
        raw = pd.read_csv(path, usecols=["session_id", "claimed"]).set_index("session_id")["claimed"].astype(bool)
        claimed = raw.reindex(sessions.index).to_numpy(dtype=bool)
        sessions["user_departure"] = sessions["user_departure"].where(claimed)
        sessions["user_energy_mwh"] = sessions["user_energy_mwh"].where(claimed)
        tables.append(sessions)
    return pd.concat(tables)


@dataclass(frozen=True)
class EVMonth:
    """One month four ways. The money of each is energy by time of use and the demand charge for its own peak.

    uncontrolled   every car at once
    least_laxity   by urgency under the power that the plan reached, knowing when cars really leave
    believing      plans on the drivers' words, as cars come and go, which take every word for true
    planned        the same, with what was learned of how drivers err
    foresight      the cheapest there is, knowing everything before the month begins
    free_mw        power that the plan treated as paid for
    seconds        of processor time for the planned month
    """

    sessions: pd.DataFrame
    prices: pd.Series
    uncontrolled: Charging
    least_laxity: Charging
    believing: Charging
    planned: Charging
    foresight: Charging
    free_mw: float
    seconds: float

    def money(self, charging: Charging) -> float:
        """Bill of the month: energy and demand charge. [USD]"""
        return charging.cost(self.prices, DEMAND_CHARGE_PER_MW)

    def table(self) -> pd.DataFrame:
        """Each way with its energy served, peak and money."""
        names = ("uncontrolled", "least_laxity", "believing", "planned", "foresight")
        ways: dict[str, Charging] = {name: getattr(self, name) for name in names}
        rows = {
            name: {
                "served_share": way.served_share,
                "sessions_short": int((way.short_mwh > 0).sum()),
                "short_kwh": 1000.0 * float(way.short_mwh.sum()),
                "peak_kw": 1000.0 * way.peak_mw,
                "energy_money": way.cost(self.prices),
                "money": self.money(way),
            }
            for name, way in ways.items()
        }
        return pd.DataFrame(rows).T

    def facts(self) -> dict[str, Any]:
        """The figures of the study."""
        before, now = self.uncontrolled, self.planned
        return {
            "sessions": len(self.sessions),
            "energy_mwh": float(self.sessions["energy_mwh"].sum()),
            "said_share": float(self.sessions["user_departure"].notna().mean()),
            "left_earlier_share": float((self.sessions["departure"] < self.sessions["user_departure"]).mean()),
            "served_share": now.served_share,
            "sessions_short": int((now.short_mwh > 0).sum()),
            "short_kwh": 1000.0 * float(now.short_mwh.sum()),
            "believing_served_share": self.believing.served_share,
            "peak_lower_pct": 100.0 * (1.0 - now.peak_mw / before.peak_mw),
            "energy_money_lower_pct": 100.0 * (1.0 - now.cost(self.prices) / before.cost(self.prices)),
            "money_lower_pct": 100.0 * (1.0 - self.money(now) / self.money(before)),
            "free_kw": 1000.0 * self.free_mw,
            "processor_s": self.seconds,
        }


def ev_month(
    sessions: pd.DataFrame,
    month: str = "2019-09",
    *,
    learn_months: int = 3,
    peak_share: float = 0.6,
    days: int | None = None,
) -> EVMonth:
    """Charge a month of recorded sessions, planned on their drivers' words.

    sessions      of `read_month`: the month, and at least `learn_months` before it to learn from
    month         "YYYY-MM" of the site's calendar
    peak_share    of the uncontrolled peak of the month before: what the plan treats as paid for
    days          only so many from the first of the month on

    Raises `OutsideData` where a month is not in the sessions.
    """
    first = pd.Timestamp(f"{month}-01", tz=ZONE)
    ends = first + (pd.DateOffset(months=1) if days is None else pd.DateOffset(days=days))
    now, horizon = _between(sessions, first, ends)
    past, _ = _between(sessions, first - pd.DateOffset(months=learn_months), first)
    past = past[past["departure"] <= first]  # who is still there on the first has not left yet
    last, last_horizon = _between(sessions, first - pd.DateOffset(months=1), first)
    prices = time_of_use(horizon.starts)
    free = peak_share * uncontrolled_charging(last, last_horizon).peak_mw
    rules = ChargingRules(free_mw=free, peak_price_per_mw=DEMAND_CHARGE_PER_MW)
    started = time.process_time()
    planned = replan_charging(now, prices, rules, risk=DepartureRisk.fit(past), horizon=horizon)
    seconds = time.process_time() - started
    return EVMonth(
        now,
        prices,
        uncontrolled_charging(now, horizon),
        least_laxity_first(now, horizon, max(free, planned.peak_mw)),
        replan_charging(now, prices, rules, horizon=horizon),
        planned,
        _foresight(now, horizon, prices),
        free,
        seconds,
    )


def _between(sessions: pd.DataFrame, first: pd.Timestamp, ends: pd.Timestamp) -> tuple[pd.DataFrame, Horizon]:
    """Sessions that begin in a span, and quarters of an hour until the last of them is gone."""
    inside = sessions[(sessions["arrival"] >= first) & (sessions["arrival"] < ends)]
    if inside.empty:
        raise OutsideData(
            f"No session begins between {first:%Y-%m-%d} and {ends:%Y-%m-%d}; give the files that have them."
        )
    # A day more than the span, so that plans of its last hours look as far as any.
    last = max(inside["departure"].max(), ends.tz_convert("UTC") + pd.Timedelta(days=1))
    starts = pd.date_range(first.tz_convert("UTC"), last.ceil(STEP), freq=STEP, inclusive="left")
    return inside, Horizon.regular(starts)


def _foresight(sessions: pd.DataFrame, horizon: Horizon, prices: pd.Series) -> Charging:
    """The cheapest month, energy and demand charge, of who knows all of it."""
    stays = stays_of(sessions, horizon)
    n, steps = stays.most_mwh.shape
    none = np.zeros(steps)
    energy = plan_step(
        Step(
            np.minimum(stays.within_mwh, stays.most_mwh.sum(axis=1)), stays.most_mwh, np.zeros((n, steps)),
            np.full(n, 5_000.0), prices.to_numpy(dtype=float), none, none, np.full(steps, stays.power_mw.sum()),
            DEMAND_CHARGE_PER_MW, horizon.hours,
        )
    )  # fmt: skip
    return charging_result(stays, energy / horizon.hours)
