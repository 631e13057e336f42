"""Wear by the depth of cycles: stored energy in layers, the shallow ones cheap and the deep ones dear.

A discharge that goes d deep wears a battery by Φ(d), and Φ rises faster than d. Cut into pieces, Φ is the cost of
layers: energy is stored in layers j of w_j · capacity each, a MWh discharged from layer j costs c_j, c₁ ≤ c₂ ≤ …

    Σ_j in_j = charging,   Σ_j out_j = discharging,   energy = Σ_j e_j,   0 ≤ e_j ≤ w_j · capacity
    e_j,t = kept_t · e_j,t−1 + h_t · (η_in in_j,t − out_j,t / η_out)
    cost  = Σ_t h_t Σ_j c_j · out_j,t

As costs rise with the layer, the plan takes from the shallowest layer that holds something and fills the shallowest
with room: last in, first out, which is what rainflow counting does. A cycle within a cycle empties shallow layers
again, and the large one reaches the deep ones once. So the cost is Σ Φ(depth) over the falling ranges that rainflow
finds, without a whole decision. What is there at first fills the shallow layers: it has not been discharged yet.

Source: Xu, Zhao, Zheng, Litvinov and Kirschen (2018), Factoring the Cycle Aging Cost of Batteries Participating in
Electricity Markets, IEEE Trans. Power Systems 33(2), 2248–2259.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import NO_VARIABLE, Coords, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.devices.battery import Battery

ByDepth = Sequence[tuple[float, float]]
"""(depth, cost), …: from the depth before to this one, a share of the capacity, a MWh discharged costs so much."""

Terms = list[tuple[IntArray, FloatArray | float]]


def depth_problems(cost: ByDepth) -> list[str]:
    """What is wrong with a cost by depth."""
    try:
        pairs = [(float(depth), float(money)) for depth, money in cost]
    except (TypeError, ValueError):
        return ["degradation_cost must be one number, or pairs (depth, money per MWh discharged)"]
    depths, money = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    if not pairs or not ((np.diff(depths, prepend=0.0) > 0) & (depths <= 1)).all():
        return [f"depths of degradation_cost are {depths.tolist()}; they must rise, above 0 and to 1 at most"]
    if not ((money >= 0) & (money < np.inf)).all():
        return [f"costs of degradation_cost are {money.tolist()}; they must not be negative"]
    if (np.diff(money) < 0).any():
        return [
            f"costs of degradation_cost are {money.tolist()}; a deeper layer must not cost less than a shallower one: "
            "else small cycles would be counted as parts of a large one. Give one number for wear that does not rise"
        ]
    return []


def layers_of(cost: float | ByDepth) -> tuple[FloatArray, FloatArray]:
    """Widths as shares of the capacity and costs, over all of it: the last cost holds to the bottom."""
    if not isinstance(cost, Sequence):
        return np.ones(1), np.array([float(cost)])
    depth = np.array([float(d) for d, _ in cost])
    money = np.array([float(m) for _, m in cost])
    depth[-1] = 1.0
    return np.diff(depth, prepend=0.0), money


def filled(size: FloatArray, energy: float) -> FloatArray:
    """Energy in layers of this size, the shallow ones first. [layer]"""
    return np.clip(energy - (np.cumsum(size) - size), 0.0, size)


def wear_money(battery: Battery, charge: FloatArray, discharge: FloatArray, hours: FloatArray) -> FloatArray:
    """Cost of wear of every interval, from mean powers of both ways. [step], MW → money"""
    widths, money = layers_of(battery.degradation_cost)
    size = widths * battery.capacity_mwh
    held, paid = filled(size, battery.initial_soc * battery.capacity_mwh), np.zeros(hours.size)
    for t, h in enumerate(hours):
        held = held * (1.0 - battery.self_discharge_per_day) ** (h / 24.0)
        into, out = h * charge[t] * battery.charge_efficiency, h * discharge[t] / battery.discharge_efficiency
        through = min(into, out)  # what comes and goes within the interval stays in the shallowest layer
        room = size - held
        held = held + np.clip(into - through - (np.cumsum(room) - room), 0.0, room)
        drawn = np.clip(out - through - (np.cumsum(held) - held), 0.0, held)
        held = held - drawn
        paid[t] = (through * money[0] + drawn @ money) * battery.discharge_efficiency
    return paid


def dearer(cost: float | ByDepth, money: float) -> float | ByDepth:
    """The same wear with so much more money per MWh discharged."""
    return [(d, c + money) for d, c in cost] if isinstance(cost, Sequence) else cost + money


@dataclass(frozen=True)
class Flows:
    """What the layers share out. labels and weights [battery, step] of all batteries of the group.

    charging, discharging  sums that make mean power in and out, calls of services included
    """

    charging: Terms
    discharging: Terms
    kept: FloatArray
    eta_in: FloatArray
    eta_out: FloatArray


class DepthWear:
    """The layers of those batteries of a group that have a cost by depth."""

    def __init__(self, batteries: Sequence[Battery]) -> None:
        self.rows = np.flatnonzero([isinstance(b.degradation_cost, Sequence) for b in batteries])
        self.plain = np.array([[0.0 if isinstance(b.degradation_cost, Sequence) else 1.0] for b in batteries])
        self.of = np.zeros(0, dtype=np.int64)
        self.money, self.size, self.first = np.zeros(0), np.zeros(0), np.zeros(0)
        self.names: list[str] = []
        for k, battery in ((int(k), batteries[int(k)]) for k in self.rows):
            widths, money = layers_of(battery.degradation_cost)
            size = widths * battery.capacity_mwh
            self.of = np.append(self.of, np.full(size.size, k))
            self.money, self.size = np.append(self.money, money), np.append(self.size, size)
            self.first = np.append(self.first, filled(size, battery.initial_soc * battery.capacity_mwh))
            self.names += [f"{battery.id}, layer {j + 1}" for j in range(size.size)]
        self.ids = [b.id for b in batteries]

    def add(self, model: LabelledModel, horizon: Horizon) -> IntArray:
        """charge, discharge [MW] and energy [MWh] of every layer; labels of energy, [battery, step, layer]."""
        self.hours = horizon.hours
        coords: Coords = [pd.Index(self.names, name="battery_layer"), horizon.index]
        self.charge = add_variables(model, "battery_layer_charge", coords, 0.0, np.inf)
        self.discharge = add_variables(model, "battery_layer_discharge", coords, 0.0, np.inf)
        self.energy = add_variables(model, "battery_layer_energy", coords, 0.0, self.size[:, None])
        return self._by_battery(self.energy.labels.values, len(self.ids))

    def tie(self, model: LabelledModel, horizon: Horizon, flows: Flows) -> None:
        """The layers together charge and discharge what the battery does, and each keeps its balance."""
        mine: Coords = [pd.Index([self.ids[k] for k in self.rows], name="battery_by_depth"), horizon.index]
        shape = (len(self.ids), len(horizon))
        for name, variable, terms in (
            ("charge", self.charge, flows.charging),
            ("discharge", self.discharge, flows.discharging),
        ):
            layers = self._by_battery(variable.labels.values, len(self.ids))[self.rows]
            whole: Terms = [(labels[self.rows], -np.broadcast_to(w, shape)[self.rows]) for labels, w in terms]
            add_rows(model, f"battery_layers_{name}", mine, [(layers, 1.0), *whole], "=", 0.0)
        energy, kept = self.energy.labels.values, flows.kept[self.of]
        start = np.zeros(energy.shape)
        start[:, 0] = self.first * kept[:, 0]
        self.balance = add_rows(
            model,
            "battery_layer_balance",
            [pd.Index(self.names, name="battery_layer"), horizon.index],
            [
                (energy, 1.0),
                (one_step_earlier(energy), -kept),
                (self.charge.labels.values, -flows.eta_in[self.of, None] * self.hours),
                (self.discharge.labels.values, self.hours / flows.eta_out[self.of, None]),
            ],
            "=",
            start,
        )

    def cost(self) -> tuple[IntArray, FloatArray]:
        """Labels and money per MW of what is discharged from the layers."""
        return self.discharge.labels.values, self.money[:, None] * self.hours

    def thresholds(self, outcome: Outcome, eta_in: FloatArray, eta_out: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Worth of energy below which the first interval buys and above which it sells. [battery that has layers]"""
        stored = -outcome.dual(self.balance)[:, 0]
        buy = [float(eta_in[k] * stored[self.of == k].max()) for k in self.rows]
        sell = [float((stored / eta_out[k] + self.money)[self.of == k].min()) for k in self.rows]
        return np.array(buy), np.array(sell)

    def _by_battery(self, labels: IntArray, n: int) -> IntArray:
        """[layer, step] as [battery, step, layer]; −1 where a battery has none."""
        most = int(np.bincount(self.of).max())
        wide = np.full((n, labels.shape[1], most), NO_VARIABLE, dtype=np.int64)
        for k in self.rows:
            mine = labels[self.of == k]
            wide[k, :, : mine.shape[0]] = mine.T
        return wide
