"""Linear models with circles, a² + b² ≤ r² of two sums each, and bands of sums: added where an answer leaves them.

Of a circle a tangent is added, of a band its row.

Cost first. Where several answers cost the same, a second solve among them takes the preferred one: without it reactive
power and voltages would be those of some vertex, which no one can explain.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.physics.opf_base import Progress
from gridloop.optimize.solve.arrays import Answer, LinearModel
from gridloop.optimize.solve.convex import GAP, ConvexSession
from gridloop.optimize.solve.quadratic import Separable, minimize_separable
from gridloop.units import FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.conflict.system import LinearSystem, Rule

# Rows over columns as triplets: row, column, value.
Triplets = tuple[IntArray, IntArray, FloatArray]
# What rows are of, the rows over all columns, and their bounds.
_Cut = tuple[list[tuple[int, int, float]], csr_array, FloatArray, FloatArray]

# Outside a circle by more than this counts, per unit: twice the solvers' own tolerance of rows.
BROKEN = 2e-7
# Tangents at a circle's answers close on it quadratically; ten rounds are many.
MAX_ROUNDS = 100
# Gap of the rounds that only look for what binds.
_ROUGH = 1e-3
# By how much what decides the cost may move in the second solve, per unit: below the solvers' tolerance.
_STILL = 1e-9
# Broken bands that a round adds at most: neighbours say much the same.
_PER_ROUND = 30
# Seconds that the preference may take on top of those of the cost: it is worth no more.
_PATIENCE_S = 1.0
# Rounds in which the preferred answer may break further limits.
_TRIES = 20
# A multiplier below this share of the largest is rounding.
_NOTHING = 1e-7


def rows_of(terms: list[tuple[IntArray, FloatArray]]) -> Triplets:
    """One row per place of the terms, each a column and its factor by row."""
    count = terms[0][0].size
    rows = np.tile(np.arange(count), len(terms))
    return rows, np.concatenate([c for c, _ in terms]), np.concatenate([v for _, v in terms])


@dataclass
class Circles:
    """(real x + real_given)² + (imag x + imag_given)² ≤ radius²; [circle]

    kind, element  what each speaks of; place its number among the elements of that kind
    real, imag     the two sums, as triplets
    """

    kind: str
    element: pd.Index
    place: IntArray
    real: Triplets
    imag: Triplets
    radius: FloatArray
    real_given: FloatArray | float = 0.0
    imag_given: FloatArray | float = 0.0

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both sums at x. [circle]"""
        n = self.radius.size
        real, imag = (np.bincount(r, v * x[c], n) for r, c, v in (self.real, self.imag))
        return np.asarray(real + self.real_given), np.asarray(imag + self.imag_given)

    def excess(self, x: FloatArray) -> FloatArray:
        """By how much x is outside. [circle]"""
        return np.asarray(np.hypot(*self.at(x)) - self.radius)

    def tangents(self, x: FloatArray, which: IntArray, columns: int) -> tuple[csr_array, FloatArray, FloatArray]:
        """a cos φ + b sin φ ≤ r at the angle φ of where x stands: rows over all columns, upper bounds, angles."""
        a, b = self.at(x)
        angle = np.arctan2(b[which], a[which])
        turn = np.cos(angle), np.sin(angle)
        given = turn[0] * np.broadcast_to(self.real_given, a.shape)[which]
        given = given + turn[1] * np.broadcast_to(self.imag_given, a.shape)[which]
        shape = (self.radius.size, columns)
        real, imag = (csr_array((v, (r, c)), shape=shape)[which] for r, c, v in (self.real, self.imag))
        rows = real.multiply(turn[0][:, None]) + imag.multiply(turn[1][:, None])
        return csr_array(rows), np.asarray(self.radius[which] - given), np.asarray(angle)


@dataclass
class Bands:
    """lower ≤ rows x ≤ upper, each a row of the model only once it was broken. [band]

    kind, element  what each speaks of; rows [band, column]
    """

    kind: str
    element: pd.Index
    rows: csr_array
    lower: FloatArray
    upper: FloatArray

    def excess(self, x: FloatArray) -> FloatArray:
        """By how much x is outside. [band]"""
        at = self.rows @ x
        return np.asarray(np.maximum(at - self.upper, self.lower - at))


# The number of the bands among what is added.
BAND = -1


@dataclass(frozen=True)
class CutOutcome:
    """What was found. dual [row], reduced_cost [column] of the cost; x of the preferred answer; NaN without one."""

    status: str
    objective: float
    seconds: float
    iterations: int
    rounds: int
    x: FloatArray
    row_dual: FloatArray
    reduced_cost: FloatArray


class CutModel(ArrayModel):
    """A model with circles and bands, and a preference among answers of the same cost.

    cut  [added row] number of the circles' list and number in it, and angle of the tangent; of bands `BAND`, number, 0
    """

    def __init__(self) -> None:
        super().__init__()
        self.circles: list[Circles] = []
        self.bands: Bands | None = None
        self.cut: list[tuple[int, int, float]] = []
        self.preferred: tuple[IntArray, FloatArray, FloatArray] | None = None

    def prefer(self, columns: IntArray, linear: FloatArray, quadratic: FloatArray) -> None:
        """Among answers of the same cost the one with the least Σ linear x + quadratic x²."""
        self.preferred = (columns, linear, quadratic)

    @cached_property
    def _model(self) -> tuple[LinearModel, FloatArray]:
        return self.made()

    def solve(self, *, time_limit_s: float | None = None, progress: Progress | None = None) -> CutOutcome:
        """The cheapest answer inside all circles."""
        started = time.perf_counter()
        deadline = started + (600.0 if time_limit_s is None else time_limit_s)
        model, quadratic = self._model
        self.session = ConvexSession(model, quadratic, time_limit_s=deadline - started)
        answer, rounds = self._inside(self.session, deadline, progress)
        x = answer.x
        if answer.status == "optimal" and self.preferred is not None:
            spent = time.perf_counter() - started
            x = self._nicest(answer, min(deadline, time.perf_counter() + spent + _PATIENCE_S))
        return CutOutcome(
            answer.status, answer.objective + self.constant, time.perf_counter() - started, answer.iterations, rounds,
            x, answer.row_dual, answer.reduced_cost,
        )  # fmt: skip

    def _inside(self, session: ConvexSession, deadline: float, progress: Progress | None) -> tuple[Answer, int]:
        """Solve and cut until no circle is left, exactly in the end."""
        rough, rounds, iterations = not session.settled, 0, 0
        while True:
            answer, rounds = session.run(gap=_ROUGH if rough else GAP), rounds + 1
            iterations += answer.iterations
            if answer.status != "optimal":
                break
            worst, cuts = self._broken(answer.x)
            for which, rows, low, high in cuts:
                self.cut += which
                session.add_rows(rows, low, high)
            if progress is not None and not progress(rounds, answer.objective + self.constant, max(worst, 0.0)):
                return _ended(answer, "interrupted"), rounds
            if worst <= BROKEN:
                if not rough:
                    break
                rough = False
            if time.perf_counter() > deadline or rounds >= MAX_ROUNDS:
                return _ended(answer, "time_limit" if rounds < MAX_ROUNDS else "not_converged"), rounds
        return answer, rounds

    def _broken(self, x: FloatArray) -> tuple[float, list[_Cut]]:
        """The largest excess of circles and bands at x, and rows for what is broken."""
        worst, found = 0.0, []
        if self.bands is not None:
            excess = self.bands.excess(x)
            which = np.flatnonzero(excess > BROKEN)
            which = which[np.argsort(-excess[which], kind="stable")][:_PER_ROUND]
            if which.size:
                worst, some = float(excess.max()), self.bands
                named = [(BAND, int(c), 0.0) for c in which]
                found.append((named, some.rows[which], some.lower[which], some.upper[which]))
        for k, circles in enumerate(self.circles):
            excess = circles.excess(x)
            which = np.flatnonzero(excess > BROKEN)
            if which.size:
                worst = max(worst, float(excess[which].max()))
                rows, upper, angle = circles.tangents(x, which, self.n_columns)
                named = [(k, int(c), float(a)) for c, a in zip(which, angle, strict=True)]
                found.append((named, rows, np.full(which.size, -np.inf), upper))
        return worst, found

    def _nicest(self, answer: Answer, deadline: float) -> FloatArray:
        """The preferred answer of the same cost; the one there is where that cannot be found.

        By duality an answer is of the least cost where it keeps every bound whose multiplier is not zero; a column
        with a quadratic cost has its one value.
        """
        assert self.preferred is not None
        own, curved = self.session.model, self.session.quadratic > 0
        low, high, left, right = own.lower.copy(), own.upper.copy(), own.row_lower.copy(), own.row_upper.copy()
        size = max(1.0, float(np.abs(answer.row_dual).max(initial=0.0)))
        still = curved | (np.abs(answer.reduced_cost) > _NOTHING * size)
        low[still] = np.maximum(low[still], answer.x[still] - _STILL)
        high[still] = np.minimum(high[still], answer.x[still] + _STILL)
        binding = (np.abs(answer.row_dual) > _NOTHING * size) & (left != right)
        at = own.matrix @ answer.x
        left[binding] = np.maximum(left[binding], at[binding] - _STILL)
        right[binding] = np.minimum(right[binding], at[binding] + _STILL)
        columns, linear, quadratic = self.preferred
        cost, weight = np.zeros(low.size), np.zeros(low.size)
        np.add.at(cost, columns, linear)
        np.add.at(weight, columns, quadratic)
        matrix = own.matrix
        for _ in range(_TRIES):
            curve = Separable(2 * weight, cost, low, high, matrix, left, right)
            found = minimize_separable(curve, time_limit_s=max(deadline - time.perf_counter(), 0.1))
            if not found.converged:
                break
            worst, cuts = self._broken(found.x)
            if worst <= BROKEN:
                costs = float(own.cost @ found.x + self.session.quadratic @ found.x**2)
                return found.x if costs <= answer.objective + GAP * max(1.0, abs(answer.objective)) else answer.x
            matrix = csr_array(vstack([matrix, *(rows for _, rows, _, _ in cuts)]))
            left = np.concatenate([left, *(lower for _, _, lower, _ in cuts)])
            right = np.concatenate([right, *(upper for _, _, _, upper in cuts)])
        return answer.x

    def circle_duals(self, row_dual: FloatArray) -> list[FloatArray]:
        """What one more of every circle's radius saves, by list of circles. [circle]"""
        total = [np.zeros(some.radius.size) for some in self.circles]
        for (k, c, _), dual in zip(self.cut, np.abs(row_dual[self.n_rows :]).tolist(), strict=True):
            if k != BAND:
                total[k][c] += dual
        return total

    def band_duals(self, row_dual: FloatArray) -> FloatArray:
        """Multipliers of all bands. [band]"""
        assert self.bands is not None
        total = np.zeros(self.bands.lower.size)
        for (k, c, _), dual in zip(self.cut, row_dual[self.n_rows :].tolist(), strict=True):
            if k == BAND:
                total[c] += dual
        return total

    def system(self, element: dict[str, pd.Index], power_mw: float) -> LinearSystem:
        """All rows and tangents by name, for the search of a conflict. element: ids by name of a block"""
        from gridloop.optimize.conflict.system import LinearSystem, Rule

        names = {"p": "output", "q": "reactive_output", "voltage": "squared_voltage"}

        def rules(blocks: list[tuple[str, int, int]]) -> list[Rule]:
            found = []
            for name, _, count in blocks:
                ids = element.get(name)
                cost = name.removeprefix("cost of ")
                found += [Rule(names.get(name, name), str(ids[k]) if ids is not None else cost) for k in range(count)]
            return found

        m = self.session.model
        kinds = [*self.circles, self.bands]  # so that the bands are the last, −1
        extra = [Rule(some.kind, str(some.element[c])) for k, c, _ in self.cut if (some := kinds[k]) is not None]
        return LinearSystem(
            m.matrix, m.row_lower, m.row_upper, m.lower, m.upper, [*rules(self.row_blocks), *extra],
            rules(self.column_blocks), power_mw=power_mw,
        )  # fmt: skip


def _ended(answer: Answer, status: str) -> Answer:
    return Answer(
        status, float("nan"), answer.x, answer.row_dual, answer.reduced_cost, answer.iterations, answer.seconds
    )
