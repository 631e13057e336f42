"""The solver session: rows added later, shared excess, fixes, duals by pencil, and conflicts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import Sum, add_rows, add_variables, minimize, one_step_earlier
from gridloop.optimize.solve import Excess, Fix, Row, Session


def cheapest_mix() -> tuple[LabelledModel, Members, Members]:
    """x₀ + x₁ = 3 with 0 ≤ x ≤ 2 at prices 1 and 5: x = (2, 1)."""
    model = LabelledModel()
    index = [pd.RangeIndex(2, name="plant")]
    x = add_variables(model, "x", index, 0.0, 2.0)
    row = add_rows(model, "need", [pd.RangeIndex(1, name="all")], [(x.labels.values[None, :], 1.0)], "=", 3.0)
    minimize(model, [Sum.of((x, np.array([1.0, 5.0])))])
    return model, x, row


def test_values_and_prices():
    """One more unit of need costs 5; one more unit of the cheap plant saves 5 − 1."""
    model, x, row = cheapest_mix()
    outcome = Session(model).run()
    assert outcome.solved
    assert outcome.objective == approx(7.0)
    assert outcome.value(x).tolist() == approx([2.0, 1.0])
    assert outcome.dual(row).tolist() == approx([5.0])
    assert outcome.reduced_cost(x).tolist() == approx([-4.0, 0.0])
    assert outcome.total(Sum.of((x, 2.0))) == approx(6.0)


def test_a_row_added_later_changes_the_next_solve_and_can_be_relaxed():
    model, x, _ = cheapest_mix()
    session = Session(model)
    session.run()
    session.add_rows([Row("cap", x.labels.values[:1], np.array([1.0]), -np.inf, 1.5)])
    outcome = session.run()
    assert outcome.value(x).tolist() == approx([1.5, 1.5])
    assert outcome.row_dual["cap"] == approx(-4.0)
    session.relax("cap")
    assert session.run().value(x).tolist() == approx([2.0, 1.0])
    with pytest.raises(ValueError, match="cap is in the model already"):
        session.add_rows([Row("cap", x.labels.values[:1], np.array([1.0]), -np.inf, 1.5)])


def test_two_rows_share_what_they_are_exceeded_by_and_pay_once():
    """x₀ ≤ 1 and x₀ ≤ 1.5 at 3 per unit: exceeding both by the larger excess (1) saves 4 and costs 3."""
    model, x, _ = cheapest_mix()
    session = Session(model)
    first = x.labels.values[:1]
    over = Excess("over", 3.0)
    session.add_rows(
        [Row("a", first, np.array([1.0]), -np.inf, 1.0, over), Row("b", first, np.array([1.0]), -np.inf, 1.5, over)]
    )
    outcome = session.run()
    assert outcome.gave_way == {"over": approx(1.0)}
    assert outcome.objective == approx(7.0 + 3.0)


def test_a_lower_bound_gives_way_too():
    model, x, _ = cheapest_mix()
    session = Session(model)
    session.add_rows([Row("least", x.labels.values[1:], np.array([1.0]), 1.8, np.inf, Excess("short", 2.0))])
    outcome = session.run()
    assert outcome.gave_way == {"short": approx(0.8)}


def test_a_fix_holds_a_variable():
    model, x, _ = cheapest_mix()
    session = Session(model)
    session.fix([Fix(x.labels.values[1:], np.array([2.0]), np.array([2.0]))])
    assert session.run().value(x).tolist() == approx([1.0, 2.0])


def test_a_conflict_is_minimal():
    """Five bounded variables, and two rows that nobody can meet together: the third row is not to blame."""
    model = LabelledModel()
    x = add_variables(model, "x", [pd.RangeIndex(5, name="k")], 0.0, 1.0)
    labels, one = x.labels.values, [pd.RangeIndex(1, name="one")]
    rows = [
        add_rows(model, name, one, [(labels[None, part], 1.0)], sign, right)
        for name, part, sign, right in (
            ("high", slice(0, 2), ">=", 1.9), ("low", slice(0, 2), "<=", 1.0), ("innocent", slice(2, 5), ">=", 1.0),
        )
    ]  # fmt: skip
    minimize(model, [Sum.of((x, 1.0))])
    session = Session(model)
    outcome = session.run()
    assert outcome.status == "infeasible"
    assert np.isnan(outcome.objective)
    conflict = session.conflict()
    assert sorted(conflict.constraints.tolist()) == sorted(int(row.labels.values[0]) for row in rows[:2])
    assert not set(conflict.variables.tolist()) & set(labels[2:].tolist())


def test_an_added_row_in_a_conflict_has_its_name():
    model, x, _ = cheapest_mix()
    session = Session(model)
    session.add_rows([Row("too tight", x.labels.values, np.ones(2), -np.inf, 2.0)])
    assert session.run().status == "infeasible"
    assert session.conflict().rows == ("too tight",)


def test_a_conflict_does_not_rest_on_the_solver_s_word():
    """Whatever the solver's own search names, what does not contradict each other is not told."""
    model, x, row = cheapest_mix()
    session = Session(model)
    session.add_rows(
        [
            Row("too tight", x.labels.values, np.ones(2), -np.inf, 2.0),
            Row("innocent", x.labels.values[:1], np.ones(1), -np.inf, 1.9),
        ]
    )
    honest = session._highs

    class Careless:
        def __getattr__(self, name: str) -> object:
            return getattr(honest, name)

        def getIis(self) -> object:
            return None, SimpleNamespace(col_index_=[0, 1], row_index_=[0, 2])

    session._highs = Careless()  # type: ignore[assignment]
    conflict = session.conflict()
    assert conflict.rows == ("too tight",)
    assert conflict.constraints.tolist() == row.labels.values.tolist()
    assert not conflict.variables.size


def test_masked_variables_count_as_zero():
    model = LabelledModel()
    index = [pd.RangeIndex(3, name="k")]
    x = add_variables(model, "x", index, 1.0, 2.0, np.array([True, False, True]))
    minimize(model, [Sum.of((x, np.array([1.0, 100.0, 1.0])))])
    outcome = Session(model).run()
    assert outcome.value(x).tolist() == [1.0, 0.0, 1.0]
    assert outcome.objective == approx(2.0)


def test_one_step_earlier():
    assert one_step_earlier(np.array([[4, 5, 6]])).tolist() == [[-1, 4, 5]]


@pytest.mark.parametrize(("weight", "right"), [(1.0, [3.0, np.nan]), ([[1.0], [np.nan]], 3.0)])
def test_a_row_that_lacks_a_number_is_refused(weight, right):
    """Left out without a word, the row would not hold."""
    model = LabelledModel()
    plants = pd.RangeIndex(2, name="plant")
    x = add_variables(model, "x", [plants], 0.0, 2.0)
    with pytest.raises(ValueError, match=r"1 of 2 rows need lack a number \(first at plant 1\)"):
        add_rows(model, "need", [plants], [(x.labels.values[:, None], np.asarray(weight))], "=", np.asarray(right))


def test_no_weight_is_asked_of_a_variable_that_is_not_there():
    model = LabelledModel()
    plants = pd.RangeIndex(2, name="plant")
    x = add_variables(model, "x", [plants], 0.0, 2.0, np.array([True, False]))
    row = add_rows(model, "need", [plants], [(x.labels.values, np.array([1.0, np.nan]))], "<=", 3.0)
    assert (row.labels.values >= 0).any()
