"""What to branch on: the sum of alike units whose halves promise most, else the single unit that is most open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.gains import Gains
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.node import Node

# A value this close to a whole number is one: the solver's own tolerance; of a sum: rounding of many of those.
_WHOLE = 1e-6
_FRACTION = 1e-4
# How many sums of which nothing is known are measured at the root, and at any other node.
_PROBES_ROOT, _PROBES = 100, 8

# What the relaxations of two halves cost, NaN where one has no solution; nothing where that would take too long.
Probe = Callable[[list[Node]], list[float]]


@dataclass(frozen=True)
class Halves:
    """The two halves of a node, at most and at least; of the sum k, which is `part` above a whole number.

    k is −1 where a single unit is branched on.
    """

    children: list[Node]
    k: int
    part: float


class Branching:
    """Halves nodes, and learns from what came of it."""

    def __init__(self, model: CommitmentModel, probe: Probe) -> None:
        """probe(nodes) gives what the relaxations of two halves of a node cost: for sums that nothing is known of."""
        self._model, self._probe = model, probe
        self._gains = Gains(model.sums)
        self._number = 0

    def halve(self, node: Node) -> Halves | None:
        """The halves of a node; None where all its decisions are whole."""
        value = self._model.sums.member @ node.x
        part = value - np.floor(value)
        open_ = np.flatnonzero(np.minimum(part, 1.0 - part) > _FRACTION)
        if open_.size:
            for k in self._gains.unseen(open_, _PROBES_ROOT if node.number == 0 else _PROBES):
                halves = self._halves(node, int(k), float(value[k]))
                found = self._probe(halves.children)
                if not found:
                    break
                for side, objective in enumerate(found):
                    self.learn(halves, side, objective - node.objective)
            k = self._gains.best(open_, part[open_])
            return self._halves(node, k, float(value[k]))
        u = node.x[self._model.on_off.u]
        distance = np.minimum(u, 1.0 - u)
        if distance.max() <= _WHOLE:
            return None
        size = self._model.arrays.column(kernel.P_MAX)[:, None]
        g, t = np.unravel_index(int(np.argmax(np.where(distance > _WHOLE, distance * size, -1.0))), u.shape)
        lower, upper = self._child(node), self._child(node)
        lower.fixed[int(g), int(t)], upper.fixed[int(g), int(t)] = False, True
        return Halves([lower, upper], -1, float(u[g, t]))

    def _halves(self, node: Node, k: int, value: float) -> Halves:
        lower, upper = self._child(node), self._child(node)
        lower.sum_upper[k] = float(np.floor(value))
        upper.sum_lower[k] = float(np.ceil(value))
        return Halves([lower, upper], k, float(value - np.floor(value)))

    def learn(self, halves: Halves, side: int, gain: float) -> None:
        """A half was solved, 0 at most, 1 at least: the relaxation rose by this much."""
        if halves.k >= 0 and np.isfinite(gain):
            self._gains.learn(halves.k, side, gain / (1.0 - halves.part if side else halves.part))

    def _child(self, node: Node) -> Node:
        self._number += 1
        return node.child(self._number)
