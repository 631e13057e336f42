"""Stores: one level that power raises and losses or use lower, kept within a band.

A water heater, a house with a heat pump and a pump that fills a reservoir are the same to a plan:

    level_t = kept_t · level_{t−1} + per_mw_t · p_t + drift_t,     low_t ≤ level_t ≤ high_t at the end of every interval

The numbers of each interval come from the device's own physics (`StoreSteps`), exact for powers that are constant
within it. A store that power lowers, such as a cooled room, is turned over by its device: here power always raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.explain import SAME_PRICE, brought_below
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray

# A level beyond its band by less than this is rounding: the solver keeps rows to 1e-7.
IN_BAND = 1e-6


@dataclass(frozen=True)
class StoreSteps:
    """A store over a horizon. kept, per_mw, drift, low, high [step]; per_mw is positive.

    sign  −1 where the device's own level is the negative of this one
    """

    kept: FloatArray
    per_mw: FloatArray
    drift: FloatArray
    low: FloatArray
    high: FloatArray
    start: float
    sign: float = 1.0


class StoreDevice(Protocol):
    """What a device with a store tells its group.

    outside_cost  money per unit of level beyond the band and hour; None where the band is hard
    end_value     money per unit of level that is left at the end; None: it ends no emptier than it begins, as far as
                  its band and its power allow
    """

    @property
    def id(self) -> str: ...
    @property
    def bus(self) -> str: ...
    @property
    def max_mw(self) -> float: ...
    @property
    def outside_cost(self) -> float | None: ...
    @property
    def end_value(self) -> float | None: ...
    @property
    def early_cost(self) -> float: ...
    def steps(self, hours: FloatArray) -> StoreSteps:
        """Its store over intervals of so many hours. [step]"""


class StoreGroup(Plain):
    """Many stores of one kind in one problem; equations in docs/math/flexibility-dr.md.

    kind, quantity  names in the plan: of the kind, and of its level
    """

    kind = ""
    quantity = ""

    def __init__(self, devices: Sequence[StoreDevice]) -> None:
        self.devices = list(devices)
        self.ids = [d.id for d in devices]
        self.bus = [d.bus for d in devices]
        self.power = np.array([d.max_mw for d in devices], dtype=float)
        self.early = np.array([d.early_cost for d in devices], dtype=float)
        self.outside_cost = np.array([d.outside_cost or 0.0 for d in devices], dtype=float)
        self.soft = np.array([d.outside_cost is not None for d in devices])
        self.end_value = np.array([d.end_value or 0.0 for d in devices], dtype=float)
        self.returns = np.array([d.end_value is None for d in devices])

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """power [MW], level, and how far it is outside its band."""
        self.hours, self.waiting = horizon.hours, horizon.waiting
        steps = [d.steps(horizon.hours) for d in self.devices]
        self.kept, self.per_mw, self.drift, self.low, self.high = (
            np.stack([getattr(s, name) for s in steps]) for name in ("kept", "per_mw", "drift", "low", "high")
        )
        self.start, self.sign = (np.array([getattr(s, name) for s in steps]) for name in ("start", "sign"))
        for k, (device, s) in enumerate(zip(self.devices, steps, strict=True)):
            if self.returns[k]:
                self.low[k, -1] = max(s.low[-1], min(s.start, s.high[-1], fullest(s, device.max_mw)[-1]))
        coords: Coords = [pd.Index(self.ids, name=self.kind), horizon.index]
        self.run = add_variables(model, f"{self.kind}_power", coords, 0.0, self.power[:, None])
        self.level = add_variables(model, f"{self.kind}_level", coords, -np.inf, np.inf)
        self.outside = add_variables(
            model, f"{self.kind}_outside", coords, 0.0, np.where(self.soft, np.inf, 0.0)[:, None]
        )
        level, run, outside = (v.labels.values for v in (self.level, self.run, self.outside))
        right = self.drift.copy()
        right[:, 0] += self.kept[:, 0] * self.start
        self.balance = add_rows(
            model,
            f"{self.kind}_balance",
            coords,
            [(level, 1.0), (one_step_earlier(level), -self.kept), (run, -self.per_mw)],
            "=",
            right,
        )
        add_rows(model, f"{self.kind}_low", coords, [(level, 1.0), (outside, 1.0)], ">=", self.low)
        add_rows(model, f"{self.kind}_high", coords, [(level, 1.0), (outside, -1.0)], "<=", self.high)

    def terms(self) -> list[Term]:
        return [Term(self.run.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        """Waiting, time outside the band, less the worth of what is left at the end."""
        worth = np.zeros(self.low.shape)
        worth[:, -1] = self.end_value * self.sign
        return {
            f"{self.kind}_waiting": Sum.of((self.run, self.early[:, None] * (self.waiting * self.hours))),
            f"{self.kind}_outside": Sum.of((self.outside, self.outside_cost[:, None] * self.hours)),
            f"{self.kind}_left": Sum.of((self.level, -worth)),
        }

    def sent(self) -> list[Sent]:
        return [Sent("p_mw", self.ids, self.run.labels.values[:, :1], (1.0,))]

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power, level = outcome.value(self.run), outcome.value(self.level)
        at = prices.rows(self.bus)
        here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
        # Worth of a MWh to the store: what the level it raises saves later.
        worth = -outcome.dual(self.balance)[:, 0] * self.per_mw[:, 0] / self.hours[0]
        for_limit = brought_below(here, effect, worth)
        held = (here > worth - SAME_PRICE) & (here - effect < worth - SAME_PRICE)
        idle = self.kept[:, 0] * self.start + self.drift[:, 0]
        must = idle < self._least_level() - IN_BAND
        reason, binding = [], []
        for k in range(len(self.ids)):
            if power[k, 0] > MOVING_MW:
                price = "relieve_limit" if for_limit[k] else "run_low_price"
                code = "run_for_comfort" if must[k] else price
            elif level[k, 0] >= self.high[k, 0] - IN_BAND:
                code = "store_full"
            else:
                code = "wait_for_limit" if held[k] and limit[k] else "wait_cheaper"
            reason.append(code)
            own = {"run_for_comfort": "band", "store_full": "band"}.get(code, "")
            binding.append(str(limit[k]) if code in ("relieve_limit", "wait_for_limit") else own)
        return [
            Quantity("p_mw", self.ids, self.bus, power, reason, binding, here),
            Quantity(self.quantity, self.ids, self.bus, self.sign[:, None] * level),
        ]

    def _least_level(self) -> FloatArray:
        """Level at the end of the first interval from which full power still keeps the band. [device]"""
        least = self.low[:, -1]
        for t in range(self.low.shape[1] - 1, 0, -1):
            before = (least - self.drift[:, t] - self.per_mw[:, t] * self.power) / self.kept[:, t]
            least = np.maximum(self.low[:, t - 1], before)
        return least


def fullest(s: StoreSteps, max_mw: float) -> FloatArray:
    """Highest level within its band that power can reach by the end of every interval. [step]"""
    level, found = s.start, np.empty(s.low.size)
    for t in range(s.low.size):
        idle = s.kept[t] * level + s.drift[t]
        level = max(idle, min(idle + s.per_mw[t] * max_mw, s.high[t]))
        found[t] = level
    return found


def emptiest(s: StoreSteps) -> FloatArray:
    """Level that idling leaves at the end of every interval, or the lower end of the band where it is higher. [step]"""
    level, found = s.start, np.empty(s.low.size)
    for t in range(s.low.size):
        level = max(s.kept[t] * level + s.drift[t], s.low[t])
        found[t] = level
    return found


def needed_mw(s: StoreSteps) -> float:
    """Least power with which the store stays above its lower end; infinite where none is enough."""
    low, high = 0.0, 1e-6
    while (fullest(s, high) < s.low - IN_BAND).any():
        low, high = high, 2 * high
        if high > 1e6:
            return float("inf")
    for _ in range(60):  # halves 1e6 MW down to rounding
        middle = (low + high) / 2
        low, high = (middle, high) if (fullest(s, middle) < s.low - IN_BAND).any() else (low, middle)
    return high
