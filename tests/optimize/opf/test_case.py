"""Moment: what of a network takes part, and in which units."""

from __future__ import annotations

import numpy as np
import pytest
from opf_grids import bus, generator, grid, line
from pytest import approx

from gridloop.optimize.case import Moment
from gridloop.optimize.cost_curve import read_curve
from gridloop.testing import two_bus, village


def test_a_source_is_the_grid_above_within_its_limits():
    m = Moment.of(two_bus())
    assert list(m.gen_id) == ["source:source"]
    assert (m.p_min[0], m.p_max[0], m.cost_linear[0]) == (-np.inf, np.inf, 0.0)
    tables = dict(two_bus().tables)
    tables["source"] = tables["source"].assign(p_max_mw=80.0, cost_linear_per_mwh=7.0)
    limited = Moment.of(type(two_bus())(tables))
    assert (limited.p_max[0], limited.cost_linear[0]) == (0.8, 7.0)


def test_a_reference_that_may_give_nothing_is_no_generator():
    m = Moment.of(grid([bus("a")], [], [generator("g", "a", 1.0)], {"a": 0.1}, reference="a"))
    assert list(m.gen_id) == ["g"]
    assert m.reference.tolist() == [0]


def test_ratings_are_apparent_power_at_rated_voltage():
    net = grid([bus("a"), bus("b")], [line("a", "b", 0, 0.1, 0.7, parallel=2)], [generator("g", "a", 1)], {"b": 0.1},
               reference="a")  # fmt: skip
    assert Moment.of(net).rate == approx([1.4])


def test_the_village_has_fused_nodes_a_battery_and_a_transformer():
    net = village()
    m = Moment.of(net)
    assert m.n == 4  # busbar and busbar 2 are one
    assert list(m.branch_id) == ["L1", "L2", "T1"]
    assert m.rate[2] == approx(0.25)
    assert m.node_of_bus.tolist()[1] == m.node_of_bus.tolist()[2]
    assert m.p_load.sum() == approx((net.load.p_mw.sum() + net.storage.p_mw.sum()) / 100)


def test_a_branch_open_at_one_end_still_charges():
    buses, lines = [bus("a"), bus("b"), bus("c")], [line("a", "b", 0, 0.1), line("b", "c", 0, 0.1, b_us_per_km=1e5)]
    opened = [{"id": "s", "bus": "c", "element_kind": "line", "element": "b-c", "closed": False}]
    net = grid(buses, lines, [generator("g", "a", 1.0)], {"b": 0.1}, reference="a", switch=opened)
    m = Moment.of(net)
    assert list(m.branch_id) == ["a-b"]
    assert list(m.bus) == ["a", "b"]  # c has neither load nor source
    # 0.05 pu of charging at each end, the far end's a little raised by the reactance on the way: 0.05 + 0.05 / (1 −
    # 0.005).
    assert m.shunt[1].imag == approx(0.05 + 0.05 / 0.995, rel=1e-12)


@pytest.mark.parametrize(("p", "cost"), [(0, 0), (25, 450), (50, 900), (75, 1500), (120, 2580)])
def test_a_cost_curve_between_and_beyond_its_points(p: float, cost: float):
    curve = read_curve("0:0;50:900;100:2100")
    assert curve.convex
    assert float(curve.at(p)[0]) == approx(cost)


def test_numbers_of_matpower_arrive(tmp_path):
    import gridloop as gl

    text = """function mpc = t
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 0 0 0 0 1 1 0 100 1 1.1 0.9; 2 1 50 0 0 0 1 1 0 100 1 1.1 0.9;];
mpc.gen = [1 0 0 10 -10 1 100 1 100 0;];
mpc.branch = [
1 2 0.01 0.1 0 90 0 0 0 0 1 -30 30;
1 2 0.01 0.1 0 90 0 0 0 0 1 0 0;
1 2 0.01 0.1 0 0 0 0 0.9 0 1 -360 360;
];
mpc.gencost = [1 0 0 3 0 0 50 900 100 2100;];
"""
    file = tmp_path / "t.m"
    file.write_text(text, "utf-8")
    net = gl.read_network(file)
    assert net.generator.cost_points.iloc[0] == "0.0:0.0;50.0:900.0;100.0:2100.0"
    assert net.line.angle_min_deg.tolist() == [-30.0, approx(np.nan, nan_ok=True)]
    assert net.transformer.angle_max_deg.isna().all()
    m = Moment.of(net)
    assert m.angle_max == approx([np.deg2rad(30), np.inf, np.inf])
    assert m.curves[0].slope.tolist() == [18.0, 24.0]
