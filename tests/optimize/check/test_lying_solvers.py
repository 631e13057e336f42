"""Solvers that break, lie or answer nonsense: every path ends in a named status, and none of them in "optimal"."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import highspy
import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import Sum, add_rows, add_variables, minimize
from gridloop.optimize.solve import Row, Session
from gridloop.optimize.solve.arrays import ArraySession, LinearModel
from gridloop.optimize.solve.feasibility import Bounds, Feasibility


class Lying:
    """A solver that does what it is told, but for what a test replaces."""

    def __init__(self, honest: Any, **lies: Callable[..., Any]) -> None:
        self._honest, self._lies = honest, lies

    def __getattr__(self, name: str) -> Any:
        return self._lies.get(name, getattr(self._honest, name))


def killed(*_: Any) -> None:
    raise RuntimeError("terminate called after throwing an instance of 'std::bad_alloc'")


def values(x: Any, dual: Any = (0.0, 0.0), row: Any = (5.0,)) -> Callable[[], SimpleNamespace]:
    return lambda: SimpleNamespace(col_value=list(x), col_dual=list(dual), row_dual=list(row))


LIES: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "killed while it runs": ({"run": killed}, "solver_failed"),
    "dies when asked for its answer": ({"getSolution": killed}, "solver_failed"),
    "dies when asked how it went": ({"getModelStatus": killed}, "solver_failed"),
    "NaN": ({"getSolution": values([np.nan, 1.0])}, "solver_failed"),
    "infinity": ({"getSolution": values([np.inf, 1.0])}, "solver_failed"),
    "breaks a row": ({"getSolution": values([2.0, 0.5])}, "solver_failed"),
    "breaks a bound": ({"getSolution": values([3.0, 0.0])}, "solver_failed"),
    "too few values": ({"getSolution": values([2.0])}, "solver_failed"),
    "no values": ({"getSolution": values([])}, "solver_failed"),
    "a cost that is none": (
        {"getInfo": lambda: SimpleNamespace(objective_function_value=np.nan, simplex_iteration_count=0)},
        "solver_failed",
    ),
    "a cost too good to be true": (
        {"getInfo": lambda: SimpleNamespace(objective_function_value=1.0, simplex_iteration_count=0)}, "solver_failed",
    ),
    "out of time": ({"getModelStatus": lambda: highspy.HighsModelStatus.kTimeLimit}, "time_limit"),
    "says infeasible": ({"getModelStatus": lambda: highspy.HighsModelStatus.kInfeasible}, "infeasible"),
}  # fmt: skip


def cheapest_mix() -> tuple[Session, Members]:
    """x₀ + x₁ = 3 with 0 ≤ x ≤ 2 at prices 1 and 5: x = (2, 1), cost 7."""
    model = LabelledModel()
    x = add_variables(model, "x", [pd.RangeIndex(2, name="plant")], 0.0, 2.0)
    add_rows(model, "need", [pd.RangeIndex(1, name="all")], [(x.labels.values[None, :], 1.0)], "=", 3.0)
    minimize(model, [Sum.of((x, np.array([1.0, 5.0])))])
    return Session(model), x


@pytest.mark.parametrize("lie", list(LIES))
def test_a_session_believes_nothing(lie: str):
    session, x = cheapest_mix()
    replaced, status = LIES[lie]
    session._highs = Lying(session._highs, **replaced)  # type: ignore[assignment]
    outcome = session.run()
    assert outcome.status == status
    assert not outcome.solved
    assert np.isnan(outcome.objective)
    assert np.isnan(outcome.value(x)).all()


def test_an_honest_solver_is_believed_after_rows_were_added():
    session, x = cheapest_mix()
    session.add_rows([Row("cap", x.labels.values[:1], np.array([1.0]), -np.inf, 1.5)])
    session._highs = Lying(session._highs)  # type: ignore[assignment]
    outcome = session.run()
    assert outcome.status == "optimal"
    assert outcome.objective == approx(1.5 + 7.5)


def test_an_added_row_is_checked_too():
    session, x = cheapest_mix()
    session.add_rows([Row("cap", x.labels.values[:1], np.array([1.0]), -np.inf, 1.5)])
    session._highs = Lying(session._highs, getSolution=values([2.0, 1.0], row=(5.0, 0.0)))  # type: ignore[assignment]
    assert session.run().status == "solver_failed"


@pytest.mark.parametrize("lie", [name for name in LIES if "cost" not in name])
def test_a_session_of_arrays_believes_nothing(lie: str):
    from scipy.sparse import csr_array

    one = np.ones(1)
    model = LinearModel(
        np.array([1.0, 5.0]), np.zeros(2), np.full(2, 2.0), csr_array(np.ones((1, 2))), 3 * one, 3 * one
    )
    session = ArraySession(model)
    replaced, status = LIES[lie]
    session.highs = Lying(session.highs, **replaced)
    assert session.run().status == status


def test_the_search_for_conflicts_answers_unknown():
    from scipy.sparse import csr_array

    bounds = Bounds(
        csr_array(np.ones((1, 2))), np.array([5.0]), np.array([5.0]), np.zeros(2), np.ones(2), np.zeros(2, bool)
    )
    solver = Feasibility(bounds)
    on = np.isfinite(bounds.values)
    assert solver.ask(on).status == "infeasible"
    for lies in ({"run": killed}, {"getModelStatus": lambda: highspy.HighsModelStatus.kUnknown}):
        solver = Feasibility(bounds)
        solver._highs = Lying(solver._highs, **lies)  # type: ignore[assignment]
        assert solver.ask(on).status == "unknown"


def test_a_relaxation_that_cannot_be_had_is_none():
    from scipy.sparse import csr_array

    bounds = Bounds(
        csr_array(np.ones((1, 2))), np.array([5.0]), np.array([5.0]), np.zeros(2), np.ones(2), np.zeros(2, bool)
    )
    for lies in (
        {"feasibilityRelaxation": killed},
        {"getSolution": killed},
        {"getSolution": values([np.nan, 1.0])},
        {"getSolution": values([1.0])},
        {"feasibilityRelaxation": lambda *_: highspy.HighsStatus.kError},
    ):
        solver = Feasibility(bounds)
        solver._highs = Lying(solver._highs, **lies)  # type: ignore[assignment]
        assert solver.relaxed(np.ones(6)) is None
    # 5 = x₀ + x₁ with x ≤ 1: three are missing, whoever gives them.
    assert Feasibility(bounds).relaxed(np.ones(6)).sum() == approx(3.0)  # type: ignore[union-attr]
