"""Depth: what a model of ageing says a cycle costs by how deep it goes, as layers that a plan can use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange
from gridloop.optimize.ageing.chemistry import ZERO_CELSIUS_K, Stress
from gridloop.optimize.ageing.rainflow import rainflow
from gridloop.optimize.ageing.report import Ageing
from gridloop.units import FloatArray

DEPTHS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def cost_by_depth(
    ageing: Ageing,
    soc: pd.Series,
    *,
    depths: Sequence[float] = DEPTHS,
    temperature_c: float = 25.0,
    middle: float = 0.5,
    c_rate: float = 0.5,
) -> list[tuple[float, float]]:
    """`Battery(degradation_cost=…)` by depth: (depth, money per MWh discharged from the layer that ends there).

    ageing, soc  of `battery_ageing`, and its profile: the cycles of that cost `marginal_cost_per_mwh` in the
              mean, and the model's law says how one of another depth compares
    depths    where layers end, rising, above 0 and to 1 at most
    temperature_c, middle, c_rate  what every cycle has beside its depth

    A cycle of depth d costs Φ(d) ∝ k(d)^(1/p) · d of the law at cycles. Where Φ does not curve upwards (large LFP cells
    hardly mind the depth) neighbouring layers get their mean: such a wear is one number.
    Raises `BadInput` where cycles have no price, `OutOfRange` for wrong depths.
    """
    edges = np.asarray(depths, dtype=float)
    if not edges.size or not ((np.diff(edges, prepend=0.0) > 0) & (edges <= 1)).all():
        raise OutOfRange(f"depths are {edges.tolist()}; they must rise, above 0 and to 1 at most.")
    law = ageing.fade.chemistry

    def faded(depth: FloatArray) -> FloatArray:
        same = np.ones(depth.size)
        stress = Stress(depth, middle * same, (temperature_c + ZERO_CELSIUS_K) * same, c_rate * same)
        return np.asarray(law.cycling(stress) ** (1.0 / law.cycling_power) * depth)

    cycles = rainflow(soc, repeating=True)
    depth, count = (cycles[name].to_numpy(dtype=float) for name in ("depth", "count"))
    depth, count = depth[depth > 0], count[depth > 0]
    by_cycles = float(count @ faded(depth))
    if np.isnan(ageing.marginal_cost_per_mwh) or not by_cycles > 0:
        raise BadInput("This ageing has no price of cycles: its profile has none, or nothing wears by them.")
    widths = np.diff(edges, prepend=0.0)
    slopes = _rising(np.diff(faded(edges), prepend=0.0) / widths, widths)
    money = ageing.marginal_cost_per_mwh * float(count @ depth) / by_cycles * slopes
    return [(float(d), float(m)) for d, m in zip(edges, money, strict=True)]


def _rising(slopes: FloatArray, widths: FloatArray) -> FloatArray:
    """The nearest slopes that never fall: neighbours that do are put together by width (pool adjacent violators)."""
    pools: list[list[float]] = []  # slope, width, count
    for slope, width in zip(slopes.tolist(), widths.tolist(), strict=True):
        pools.append([slope, width, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            s, w, n = pools.pop()
            last = pools[-1]
            last[0] = (last[0] * last[1] + s * w) / (last[1] + w)
            last[1], last[2] = last[1] + w, last[2] + n
    return np.concatenate([np.full(int(n), s) for s, _, n in pools])
