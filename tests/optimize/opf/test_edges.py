"""Grids with next to nothing in them, limits and costs that say nothing, callers that fail: every one has a status, a
finding or an error of its own."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from opf_grids import bus, generator, grid, line, random_grid

import gridloop as gl
from gridloop.errors import BadInput, InvalidNetwork
from gridloop.optimize.case import Moment
from gridloop.optimize.cost_curve import read_curves
from gridloop.optimize.physics import ac_model, ac_trouble
from gridloop.optimize.problems.opf import optimal_power_flow

BOTH = pytest.mark.parametrize("physics", ["ac", "dc"])


def two(load: complex = 0.8, rate: float | None = None, branch: dict[str, Any] | None = None, **more: Any):
    """A generator at a, a load at b."""
    generators = [generator("gen", "a", **{"cost": 10.0, "p_max_mw": 100.0, **more})]
    lines = [line("a", "b", 0.01, 0.1, rate, **(branch or {}))]
    return grid([bus("a"), bus("b")], lines, generators, {"b": load}, reference="a")


def without(net: Any, table: str, **values: Any):
    return dataclasses.replace(net, tables={**net.tables, table: net.tables[table].assign(**values)})


@BOTH
@pytest.mark.parametrize("case", ["all buses out of service", "no load and no source"])
def test_where_nothing_is_left_there_is_a_diagnosis(case: str, physics: str):
    net = two()
    if case == "all buses out of service":
        net = without(net, "bus", in_service=False)
    else:
        net = without(without(net, "load", in_service=False), "source", in_service=False)
    flow = optimal_power_flow(net, physics=physics)
    assert flow.status == "infeasible"
    assert "nothing in service takes or is fed" in flow.diagnosis.causes[0]


@BOTH
@pytest.mark.parametrize("buses", [1, 2])
def test_a_mere_reference_is_an_optimum_that_costs_nothing(buses: int, physics: str):
    lines = [line("a", "b", 0.01, 0.1)] if buses == 2 else []
    flow = optimal_power_flow(grid([bus("a"), bus("b")][:buses], lines, reference="a"), physics=physics)
    assert (flow.status, flow.cost) == ("optimal", 0.0), flow.diagnosis
    assert flow.line.p_tail_mw.abs().max() < 1e-6 or not len(flow.line)


@BOTH
def test_a_rating_of_zero_is_named(physics: str):
    with pytest.raises(InvalidNetwork, match=r"rating of 0.*a-b.*out of service.*empty"):
        optimal_power_flow(two(0.0, rate=0.0), physics=physics)


@BOTH
def test_angle_limits_upside_down_are_named(physics: str):
    net = two(branch={"angle_min_deg": 20.0, "angle_max_deg": -20.0})
    with pytest.raises(InvalidNetwork, match=r"angle_min_deg above angle_max_deg.*a-b"):
        optimal_power_flow(net, physics=physics)


def test_angle_limits_of_a_transformer_upside_down_are_named():
    from gridloop.testing import village

    net = without(village(), "transformer", angle_min_deg=20.0, angle_max_deg=-20.0)
    found = [f for f in gl.validate(net).errors if f.code == "min_above_max"]
    assert [(f.table, f.column, f.ids) for f in found] == [("transformer", "angle_min_deg", ("T1",))]


def test_no_optimum_where_the_elastic_model_finds_a_state(monkeypatch: pytest.MonkeyPatch):
    def local(self: Any, **_: Any) -> Any:
        return dataclasses.replace(honest(self), status="infeasible", said="Infeasible_Problem_Detected")

    honest = ac_model.AcModel.solve
    monkeypatch.setattr(ac_model.AcModel, "solve", local)
    flow = optimal_power_flow(two())
    assert flow.status == "not_converged"
    assert "a state that keeps all balances and limits exists" in flow.diagnosis.causes[0]


@pytest.mark.parametrize("limit_s", [5.0, 0.0])
def test_the_explanation_gets_only_the_time_that_is_left(limit_s: float, monkeypatch: pytest.MonkeyPatch):
    told: list[float | None] = []

    def watched(model: Any, **given: Any) -> None:
        told.append(given.get("time_limit_s"))

    def local(self: Any, *, time_limit_s: float, **_: Any) -> Any:
        return dataclasses.replace(honest(self, time_limit_s=time_limit_s), status="infeasible", said="no")

    honest = ac_model.AcModel.solve
    monkeypatch.setattr(ac_trouble, "what_resists", watched)
    monkeypatch.setattr(ac_model.AcModel, "solve", local)
    flow = optimal_power_flow(two(), time_limit_s=limit_s)
    assert flow.status == "infeasible"
    assert (told == []) if not limit_s else (0 < told[0] < limit_s)


@BOTH
@pytest.mark.parametrize("cost", [0.0, 10.0])
def test_costs_of_zero_are_a_warning(cost: float, physics: str):
    flow = optimal_power_flow(two(cost=cost), physics=physics)
    assert flow.status == "optimal"
    assert any("all costs are zero" in said for said in flow.warnings) == (cost == 0.0)
    assert flow.to_dict()["warnings"] == list(flow.warnings)


def test_cost_curves_that_are_no_text():
    assert read_curves(pd.Series([None, math.nan, pd.NA, ""], dtype=object)) == {}
    assert [curve.p_mw.size for curve in read_curves(pd.Series([7.0, 0.0])).values()] == [0, 0]
    net = two()
    assert optimal_power_flow(without(net, "generator", cost_points=math.nan)).status == "optimal"
    with pytest.raises(InvalidNetwork, match="cost_points"):
        optimal_power_flow(without(net, "generator", cost_points=7.0))


@pytest.mark.parametrize("path", ["fast", "ipopt", "dc"])
def test_a_progress_that_raises_comes_through(path: str, monkeypatch: pytest.MonkeyPatch):
    if path == "ipopt":
        monkeypatch.setattr("gridloop.optimize.solve.mumps.available", lambda: False)

    def broken(*_: Any) -> bool:
        raise ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError, match="planted"):
        optimal_power_flow(random_grid(1), physics="dc" if path == "dc" else "ac", progress=broken)


@pytest.mark.parametrize("given", [{"physics": 5}, {"physics": None}, {"start": "x"}, {"physics": "dc", "start": 3}])
def test_arguments_of_another_kind_are_refused(given: dict[str, Any]):
    with pytest.raises(BadInput, match=next(k for k in ("start", "physics") if k in given)):
        optimal_power_flow(two(), **given)


def test_a_class_of_physics_is_asked_to_be_made():
    from gridloop.optimize.physics.dc import Dc

    with pytest.raises(BadInput, match=r"Dc\(\)"):
        optimal_power_flow(two(), physics=Dc)  # type: ignore[call-overload]


def test_an_earlier_answer_of_other_branches_is_no_start():
    from gridloop.optimize.physics.ac_start import begin

    flow = optimal_power_flow(random_grid(2, tight=False))
    assert begin(Moment.of(flow.network), flow).known
    fewer = without(flow.network, "line", in_service=np.arange(len(flow.network.line)) > 4)
    assert not begin(Moment.of(fewer), flow).known
