"""Linear costs, or linear and quadratic ones, under linear rows: one session that chooses the method.

Linear models stay in HiGHS from solve to solve. For quadratic costs there are two ways, and an answer of either is
optimal to its gap or has another status:

- *tangents*: a column above the tangents of each cost, cut again where the answer lies, in HiGHS. It starts from the
  last basis, so that it is quick for a rough answer; and it says whether a model has any point at all.
- *interior point*: our own method, exact in costs and prices; where it gives up, tangents close the gap.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from gridloop.optimize.solve.arrays import Answer, ArraySession, LinearModel
from gridloop.optimize.solve.quadratic import Separable, minimize_separable
from gridloop.units import FloatArray, IntArray

# Relative gap at which tangents stop; costs are promised to 1e-6.
GAP = 1e-7
_ROUNDS = 80
# Tangents per quadratic column at the start, and where they touch at most for a column without bounds.
_FIRST = 5
_FAR = 1e6


class ConvexSession:
    """minimize c·x + Σ quadratic_j x_j² under the rows and bounds of a linear model; rows may be added.

    method  of the linear solver, as of `ArraySession`
    exact   False: always by tangents, right where rows are many and sparse
    """

    def __init__(
        self,
        model: LinearModel,
        quadratic: FloatArray,
        *,
        time_limit_s: float = 60.0,
        method: str = "simplex",
        exact: bool = True,
    ) -> None:
        self.model, self.quadratic, self.exact = model, quadratic, exact
        self.deadline = time.perf_counter() + time_limit_s
        self.curved = np.flatnonzero(quadratic > 0)
        self._cuts = 0  # rows of tangents among those of the linear solver
        self._own_rows: list[IntArray] = [np.arange(model.row_lower.size)]  # where ours are there
        self.linear = ArraySession(self._with_tangents(), time_limit_s=time_limit_s, method=method)
        low, high = (np.clip(bound[self.curved], -_FAR, _FAR) for bound in (model.lower, model.upper))
        for share in np.linspace(0.0, 1.0, _FIRST) if self.curved.size else ():
            self._cut(np.arange(self.curved.size), low + share * (high - low))

    @property
    def settled(self) -> bool:
        """True where a rough answer is the exact one."""
        return not self.curved.size or not self.exact

    @property
    def left_s(self) -> float:
        """Seconds left until the time limit."""
        return max(self.deadline - time.perf_counter(), 0.0)

    def add_rows(self, matrix: csr_array, lower: FloatArray, upper: FloatArray) -> None:
        """Further rows."""
        self._own_rows.append(self.linear.model.row_lower.size + np.arange(lower.size))
        self.linear.add_rows(matrix, lower, upper)
        m = self.model
        rows = (np.concatenate([m.row_lower, lower]), np.concatenate([m.row_upper, upper]))
        self.model = replace(m, matrix=csr_array(vstack([m.matrix, matrix])), row_lower=rows[0], row_upper=rows[1])

    def run(self, *, gap: float = GAP) -> Answer:
        """Solve. A gap above `GAP` asks for a rough answer, from the last basis."""
        if not self.curved.size:
            return self.linear.run()
        if gap > GAP or not self.exact:
            return self._by_tangents(gap)
        left, m = self.left_s, self.model
        if left <= 0:
            return self._nothing("time_limit", 0, 0.0)
        curved = Separable(2 * self.quadratic, m.cost, m.lower, m.upper, m.matrix, m.row_lower, m.row_upper)
        found = minimize_separable(curved, time_limit_s=left)
        if not found.converged:
            return self._by_tangents(gap)
        return Answer(
            "optimal", found.objective, found.x, found.row_dual, found.reduced_cost, found.iterations, found.seconds
        )

    def conflict(self) -> tuple[IntArray, IntArray]:
        """Columns whose bounds, and rows, that cannot hold together, after an answer "infeasible"."""
        columns, rows = self.linear.conflict()
        place = np.full(self.linear.model.row_lower.size, -1, dtype=np.int64)
        own = np.concatenate(self._own_rows)
        place[own] = np.arange(own.size)
        return columns[columns < self.quadratic.size], place[rows][place[rows] >= 0]

    def _with_tangents(self) -> LinearModel:
        """The linear model with a column, 0 or more, for every quadratic cost."""
        m, k = self.model, self.curved.size
        if not k:
            return m
        return LinearModel(
            np.concatenate([m.cost, np.ones(k)]),
            np.concatenate([m.lower, np.zeros(k)]),
            np.concatenate([m.upper, np.full(k, np.inf)]),
            csr_array(hstack([m.matrix, csr_array((m.row_lower.size, k))])),
            m.row_lower,
            m.row_upper,
        )

    def _cut(self, which: IntArray, at: FloatArray) -> None:
        """t ≥ q at² + 2 q at (x − at)"""
        n, rows, q = self.quadratic.size, np.arange(which.size), self.quadratic[self.curved[which]]
        entries = np.concatenate([np.ones(which.size), -2 * q * at])
        columns = np.concatenate([n + which, self.curved[which]])
        shape = (which.size, n + self.curved.size)
        matrix = csr_array((entries, (np.concatenate([rows, rows]), columns)), shape=shape)
        self.linear.add_rows(matrix, -q * at**2, np.full(which.size, np.inf))

    def _by_tangents(self, gap: float) -> Answer:
        """Kelley's cuts until the columns are as high as the costs."""
        started, iterations, m, n = time.perf_counter(), 0, self.model, self.quadratic.size
        q = self.quadratic[self.curved]
        for _ in range(_ROUNDS):
            found = self.linear.run()
            iterations += found.iterations
            if found.status != "optimal":
                return self._nothing(found.status, iterations, time.perf_counter() - started)
            x = found.x[:n]
            short = q * x[self.curved] ** 2 - found.x[n:]
            objective = float(m.cost @ x + q @ x[self.curved] ** 2)
            # Every tangent is a row, and rows hold to the solver's tolerance of 1e-7 only.
            allowed = max(gap * abs(objective), 2e-7 * q.size)
            if short.sum() <= allowed:
                dual = found.row_dual[np.concatenate(self._own_rows)]
                reduced = m.cost + 2 * self.quadratic * x - m.matrix.T @ dual
                return Answer("optimal", objective, x, dual, reduced, iterations, time.perf_counter() - started)
            which = np.flatnonzero(short > allowed / (4 * q.size))
            self._cut(which, x[self.curved[which]])
        return self._nothing("solver_failed", iterations, time.perf_counter() - started)

    def _nothing(self, status: str, iterations: int, seconds: float) -> Answer:
        none = np.full(self.model.cost.size, np.nan)
        return Answer(status, float("nan"), none, np.full(self.model.row_lower.size, np.nan), none, iterations, seconds)
