"""What the starts of a commitment cost, by the hours off before each, or by the rule of PGLib-UC's reference model."""

from __future__ import annotations

import numpy as np

from gridloop.network.unit_system import UnitSystem
from gridloop.units import BoolArray, FloatArray


def start_costs(system: UnitSystem, on: BoolArray) -> FloatArray:
    """Cost of the starts of every unit. [unit]

    on  [hour, unit]
    """
    tiers = {str(name): rows for name, rows in system.start.groupby("unit", sort=False)}
    total = np.zeros(on.shape[1])
    for g, (name, unit) in enumerate(system.unit.iterrows()):
        off_h = tiers[str(name)]["off_h"].to_numpy(dtype=float)
        cost = tiers[str(name)]["cost"].to_numpy(dtype=float)
        was_on, since = bool(unit["on_before"]), float(unit["hours_before"])
        stops: list[int] = []
        running = was_on
        for hour in range(on.shape[0]):
            if on[hour, g] and not running:
                off = hour - stops[-1] if stops else since + hour
                if system.start_rule == "pglib":
                    total[g] += _as_pglib(hour, stops, 0.0 if was_on else since, off_h, cost)
                else:
                    total[g] += cost[_tier(off, off_h)]
            elif running and not on[hour, g]:
                stops.append(hour)
            running = bool(on[hour, g])
    return total


def _tier(off: float, off_h: FloatArray) -> int:
    """The last tier whose hours have passed; the hottest where not even its own have."""
    return max(int((off_h <= off).sum()) - 1, 0)


def _as_pglib(hour: int, stops: list[int], off_before: float, off_h: FloatArray, cost: FloatArray) -> float:
    """The cheapest tier that the reference model's equations 7 and 15 allow; its hours count from 1.

    A tier but the last is allowed in hour t where the unit stopped off_h(s) … off_h(s + 1) − 1 hours earlier, if
    t ≥ off_h(s + 1); in earlier hours unless the unit had been off for off_h(s + 1) hours by then, counted from before
    the first hour, whatever happened since.
    """
    t = hour + 1
    allowed = [float(cost[-1])]
    for s in range(off_h.size - 1):
        nxt = off_h[s + 1]
        recent = any(off_h[s] <= hour - stop < nxt for stop in stops)
        if recent if t >= nxt else t <= nxt - off_before:
            allowed.append(float(cost[s]))
    return min(allowed)
