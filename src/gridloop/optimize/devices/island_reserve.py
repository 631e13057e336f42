"""Island reserve: energy that batteries keep while connected, so that an island could be survived from any moment on.

Let g be what priority load takes beyond the generation that is sure to be there. A store that has to carry the share w
of it from now for a given time needs, counted back from the end,

    R_k = R_{k+1} + w g_k h_k / η₋                       where g_k > 0
    R_k = max(0, R_{k+1} − η₊ min(−w g_k, p₊) h_k)       where generation is left over, which charges

above its lowest energy: with R at the beginning it ends at zero, with less it goes short before. R is known before
the plan, so that the constraint is one row per interval and store,

    energy_k + short_k ≥ least + R_{k+1}                 at the end of every interval

in which `short` costs much: a plan always comes back and says what is missing. Two moments within one interval are
covered as its ends are. Several stores share the need in proportion to the power they can give, each within its own
limits; that is on the safe side where they hold different hours of it. What no store could give, because of its power
or its size, is not asked of the plan and is told (`beyond_mwh`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.given_numbers import refuse, without_gaps, wrong_lengths
from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_rows, add_variables
from gridloop.optimize.solve import Outcome
from gridloop.units import BoolArray, FloatArray

BINDS = 1e-6
"""Money per MWh below which a dual is rounding."""


@dataclass(frozen=True)
class IslandReserve:
    """What is kept for an island that may come unannounced.

    batteries     those that would carry it, as they are given to `schedule`; the first forms the grid
    duration_h    how long an island must be survived
    priority_mw   [step]  load that must be served in it
    sure_mw       [step]  generation that can be counted on in it, such as the P10 of a forecast
    headroom_mw   power that the first keeps free
    needed        [step]  False where no island has to be feared, because the connection is open anyway
    shortfall_price  money per MWh that is missing, and hour in which it is
    """

    batteries: Sequence[Battery]
    duration_h: float
    priority_mw: FloatArray
    sure_mw: FloatArray | float = 0.0
    headroom_mw: float = 0.0
    needed: BoolArray | bool = True
    shortfall_price: float = 1_000.0
    id: str = "island reserve"

    def __post_init__(self) -> None:
        given = (self.batteries,) if isinstance(self.batteries, Battery | str) else tuple(self.batteries)
        if not given:
            raise OutOfRange(
                f"IslandReserve {self.id}: an island without a grid-forming source; name the batteries that carry it, "
                "the one that forms the grid first.",
                device=self.id,
            )
        object.__setattr__(self, "batteries", given)
        refuse(
            "IslandReserve",
            self,
            [f"{b!r} is no Battery; give the batteries themselves" for b in given if not isinstance(b, Battery)],
        )
        without_gaps("IslandReserve", self, ("priority_mw", "sure_mw"))
        ids = [b.id for b in given]
        problems = [f"{i} stands twice among its batteries" for i in sorted({i for i in ids if ids.count(i) > 1})]
        problems += [
            f"{name} is {getattr(self, name)}; it must be above zero"
            for name in ("duration_h",)
            if not 0 < getattr(self, name) < np.inf
        ]
        problems += [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("headroom_mw", "shortfall_price")
            if not 0 <= getattr(self, name) < np.inf
        ]
        problems += [
            f"{name} has values below zero"
            for name in ("priority_mw", "sure_mw")
            if (np.asarray(getattr(self, name), dtype=float) < 0).any()
        ]
        refuse("IslandReserve", self, problems)

    @property
    def bus(self) -> str:
        """Where the grid-former stands."""
        return self.batteries[0].bus

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length."""
        found = wrong_lengths(self, ("priority_mw",), len(horizon))
        for name in ("sure_mw", "needed"):
            size = np.size(getattr(self, name))
            if size not in (1, len(horizon)):
                found.append(f"{name} has {size} values for {len(horizon)} intervals")
        return found

    def apart(self, batteries: Sequence[Battery]) -> list[str]:
        """Batteries of it that are not those of the plan. batteries: all that the plan has"""
        there = {b.id: b for b in batteries}
        found = []
        for mine in self.batteries:
            if mine.id not in there:
                found.append(f"{mine.id} is none of the plan's batteries; there are {listed(list(there)) or 'none'}")
                continue
            pairs = [(name, getattr(mine, name), getattr(there[mine.id], name)) for name in _NUMBERS]
            found += [
                f"{mine.id} has {name} {a}, but {b} in the plan; give the same battery to both"
                for name, a, b in pairs
                if a != b
            ]
        return found

    def required(self, hours: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energy above its lowest that every battery has to hold at the end of every interval, and what would be
        missing beyond what it can hold or give. [battery, step], MWh

        hours  [step]; beyond the last interval everything goes on as in it
        """
        n = len(hours)
        gap = np.asarray(self.priority_mw, dtype=float) - np.broadcast_to(np.asarray(self.sure_mw, dtype=float), (n,))
        further = max(1, int(np.ceil(self.duration_h / hours[-1])))
        gap, length = (
            np.concatenate([gap, np.full(further, gap[-1])]),
            np.concatenate([hours, np.full(further, hours[-1])]),
        )
        power = np.array([max(0.0, b.max_discharge_mw - (self.headroom_mw if k == 0 else 0.0)) for k, b in
                          enumerate(self.batteries)])  # fmt: skip
        share = power / power.sum() if power.sum() > 0 else np.full(power.size, 1.0 / power.size)
        room = np.array([(b.max_soc - b.min_soc) * b.capacity_mwh for b in self.batteries])
        into, out_of = (np.array([getattr(b, name) for b in self.batteries]) for name in _EFFICIENCIES)
        charge = np.array([b.max_charge_mw for b in self.batteries])
        needed = np.broadcast_to(np.asarray(self.needed, dtype=bool), (n,))
        held, beyond = np.zeros((power.size, n)), np.zeros((power.size, n))
        for k in range(n):
            if not needed[k]:
                continue
            since = np.cumsum(length[k + 1 :]) - length[k + 1 :]
            last = k + 1 + int(np.searchsorted(since, self.duration_h - 1e-9))
            energy, missing = np.zeros(power.size), np.zeros(power.size)
            for j in range(last - 1, k, -1):
                h = min(length[j], self.duration_h - since[j - k - 1])
                wanted = share * max(0.0, gap[j])
                given = np.minimum(wanted, power)
                missing += (wanted - given) * h
                left = np.minimum(share * max(0.0, -gap[j]), charge)
                energy = np.maximum(0.0, energy + given * h / out_of - into * left * h)
                missing += np.maximum(0.0, energy - room) * out_of
                energy = np.minimum(energy, room)
            held[:, k], beyond[:, k] = energy, missing
        return held, beyond


_EFFICIENCIES = ("charge_efficiency", "discharge_efficiency")
_NUMBERS = ("capacity_mwh", "max_charge_mw", "max_discharge_mw", "min_soc", "max_soc", *_EFFICIENCIES)


class IslandReserveGroup(Plain):
    """Reserves in one problem; the batteries' own energies carry them."""

    kind = "island_reserve"

    def __init__(self, reserves: Sequence[IslandReserve]) -> None:
        self.reserves = list(reserves)
        self.ids = [r.id for r in reserves]
        self.bus = [r.bus for r in reserves]

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """short [MWh] of every battery of every reserve, at the end of every interval."""
        self.hours = horizon.hours
        self.who = [(r, b) for r, reserve in enumerate(self.reserves) for b in range(len(reserve.batteries))]
        energy = model.variables["battery_energy"].labels
        self.labels = np.stack([energy.sel(battery=self.reserves[r].batteries[b].id).values for r, b in self.who])
        found = [reserve.required(horizon.hours) for reserve in self.reserves]
        self.held, self.beyond = (np.concatenate([f[k] for f in found]) for k in (0, 1))
        least = np.array([[self.reserves[r].batteries[b].min_soc * self.reserves[r].batteries[b].capacity_mwh]
                          for r, b in self.who])  # fmt: skip
        names = [f"{self.ids[r]}: {self.reserves[r].batteries[b].id}" for r, b in self.who]
        coords: Coords = [pd.Index(names, name="island_reserve"), horizon.index]
        asked = self.held > 0
        self.short = add_variables(model, "island_short", coords, 0.0, np.inf, asked)
        self.floor = np.where(asked, least + self.held, 0.0)
        self.rows = add_rows(
            model, "island_reserve", coords, [(self.labels, 1.0), (self.short.labels.values, 1.0)], ">=", self.floor
        )

    def cost(self) -> dict[str, Sum]:
        price = np.array([[self.reserves[r].shortfall_price] for r, _ in self.who])
        return {"island_short": Sum.of((self.short, price * self.hours))}

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        short, dual = outcome.value(self.short), outcome.dual(self.rows)
        of = np.array([r for r, _ in self.who])
        sums = [np.stack([table[of == r].sum(axis=0) for r in range(len(self.ids))])
                for table in (self.held, short + self.beyond, np.abs(dual))]  # fmt: skip
        held, missing, worth = sums
        reason: list[str] = []
        for r in range(len(self.ids)):
            binds = "held_for_island" if worth[r, 0] > BINDS else "ready_for_island"
            code = "island_short" if missing[r, 0] > MOVING_MW else binds
            reason.append(code)
        who = self.ids, self.bus
        return [
            Quantity("reserve_mwh", *who, held, reason, [""] * len(self.ids), worth[:, 0]),
            Quantity("short_mwh", *who, missing),
        ]
