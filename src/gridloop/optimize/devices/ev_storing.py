"""Batteries of vehicles that are watched: those that may give energy back, and those that come below their reserve.

Of most sessions a plan only knows the energy at the plug. Here it follows what is stored, so that a car that gives
keeps its reserve, gives only where a price is worth it and only so much of its battery, and never beyond what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.devices.battery import BAND_PRICE
from gridloop.optimize.devices.battery_group import BOTH_WAYS_MW
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_sessions import giving_power, numbers
from gridloop.optimize.devices.group import Term
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import NO_VARIABLE, Coords, Sum, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import BoolArray, FloatArray, IntArray


class Storing:
    """The watched sessions of a problem; equations in docs/math/flexibility-ev.md.

    rows  which of all sessions these are. [watched]
    """

    def __init__(self, fleets: Sequence[EVFleet]) -> None:
        column = {name: np.concatenate([numbers(f.sessions, name, d) for f in fleets]) for name, d in _COLUMNS.items()}
        give = np.concatenate([giving_power(f.sessions) for f in fleets])
        start = column["soc_arrival"] * column["capacity_mwh"]
        reserve = column["min_soc"] * column["capacity_mwh"]
        self.rows: IntArray = np.flatnonzero((give > 0) | (start < reserve))
        counts = [len(f.sessions) for f in fleets]

        def of_fleet(name: str) -> FloatArray:
            return np.repeat([float(getattr(f, name)) for f in fleets], counts)[self.rows]

        at = self.rows
        self.give_most, self.start, self.reserve = give[at], start[at], np.nan_to_num(reserve[at])
        self.capacity = column["capacity_mwh"][at]
        self.eta_in, self.eta_out = column["charge_efficiency"][at], column["discharge_efficiency"][at]
        self.depth = np.clip(of_fleet("max_discharge_share") * self.capacity - column["given_mwh"][at], 0.0, None)
        self.threshold, self.wear = of_fleet("discharge_price_threshold"), of_fleet("degradation_cost")
        self.early = of_fleet("early_cost")

    def __len__(self) -> int:
        return len(self.rows)

    def add(
        self, model: LabelledModel, horizon: Horizon, ids: Sequence[str], charge: IntArray, presence: FloatArray,
        import_price: FloatArray,
    ) -> None:  # fmt: skip
        """discharge [MW], stored energy at the end of every interval [MWh], and how far that is below the reserve.

        charge        labels of all sessions' charging. [session, step]
        presence      share of every interval that a session is plugged in. [session, step]
        import_price  what decides whether giving is worth it. [step]
        """
        coords: Coords = [pd.Index([ids[k] for k in self.rows], name="watched"), horizon.index]
        self.hours, self.waiting = horizon.hours, horizon.waiting
        here = presence[self.rows]
        most = self.give_most[:, None] * here * (import_price >= self.threshold[:, None])
        self.discharge = add_variables(model, "ev_discharge", coords, 0.0, most, most > 0)
        floor = np.minimum(self.reserve, self.start)[:, None]
        self.stored = add_variables(model, "ev_stored", coords, floor, self.capacity[:, None])
        stored, give = self.stored.labels.values, self.discharge.labels.values
        begin = np.zeros(stored.shape)
        begin[:, 0] = self.start
        self.balance = add_rows(
            model,
            "ev_balance",
            coords,
            [
                (stored, 1.0),
                (one_step_earlier(stored), -1.0),
                (charge[self.rows], -self.eta_in[:, None] * self.hours),
                (give, self.hours / self.eta_out[:, None]),
            ],
            "=",
            begin,
        )
        taken: list[tuple[IntArray, FloatArray | float]] = [(give, self.hours / self.eta_out[:, None])]
        self.depth_rows = add_rows(model, "ev_depth", coords[:1], taken, "<=", self.depth)
        self._add_reserve(model, coords, here > 0)

    def _add_reserve(self, model: LabelledModel, coords: Coords, here: BoolArray) -> None:
        """below ≥ reserve − stored while it is there, for cars that came with less."""
        under = here & (self.start < self.reserve)[:, None]
        self.below: Members | None = None
        if not under.any():
            return
        self.below = add_variables(model, "ev_below_reserve", coords, 0.0, np.inf, under)
        labels = self.below.labels.values[under], self.stored.labels.values[under]
        place = [pd.RangeIndex(labels[0].size, name="place")]
        reserve = np.broadcast_to(self.reserve[:, None], under.shape)[under]
        add_rows(model, "ev_reserve", place, [(labels[0], 1.0), (labels[1], 1.0)], ">=", reserve)

    def gives(self, sessions: int) -> IntArray:
        """Labels of what is given, of all sessions; `NO_VARIABLE` for those that are not watched. [session, step]"""
        labels = np.full((sessions, len(self.hours)), NO_VARIABLE, dtype=np.int64)
        labels[self.rows] = self.discharge.labels.values
        return labels

    def plug_share(self, sessions: int) -> FloatArray:
        """What a MWh given takes off the energy at the plug: it must be charged again. [session, step]"""
        share = np.zeros((sessions, len(self.hours)))
        share[self.rows] = -self.hours / (self.eta_in * self.eta_out)[:, None]
        return share

    def waiting_cost(self) -> tuple[Members, FloatArray]:
        """What giving later costs: it breaks ties as charging does."""
        return self.discharge, self.early[:, None] * (self.waiting * self.hours)

    def terms(self, bus: Sequence[str]) -> list[Term]:
        return [Term(self.gives(len(bus)), bus, p=1.0)]

    def cost(self, staying: BoolArray, end_value: float) -> dict[str, Sum]:
        """Wear of what is given, time below the reserve, less the worth of what stays in cars that stay.

        staying    True for the cars that are still there when the horizon ends. [session]
        end_value  money per MWh at the plug, then
        """
        worth = np.zeros((len(self), len(self.hours)))
        stays = staying[self.rows] & (self.give_most > 0)
        worth[:, -1] = np.where(stays, end_value * self.eta_out, 0.0)
        parts = {
            "ev_wear": Sum.of((self.discharge, self.wear[:, None] * self.hours)),
            "ev_stored": Sum.of((self.stored, -worth)),
        }
        if self.below is not None:
            parts["ev_reserve"] = Sum.of((self.below, BAND_PRICE * self.hours))
        return parts

    def settle(self, outcome: Outcome, charge: Members) -> list[Fix]:
        """Where the linear plan burns energy by running both ways at once, keep the stronger direction only."""
        labels = charge.labels.values[self.rows], self.discharge.labels.values
        c, d = outcome.at(labels[0]), outcome.at(labels[1])
        both = (c > BOTH_WAYS_MW) & (d > BOTH_WAYS_MW)
        fixes = []
        for mine, loser in zip(labels, (both & (c <= d), both & (c > d)), strict=True):
            if loser.any():
                zero = np.zeros(int(loser.sum()))
                fixes.append(Fix(mine[loser], zero, zero))
        return fixes

    def given(self, outcome: Outcome, sessions: int) -> FloatArray:
        """What all sessions give. [session, step], MW"""
        power = np.zeros((sessions, len(self.hours)))
        power[self.rows] = outcome.value(self.discharge)
        return power

    def worth_at_plug(self, outcome: Outcome, sessions: int) -> FloatArray:
        """What a MWh charged in the first interval is worth in the battery; zero where none is watched. [session]"""
        found = np.zeros(sessions)
        found[self.rows] = -outcome.dual(self.balance)[:, 0] * self.eta_in
        return found

    def sell_above(self, outcome: Outcome, at_plug: FloatArray) -> FloatArray:
        """Price from which on a car gives in the first interval. [session], money per MWh; infinite where it cannot.

        at_plug  what a MWh at the plug is worth to a session's need. [session]
        """
        found = np.full(at_plug.shape, np.inf)
        stored, depth = -outcome.dual(self.balance)[:, 0], -outcome.dual(self.depth_rows)
        found[self.rows] = (at_plug[self.rows] / self.eta_in + stored + depth) / self.eta_out + self.wear
        return found


_COLUMNS = {
    "capacity_mwh": np.nan,
    "soc_arrival": np.nan,
    "min_soc": 0.0,
    "charge_efficiency": 1.0,
    "discharge_efficiency": 1.0,
    "given_mwh": 0.0,
}
