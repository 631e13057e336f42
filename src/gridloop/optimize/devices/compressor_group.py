"""Compressor stations in a schedule: machines on and off, the flow of each, pressure and power.

Least times and starts are the rows of unit commitment (`commitment.least_times`). To begin with, each station brings
the best sequence at the prices, which it finds by itself (`compressors.sequence`), and says how far from the best any
plan of it can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.commitment.least_times import switching_rows
from gridloop.optimize.compressors.air import Air
from gridloop.optimize.compressors.sequence import Sequence as Found
from gridloop.optimize.compressors.sequence import best_sequence, cost_of, searchable
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Term
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray

# Flows and pressures below this, m³/min and bar, are rounding of the solver.
_FLOW, _BAR = 1e-6, 1e-6
# What a station's own search is to prove, as a share of its cost: as a schedule does where nothing else is said.
_PROOF = 1e-4
# Prices closer than this, money per MWh, need no new search: duals are that exact.
_SAME_PRICE = 1e-7


class CompressorGroup(Plain):
    """Many stations in one problem; equations in docs/math/compressor.md."""

    kind = "compressor_station"

    def __init__(self, stations: Sequence[CompressorStation]) -> None:
        self.stations = list(stations)
        self.ids = [s.id for s in stations]
        self.bus = [s.bus for s in stations]
        self.machines = [m for s in stations for m in s.machines]
        self.names = [name for s in stations for name in s.names]
        # [machine] the station each belongs to
        self.owner = np.repeat(np.arange(len(stations)), [len(s.machines) for s in stations])
        self._known: dict[int, tuple[FloatArray, Found]] = {}

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """on, started, stopped: whole decisions; flow of every piece of a curve, pressure and power."""
        self.hours = horizon.hours
        self.air = [Air.of(s, horizon.hours) for s in self.stations]
        held = [s.held(horizon.hours) for s in self.stations]
        self.stays_on, self.stays_off = (np.concatenate([h[k] for h in held]) for k in range(2))
        machine, station = pd.Index(self.names, name="compressor"), pd.Index(self.ids, name=self.kind)
        coords: Coords = [machine, horizon.index]
        low, high = self.stays_on.astype(float), 1.0 - self.stays_off.astype(float)
        self.on, self.started, self.stopped = (
            add_variables(model, name, coords, least, most, whole=True)
            for name, least, most in (
                ("compressor_on", low, high),
                ("compressor_start", 0.0 * low, np.ones_like(low)),
                ("compressor_stop", 0.0 * low, np.ones_like(low)),
            )
        )
        u, v, w = (np.asarray(x.labels.values) for x in (self.on, self.started, self.stopped))
        self._add_switching(model, horizon, u, v, w)
        pieces = [p for air in self.air for p in air.pieces]
        widest = max(p.width.size for p in pieces)
        self.width, self.slope = np.zeros((len(pieces), widest)), np.zeros((len(pieces), widest))
        for k, p in enumerate(pieces):
            self.width[k, : p.width.size], self.slope[k, : p.slope.size] = p.width, p.slope
        self.idle = np.array([p.idle_kw for p in pieces])
        wide: Coords = [machine, horizon.index, pd.RangeIndex(widest, name="compressor_piece")]
        width = np.broadcast_to(self.width[:, None, :], (len(pieces), len(horizon), widest))
        self.flow = add_variables(model, "compressor_flow", wide, 0.0, width, width > 0)
        x = np.asarray(self.flow.labels.values)
        add_rows(
            model, "compressor_most", wide,
            [(x[..., None], 1.0), (np.where(width > 0, u[:, :, None], -1)[..., None], -width[..., None])], "<=", 0.0,
        )  # fmt: skip
        self._add_stations(model, [station, horizon.index], u, v, x)

    def _add_switching(self, model: LabelledModel, horizon: Horizon, u: IntArray, v: IntArray, w: IntArray) -> None:
        times = [s.least_times(self.hours) for s in self.stations]
        up, down = (np.concatenate([t[k] for t in times]) for k in range(2))
        for k, machine in enumerate(self.machines):
            for rows in switching_rows(u[k], v[k], w[k], float(machine.on_before), int(up[k]), int(down[k])):
                sign = "=" if rows.name == "state" else "<="
                add_rows(model, f"compressor_{rows.name}_{k}", [horizon.index], rows.terms, sign, rows.upper)

    def _add_stations(self, model: LabelledModel, coords: Coords, u: IntArray, v: IntArray, x: IntArray) -> None:
        """Balance of air, flow to spare, and power."""
        low, high = (np.array([[getattr(a, name)] for a in self.air]) for name in ("low", "high"))
        low = np.repeat(low, len(self.hours), axis=1)
        low[:, -1] = [a.end for a in self.air]
        self.pressure = add_variables(model, "station_pressure", coords, low, high)
        self.power = add_variables(model, "station_power", coords, 0.0, np.inf)
        bar, power = self.pressure.labels.values, self.power.labels.values
        before = one_step_earlier(bar)
        of_begin, of_end, grow, demand, reserve = (
            np.stack([getattr(a, name) for a in self.air])
            for name in ("of_begin", "of_end", "grow", "demand", "reserve")
        )
        first = np.array([a.first for a in self.air])
        right = demand + np.array([[a.leak_constant] for a in self.air])
        right[:, 0] += of_begin[:, 0] * first
        mine = [self.owner == k for k in range(len(self.stations))]
        steps = len(self.hours)

        def together(labels: IntArray, weights: FloatArray) -> tuple[IntArray, FloatArray]:
            """Labels of the machines of each station side by side. [machine, step, …] → [station, step, any]"""
            per = [labels[own].swapaxes(0, 1).reshape(steps, -1) for own in mine]
            numbers = [np.broadcast_to(weights, labels.shape)[own].swapaxes(0, 1).reshape(steps, -1) for own in mine]
            most = max(p.shape[1] for p in per)
            found = np.full((len(per), steps, most), -1)
            factors = np.zeros(found.shape)
            for k, (p, number) in enumerate(zip(per, numbers, strict=True)):
                found[k, :, : p.shape[1]], factors[k, :, : p.shape[1]] = p, number
            return found, factors

        flows = together(x, np.ones(1))
        self.balance = add_rows(
            model, "station_air", coords, [flows, (bar, -of_end), (before, -of_begin)], "=", right
        )  # fmt: skip
        capacity = np.array([m.most_m3_per_min for m in self.machines])[:, None]
        if reserve.any():
            labels, ones = flows
            add_rows(
                model, "station_reserve", coords, [together(u, capacity), (labels, -ones)], ">=",
                np.where(reserve > 0, reserve, -1e6),
            )  # fmt: skip
        starts = np.array([m.start_kwh for m in self.machines])[:, None] / self.hours
        constant = np.array([[s.dryer_kw] for s in self.stations]) - grow * np.array([[a.low] for a in self.air])
        constant[:, 0] += 0.5 * grow[:, 0] * first
        self.draw = add_rows(
            model, "station_draw", coords,
            [
                (power, 1000.0), (bar, -0.5 * grow), (before, -0.5 * grow), together(u, -self.idle[:, None]),
                together(v, -starts), together(x, -self.slope[:, None, :]),
            ],
            "=", constant,
        )  # fmt: skip

    def terms(self) -> list[Term]:
        return [Term(self.power.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        """Money of starts, and of hours run, balancing included."""
        starts = np.array([m.start_cost for m in self.machines])[:, None]
        wear = np.concatenate([s.wear_per_h() for s in self.stations])[:, None]
        return {
            "compressor_start": Sum.of((self.started, starts)),
            "compressor_hours": Sum.of((self.on, wear * self.hours)),
        }

    def begin_with(self, rest: Rest) -> list[Fix]:
        """The best sequence of every station at the prices, where its machines are few enough to be searched."""
        fixes = []
        for k, station in enumerate(self.stations):
            if not searchable(station, self.hours):
                continue
            usual = station.kw_per_bar() / max(station.kwh_per_m3_and_bar, 1e-12) * 0.1 / 1000.0
            buys = rest.taken_mw + usual >= 0.0
            found = self._search(k, np.where(buys, rest.import_eur_per_mwh, rest.export_eur_per_mwh))
            if found is None:
                continue
            own = self.owner == k
            on = found.on.astype(float)
            begin = np.array([[float(m.on_before)] for m in station.machines])
            change = np.diff(np.concatenate([begin, on], axis=1), axis=1)
            for variable, value in (
                (self.on, on), (self.started, np.maximum(change, 0.0)), (self.stopped, np.maximum(-change, 0.0)),
            ):  # fmt: skip
                labels = np.asarray(variable.labels.values)[own].ravel()
                fixes.append(Fix(labels, value.ravel(), value.ravel()))
        return fixes

    def _search(self, k: int, price: FloatArray) -> Found | None:
        known = self._known.get(k)
        if known is not None and np.abs(known[0] - price).max() <= _SAME_PRICE:
            return known[1]
        found = best_sequence(self.stations[k], price, self.hours, gap=_PROOF)
        if found is not None:
            self._known[k] = price, found
        return found

    def beaten_by(self, outcome: Outcome, prices: LocalPrices) -> float:
        """By how much the stations could do better at most, each alone, at what energy is worth at its bus."""
        total = 0.0
        on, bar = outcome.value(self.on) > 0.5, outcome.value(self.pressure)
        for k, station in enumerate(self.stations):
            price = prices.p[prices.rows([station.bus])[0]]
            found = self._search(k, price)
            if found is None:
                return float("inf")
            total += max(0.0, cost_of(station, price, self.hours, on[self.owner == k], bar[k]) - found.bound)
        return total

    def settle(self, outcome: Outcome) -> list[Fix]:
        """Pieces of a curve in their order: where energy costs less than nothing, the dearest would come first."""
        x = outcome.value(self.flow)
        on = outcome.value(self.on)[:, :, None]
        full = x[:, :, :-1] >= self.width[:, None, :-1] * on - _FLOW
        wrong = ((x[:, :, 1:] > _FLOW) & ~full).any(axis=2)
        if not wrong.any():
            return []
        machine, step = np.nonzero(wrong)
        flow = x[machine, step].sum(axis=1)
        begins = np.cumsum(self.width[machine], axis=1) - self.width[machine]
        right = np.clip(flow[:, None] - begins, 0.0, self.width[machine])
        labels = np.asarray(self.flow.labels.values)[machine, step]
        there = labels >= 0
        return [Fix(labels[there], right[there], right[there])]

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        on = (outcome.value(self.on) > 0.5).astype(float)
        flow = outcome.value(self.flow).sum(axis=2)
        bar, power = outcome.value(self.pressure), outcome.value(self.power)
        here = prices.p[prices.rows(self.bus), 0]
        buses = [self.bus[k] for k in self.owner]
        capacity = np.array([m.most_m3_per_min for m in self.machines])
        why = []
        for k in range(len(self.machines)):
            own = self.owner == self.owner[k]
            others = float((capacity * on[:, 0])[own].sum() - capacity[k] * on[k, 0])
            needed = float(flow[own, 0].sum() + self.air[self.owner[k]].reserve[0])
            if on[k, 0] > 0.5:
                cheap = "run_cheapest_air" if flow[k, 0] > _FLOW else "idle_on"
                why.append("run_for_air" if others < needed - _FLOW else cheap)
            else:
                why.append("rest_least_time" if self.stays_off[k, 0] else "rest_dearer_air")
        stores = [bool(bar[k, 0] > a.first + _BAR) for k, a in enumerate(self.air)]
        takes = ["store_air" if s else "press_air" if p > MOVING_MW else "rest_dearer_air"
                 for s, p in zip(stores, power[:, 0], strict=True)]  # fmt: skip
        return [
            Quantity("p_mw", self.ids, self.bus, power, takes, None, here),
            Quantity("pressure_bar", self.ids, self.bus, bar),
            Quantity("on", self.names, buses, on, why),
            Quantity("flow_m3_per_min", self.names, buses, flow),
        ]
