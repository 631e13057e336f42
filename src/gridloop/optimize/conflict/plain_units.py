"""Plain causes why units cannot follow a demand, hour by hour: capacity, must-run, ramps. No solver is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import listed
from gridloop.optimize.conflict.plain import LEAST_MW, Cause
from gridloop.units import FloatArray


def plain_unit_causes(
    units: pd.DataFrame,
    demand_mw: FloatArray,
    *,
    reserve_mw: FloatArray | float = 0.0,
    other_min_mw: FloatArray | float = 0.0,
    other_max_mw: FloatArray | float = 0.0,
    hours: Sequence[Any] | None = None,
) -> list[Cause]:
    """Plain causes why units cannot follow a demand.

    units         p_min_mw, p_max_mw; optional must_run, ramp_up_mw, ramp_down_mw, start_limit_mw, stop_limit_mw (NaN
                  where there is no limit)
    demand_mw     [hour];  reserve_mw  [hour] or one number
    other_min_mw, other_max_mw  [hour] what renewables together must and can give
    """
    demand = np.asarray(demand_mw, dtype=float)
    names = [str(h) for h in (range(1, demand.size + 1) if hours is None else hours)]
    reserve, low, high = (np.broadcast_to(np.asarray(x, dtype=float), demand.shape) for x in
                          (reserve_mw, other_min_mw, other_max_mw))  # fmt: skip
    p_min, p_max = units["p_min_mw"].to_numpy(dtype=float), units["p_max_mw"].to_numpy(dtype=float)
    found = [
        Cause(
            "min_above_max",
            f"the least output of {unit} ({a:.6g} MW) is above the largest ({b:.6g} MW)",
            (str(unit),),
            {"min": a, "max": b},
        )
        for unit, a, b in zip(units.index, p_min, p_max, strict=True)
        if a > b
    ]
    most = p_max.sum() + high
    for kind, wanted, what in (
        ("demand_above_capacity", demand, "the demand"),
        ("reserve_above_capacity", demand + reserve, "demand and reserve together"),
    ):
        over = wanted - most
        if found and kind == "reserve_above_capacity" and found[-1].kind == "demand_above_capacity":
            break
        if (over > LEAST_MW).any():
            k = int(np.argmax(over))
            others = f" and in {int((over > LEAST_MW).sum()) - 1} other hours" if (over > LEAST_MW).sum() > 1 else ""
            said = (
                f"in hour {names[k]} {what} ({wanted[k]:.6g} MW) is {over[k]:.6g} MW above all that units and "
                f"renewables can give ({most[k]:.6g} MW){others}"
            )
            found.append(Cause(kind, said, (names[k],), {"hour": names[k], "missing_mw": float(over[k])}))
    must = units["must_run"].to_numpy(dtype=bool) if "must_run" in units else np.zeros(len(units), dtype=bool)
    excess = p_min[must].sum() + low - demand
    if (excess > LEAST_MW).any():
        k = int(np.argmax(excess))
        running = [str(u) for u in units.index[must]]
        said = (
            f"in hour {names[k]} what must run ({listed(running)}) gives at least {excess[k] + demand[k]:.6g} MW, "
            f"{excess[k]:.6g} MW more than the demand of {demand[k]:.6g} MW"
        )
        facts = {"hour": names[k], "excess_mw": float(excess[k])}
        found.append(Cause("must_run_above_demand", said, (*running, names[k]), facts))
    return [*found, *_ramps(units, p_max, demand, low, high, names)]


def _ramps(
    units: pd.DataFrame, p_max: FloatArray, demand: FloatArray, low: FloatArray, high: FloatArray, names: list[str]
) -> list[Cause]:
    """Steps of the demand that all units together cannot follow, starts and stops included."""
    found = []
    for up, step, ramp, jump in (
        (True, np.diff(demand) - (high[1:] - low[:-1]), "ramp_up_mw", "start_limit_mw"),
        (False, -np.diff(demand) - (high[:-1] - low[1:]), "ramp_down_mw", "stop_limit_mw"),
    ):
        if ramp not in units or not step.size:
            continue
        able = np.minimum(np.nan_to_num(units[ramp].to_numpy(dtype=float), nan=np.inf), p_max)
        if jump in units:
            able = np.maximum(able, np.minimum(np.nan_to_num(units[jump].to_numpy(dtype=float), nan=np.inf), p_max))
        else:
            able = np.maximum(able, p_max)
        lacks = step - able.sum()
        if (lacks > LEAST_MW).any():
            k = int(np.argmax(lacks))
            said = (
                f"from hour {names[k]} to {names[k + 1]} the demand {'rises' if up else 'falls'} by "
                f"{abs(demand[k + 1] - demand[k]):.6g} MW; all units and renewables together can follow by "
                f"{abs(demand[k + 1] - demand[k]) - lacks[k]:.6g} MW at most"
            )
            facts = {"hour": names[k + 1], "missing_mw": float(lacks[k]), "up": up}
            found.append(Cause("ramp_too_slow", said, (names[k + 1],), facts))
    return found
