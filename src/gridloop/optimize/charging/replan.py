"""Charging in real time: a new plan every interval as cars come early, late or not at all, and leave when they like.

A plan knows what drivers say: who booked, when they will leave, how much they want. The truth arrives with time: a car
is there or not, takes power or is full, is gone. What is remembered of a car is what it got. Between two plans a car
that comes takes what room the last plan left, so that it need not wait for the next.

    booked and not here    planned from its booking on, or from the next interval on where it is late; forgotten after
                           an hour
    here                   planned for what its driver asked for, less what it got; where it goes on taking more, for as
                           much as it can take until the next plan
    full, or gone          nothing more
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, listed
from gridloop.optimize.charging.departures import DepartureRisk
from gridloop.optimize.charging.result import Charging, charging_result
from gridloop.optimize.charging.stays import each_step, stays_of
from gridloop.optimize.charging.step import Step, plan_step
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.horizon import Horizon
from gridloop.units import BoolArray, FloatArray, IntArray

Watch = Callable[[int, IntArray, FloatArray], None]
Power = float | Sequence[float] | FloatArray | pd.Series
WORDS = ("user_departure", "user_energy_mwh")
NO_SHOW_H = 1.0  # a car that is later than this is not waited for
FULL_MWH = 1e-9  # a milliwatt hour: a car that misses less is full
UNTOLD_MWH = 0.01  # what is thought to be wanted where neither this driver nor any before has said: 50 km or so
GONE = 0.98  # later than this chance of being gone nothing is planned: it would be as good as short


@dataclass(frozen=True)
class ChargingRules:
    """What a plan in real time keeps to.

    limit_mw           of the site, base load included
    free_mw            import that costs nothing more than its energy, such as a peak that is paid for already
    peak_price_per_mw  money per MW of the highest import above that; it is paid once: what was reached stays free, and
                       what the base load will reach within the look-ahead is free before
    lost_price         money per MWh that a driver leaves without
    early_cost         money per MWh and hour of waiting
    look_ahead_h       how far a plan looks
    """

    limit_mw: float = np.inf
    free_mw: float = 0.0
    peak_price_per_mw: float = 0.0
    lost_price: float = 5_000.0
    early_cost: float = 0.01
    look_ahead_h: float = 24.0


def replan_charging(
    sessions: pd.DataFrame,
    prices: pd.DataFrame | pd.Series,
    rules: ChargingRules | None = None,
    *,
    base_mw: Power = 0.0,
    risk: DepartureRisk | None = None,
    horizon: Horizon | None = None,
    watch: Watch | None = None,
) -> Charging:
    """Charge cars by plans that are made anew at the start of every interval.

    sessions  the truth: arrival (NaT where a car never comes), departure, energy_mwh (what it takes before it is full),
              max_charge_mw; beside it the drivers' words: user_departure (NaT where not said), user_energy_mwh (NaN
              where not said), and optionally user_arrival, when it was booked for (NaT: nobody knew of it)
    prices    money per MWh to import, one row per interval, known ahead
    base_mw   what the site takes beside the cars; known ahead
    risk      when cars really leave and what they want, learned from past sessions; without it drivers are believed,
              one who stays longer than said is thought to leave any moment, and one who did not say an energy to want
              the median of what those asked for who came so far (before the first of them, `UNTOLD_MWH`)
    watch     called with every plan: its first interval, the rows of its sessions, and what it means to charge into
              each of them in the intervals ahead [car, step ahead], MWh

    The same input gives the same powers. Raises `MissingColumn`, and what `EVFleet` raises.
    """
    rules = rules or ChargingRules()
    missing = [name for name in WORDS if name not in sessions.columns]
    if missing:
        raise MissingColumn(
            f"Sessions lack {listed(missing)}: what drivers say is what plans are made on.", missing=missing
        )
    price = prices if isinstance(prices, pd.Series) else prices["import_eur_per_mwh"]
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(price.index))
    comes = sessions["arrival"].notna().to_numpy()
    # A car that never comes has a stay of no length that it needs nothing in.
    there = sessions[comes]
    stays = stays_of(EVFleet(there), horizon)
    world = _World.of(sessions, comes, horizon, risk)
    base = each_step(base_mw, horizon, "base_mw")
    power = np.zeros((len(sessions), len(horizon)))
    run = _Run(world, rules, price.to_numpy(dtype=float), base, horizon, risk, power, watch)
    for t in range(len(horizon)):
        run.turn(t)
    return charging_result(stays, power[comes], base)


@dataclass(frozen=True)
class _World:
    """The truth and the words, in hours from the start; NaN where there is none. [session]

    usual_mwh  what drivers want who do not say it, where it was learned before; NaN: the median so far
    rank       place of its name among all names, which decides between cars that come at the same moment
    """

    since: FloatArray
    until: FloatArray
    takes_mwh: FloatArray
    power_mw: FloatArray
    said_since: FloatArray
    said_until: FloatArray
    asked_mwh: FloatArray
    usual_mwh: float
    rank: IntArray

    @classmethod
    def of(cls, sessions: pd.DataFrame, comes: BoolArray, horizon: Horizon, risk: DepartureRisk | None) -> _World:
        def hours(name: str) -> FloatArray:
            if name not in sessions:
                return np.full(len(sessions), np.nan)
            since = (sessions[name] - horizon.starts[0]).dt.total_seconds().to_numpy(dtype=float)
            return np.asarray(since / 3600.0, dtype=np.float64)

        energy = np.where(comes, sessions["energy_mwh"].to_numpy(dtype=float), 0.0)
        return cls(
            hours("arrival"), hours("departure"), energy, sessions["max_charge_mw"].to_numpy(dtype=float),
            hours("user_arrival"), hours("user_departure"), sessions["user_energy_mwh"].to_numpy(dtype=float),
            np.nan if risk is None else risk.energy_mwh,
            np.argsort(np.argsort(sessions.index.map(str).to_numpy(), kind="stable"), kind="stable"),
        )  # fmt: skip

    def wanted_mwh(self, now: float) -> FloatArray:
        """What drivers are thought to want, by what was said until now. [session]"""
        usual = self.usual_mwh
        if np.isnan(usual):
            heard = self.asked_mwh[(self.since <= now) & np.isfinite(self.asked_mwh)]
            usual = float(np.median(heard)) if heard.size else UNTOLD_MWH
        return np.where(np.isnan(self.asked_mwh), usual, self.asked_mwh)


@dataclass
class _Run:
    """The state of charging as time goes on; `power` is written, one interval per turn."""

    world: _World
    rules: ChargingRules
    price: FloatArray
    base: FloatArray
    horizon: Horizon
    risk: DepartureRisk | None
    power: FloatArray
    watch: Watch | None = None

    def __post_init__(self) -> None:
        self.got = np.zeros(len(self.world.since))
        self.reached = self.rules.free_mw
        self.begin = self.horizon.waiting
        self.end = self.begin + self.horizon.hours

    def turn(self, t: int) -> None:
        """Plan, hold the plan for an interval, and see what came of it."""
        w, now, h = self.world, self.begin[t], self.horizon.hours[t]
        here = (w.since <= now) & (w.until > now) & (w.takes_mwh - self.got > FULL_MWH)
        booked = self._booked(now)
        wanted = self._planned(t, here, booked)
        energy, planned_h = np.zeros(len(self.got)), np.full(len(self.got), h)
        if wanted is not None:
            energy, planned_h = np.where(here, wanted[0], 0.0), wanted[1]
        room = max(0.0, min(self.rules.limit_mw, self._free(t)) - self.base[t] - energy.sum() / h)
        # A plan spreads its energy over the stay it counts on: who leaves before gets it only until then.
        stays_h = np.nan_to_num(w.until, nan=now) - now
        energy = energy * np.clip(stays_h / np.where(planned_h > 0.0, planned_h, h), 0.0, 1.0)
        come = np.flatnonzero((w.since > now) & (w.since < self.end[t]))
        for k in come[np.lexsort((w.rank[come], w.since[come]))]:
            mw = min(w.power_mw[k], room)
            room -= mw
            energy[k] = mw * (min(w.until[k], self.end[t]) - w.since[k])
        energy = np.minimum(energy, np.maximum(w.takes_mwh - self.got, 0.0))
        self.got += energy
        self.power[:, t] = energy / h
        self.reached = max(self.reached, self.base[t] + float(energy.sum()) / h)

    def _ahead(self, t: int) -> slice:
        """The intervals that a plan looks at."""
        last = int(np.searchsorted(self.begin, self.begin[t] + self.rules.look_ahead_h - 1e-9))
        return slice(t, max(last, t + 1))

    def _free(self, t: int) -> float:
        """Import that costs no more peak: what was reached, or the base load will; all where peaks cost nothing."""
        if self.rules.peak_price_per_mw <= 0:
            return np.inf
        return max(self.reached, float(self.base[self._ahead(t)].max()))

    def _booked(self, now: float) -> BoolArray:
        """Cars that were announced, are not here yet, and are not too late."""
        w = self.world
        waited = ~(w.since <= now) & (now - w.said_since < NO_SHOW_H)
        return np.asarray(waited & np.isfinite(w.said_until) & (w.said_until > now))

    def _planned(self, t: int, here: BoolArray, booked: BoolArray) -> tuple[FloatArray, FloatArray] | None:
        """Energies of the interval that begins, by a plan for all that is known, and how long it counts on each car.

        [session], MWh and hours; None with no car.
        """
        who = np.flatnonzero(here | booked)
        if not who.size:
            return None
        w, r, now = self.world, self.rules, self.begin[t]
        steps = self._ahead(t)
        begin, end, hours = self.begin[steps], self.end[steps], self.horizon.hours[steps]
        begins = np.where(here[who], now, np.maximum(w.said_since[who], self.end[t]))
        ends, gone = self._leaving(who, here[who], begin, end, t)
        present = np.clip(np.minimum(ends[:, None], end) - np.maximum(begins[:, None], begin), 0.0, None)
        sure = gone < GONE
        sure[:, 0] = True  # who is here may charge now, however long overdue
        gone = np.minimum(gone, GONE)  # and what is as good as lost is still better than lost
        most = w.power_mw[who, None] * np.where(sure, present, 0.0)
        left = w.wanted_mwh(now)[who] - self.got[who]
        need = np.where(left > FULL_MWH, left, w.power_mw[who] * hours[0])
        free = np.full(len(begin), np.inf)
        over = np.zeros(len(begin))
        limit, base = r.limit_mw, self.base[steps]
        if r.peak_price_per_mw > 0:
            free = np.clip(min(self._free(t), limit) - base, 0.0, None)
            over = np.clip(limit - base, 0.0, None) - free
            over = np.where(np.isfinite(over), over, w.power_mw[who].sum())
        elif np.isfinite(limit):
            free = np.clip(limit - base, 0.0, None)
        plan = plan_step(
            Step(
                need, most, gone, np.full(who.size, r.lost_price), self.price[steps], r.early_cost * (begin - now),
                free, over, r.peak_price_per_mw, hours,
            )
        )  # fmt: skip
        if self.watch is not None:
            self.watch(t, who, plan)
        found, planned_h = np.zeros(len(self.got)), np.zeros(len(self.got))
        found[who], planned_h[who] = plan[:, 0], present[:, 0]
        return found, planned_h

    def _leaving(
        self, who: IntArray, here: BoolArray, begin: FloatArray, end: FloatArray, t: int
    ) -> tuple[FloatArray, FloatArray]:
        """When cars are thought to leave at the latest, and the chance that they leave earlier. [car], [car, step]"""
        w, now = self.world, self.begin[t]
        said, none = w.said_until[who], np.zeros((who.size, len(begin)))
        believed = np.where(np.isnan(said) | (said <= now), self.end[t], said)
        if self.risk is None:
            return believed, none
        middle = (begin + end) / 2 - now
        gone = self.risk.gone(now - np.nan_to_num(w.since[who]), said - w.since[who], middle)
        return np.where(here, np.inf, believed), np.where(here[:, None], gone, none)
