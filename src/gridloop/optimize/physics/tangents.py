"""Tangents: a quantity of the grid as a sum over the variables of a problem, around an operating point.

A quantity h (losses, a voltage, a loading) enters a problem as h₀ + ∇h·(x − x₀) at a point x₀ whose AC state is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.optimize.devices.group import TapTerm
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.physics.base import StackedTerms
from gridloop.optimize.physics.entries import Entries
from gridloop.optimize.physics.grid import Grid
from gridloop.optimize.physics.operating_point import LimitedPoint, TangentRows
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Around:
    """A point to linearize at: its AC state, and the variables that led there: x [row, step], tap_x [changer, step]."""

    point: LimitedPoint
    x: FloatArray
    tap_x: list[FloatArray]


@dataclass(frozen=True)
class Scene:
    """What all tangents of a problem have in common: the grid, the horizon, and the variables that move it.

    entry  where every row of the terms enters
    """

    grid: Grid
    horizon: Horizon
    terms: StackedTerms
    taps: Sequence[TapTerm]
    entry: Entries

    def over_variables(
        self, tangent: TangentRows, row: int, step: int, around: Around
    ) -> tuple[IntArray, FloatArray, float]:
        """Labels and coefficients of one tangent over all variables of a step, and its value at the point."""
        terms = self.terms
        to_p, to_q = self.entry.take(tangent.to_p[row]), self.entry.take(tangent.to_q[row])
        own = to_p * terms.p[:, step] + to_q * terms.q[:, step]
        labels, values = [terms.labels[:, step]], [own]
        at_x = float(own @ around.x[:, step])
        if tangent.to_tap:
            for term, x, effect in zip(self.taps, around.tap_x, tangent.to_tap, strict=True):
                labels.append(term.labels[:, step])
                values.append(effect[row])
                at_x += float(effect[row] @ x[:, step])
        all_labels, all_values = np.concatenate(labels), np.concatenate(values)
        kept = (all_labels >= 0) & (np.abs(all_values) > 1e-12)
        return all_labels[kept], all_values[kept], at_x
