"""Batteries in a problem: energy balance, power limits, the cost of wear, and never both directions at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_depth import DepthWear, Flows
from gridloop.optimize.devices.battery_reasons import Comparison, explain
from gridloop.optimize.devices.battery_services import Base, Services, Terms
from gridloop.optimize.devices.group import LocalPrices, Offer, Plain, Quantity, Sent, Term
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import Coords, Sum, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray

BOTH_WAYS_MW = 1e-7  # the solver's feasibility tolerance: less than this in both directions at once is rounding


class BatteryGroup(Plain):
    """Many batteries in one problem; equations in docs/math/schedule.md."""

    kind = "battery"

    def __init__(self, batteries: Sequence[Battery], market: Market) -> None:
        self.ids = [b.id for b in batteries]
        self.bus = [b.bus for b in batteries]
        column = {name: np.array([getattr(b, name) for b in batteries], dtype=float) for name in _NUMBERS}
        self.capacity = column["capacity_mwh"]
        self.charge_max, self.discharge_max = column["max_charge_mw"], column["max_discharge_mw"]
        self.eta_in, self.eta_out = column["charge_efficiency"], column["discharge_efficiency"]
        self.loss_per_day = column["self_discharge_per_day"]
        self.early, self.band_price = column["early_cost"], column["band_price"]
        deep = [isinstance(b.degradation_cost, Sequence) for b in batteries]
        self.layers = DepthWear(batteries) if any(deep) else None
        self.wear = np.array([0.0 if d else b.wear_per_mwh for b, d in zip(batteries, deep, strict=True)])
        self.start = column["initial_soc"] * self.capacity
        self.least, self.most = column["min_soc"] * self.capacity, column["max_soc"] * self.capacity
        given = np.array([np.nan if b.end_value_per_mwh is None else b.end_value_per_mwh for b in batteries])
        self.end_value = np.where(np.isnan(given), market.mean_export * self.eta_out, given)
        self.services = Services(batteries, market.prices) if any(b.paid_by() for b in batteries) else None

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """charge, discharge [MW], energy at the end of every interval [MWh], and how far that is outside the band."""
        coords: Coords = [pd.Index(self.ids, name="battery"), horizon.index]
        self.hours, self.waiting = horizon.hours, horizon.waiting
        kept = (1 - self.loss_per_day[:, None]) ** (horizon.hours / 24.0)
        self.low, self.high = self._hard_bounds(kept)
        self.charge = add_variables(model, "battery_charge", coords, 0.0, self.charge_max[:, None])
        self.discharge = add_variables(model, "battery_discharge", coords, 0.0, self.discharge_max[:, None])
        self.energy = add_variables(model, "battery_energy", coords, self.low, self.high)
        energy = self.energy.labels.values
        into, out_of = self.eta_in[:, None] * horizon.hours, horizon.hours / self.eta_out[:, None]
        charging: Terms = [(self.charge.labels.values, 1.0)]
        discharging: Terms = [(self.discharge.labels.values, 1.0)]
        if self.services is not None:
            self.services.add(model, horizon, self._base(energy))
            charging += self.services.charging()
            discharging += self.services.discharging()
        # A battery with layers of depth has its balance in those; its energy is their sum.
        plain, layered = np.ones((len(self.ids), 1)), Terms()
        if self.layers is not None:
            plain = self.layers.plain
            layered = [(self.layers.add(model, horizon), -1.0)]
            self.layers.tie(model, horizon, Flows(charging, discharging, kept, self.eta_in, self.eta_out))
        start = np.zeros(energy.shape)
        start[:, 0] = (self.start * kept[:, 0]) * plain[:, 0]
        self.balance = add_rows(
            model,
            "battery_balance",
            coords,
            [
                (energy, 1.0),
                (one_step_earlier(energy), -kept * plain),
                *((labels, -share * into * plain) for labels, share in charging),
                *((labels, share * out_of * plain) for labels, share in discharging),
                *layered,
            ],
            "=",
            start,
        )
        self._add_band(model, horizon, energy)

    def _base(self, energy: IntArray) -> Base:
        return Base(
            self.ids, self.bus, self.charge.labels.values, self.discharge.labels.values, energy, self.charge_max,
            self.discharge_max, self.eta_in, self.eta_out, self.start, self.low, self.high,
        )  # fmt: skip

    def _hard_bounds(self, kept: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energy that the battery cannot or must not go beyond. [battery, step], MWh

        Idling is always allowed, so that a battery alone never makes a problem infeasible: where it starts outside its
        band, or cannot charge against its own losses, the bound is what is left by idling, and the band is priced.
        """
        idle = self.start[:, None] * np.cumprod(kept, axis=1)
        lost = self.least[:, None] * (1 - kept)
        can_hold = (self.charge_max * self.eta_in)[:, None] * self.hours >= lost
        holds = (self.start >= self.least) & can_hold.all(axis=1)
        low = np.where(holds[:, None], self.least[:, None], np.minimum(self.least[:, None], idle))
        return low, np.maximum(self.most[:, None], idle)

    def _add_band(self, model: LabelledModel, horizon: Horizon, energy: IntArray) -> None:
        """outside ≥ least − energy and outside ≥ energy − most, for the batteries that may be outside."""
        below, above = self.low < self.least[:, None], self.high > self.most[:, None]
        rows = np.flatnonzero((below | above).any(axis=1))
        self.outside: Members | None = None
        if not rows.size:
            return
        self.found_outside = rows
        coords: Coords = [pd.Index([self.ids[k] for k in rows], name="battery_outside"), horizon.index]
        self.outside = add_variables(model, "battery_outside", coords, 0.0, np.inf)
        sign = np.where(below.any(axis=1), 1.0, -1.0)[rows, None]
        bound = np.where(sign > 0, self.least[rows, None], -self.most[rows, None])
        terms: Terms = [(self.outside.labels.values, 1.0), (energy[rows], sign)]
        add_rows(model, "battery_band", coords, terms, ">=", bound)
        both = np.flatnonzero((below.any(axis=1) & above.any(axis=1))[rows])
        if both.size:  # one that begins above its band and may lose so much that it ends below
            upper: Coords = [pd.Index([self.ids[k] for k in rows[both]], name="battery_outside_above"), horizon.index]
            terms = [(self.outside.labels.values[both], 1.0), (energy[rows[both]], -1.0)]
            add_rows(model, "battery_band_above", upper, terms, ">=", -self.most[rows[both], None])

    def terms(self) -> list[Term]:
        moved = [
            Term(self.charge.labels.values, self.bus, p=-1.0),
            Term(self.discharge.labels.values, self.bus, p=1.0),
        ]
        if self.services is None:
            return moved
        taken = [Term(labels, self.bus, p=-share) for labels, share in self.services.charging()]
        given = [Term(labels, self.bus, p=share) for labels, share in self.services.discharging()]
        return [*moved, *taken, *given]

    def offers(self) -> list[Offer]:
        return [] if self.services is None else self.services.offers()

    def cost(self) -> dict[str, Sum]:
        """Wear of what is discharged, waiting, time outside the band, less the worth of what is stored at the end and
        what services earn.
        """
        worth = np.zeros((len(self.ids), len(self.hours)))
        worth[:, -1] = self.end_value
        waiting = self.early[:, None] * (self.waiting * self.hours)
        wear = self.wear[:, None] * self.hours
        calls = [] if self.services is None else self.services.discharging()
        called: Terms = [(labels, share * wear) for labels, share in calls]
        by_depth = Terms() if self.layers is None else [self.layers.cost()]
        parts = {
            "battery_wear": _sum([(self.discharge.labels.values, wear), *called, *by_depth]),
            "battery_waiting": Sum.of((self.charge, waiting), (self.discharge, waiting)),
            "stored_energy": Sum.of((self.energy, -worth)),
        }
        if self.outside is not None:
            parts["battery_band"] = Sum.of((self.outside, self.band_price[self.found_outside, None] * self.hours))
        if self.services is not None:
            parts |= self.services.earned()
        return parts

    def sent(self) -> list[Sent]:
        labels = np.stack([self.charge.labels.values[:, 0], self.discharge.labels.values[:, 0]], axis=1)
        return [Sent("p_mw", self.ids, labels, (1.0, -1.0))]

    def settle(self, outcome: Outcome) -> list[Fix]:
        """Where the linear plan burns energy by running both ways at once, keep the stronger direction only."""
        charge, discharge = outcome.value(self.charge), outcome.value(self.discharge)
        both = (charge > BOTH_WAYS_MW) & (discharge > BOTH_WAYS_MW)
        weaker = both & (charge <= discharge), both & (charge > discharge)
        fixes = []
        for variable, loser in zip((self.charge, self.discharge), weaker, strict=True):
            if loser.any():
                labels = variable.labels.values[loser]
                fixes.append(Fix(labels, np.zeros(labels.size), np.zeros(labels.size)))
        # Where a direction was just given up, its offers settle themselves: what there is to let off is another.
        return fixes if self.services is None else [*fixes, *self.services.settle(outcome, ~both)]

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power, energy = outcome.value(self.charge) - outcome.value(self.discharge), outcome.value(self.energy)
        stored = -outcome.dual(self.balance)[:, 0]
        buy_below, sell_above = self.eta_in * stored, stored / self.eta_out + self.wear
        if self.layers is not None:
            rows = self.layers.rows
            buy_below[rows], sell_above[rows] = self.layers.thresholds(outcome, self.eta_in, self.eta_out)
        worth = Comparison(buy_below, sell_above, self.least, self.most)
        if self.services is None:
            return self.quantities(power, energy, worth, prices)
        ready = self.services.held_mw(outcome)[:, 0]
        return [*self.quantities(power, energy, worth, prices, ready), *self.services.read(outcome)]

    def quantities(
        self,
        power: FloatArray,
        energy: FloatArray,
        worth: Comparison,
        prices: LocalPrices,
        ready: FloatArray | None = None,
    ) -> list[Quantity]:
        """Power and state of charge with their reasons, however they were found.

        power, energy  [battery, step]  charging is positive [MW]; at the end of the interval [MWh]
        worth          what decides in the first interval
        ready          [battery]  held ready for services in it [MW]
        """
        at = prices.rows(self.bus)
        here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
        held = np.zeros(len(self.ids)) if ready is None else ready
        reason, binding = explain(power[:, 0], energy[:, 0], held, here, effect, limit, worth)
        return [
            Quantity("p_mw", self.ids, self.bus, power, reason, binding, here),
            Quantity("soc", self.ids, self.bus, energy / self.capacity[:, None]),
        ]


_NUMBERS = [
    "capacity_mwh",
    "max_charge_mw",
    "max_discharge_mw",
    "charge_efficiency",
    "discharge_efficiency",
    "min_soc",
    "max_soc",
    "initial_soc",
    "self_discharge_per_day",
    "early_cost",
    "band_price",
]


def _sum(terms: Terms) -> Sum:
    """One sum over labels with their weights, which broadcast to them."""
    weights = [np.broadcast_to(weight, labels.shape).ravel() for labels, weight in terms]
    return Sum(np.concatenate([labels.ravel() for labels, _ in terms]), np.concatenate(weights).astype(float))
