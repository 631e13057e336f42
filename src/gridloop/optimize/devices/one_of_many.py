"""One choice of several for every device: a good combination by taking a few devices out and putting them back.

Each device takes one of its own profiles, and the connection's bill for the sum makes them depend on each other. A few
devices are taken out, those with power where the import is highest the more often, and put back one after the other
where each is cheapest; what comes out is kept where it is no dearer, and early on also where it is a little dearer
(threshold accepting: Dueck and Scheuer 1990; ruin and recreate: Schrimpf et al. 2000). No proof comes of it: it is what
a branch and bound begins with.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.optimize.devices.rest import Rest
from gridloop.units import FloatArray, IntArray

MOST_ROUNDS, ROUNDS_EACH = 4000, 200
# Powers [choice, step] that are looked at in all rounds together: about two seconds.
MOST_NUMBERS = 2e8
TAKEN_OUT = (2, 3, 4)
# What may get dearer for a while, relative to the first cost: falls to nothing.
FIRST_STEP_BACK = 0.02


@dataclass(frozen=True)
class Choices:
    """What one device may do. power_mw [choice, step] it takes; own [choice] money beside the connection's bill."""

    power_mw: FloatArray
    own: FloatArray


def choose(devices: Sequence[Choices], rest: Rest, seed: int = 0) -> IntArray:
    """The choice of every device. [device]; the same input gives the same answer where `rest.seconds` suffice."""
    search = _Search(devices, rest)
    search.build(sorted(range(len(devices)), key=lambda k: -float(devices[k].power_mw.sum(axis=1).max(initial=0.0))))
    return search.improve(np.random.default_rng(seed))


class _Search:
    def __init__(self, devices: Sequence[Choices], rest: Rest) -> None:
        self.devices, self.rest = devices, rest
        self.chosen = np.zeros(len(devices), dtype=np.int64)
        self.taken = np.zeros(len(rest.horizon))
        self.until = time.perf_counter() + rest.seconds

    def build(self, order: Sequence[int]) -> None:
        """Put devices where each is cheapest, one after the other."""
        for k in order:
            device = self.devices[k]
            sums = self.taken + device.power_mw
            best = int(np.argmin(device.own + self.rest.cost(sums) + self.rest.even(sums)))
            self.chosen[k], self.taken = best, sums[best]

    def money(self) -> float:
        own = sum(float(device.own[c]) for device, c in zip(self.devices, self.chosen, strict=True))
        return own + float(self.rest.cost(self.taken)) + float(self.rest.even(self.taken))

    def improve(self, rng: np.random.Generator) -> IntArray:
        """Take a few out and put them back, many times; the best of all."""
        n = len(self.devices)
        numbers = sum(device.power_mw.size for device in self.devices) / max(n, 1)
        most = min(MOST_ROUNDS, ROUNDS_EACH * n, MOST_NUMBERS / (numbers * max(TAKEN_OUT)))
        rounds = int(most) if n > 1 and self.rest.joins else 0
        now = self.money()
        best, best_chosen = now, self.chosen.copy()
        for round_ in range(rounds):
            if time.perf_counter() > self.until:
                break
            before, before_chosen = self.taken, self.chosen.copy()
            out = self._some(rng)
            for k in out:
                self.taken = self.taken - self.devices[k].power_mw[self.chosen[k]]
            self.build(out)
            money = self.money()
            step_back = FIRST_STEP_BACK * abs(best) * (1.0 - round_ / rounds) ** 2
            if money <= now + step_back * rng.random():
                now = money
                if now < best:
                    best, best_chosen = now, self.chosen.copy()
            else:
                self.taken, self.chosen = before, before_chosen
        return best_chosen

    def _some(self, rng: np.random.Generator) -> list[int]:
        """A few devices, every other time the first of them one with power at the highest import."""
        n = len(self.devices)
        out: list[int] = rng.choice(n, size=min(n, int(rng.choice(TAKEN_OUT))), replace=False).tolist()
        if rng.random() < 0.5:
            top = int(np.argmax(self.taken + self.rest.taken_mw))
            there = [
                k for k, device in enumerate(self.devices) if device.power_mw[self.chosen[k], top] > 0 and k not in out
            ]
            if there:
                out[0] = int(rng.choice(there))
        return out
