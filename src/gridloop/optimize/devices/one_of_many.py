"""One choice of several for every device: a good combination by taking devices out and putting them back.

Each device takes one of its own profiles, and the connection's bill for the sum makes them depend on each other. To
begin with, devices are put one after the other where each is cheapest; then one at a time is taken out and put back,
with noise that cools down (`kernel/one_of_many.py`). A cooling is followed by longer ones, until one finds nothing
better or time is up. No proof comes of it: it is what a branch and bound begins with.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.kernel import one_of_many as kernel
from gridloop.optimize.devices.rest import Rest
from gridloop.units import FloatArray, IntArray

# Rounds per device of a cooling, one after the other.
ROUNDS = (200, 2_000, 20_000, 100_000)
# Rounds between two looks at the clock: a hundredth of a second.
CHUNK = 1_000
# Money of the noise at first and at last, as shares of the cost.
HOT, COLD = 0.012, 1e-4
SAME_COST = 1e-9


@dataclass(frozen=True)
class Choices:
    """What one device may do. power_mw [choice, step] it takes; own [choice] money beside the connection's bill."""

    power_mw: FloatArray
    own: FloatArray


def choose(devices: Sequence[Choices], rest: Rest, seed: int = 0) -> IntArray:
    """The choice of every device. [device]; the same input gives the same answer where `rest.seconds` suffice."""
    until = time.perf_counter() + rest.seconds
    first = _one_after_the_other(devices, rest)
    if len(devices) < 2 or not rest.joins:
        return first
    search = _Cooling(devices, rest, first)
    rng = np.random.default_rng(seed)
    for rounds in ROUNDS:
        before = search.cost
        if not search.cool(rounds * len(devices), rng, until) or search.cost >= before - SAME_COST * abs(before):
            break
    return search.best - search.of_device[:-1]


def _one_after_the_other(devices: Sequence[Choices], rest: Rest) -> IntArray:
    """Devices put where each is cheapest, those that take most first."""
    chosen, taken = np.zeros(len(devices), dtype=np.int64), np.zeros(len(rest.horizon))
    for k in sorted(range(len(devices)), key=lambda k: -float(devices[k].power_mw.sum(axis=1).max(initial=0.0))):
        sums = taken + devices[k].power_mw
        chosen[k] = int(np.argmin(devices[k].own + rest.cost(sums) + rest.even(sums)))
        taken = sums[chosen[k]]
    return chosen


class _Cooling:
    """The kernel's arrays. of_device [device + 1]: where each device's choices begin; best [device] among all choices;
    cost: money of the best"""

    def __init__(self, devices: Sequence[Choices], rest: Rest, chosen: IntArray) -> None:
        connection, hours = rest.connection, rest.horizon.hours
        self.power = np.ascontiguousarray(np.concatenate([device.power_mw for device in devices]), dtype=float)
        self.own = np.concatenate([device.own for device in devices]).astype(float)
        self.of_device = np.cumsum([0, *(len(device.own) for device in devices)]).astype(np.int64)
        used = self.power != 0
        n = used.shape[1]
        last = np.where(used.any(axis=1), n - used[:, ::-1].argmax(axis=1), 0)
        self.span = np.column_stack([np.where(last > 0, used.argmax(axis=1), 0), last]).astype(np.int64)
        self.terms = np.array([
            rest.import_eur_per_mwh * hours, rest.export_eur_per_mwh * hours, connection.limit_price * hours
        ])  # fmt: skip
        priced = connection.contracted_peak_mw is not None
        self.limits = np.array([
            connection.import_limit_mw, connection.export_limit_mw,
            float(connection.contracted_peak_mw or 0.0), connection.peak_price_per_mw if priced else 0.0,
        ])  # fmt: skip
        self.given = np.ascontiguousarray(rest.taken_mw, dtype=float)
        self.best = self.of_device[:-1] + chosen
        self.costs = np.full(2, np.inf)
        self._round(np.zeros(0), np.random.default_rng(0))

    @property
    def cost(self) -> float:
        return float(self.costs[1])

    def cool(self, rounds: int, rng: np.random.Generator, until: float) -> bool:
        """So many rounds from the best; False where time was up."""
        self.chosen = self.best.copy()
        scale = max(abs(self.cost), 1e-9)
        for first in range(0, rounds, CHUNK):
            if time.perf_counter() > until:
                return False
            done = (first + np.arange(min(CHUNK, rounds - first))) / rounds
            self._round(scale * HOT * (COLD / HOT) ** done, rng)
        return True

    def _round(self, temperature: FloatArray, rng: np.random.Generator) -> None:
        if not temperature.size:
            self.chosen = self.best.copy()
        draws = rng.random((temperature.size, kernel.DRAWS))
        words = rng.integers(0, 2**63, temperature.size, dtype=np.uint64)
        kernel.anneal(
            self.power, self.span, self.own, self.of_device, self.terms, self.limits, self.given, temperature, draws,
            words, self.chosen, self.best, self.costs,
        )  # fmt: skip
