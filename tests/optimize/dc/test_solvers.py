"""Solvers for arrays: optimality conditions as laws, two methods against each other, and solvers that misbehave."""

from types import SimpleNamespace

import highspy
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pytest import approx
from scipy.sparse import csr_array

from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.solve.arrays import ArraySession, LinearModel
from gridloop.optimize.solve.convex import ConvexSession
from gridloop.optimize.solve.normal_matrix import NormalMatrix
from gridloop.optimize.solve.quadratic import Separable, minimize_separable


def random_model(seed: int) -> tuple[LinearModel, np.ndarray]:
    """A model with a point inside, some columns fixed, rows of all kinds, one of them twice."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 40)), int(rng.integers(3, 12))
    low = np.where(rng.random(n) < 0.3, -rng.random(n), 0.0)
    high = low + rng.random(n) * 5
    high[rng.random(n) < 0.1] = low[0]
    high = np.maximum(low, high)
    matrix = rng.normal(size=(m, n)) * 0.3
    matrix[0], matrix[1] = 1.0, matrix[2]
    at = matrix @ (low + (high - low) * rng.random(n))
    row_low, row_high = at - rng.random(m) * 0.5, at + rng.random(m) * 0.5
    row_low[0] = row_high[0] = at[0]
    row_low[rng.random(m) < 0.2] = -np.inf
    quadratic = rng.random(n) * (rng.random(n) < 0.7) * 10 ** rng.uniform(-2, 2)
    cost = rng.normal(size=n) * 10 ** rng.uniform(-1, 3)
    return LinearModel(cost, low, high, csr_array(matrix), row_low, row_high), quadratic


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
@example(202165)  # a multiplier of 6e-12 at a bound that is not there
def test_the_conditions_of_an_optimum(seed):
    """Rows and bounds hold; multipliers have the sign of the bound that they belong to, and are zero inside."""
    m, quadratic = random_model(seed)
    found = minimize_separable(Separable(2 * quadratic, m.cost, m.lower, m.upper, m.matrix, m.row_lower, m.row_upper))
    assert found.converged
    size = 1 + np.abs(m.cost).max()
    for value, low, high, dual in (
        (found.x, m.lower, m.upper, found.reduced_cost),
        (m.matrix @ found.x, m.row_lower, m.row_upper, found.row_dual),
    ):
        assert (low - value).max() <= 1e-7 and (value - high).max() <= 1e-7
        # Where the gap is 1e-9 of the cost, distance · multiplier is no more than that.
        gap = 1e-6 * (1 + abs(found.objective)) + 1e-7 * size
        for multiplier, distance in ((dual, value - low), (-dual, high - value)):
            bound = np.isfinite(distance)
            assert (multiplier * distance)[bound].max(initial=0.0) <= gap
            # A bound that is not there has no multiplier; what is left is rounding, a billionth of the costs.
            assert multiplier[~bound].max(initial=0.0) <= 1e-9 * size


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_tangents_and_interior_point_agree(seed):
    m, quadratic = random_model(seed)
    quadratic[0] += 1.0
    exact = ConvexSession(m, quadratic).run()
    cut = ConvexSession(m, quadratic, exact=False).run()
    assert exact.status == cut.status == "optimal"
    # Tangents stop at a gap of 1e-7, or at the tolerance of their rows, 2e-7 for each of at most 40.
    assert cut.objective == approx(exact.objective, rel=2e-7, abs=1e-5)


def test_rows_added_later_count_the_same():
    m, quadratic = random_model(3)
    at_once = ConvexSession(m, quadratic).run()
    k = m.row_lower.size - 2
    first = LinearModel(m.cost, m.lower, m.upper, m.matrix[:k], m.row_lower[:k], m.row_upper[:k])
    session = ConvexSession(first, quadratic)
    session.run(gap=1e-3)
    session.add_rows(m.matrix[k:], m.row_lower[k:], m.row_upper[k:])
    rough, later = session.run(gap=1e-3), session.run()
    assert later.objective == approx(at_once.objective, rel=1e-7)
    assert rough.objective == approx(at_once.objective, rel=2e-3)
    assert later.row_dual.size == m.row_lower.size


@pytest.mark.parametrize("long_rows", [0, 3])
def test_a_border_changes_no_answer(long_rows):
    """A banded matrix with rows that touch every column, against the dense solution."""
    rng = np.random.default_rng(7)
    n = 200
    banded = np.eye(n) + np.diag(rng.random(n - 1), 1)
    matrix = csr_array(np.vstack([banded, rng.random((long_rows, n))]))
    weight, own = rng.uniform(0.1, 10, n), rng.uniform(0.1, 1, n + long_rows)
    normal = NormalMatrix(matrix)
    assert normal.dense is None and normal.border.tolist() == list(range(n, n + long_rows))
    right = rng.normal(size=n + long_rows)
    wanted = np.linalg.solve(matrix.toarray() * weight @ matrix.toarray().T + np.diag(own), right)
    assert normal.factorize(weight, own)(right) == approx(wanted, rel=1e-8, abs=1e-8)


def contradiction() -> LinearModel:
    """x + y ≥ 5 with 0 ≤ x, y ≤ 1, and a row that has nothing to do with it."""
    matrix = csr_array(np.array([[1.0, -1.0], [1.0, 1.0]]))
    one = np.ones(2)
    return LinearModel(one, np.zeros(2), one, matrix, np.array([-9.0, 5.0]), np.array([9.0, np.inf]))


@pytest.mark.parametrize("quadratic", [0.0, 1.0])
def test_a_contradiction_is_found_and_named(quadratic):
    session = ConvexSession(contradiction(), np.full(2, quadratic))
    assert session.run().status == "infeasible"
    columns, rows = session.conflict()
    assert rows.tolist() == [1] and sorted(columns.tolist()) == [0, 1]


def test_no_bound_is_unbounded():
    free = LinearModel(
        -np.ones(1), np.zeros(1), np.full(1, np.inf), csr_array(np.ones((1, 1))), np.zeros(1), np.full(1, np.inf)
    )
    assert ConvexSession(free, np.zeros(1)).run().status == "unbounded"


class Broken:
    """A solver that says "optimal" with an answer of one's own, or raises."""

    def __init__(self, real, x, error=None):
        self.real, self.x, self.error, self.afresh = real, x, error, 0

    def run(self):
        if self.error is not None:
            raise self.error

    def clearSolver(self):
        self.afresh += 1

    def setOptionValue(self, option, value):
        assert option == "presolve"

    def getModelStatus(self):
        return highspy.HighsModelStatus.kOptimal

    def getInfo(self):
        return SimpleNamespace(simplex_iteration_count=1, ipm_iteration_count=0)

    def getSolution(self):
        return SimpleNamespace(col_value=self.x, col_dual=np.zeros(len(self.x)), row_dual=np.zeros(1))


@pytest.mark.parametrize(
    ("x", "error"),
    [
        ([np.nan, 1.0], None),
        ([0.0, 0.0], None),  # breaks the row
        ([3.0, -2.0], None),  # breaks the bounds
        ([1.0], None),
        ([], None),
        ([0.5, 0.5], RuntimeError("killed")),
        ([0.5, 0.5], MemoryError()),
    ],
)
def test_nonsense_is_not_optimal(x, error):
    model = LinearModel(np.ones(2), np.zeros(2), np.ones(2), csr_array(np.ones((1, 2))), np.ones(1), np.ones(1))
    session = ArraySession(model)
    assert session.run().status == "optimal"
    session.highs = Broken(session.highs, x, error)
    found = session.run()
    assert found.status == "solver_failed" and np.isnan(found.x).all() and np.isnan(found.objective)
    assert session.highs.afresh == 1


def test_a_simplex_that_fails_once_is_asked_again():
    """The second answer counts, whatever it is; where that one fails too, so did the solver."""
    model = LinearModel(np.ones(2), np.zeros(2), np.ones(2), csr_array(np.ones((1, 2))), np.ones(1), np.ones(1))
    session = ArraySession(model)

    class Once(Broken):
        def getSolution(self):
            return self.real.getSolution() if self.afresh else super().getSolution()

        def run(self):
            self.real.run()

    session.highs = Once(session.highs, [0.0, 0.0])
    found = session.run()
    assert found.status == "optimal" and found.objective == approx(1.0) and session.highs.afresh == 1


def test_a_model_knows_its_names():
    model = ArrayModel()
    p = model.add_variables("p", np.zeros(3), np.ones(3))
    model.add_variables("q", np.zeros(2), np.ones(2))
    model.add_rows("balance", np.zeros(3, dtype=int), p, np.ones(3), np.ones(1), np.ones(1))
    rows = model.add_rows("more", np.array([0, 1]), p[:2], np.ones(2), np.zeros(2), np.ones(2))
    assert model.column_name(4) == ("q", 1) and model.row_name(int(rows[1])) == ("more", 1)
    model.minimize(p, np.ones(3), np.zeros(3), 5.0)
    model.minimize(p[:1], np.ones(1), np.ones(1))
    linear, quadratic = model.made()
    assert linear.cost.tolist() == [2, 1, 1, 0, 0] and quadratic.tolist() == [1, 0, 0, 0, 0] and model.constant == 5
    with pytest.raises(IndexError):
        model.row_name(9)
