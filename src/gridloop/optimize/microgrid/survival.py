"""How long an island lives: energy step by step for many forecasts at once, and the distribution of the time.

The rule is thrift. Priority load is served from generation and then from storage; what is left of generation charges;
everybody else gets only what then still would be curtailed. So the stored energy never pays for anything but priority
load, and its path

    e' = clip(e + η₊ c − d / η₋, low, high),   d = need − generation where that is positive, else c = their excess

is monotone in the energy, the capacity and the power of the store: more of any of them never shortens survival. An
island has died in the first interval in which priority load goes short by more than a meter sees. Within it the time
is where the energy ran out; it is the whole beginning of the interval where the power was too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.microgrid.former import GridFormer, need_former
from gridloop.units import FloatArray

SHORT_MW = 1e-9


@dataclass(frozen=True)
class Survival:
    """Times that an island lived, one per scenario of the forecast.

    hours      [scenario]  the whole length looked at where it lived through (`lived`)
    lived      [scenario]  whether it did
    length_h   what was looked at
    soc        [step, scenario]  state of charge at the end of every interval
    served_share  [scenario]  energy of all loads served, over all that was wanted, as long as it lived
    """

    hours: FloatArray
    lived: Any
    length_h: float
    soc: FloatArray
    served_share: FloatArray
    curtailed_mwh: FloatArray

    def probability(self, hours: float) -> float:
        """Share of the scenarios that live so long or longer. Raises `OutOfRange` beyond what was looked at."""
        if not 0 <= hours <= self.length_h + 1e-9:
            raise OutOfRange(f"{hours} h: what was looked at is 0 … {self.length_h:g} h; give a longer forecast.")
        return float(np.mean(self.hours >= hours - 1e-9))

    def quantile(self, share: float) -> float:
        """The time that so large a share of the scenarios does not reach. [h]"""
        return float(np.quantile(self.hours, share, method="inverted_cdf"))

    def curve(self) -> pd.Series:
        """Probability to live, by hours, at every moment where it changes."""
        at = np.unique(np.concatenate([[0.0], self.hours, [self.length_h]]))
        return pd.Series([self.probability(h) for h in at], index=pd.Index(at, name="hours"), name="probability")

    def facts(self) -> dict[str, float]:
        """The figures in short."""
        return {
            "scenarios": float(self.hours.size),
            "length_h": self.length_h,
            "lived_share": float(np.mean(self.lived)),
            "p10_h": self.quantile(0.1),
            "p50_h": self.quantile(0.5),
            "p90_h": self.quantile(0.9),
            "served_share_mean": float(self.served_share.mean()),
        }


def survival(
    former: GridFormer | None,
    priority_mw: FloatArray,
    generation_mw: FloatArray,
    *,
    hours: FloatArray | float = 0.25,
    initial_soc: FloatArray | float = 1.0,
    other_mw: FloatArray | float = 0.0,
    followers: tuple[GridFormer, ...] = (),
) -> Survival:
    """Live through scenarios of priority load and of generation.

    former       the source; `followers` are further stores that share its energy (each within its own limits)
    priority_mw, generation_mw, other_mw  [step, scenario] or [step]; other loads are served from what is left over
    hours        length of the intervals, one number or [step]
    initial_soc  one number, or [scenario]; of all stores alike

    Raises `OutOfRange` (also for an island without a grid-forming source) and `GapInSeries`.
    """
    need_former([] if former is None else [former.id], "Survival of an island")
    assert former is not None
    need, sun, more = _same(priority_mw, generation_mw, other_mw)
    steps, scenarios = need.shape
    length = np.broadcast_to(np.asarray(hours, dtype=float), (steps,))
    if not (length > 0).all():
        raise OutOfRange(f"hours must be above zero; the shortest is {length.min()}.")
    soc0 = np.broadcast_to(np.asarray(initial_soc, dtype=float), (scenarios,))
    if not ((soc0 >= 0) & (soc0 <= 1)).all():
        raise OutOfRange(f"initial_soc is {soc0.min()} … {soc0.max()}; allowed is 0 … 1.")
    stores = (former, *followers)
    energy = [_start(s, soc0) for s in stores]
    capacity = sum(s.capacity_mwh for s in stores)
    alive = np.ones(scenarios, dtype=bool)
    lived_h = np.zeros(scenarios)
    soc = np.zeros((steps, scenarios))
    served, wanted, thrown = np.zeros(scenarios), np.zeros(scenarios), np.zeros(scenarios)
    for k in range(steps):
        h = float(length[k])
        gap = need[k] - sun[k]
        left, excess = np.maximum(gap, 0.0), np.maximum(-gap, 0.0)
        power_short = np.zeros(scenarios)
        lasts = np.full(scenarios, h)
        given = np.zeros(scenarios)
        reach = np.zeros(scenarios)
        for s, e in zip(stores, energy, strict=True):
            most = _discharge(s)
            reach += most
            give = np.minimum(left, most)
            if not np.isinf(s.capacity_mwh):
                stored = np.maximum(e - s.min_soc * s.capacity_mwh, 0.0) * s.discharge_efficiency
                give = np.minimum(give, stored / h)
                e -= np.minimum(give * h / s.discharge_efficiency, e)
            given += give
            left = left - give
        power_short = np.maximum(np.maximum(gap, 0.0) - reach, 0.0)
        short = left > SHORT_MW
        with np.errstate(divide="ignore", invalid="ignore"):
            lasts = np.where(short & (power_short <= SHORT_MW), h * given / np.maximum(gap, SHORT_MW), h)
        lasts = np.where(short & (power_short > SHORT_MW), 0.0, lasts)
        for s, e in zip(stores, energy, strict=True):
            if np.isinf(s.capacity_mwh):
                continue
            room = np.maximum(s.max_soc * s.capacity_mwh - e, 0.0) / (s.charge_efficiency * h)
            take = np.minimum(np.minimum(excess, max(0.0, s.charge_mw - s.headroom_mw)), room)
            e += take * h * s.charge_efficiency
            excess = excess - take
        extra = np.minimum(more[k], excess)
        thrown += np.where(alive, (excess - extra) * h, 0.0)
        lived_h += np.where(alive, np.where(short, lasts, h), 0.0)
        served += np.where(alive, (need[k] - left + extra) * h, 0.0)
        wanted += np.where(alive, (need[k] + more[k]) * h, 0.0)
        alive &= ~short
        soc[k] = 1.0 if np.isinf(capacity) else sum(energy) / capacity
    share = np.divide(served, wanted, out=np.ones(scenarios), where=wanted > 0)
    return Survival(lived_h, alive, float(length.sum()), soc, share, thrown)


def _discharge(s: GridFormer) -> float:
    return max(0.0, s.discharge_mw - s.headroom_mw)


def _start(s: GridFormer, soc: FloatArray) -> FloatArray:
    return np.zeros(soc.size) if np.isinf(s.capacity_mwh) else soc * s.capacity_mwh


def _same(*given: FloatArray | float) -> list[FloatArray]:
    """All as [step, scenario]. Raises `GapInSeries`, `OutOfRange`."""
    arrays = [np.asarray(a, dtype=float) for a in given]
    arrays = [a[:, None] if a.ndim == 1 else a for a in arrays]
    names = ("priority_mw", "generation_mw", "other_mw")
    for name, a in zip(names, arrays, strict=True):
        gaps = int(np.isnan(a).sum())
        if gaps:
            raise GapInSeries(f"{gaps} of {a.size} values of {name} are missing; fill them by name.", missing=gaps)
        if (a < 0).any():
            raise OutOfRange(f"{int((a < 0).sum())} of {a.size} values of {name} are below zero; loads and generation "
                             "are zero or more.")  # fmt: skip
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError as error:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, arrays, strict=True))
        raise OutOfRange(f"The scenarios differ in shape ({shapes}); give [step, scenario] alike.") from error
    if len(shape) != 2:
        raise OutOfRange("priority_mw needs one value per interval: [step] or [step, scenario].")
    return [np.broadcast_to(a, shape) for a in arrays]
