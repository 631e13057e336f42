"""Whether bounds and rows can hold together, one side of each at a time switched on or off; no objective.

Every bound has a lower and an upper *side*. Sides are numbered, first those of rows:

    side = row | n_rows + row | 2 n_rows + column | 2 n_rows + n_columns + column

Where a linear system is infeasible the solver's dual ray y proves it (Farkas): Σ yᵢ · rowᵢ and the columns' bounds
contradict each other. The sides with a weight in that sum do so on their own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, hstack, vstack

from gridloop.optimize.solve.least_slack import least_t
from gridloop.units import BoolArray, FloatArray

# Weights below this share of the largest one in a certificate are rounding: certificates of power systems per unit span
# three or four powers of ten.
_NO_WEIGHT = 1e-11

T = TypeVar("T", bound=np.generic)

_LARGE = 4_000  # rows and columns together

# However late it is, a solve gets this long: less is no time limit to the solver.
_A_MOMENT_S = 0.05

_FEASIBLE = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty)
_INFEASIBLE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)


@dataclass(frozen=True)
class Bounds:
    """row_lower ≤ matrix · x ≤ row_upper and lower ≤ x ≤ upper; `integer` columns take whole values."""

    matrix: csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray

    @property
    def n_rows(self) -> int:
        return int(self.row_lower.size)

    @property
    def n_columns(self) -> int:
        return int(self.lower.size)

    @property
    def values(self) -> FloatArray:
        """The bound of every side. [side]"""
        return np.concatenate([self.row_lower, self.row_upper, self.lower, self.upper])

    def parts(self, sides: NDArray[T]) -> list[NDArray[T]]:
        """An array by side, cut into rows' lower and upper and columns' lower and upper."""
        n, m = self.n_rows, self.n_columns
        first, second, third, last = np.split(sides, [n, 2 * n, 2 * n + m])
        return [first, second, third, last]


@dataclass(frozen=True)
class Answer:
    """status: feasible, infeasible or unknown; support [side] True where the proof of infeasibility uses it."""

    status: str
    support: BoolArray | None = None


class Feasibility:
    """A system inside the solver, asked again and again with other sides switched on."""

    def __init__(self, bounds: Bounds, *, whole_numbers: bool = False, time_limit_s: float = 10.0) -> None:
        self.bounds = bounds
        # Rows of very different size mislead the solver on large systems (2869pegase is decided only after this).
        largest = np.asarray(abs(bounds.matrix).max(axis=1).todense()).ravel() if bounds.n_columns else np.ones(0)
        large = bounds.n_rows + bounds.n_columns > _LARGE
        self._scale = (
            2.0 ** -np.round(np.log2(np.where(largest > 0, largest, 1.0))) if large else np.ones(bounds.n_rows)
        )
        self._rows = csr_array(diags_array(self._scale) @ bounds.matrix) if bounds.n_rows else bounds.matrix.tocsr()
        self._columns = self._rows.tocsc()
        self._whole = whole_numbers and bool(bounds.integer.any())
        self._on = np.isfinite(bounds.values)
        self._deadline = time.perf_counter() + time_limit_s
        self._highs = self._loaded(self._on)

    def _loaded(self, on: BoolArray) -> highspy.Highs:
        b = self.bounds
        low, high, left, right = self._with(on)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = b.n_columns, b.n_rows
        lp.col_cost_ = np.zeros(b.n_columns)
        lp.col_lower_, lp.col_upper_, lp.row_lower_, lp.row_upper_ = left, right, low, high
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = self._rows.indptr, self._rows.indices
        lp.a_matrix_.value_ = self._rows.data
        if self._whole:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[int(whole)] for whole in b.integer]
        highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy types its core, not this class
        options: dict[str, bool | int | float | str] = {
            "output_flag": False, "threads": 1, "random_seed": 1, "run_crossover": "off",
        }  # fmt: skip
        for option, value in options.items():
            highs.setOptionValue(option, value)
        highs.passModel(lp)
        return highs

    def _restart_clock(self) -> None:
        """The solver's time limit counts from its first solve; ours ends at one moment for all solves."""
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + self._left_s())

    def _left_s(self) -> float:
        return max(self._deadline - time.perf_counter(), _A_MOMENT_S)

    def _run(self) -> highspy.HighsModelStatus:
        """Solve; by other ways where the first does not tell.

        Only the simplex method without presolve gives a proof of infeasibility. On large systems it may take a hundred
        times as long as the interior point method (2869pegase: 0.3 s against more than 15 s), or end without a word.
        """
        if self._whole:
            ways = [("choose", "on")]
        else:
            ways = [("simplex", "off"), ("ipm", "on"), ("simplex", "on")]
            if self.bounds.n_rows + self.bounds.n_columns > _LARGE:
                ways = ways[1:]
        for solver, presolve in ways:
            self._highs.setOptionValue("solver", solver)
            self._highs.setOptionValue("presolve", presolve)
            try:
                self._restart_clock()
                self._highs.run()
                status = self._highs.getModelStatus()
            except Exception:  # a solver that breaks raises whatever it likes
                status = highspy.HighsModelStatus.kUnknown
            if status in (*_INFEASIBLE, *_FEASIBLE):
                return status
        return status

    def _with(self, on: BoolArray) -> list[FloatArray]:
        b = self.bounds
        away = b.parts(np.repeat([-np.inf, np.inf, -np.inf, np.inf], [b.n_rows, b.n_rows, b.n_columns, b.n_columns]))
        return [
            np.where(part, value, none)
            for part, value, none in zip(b.parts(on), b.parts(self._values()), away, strict=True)
        ]

    def _values(self) -> FloatArray:
        """The bound of every side as the solver has it. [side]"""
        b = self.bounds
        return np.concatenate([b.row_lower * self._scale, b.row_upper * self._scale, b.lower, b.upper])

    def ask(self, on: BoolArray) -> Answer:
        """Whether the sides switched on can hold together."""
        changed = np.flatnonzero(on != self._on)
        self._on = on.copy()
        low, high, left, right = self._with(on)
        n, m = self.bounds.n_rows, self.bounds.n_columns
        rows = np.unique(changed[changed < 2 * n] % n) if n else changed[:0]
        columns = np.unique((changed[changed >= 2 * n] - 2 * n) % m) if m else changed[:0]
        for row in rows:
            self._highs.changeRowBounds(int(row), float(low[row]), float(high[row]))
        if columns.size:
            self._highs.changeColsBounds(columns.size, columns.astype(np.int32), left[columns], right[columns])
        status = self._run()
        if status in _INFEASIBLE:
            return Answer("infeasible", None if self._whole else self._support(on))
        if status in _FEASIBLE:
            return Answer("feasible")
        return Answer("unknown")

    def _support(self, on: BoolArray) -> BoolArray | None:
        """The sides that the dual ray uses; None where the solver has none, or where it proves nothing."""
        _, has_ray, ray = self._highs.getDualRay()  # type: ignore[attr-defined]  # there, but not in its stub
        if not has_ray:
            return None
        y = np.asarray(ray, dtype=float)
        y = np.where(np.abs(y) > _NO_WEIGHT * np.abs(y).max(initial=0.0), y, 0.0)
        # Σ y·row − Σ d·column = 0: a positive weight speaks of a lower side in one sign of the ray, so try both.
        d = -(self._columns.T @ y)
        weight = max(float(np.abs(y).max(initial=0.0)), float(np.abs(d).max(initial=0.0)))
        d = np.where(np.abs(d) > _NO_WEIGHT * weight, d, 0.0)
        values = self._values()
        for sign in (1.0, -1.0):
            uses = np.concatenate([sign * y > 0, sign * y < 0, sign * d > 0, sign * d < 0])
            if not (uses & ~on).any():
                # Positive where the sum of the weighted bounds cannot be met.
                gap = np.abs(np.concatenate([y, -y, d, -d])) * np.where(uses, values, 0.0)
                low, high, left, right = self.bounds.parts(np.where(uses, gap, 0.0))
                if float(low.sum() - high.sum() + left.sum() - right.sum()) > 0:
                    return np.asarray(uses)
        return None

    def irreducible(self, on: BoolArray, time_limit_s: float) -> BoolArray | None:
        """The sides that the solver's own search for an irreducible set names; None where it finds none."""
        self.ask(on)
        self._highs.setOptionValue("iis_strategy", int(_FROM_LP))
        self._highs.setOptionValue("iis_time_limit", float(time_limit_s))
        try:
            _, found = self._highs.getIis()
        except Exception:  # as in _run
            return None
        rows = np.asarray(found.row_index_, dtype=np.int64)
        columns = np.asarray(found.col_index_, dtype=np.int64)
        if not rows.size + columns.size:
            return None
        n, m = self.bounds.n_rows, self.bounds.n_columns
        named = np.zeros(2 * (n + m), dtype=bool)
        for index, first, size, status in (
            (rows, 0, n, found.row_bound_), (columns, 2 * n, m, found.col_bound_),
        ):  # fmt: skip
            sides = np.asarray([int(s) for s in status], dtype=np.int64)
            for place, lower, upper in ((first, _LOWER, _BOXED), (first + size, _UPPER, _BOXED)):
                named[place + index[(sides == lower) | (sides == upper)]] = True
        return named & on

    def certificate(self, on: BoolArray, soft: BoolArray) -> BoolArray | None:
        """The sides with a weight in a proof of infeasibility found another way; None where there is none in time.

        soft  [side] sides that may give

        All soft sides give by the same t, in the units of each, and t is made as small as possible. The multipliers of
        that solution are such a proof, and it speaks of the worst conflict alone. Presolve and any method can be used,
        which a dual ray forbids, so that this holds for large systems too.
        """
        b = self.bounds
        low, high, left, right = self._with(on)
        soft_low, soft_high, soft_left, soft_right = b.parts(soft & on)
        moved = soft_left | soft_right  # bounds that give stand as rows
        own = np.flatnonzero(moved)
        n_own, n_columns = own.size, b.n_columns
        rows = vstack([self._rows, csr_array((np.ones(n_own), (np.arange(n_own), own)), shape=(n_own, n_columns))])
        lower, upper = np.concatenate([low, left[own]]), np.concatenate([high, right[own]])
        gives = (np.concatenate([soft_low, soft_left[own]]), np.concatenate([soft_high, soft_right[own]]))
        parts, bounds, sides = [], [], []
        for k, (bound, sign, none) in enumerate(((lower, 1.0, np.inf), (upper, -1.0, np.inf))):
            there = np.flatnonzero(np.isfinite(bound))
            size = np.concatenate([self._scale, np.ones(n_own)])
            t = csr_array(
                ((sign * gives[k] * size)[there], (np.arange(there.size), np.zeros(there.size, int))), (there.size, 1)
            )
            parts.append(hstack([rows[there], t]))
            pair = (bound[there], np.full(there.size, none))
            bounds.append(pair if sign > 0 else (np.full(there.size, -np.inf), bound[there]))
            n = b.n_rows
            sides.append(
                np.where(there < n, k * n + there, 2 * n + k * n_columns + np.append(own, 0)[np.maximum(there - n, 0)])
            )
        matrix = csr_array(vstack(parts))
        kept_left, kept_right = np.where(moved, -np.inf, left), np.where(moved, np.inf, right)
        both = [np.concatenate(x) for x in zip(*bounds, strict=True)]
        found = least_t(matrix, both, kept_left, kept_right, self._left_s())
        if found is None:
            return None
        row_dual, column_dual = found
        weight = max(float(np.abs(row_dual).max(initial=0.0)), float(np.abs(column_dual).max(initial=0.0)))
        uses = np.zeros(on.size, dtype=bool)
        uses[np.concatenate(sides)[np.abs(row_dual) > _NO_WEIGHT * weight]] = True
        first = 2 * b.n_rows
        uses[first : first + n_columns] |= column_dual > _NO_WEIGHT * weight
        uses[first + n_columns :] |= column_dual < -_NO_WEIGHT * weight
        return uses & on

    def relaxed(self, weight: FloatArray) -> FloatArray | None:
        """By how much every side is exceeded in the least relaxation: Σ weight · excess is smallest. [side]

        weight  [side] price of exceeding a side by one; inf where it may not be exceeded

        None where no relaxation of these sides makes the system feasible.
        """
        b = self.bounds
        for option, value in (("solver", "choose"), ("presolve", "on"), ("run_crossover", "on")):
            self._highs.setOptionValue(option, value)
        self._restart_clock()
        penalty = np.where(np.isfinite(weight), weight, -1.0)  # the solver's word for "hard" is a negative penalty
        low, high, left, right = b.parts(penalty)
        # The solver has one penalty for both sides of a row; sides that are priced apart are rare and take the larger.
        rows = np.where((low < 0) & (high < 0), -1.0, np.maximum(low, high) / self._scale)
        try:
            status = self._highs.feasibilityRelaxation(1.0, 1.0, 1.0, left, right, rows)
            x = np.asarray(self._highs.getSolution().col_value, dtype=float)
        except Exception:  # as in _run
            return None
        if status == highspy.HighsStatus.kError or x.size != b.n_columns or not np.isfinite(x).all():
            return None
        activity = b.matrix @ x
        excess = np.concatenate([b.row_lower - activity, activity - b.row_upper, b.lower - x, x - b.upper])
        excess = np.where(self._on & np.isfinite(excess), np.maximum(excess, 0.0), 0.0)
        if (excess[~np.isfinite(weight)] > _GAVE_WAY).any():
            return None
        return np.where(excess > _GAVE_WAY, excess, 0.0)


# Slack below this is rounding of the solver, whose primal tolerance is 1e-7.
_GAVE_WAY = 1e-6

_FROM_LP = highspy.IisStrategy.kIisStrategyFromLp.value | highspy.IisStrategy.kIisStrategyIrreducible.value
_LOWER, _UPPER, _BOXED = 2, 3, 4  # HiGHS's IisBoundStatus: how a bound takes part
