"""Buildings in a problem: temperatures, heat and cold per zone, machines by pieces of their curves, and why."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.building_reasons import building_reasons, zone_reasons
from gridloop.optimize.devices.building_rows import end_of, gathered, until
from gridloop.optimize.devices.building_steps import states_of, zones_of
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import NO_VARIABLE, Coords, Sum, add_rows, add_variables
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray

# air = comfort − below + above
AIR_SIGNS = np.array([1.0, -1.0, 1.0])
KW_PER_MW = 1e3
BEYOND_K = 1e-6  # the solver keeps rows to 1e-7


class BuildingGroup(Plain):
    """Many buildings in one problem; equations in docs/math/building.md."""

    kind = "building"

    def __init__(self, buildings: Sequence[Building]) -> None:
        self.buildings = list(buildings)
        self.ids = [b.id for b in buildings]
        self.bus = [b.bus for b in buildings]
        self.zones = zones_of(buildings)
        self.home = np.concatenate([np.full(len(b.zones), k) for k, b in enumerate(buildings)])
        self.zone_ids = [f"{b.id}/{zone.id}" for b in buildings for zone in b.zones]
        self.machines = [(k, m) for k, b in enumerate(buildings) for m in b.machines]
        self.machine_ids = [f"{buildings[k].id}/{m.id}" for k, m in self.machines]

    @property
    def coupled(self) -> bool:
        """Whether zones share a plant: a simplex method takes long for such, and an interior point does not."""
        return any(len(b.zones) > 1 for b in self.buildings)

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """Temperatures [°C], K outside, power [MW]; heat, cold and pieces of machines in kW: no number is small."""
        self.hours, self.waiting = horizon.hours, horizon.waiting
        n = len(horizon)
        self.states = states_of(self.buildings, horizon.hours)
        bands = [zone.band(n) for zone in self.zones]
        self.low, self.high = (np.stack([band[k] for band in bands]) for k in (0, 1))
        self._add_zones(model, horizon)
        self._add_temperatures(model, horizon)
        self._add_machines(model, horizon)
        self._add_end(model)

    def _add_zones(self, model: LabelledModel, horizon: Horizon) -> None:
        coords: Coords = [pd.Index(self.zone_ids, name="zone"), horizon.index]
        loops = {(k, m.cooling, m.loop) for k, m in self.machines}
        has = [
            np.array([(int(k), cold, loop) in loops for k, loop in zip(self.home, named, strict=True)])
            for cold, named in ((False, [z.heating for z in self.zones]), (True, [z.cooling for z in self.zones]))
        ]
        self.has_heat, self.has_cold = has
        most = [np.array([getattr(z, name) for z in self.zones])[:, None] for name in ("max_heat_mw", "max_cool_mw")]
        self.heat, self.cold = (
            add_variables(
                model,
                f"building_{name}",
                coords,
                0.0,
                KW_PER_MW * limit,
                np.broadcast_to(there[:, None], (len(there), len(horizon))),
            )
            for name, limit, there in zip(("heat", "cold"), most, has, strict=True)
        )
        self.comfort = add_variables(model, "building_comfort", coords, self.low, self.high)
        self.below = add_variables(model, "building_below", coords, 0.0, np.inf)
        self.above = add_variables(model, "building_above", coords, 0.0, np.inf)

    def _add_temperatures(self, model: LabelledModel, horizon: Horizon) -> None:
        """A zone's air is a temperature within its band, less what it is below and more what it is above.

        So the band is a variable's bounds and no row. The air is written as what it would be without heat, plus the
        answer to all heat until then: no row runs backwards in time, in which a fast room's equations lose all digits.
        """
        s, n = self.states, len(horizon)
        parts = [found.labels.values for found in (self.comfort, self.below, self.above)]
        self.air_parts = np.stack(parts, axis=-1)
        self.free, to_heat, to_air = s.answers()
        flow, sign = self._add_flows(model, horizon)
        heat, cold = (
            np.where(until(n), found.labels.values[:, None, :], NO_VARIABLE) for found in (self.heat, self.cold)
        )
        flows = np.where(until(n)[:, None], flow[:, None], NO_VARIABLE)
        share = -to_air[:, :, None, :] / KW_PER_MW * sign[:, None, :, None]
        add_rows(
            model,
            "building_air",
            [pd.Index(self.zone_ids, name="zone"), horizon.index],
            [
                (self.air_parts, AIR_SIGNS),
                (heat, -to_heat / KW_PER_MW),
                (cold, to_heat / KW_PER_MW),
                (flows.reshape(len(self.zones), n, -1), share.reshape(len(self.zones), n, -1)),
            ],
            "=",
            self.free,
        )

    def _add_flows(self, model: LabelledModel, horizon: Horizon) -> tuple[IntArray, FloatArray]:
        """Heat between zones [kW]: labels [zone, link, step] and signs [zone, link], 1 where it comes in."""
        s, n = self.states, len(horizon)
        widest = int(np.bincount(s.links.ravel(), minlength=1).max()) if s.links.size else 0
        labels = np.full((len(self.zones), widest, n), NO_VARIABLE, dtype=np.int64)
        signs = np.zeros((len(self.zones), widest))
        if not s.links.size:
            return labels, signs
        index: Coords = [pd.RangeIndex(len(s.links), name="link"), horizon.index]
        flow = add_variables(model, "building_flow", index, -np.inf, np.inf)
        half = KW_PER_MW * s.link_mw_per_k[:, None, None] / 2 * AIR_SIGNS
        before = np.full_like(self.air_parts, NO_VARIABLE)
        before[:, 1:] = self.air_parts[:, :-1]
        terms: list[tuple[IntArray, FloatArray | float]] = [(flow.labels.values, 1.0)]
        right = np.zeros((len(s.links), n))
        for side, sign in ((0, -1.0), (1, 1.0)):
            zone = s.links[:, side]
            terms += [(self.air_parts[zone], sign * half), (before[zone], sign * half)]
            right[:, 0] -= sign * KW_PER_MW * s.link_mw_per_k / 2 * s.start[s.first[zone]]
        add_rows(model, "building_between", index, terms, "=", right)
        used = np.zeros(len(self.zones), dtype=int)
        for k, (one, other) in enumerate(s.links):
            for mine, way in ((int(one), -1.0), (int(other), 1.0)):
                labels[mine, used[mine]] = flow.labels.values[k]
                signs[mine, used[mine]] = way
                used[mine] += 1
        return labels, signs

    def _add_machines(self, model: LabelledModel, horizon: Horizon) -> None:
        n = len(horizon)
        curves = [m.pieces(n) for _, m in self.machines]
        counts = [len(width) for width, _ in curves]
        self.piece_of = np.repeat(np.arange(len(curves)), counts)
        self.width = np.concatenate([width for width, _ in curves] or [np.zeros((0, n))])
        self.slope = np.concatenate([slope for _, slope in curves] or [np.zeros((0, n))])
        pieces: Coords = [pd.RangeIndex(len(self.width), name="piece"), horizon.index]
        self.piece = add_variables(model, "building_piece", pieces, 0.0, KW_PER_MW * self.width)
        piece = self.piece.labels.values
        self.home_of_machine = np.array([k for k, _ in self.machines], dtype=int)
        self.electric = np.array([m.electric for _, m in self.machines], dtype=bool)
        buildings: Coords = [pd.Index(self.ids, name="building"), horizon.index]
        self.power = add_variables(model, "building_power", buildings, 0.0, np.inf)
        runs = [[p for p in range(len(piece)) if self.electric[self.piece_of[p]]
                 and self.home_of_machine[self.piece_of[p]] == k] for k in range(len(self.ids))]  # fmt: skip
        labels, factors = gathered(runs, piece, self.slope)
        add_rows(
            model, "building_electric", buildings, [(self.power.labels.values, KW_PER_MW), (labels, -factors)], "=", 0.0
        )
        loops = sorted({(k, m.cooling, m.loop) for k, m in self.machines})
        made = [[p for p in range(len(piece)) if self._loop(p) == loop] for loop in loops]
        used = [
            [
                z
                for z, zone in enumerate(self.zones)
                if self.home[z] == k and (zone.cooling if cold else zone.heating) == name
            ]
            for k, cold, name in loops
        ]
        supply, _ = gathered(made, piece, np.ones(piece.shape))
        if loops:
            heat = [gathered([u], self.cold.labels.values if loop[1] else self.heat.labels.values, None)[0][0]
                    for u, loop in zip(used, loops, strict=True)]  # fmt: skip
            widest = max(found.shape[1] for found in heat)
            taken = np.stack([
                np.pad(found, ((0, 0), (0, widest - found.shape[1])), constant_values=NO_VARIABLE) for found in heat
            ])  # fmt: skip
            names = pd.Index(
                [f"{self.ids[k]}/{name}/{'cold' if cold else 'heat'}" for k, cold, name in loops], name="loop"
            )
            add_rows(model, "building_loop", [names, horizon.index], [(supply, 1.0), (taken, -1.0)], "=", 0.0)

    def _loop(self, piece: int) -> tuple[int, bool, str]:
        k, machine = self.machines[self.piece_of[piece]]
        return k, machine.cooling, machine.loop

    def _add_end(self, model: LabelledModel) -> None:
        """Every zone ends no colder, or no warmer, than it began."""
        self.end_sign, self.end_at = end_of(self.buildings, self.has_heat, self.has_cold, self.hours.size)
        index = pd.Index(self.zone_ids, name="zone")
        self.end = add_variables(model, "building_end", [index], 0.0, np.where(self.end_sign != 0, np.inf, 0.0))
        air = self.air_parts[:, -1]
        here = self.end_sign != 0
        add_rows(
            model,
            "building_returns",
            [index],
            [
                (np.where(here[:, None], air, NO_VARIABLE), self.end_sign[:, None] * AIR_SIGNS),
                (self.end.labels.values, 1.0),
            ],
            ">=",
            np.where(here, self.end_sign * self.end_at, 0.0),
        )

    def terms(self) -> list[Term]:
        return [Term(self.power.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        """Fuel, carbon of fuel and of the grid, time outside the band, the end, waiting."""
        n = self.hours.size
        machine = [self.machines[j][1] for j in self.piece_of]
        fuel = np.array([m.fuel_eur_per_mwh or 0.0 for m in machine])[:, None] * self.slope * self.hours
        price = np.array([self.buildings[self.home_of_machine[j]].carbon_eur_per_t for j in self.piece_of])
        grid = [over_steps(b.carbon_t_per_mwh, n) for b in self.buildings]
        per_mwh = np.array(
            [grid[self.home_of_machine[j]] if m.electric else np.full(n, m.fuel_t_per_mwh)
             for j, m in zip(self.piece_of, machine, strict=True)]
        ).reshape(self.slope.shape)  # fmt: skip
        outside = np.array([self.buildings[k].outside_cost for k in self.home])
        early = np.array([self.buildings[k].early_cost for k in self.home])[:, None] * (self.waiting * self.hours)
        early = early / KW_PER_MW
        return {
            "building_fuel": Sum.of((self.piece, fuel / KW_PER_MW)),
            "building_carbon": Sum.of((self.piece, price[:, None] * per_mwh * self.slope * self.hours / KW_PER_MW)),
            "building_outside": Sum.of(*((v, outside[:, None] * self.hours) for v in (self.below, self.above))),
            "building_end": Sum.of((self.end, outside)),
            "building_waiting": Sum.of((self.heat, early), (self.cold, early)),
        }

    def sent(self) -> list[Sent]:
        return [Sent("p_mw", self.ids, self.power.labels.values[:, :1], (1.0,))]

    def settle(self, outcome: Outcome) -> list[Fix]:
        """Where energy is worth less than nothing a linear plan wastes it: by dear pieces before cheap ones, and by
        heat and cold at once. Then pieces fill in their order, and the weaker of heat and cold is held at zero."""
        fixes = []
        found = outcome.value(self.piece) / KW_PER_MW
        high, changed = self.width.copy(), np.zeros(found.shape, dtype=bool)
        for p, q in pairwise(range(len(found))):
            wrong = (found[q] > MOVING_MW) & (found[p] < self.width[p] - MOVING_MW)
            if self.piece_of[p] != self.piece_of[q] or not wrong.any():
                continue
            mine = np.flatnonzero(self.piece_of == self.piece_of[p])
            begins = np.cumsum(self.width[mine], axis=0) - self.width[mine]
            # Only from above: nothing is ever forced to run, so that a plan stays possible.
            fit = np.clip(found[mine].sum(axis=0) - begins, 0.0, self.width[mine])
            high[mine] = np.where(wrong, fit, high[mine])
            changed[mine] |= wrong
        if changed.any():
            limit = KW_PER_MW * high[changed]
            fixes.append(Fix(self.piece.labels.values[changed], np.zeros(limit.size), limit))
        heat, cold = outcome.value(self.heat) / KW_PER_MW, outcome.value(self.cold) / KW_PER_MW
        both = (heat > MOVING_MW) & (cold > MOVING_MW)
        if both.any():
            weaker = np.where(heat < cold, self.heat.labels.values, self.cold.labels.values)[both]
            fixes.append(Fix(weaker, np.zeros(weaker.size), np.zeros(weaker.size)))
        return fixes

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power, piece = outcome.value(self.power), outcome.value(self.piece) / KW_PER_MW
        heat, cold = outcome.value(self.heat) / KW_PER_MW, outcome.value(self.cold) / KW_PER_MW
        # The solver keeps bounds to 1e-7: what it misses there is no time outside the band.
        parts = outcome.at(self.air_parts)
        parts[..., 0] = np.clip(parts[..., 0], self.low, self.high)
        air = np.asarray(parts @ AIR_SIGNS)
        output = np.zeros((len(self.machines), self.hours.size))
        np.add.at(output, self.piece_of, piece)
        outside = np.clip(np.maximum(self.low - air, air - self.high), 0.0, None)
        outside = np.where(outside > BEYOND_K, outside, 0.0)
        idle = self._idle()
        reasons = zone_reasons(self, heat[:, 0], cold[:, 0], air[:, 0], idle)
        at = prices.rows(self.bus)
        code, binding = building_reasons(self, power[:, 0], reasons, prices, at)
        zone_bus = [self.bus[k] for k in self.home]
        machine_bus = [self.bus[k] for k, _ in self.machines]
        return [
            Quantity("p_mw", self.ids, self.bus, power, code, binding, prices.p[at, 0]),
            Quantity("output_mw", self.machine_ids, machine_bus, output),
            Quantity("heat_mw", self.zone_ids, zone_bus, heat - cold, reasons,
                     ["band" if r in ("run_for_comfort", "store_full") else "" for r in reasons],
                     prices.p[at, 0][self.home]),
            Quantity("temperature_c", self.zone_ids, zone_bus, air),
            Quantity("outside_k", self.zone_ids, zone_bus, outside),
        ]  # fmt: skip

    def _idle(self) -> FloatArray:
        """Air at the end of the first interval without heat or cold. [zone]"""
        return self.states.after(0, self.states.start, np.zeros(len(self.zones)))[self.states.first]
