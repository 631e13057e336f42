"""What has no answer, what is wrong, and solvers that fail or lie: always a named status, never an optimum that is
none."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from opf_grids import bus, generator, grid, line, random_grid

from gridloop.errors import BadInput, InvalidNetwork
from gridloop.optimize.optimal_flow import STATUSES, OptimalFlow
from gridloop.optimize.physics import ac_fast, ac_model
from gridloop.optimize.problems.opf import optimal_power_flow


def two(load: complex = 0.8, rate: float | None = None, **more: Any):
    """A generator at a, a load at b."""
    generators = [generator("gen", "a", 10.0, p_max_mw=100.0, **more)]
    return grid([bus("a"), bus("b")], [line("a", "b", 0.01, 0.1, rate)], generators, {"b": load}, reference="a")


def test_load_beyond_all_generators_is_told_before_any_solver():
    flow = optimal_power_flow(two(1.5))
    assert flow.status == "infeasible"
    assert "exceeds all generators together (100 MW) by 50 MW" in flow.diagnosis.causes[0]
    assert flow.iterations == 0
    assert math.isnan(flow.cost) and flow.bus.v_pu.isna().all() and flow.generator.p_mw.isna().all()


def test_a_line_that_is_too_small_is_named_with_what_is_missing():
    flow = optimal_power_flow(two(0.8, rate=0.5))
    assert flow.status == "infeasible"
    resists = flow.diagnosis.facts["resists"]
    assert {row["element"] for row in resists} <= {"a", "b", "a-b"}
    # 30 MW too much for the line, or as much of the load left out: the cheapest mixture is of that size.
    assert 25 < sum(abs(row["amount"]) for row in resists if row["unit"] != "Mvar") < 40
    assert "No state that keeps all balances and limits was found" in flow.diagnosis.causes[0]


def test_reactive_load_that_nothing_can_feed():
    flow = optimal_power_flow(two(0.5 + 1.0j, q_max_mvar=20.0))
    assert flow.status == "infeasible"
    assert any(row["kind"] == "reactive_balance" for row in flow.diagnosis.facts["resists"])


def test_an_island_with_load_and_no_generator():
    net = two()
    lone = grid(
        [bus("a"), bus("b"), bus("c")], net.line.reset_index().to_dict("records"),
        net.generator.reset_index().to_dict("records"), {"b": 0.5, "c": 0.2}, reference="a",
    )  # fmt: skip
    flow = optimal_power_flow(lone)
    assert flow.status == "infeasible"
    assert flow.diagnosis.facts["stranded_load"] == ["c"]
    assert "20 MW" in flow.diagnosis.causes[0]


def test_an_island_without_a_source_feeds_itself():
    lines = [line("a", "b", 0.01, 0.1), line("c", "d", 0.01, 0.1)]
    generators = [generator("one", "a", 10.0), generator("two", "c", 20.0)]
    buses = [bus(name) for name in "abcd"]
    flow = optimal_power_flow(grid(buses, lines, generators, {"b": 0.5, "d": 0.4}, reference="a"))
    assert flow.status == "optimal"
    assert flow.bus.angle_deg["c"] == 0.0
    assert flow.bus.energy_per_mwh.round(6).to_dict() == {"a": 10.0, "b": 10.0, "c": 20.0, "d": 20.0}


BAD: dict[str, tuple[str, str, float, str]] = {
    "load that is not a number": ("load", "p_mw", math.nan, "p_mw"),
    "least above most": ("generator", "p_min_mw", 500.0, "p_min_mw"),
    "a cost that is missing": ("generator", "cost_linear_per_mwh", math.nan, "cost_linear_per_mwh"),
    "a cost that falls faster and faster": ("generator", "cost_quadratic_per_mw2h", -0.1, "cost_quadratic_per_mw2h"),
    "no impedance": ("line", "x_ohm_per_km", 0.0, "impedance"),
    "a voltage band upside down": ("bus", "v_min_pu", 1.5, "v_min_pu"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_raises_and_names_it(name: str):
    table, column, value, said = BAD[name]
    tables = dict(two().tables)
    tables[table] = tables[table].assign(**{column: value})
    if name == "no impedance":
        tables[table] = tables[table].assign(r_ohm_per_km=0.0)
    with pytest.raises(InvalidNetwork, match=said):
        optimal_power_flow(dataclasses.replace(two(), tables=tables))


@pytest.mark.parametrize("points", ["0:0", "0:0;50", "50:0;20:100", "0:0;nan:5", "0:0;50:900;100:1000"])
def test_cost_curves_that_are_none(points: str):
    with pytest.raises(InvalidNetwork, match="cost curve"):
        optimal_power_flow(two(cost_points=points))


def test_a_negative_cost_is_legal():
    flow = optimal_power_flow(two(cost_linear_per_mwh=-5.0))
    assert flow.status == "optimal" and flow.cost < 0


def test_an_unknown_physics_is_told_what_there_is():
    with pytest.raises(BadInput, match="ac"):
        optimal_power_flow(two(), physics="magic")


def test_a_time_limit_is_a_status():
    flow = optimal_power_flow(random_grid(1), time_limit_s=0.0)
    assert flow.status == "time_limit"
    assert "time_limit_s" in flow.diagnosis.advice


def test_progress_is_told_and_may_stop():
    seen: list[tuple[int, float, float]] = []

    def stop(iteration: int, cost: float, violation: float) -> bool:
        seen.append((iteration, cost, violation))
        return iteration < 3

    flow = optimal_power_flow(random_grid(1), progress=stop)
    assert flow.status == "interrupted"
    assert [row[0] for row in seen] == [0, 1, 2, 3]
    assert all(math.isfinite(value) for row in seen for value in row)


def lying(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The fast way with its outcome changed."""
    honest = ac_fast.solve_fast

    def solve(*args: Any, **keywords: Any) -> Any:
        return change(honest(*args, **keywords))

    return solve


def shifted(outcome: Any) -> Any:
    return dataclasses.replace(outcome, x=outcome.x + 1e-4)


def emptied(outcome: Any) -> Any:
    return dataclasses.replace(outcome, x=np.full_like(outcome.x, math.nan))


@pytest.mark.parametrize("change", [shifted, emptied])
def test_a_lying_solver_is_refused(change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ac_model, "solve_fast", lying(change))
    flow = optimal_power_flow(random_grid(2, tight=False))
    assert flow.status == "refused", flow.status
    assert not flow.solved
    assert flow.diagnosis is not None


def test_a_check_of_ones_own_may_refuse():
    from gridloop.diagnosis import Diagnosis

    refused = Diagnosis("refused", ["I do not like it."], "Ask me.")
    flow = optimal_power_flow(random_grid(2, tight=False), check=lambda net, flow: refused)
    assert (flow.status, flow.diagnosis) == ("refused", refused)


def test_where_the_fast_way_gives_up_ipopt_answers(monkeypatch: pytest.MonkeyPatch):
    def gives_up(outcome: Any) -> Any:
        return dataclasses.replace(outcome, status="not_converged")

    monkeypatch.setattr(ac_model, "solve_fast", lying(gives_up))
    assert optimal_power_flow(random_grid(2, tight=False)).status == "optimal"


@pytest.mark.parametrize("said", ["raises", "nan"])
def test_a_model_that_fails_inside_the_solver(said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gridloop.optimize.solve.mumps.available", lambda: False)

    def broken(self: Any, x: np.ndarray, out: np.ndarray) -> None:
        if said == "raises":
            raise ZeroDivisionError("planted")
        out[:] = math.nan

    monkeypatch.setattr("gridloop.optimize.physics.ac_block.AcBlock.rows", broken)
    flow = optimal_power_flow(random_grid(2, tight=False))
    assert flow.status == "solver_failed"
    assert ("planted" in flow.diagnosis.causes[0]) == (said == "raises")


def test_every_status_has_advice_and_every_flow_a_dictionary():
    from gridloop.optimize.physics.ac_trouble import _ADVICE

    assert set(_ADVICE) | {"optimal", "refused"} == set(STATUSES)
    for flow in (optimal_power_flow(two()), optimal_power_flow(two(1.5))):
        assert isinstance(flow, OptimalFlow)
        said = flow.to_dict()
        assert {"objective", "status", "solve_s", "build_s", "lmp", "violations_max_pu"} <= set(said)
        assert (said["objective"] is None) == (flow.status != "optimal")
