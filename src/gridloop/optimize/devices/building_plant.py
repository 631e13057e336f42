"""Machines that heat or cool: heat pumps, chillers and boilers, their COP by temperature and by part load.

A machine's curve is told at some shares of its capacity. Between them, and down to zero, a machine can spend parts of
an interval at two loads each: what it needs for a mean output is then the lowest line between the points, their convex
hull. So it is convex, and pieces of growing price make it linear. Starts within an interval are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.units import FloatArray

KELVIN = 273.15
HEAT_PUMP, CHILLER, BOILER = "heat pump", "chiller", "boiler"
HEATING, COOLING = "heating", "cooling"
# Condensing boilers give up to 1.09 of the lower heating value of gas.
BEST_BOILER = 1.1
FULL_LOAD = ((1.0, 1.0),)
# Shares of the capacity and COP relative to that at full load: a variable-speed machine is best at about half load, as
# in EN 14825's test points; a quarter of it costs again.
VARIABLE_SPEED = ((0.25, 1.05), (0.5, 1.15), (0.75, 1.08), (1.0, 1.0))


def carnot(cold_c: FloatArray | float, hot_c: FloatArray | float, *, cooling: bool = False) -> FloatArray:
    """Highest COP there can be between two temperatures; infinite where heat would flow by itself, NaN where one is."""
    cold, hot = np.broadcast_arrays(np.asarray(cold_c, dtype=float), np.asarray(hot_c, dtype=float))
    lift = hot - cold
    with np.errstate(divide="ignore"):
        found = np.where(lift > 0, ((cold if cooling else hot) + KELVIN) / np.maximum(lift, 1e-300), np.inf)
    return np.where(np.isnan(lift), np.nan, found)


@dataclass(frozen=True)
class HvacMachine:
    """A machine of a building's plant.

    capacity_mw   heat or cold that it gives at most: one number or [step]
    cop           heat or cold per energy at full load, a boiler's efficiency: one number or [step]
    kind          "heat pump", "chiller" or "boiler"
    part_load     (share of the capacity, COP there relative to that at full load), up to the share 1
    fuel_eur_per_mwh  price of what it burns; None: electric, at the connection's price
    fuel_t_per_mwh    carbon dioxide of what it burns; gas: 0.202
    cold_c, hot_c     temperatures between which it works, for the check against Carnot; None: of outdoors and room
    loop          the zones that name this loop share its heat or cold; "" is `heating` or `cooling`
    """

    capacity_mw: FloatArray | float
    cop: FloatArray | float
    kind: str = HEAT_PUMP
    part_load: Sequence[tuple[float, float]] = FULL_LOAD
    fuel_eur_per_mwh: float | None = None
    fuel_t_per_mwh: float = 0.0
    cold_c: FloatArray | float | None = None
    hot_c: FloatArray | float | None = None
    loop: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "part_load", tuple((float(share), float(cop)) for share, cop in self.part_load))
        object.__setattr__(self, "id", self.id or self.kind)
        object.__setattr__(self, "loop", self.loop or (COOLING if self.kind == CHILLER else HEATING))
        for name in ("cold_c", "hot_c"):
            given = np.atleast_1d(np.asarray(0.0 if getattr(self, name) is None else getattr(self, name), dtype=float))
            missing = np.flatnonzero(np.isnan(given))
            if missing.size:
                raise GapInSeries(
                    f"Machine {self.id}: {missing.size} of {given.size} temperatures of {name} are missing (first at "
                    f"interval {missing[0] + 1}); there is no COP without them. Fill them by name, such as from "
                    "a forecast.",
                    missing=int(missing.size),
                )
        problems = [] if self.kind in (HEAT_PUMP, CHILLER, BOILER) else [
            f"kind is {self.kind!r}; allowed are {HEAT_PUMP}, {CHILLER}, {BOILER}"
        ]  # fmt: skip
        capacity = np.asarray(self.capacity_mw, dtype=float)
        if not (np.isfinite(capacity).all() and (capacity >= 0).all()):
            problems.append("capacity_mw must be finite and not negative")
        shares, factors = [share for share, _ in self.part_load], [factor for _, factor in self.part_load]
        rising = bool(shares) and all(a < b for a, b in pairwise(shares))
        if not rising or shares[0] <= 0 or shares[-1] != 1.0 or min(factors) <= 0:
            problems.append("part_load needs growing shares above 0, the last of them 1, with positive factors")
        if self.fuel_eur_per_mwh is not None and self.kind != BOILER:
            problems.append(f"a {self.kind} is electric; fuel_eur_per_mwh is a boiler's")
        if problems:
            raise OutOfRange(f"Machine {self.id}: {'; '.join(problems)}.", device=self.id, problems=problems)

    @property
    def cooling(self) -> bool:
        """Whether it takes heat out of rooms."""
        return self.kind == CHILLER

    @property
    def electric(self) -> bool:
        """Whether it takes its energy from the connection."""
        return self.fuel_eur_per_mwh is None

    @classmethod
    def heat_pump(
        cls, capacity_mw: FloatArray | float, outdoor_c: FloatArray | float, *, supply_c: float = 40.0,
        quality: float = 0.45, best_cop: float = 7.0, part_load: Sequence[tuple[float, float]] = VARIABLE_SPEED,
        id: str = HEAT_PUMP, loop: str = "",
    ) -> HvacMachine:  # fmt: skip
        """From outside air to water of `supply_c`: `quality` times Carnot, at most `best_cop`.

        quality 0.45 at full load is what air-to-water pumps reach at A7/W35 in EN 14511 tests (COP 4 … 4.5).
        """
        limit = carnot(outdoor_c, supply_c)
        return cls(capacity_mw, np.minimum(quality * limit, best_cop), HEAT_PUMP, part_load, cold_c=outdoor_c,
                   hot_c=supply_c, id=id, loop=loop)  # fmt: skip

    @classmethod
    def chiller(
        cls, capacity_mw: FloatArray | float, outdoor_c: FloatArray | float, *, supply_c: float = 7.0,
        approach_k: float = 10.0, quality: float = 0.45, best_cop: float = 8.0,
        part_load: Sequence[tuple[float, float]] = VARIABLE_SPEED, id: str = CHILLER, loop: str = "",
    ) -> HvacMachine:  # fmt: skip
        """From water (or brine) of `supply_c` to outside air, condensing `approach_k` above it."""
        hot = np.asarray(outdoor_c, dtype=float) + approach_k
        limit = carnot(supply_c, hot, cooling=True)
        return cls(capacity_mw, np.minimum(quality * limit, best_cop), CHILLER, part_load, cold_c=supply_c,
                   hot_c=hot, id=id, loop=loop)  # fmt: skip

    @classmethod
    def boiler(
        cls, capacity_mw: FloatArray | float, *, efficiency: float = 0.92, fuel_eur_per_mwh: float | None = None,
        fuel_t_per_mwh: float = 0.0, id: str = BOILER, loop: str = "",
    ) -> HvacMachine:  # fmt: skip
        """Heat of a fuel at its price, or of electricity."""
        return cls(capacity_mw, efficiency, BOILER, FULL_LOAD, fuel_eur_per_mwh, fuel_t_per_mwh, id=id, loop=loop)

    def at(self, rows: slice) -> HvacMachine:
        """The same in some of its intervals."""
        series: dict[str, Any] = {
            name: np.asarray(getattr(self, name), dtype=float)[rows]
            for name in ("capacity_mw", "cop", "cold_c", "hot_c")
            if getattr(self, name) is not None and np.size(getattr(self, name)) > 1
        }
        return replace(self, **series) if series else self

    def pieces(self, steps: int) -> tuple[FloatArray, FloatArray]:
        """Output [piece, step] and energy per output [piece, step] of the pieces of its curve, cheapest first."""
        shares, energy = hull(self.part_load)
        capacity, cop = over_steps(self.capacity_mw, steps), over_steps(self.cop, steps)
        width = np.diff(np.concatenate([[0.0], shares]))
        slope = np.diff(np.concatenate([[0.0], energy])) / width
        return width[:, None] * capacity, slope[:, None] / cop

    def energy_mw(self, output_mw: FloatArray) -> FloatArray:
        """Energy that so much output takes. [step]"""
        width, slope = self.pieces(output_mw.size)
        below = np.vstack([np.zeros(output_mw.size), np.cumsum(width, axis=0)[:-1]])
        return np.asarray((np.clip(output_mw - below, 0.0, width) * slope).sum(axis=0))


def hull(part_load: Sequence[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    """Shares, and energy relative to that at full load and COP 1, of the lower convex hull from (0, 0)."""
    points = [(0.0, 0.0), *((share, share / factor) for share, factor in part_load)]
    kept: list[tuple[float, float]] = []
    for x, y in points:
        while len(kept) > 1:
            (x0, y0), (x1, y1) = kept[-2:]
            if (y1 - y0) * (x - x1) < (y - y1) * (x1 - x0):
                break
            kept.pop()
        kept.append((x, y))
    return np.array([x for x, _ in kept[1:]]), np.array([y for _, y in kept[1:]])
