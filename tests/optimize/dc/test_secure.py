"""N-1 secure DC dispatch: by pencil, and every outage solved again."""

import numpy as np
import pytest
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.optimize.case import Moment
from gridloop.optimize.physics import dc_limits
from gridloop.optimize.physics.dc import Dc, Security
from gridloop.optimize.physics.dc_model import grid_of
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.optimize.problems.secure import secure_optimal_flow

SOLVED = 1e-4


@pytest.fixture
def twin_lines(grid_with):
    """Two equal lines of 100 MW from a cheap unit at a to 150 MW of load at b, where a dear one is."""
    lines = {"one": ("a", "b", 0.1, 100), "two": ("a", "b", 0.1, 100)}
    return grid_with({"A": ("a", 400, 10), "B": ("b", 400, 30)}, {"b": 150}, lines)


def test_either_line_must_carry_it_all(twin_lines):
    """Without security A gives all 150 MW. With one line lost, the other carries 100 MW: A gives 100."""
    found = secure_optimal_flow(twin_lines)
    assert found.flow.generator.loc["A", "p_mw"] == approx(100, abs=SOLVED)
    assert found.cost_per_h == approx(50 * 20, abs=1e-3) and found.islanding == ()
    table = found.contingencies
    assert set(zip(table["outage"], table["branch"], strict=True)) <= {("one", "two"), ("two", "one")}
    assert table["shadow_price_per_mwh"].sum() == approx(20, abs=SOLVED)
    assert table["flow_mw"].abs().to_list() == approx([100] * len(table), abs=SOLVED)
    assert found.flow.lmp.to_list() == approx([10, 30], abs=SOLVED)


def test_a_short_term_rating_and_chosen_outages(twin_lines):
    assert secure_optimal_flow(twin_lines, factor=1.2).flow.generator.loc["A", "p_mw"] == approx(120, abs=SOLVED)
    assert secure_optimal_flow(twin_lines, factor=1.5).cost_per_h == approx(0, abs=1e-6)
    assert secure_optimal_flow(twin_lines, outages=[]).cost_per_h == approx(0, abs=1e-6)
    one = secure_optimal_flow(twin_lines, outages=["one"])
    assert one.contingencies["outage"].to_list() == ["one"]


def test_an_outage_that_cuts_buses_off_is_named(grid_with):
    net = grid_with({"A": ("a", 400, 10)}, {"b": 50}, {"ab": ("a", "b", 0.1, 100)})
    found = secure_optimal_flow(net)
    assert found.islanding == ("ab",) and found.flow.status == "optimal" and found.contingencies.empty


@pytest.mark.parametrize(("name", "factor"), [("case24_ieee_rts", 1.0), ("case118_ieee", 2.0), ("case39_epri", 1.4)])
@pytest.mark.parametrize("rule", ["series", "ratio"])
def test_every_outage_holds_when_it_is_solved_again(pglib, name, factor, rule):
    """Outage by outage on a grid without the branch: no flow beyond its limit, and all limits at once cost the same."""
    net = read_network(pglib / f"pglib_opf_{name}.m")
    found = secure_optimal_flow(net, factor=factor, rule=rule)
    flow = found.flow
    assert flow.status == "optimal"
    moment = Moment.of(net)
    injection = np.bincount(moment.gen_node, flow.state["outcome"].p, moment.n) - moment.p_load
    injection -= moment.arrays.shunt[moment.at].real
    grid = grid_of(moment, rule)
    lost = [k for k in range(moment.tail.size) if moment.branch_id[k] not in found.islanding]
    for k in lost:
        rest = np.ones(moment.tail.size)
        rest[k] = 0.0
        stiffness = grid.stiffness * rest
        without = type(grid).made(
            (moment.n, moment.tail.size), grid.whole, (grid.tail, grid.head), stiffness, grid.shift,
            (grid.held, grid.held_angle), grid.free,
        )  # fmt: skip
        after = without.flows(injection)
        assert (np.abs(after) - factor * moment.rate).max() <= 1e-6, moment.branch_id[k]
    assert flow.cost >= optimal_power_flow(net, physics=Dc(rule=rule)).cost - 1e-6


def test_all_rows_at_once_cost_the_same(pglib, monkeypatch):
    """Lazily added limits are a relaxation: with none left out the cost is the same."""
    net = read_network(pglib / "pglib_opf_case24_ieee_rts.m")
    lazy = secure_optimal_flow(net, factor=0.9)
    monkeypatch.setattr(dc_limits, "BROKEN", -np.inf)
    monkeypatch.setattr(dc_limits, "PER_ROUND", 10**6)
    monkeypatch.setattr(dc_limits, "LIKE", 10**6)
    every = secure_optimal_flow(net, factor=0.9)
    assert every.flow.status == lazy.flow.status
    if lazy.flow.status == "optimal":
        assert every.flow.cost == approx(lazy.flow.cost, rel=1e-6)


def test_what_nothing_survives_says_which(twin_lines):
    net = Network.from_tables({**twin_lines.tables, "generator": twin_lines.generator.assign(p_max_mw=[400.0, 20.0])})
    found = secure_optimal_flow(net)
    assert found.flow.status == "infeasible" and np.isnan(found.cost_per_h)
    assert "after the loss of" in str(found.flow.diagnosis)


def test_bad_outages_are_named(twin_lines):
    with pytest.raises(BadInput, match="1 outages are no line or transformer in service between two nodes: three"):
        secure_optimal_flow(twin_lines, outages=["one", "three"])
    with pytest.raises(OutOfRange, match="short-term rating of 0"):
        optimal_power_flow(twin_lines, physics=Dc(security=Security(factor=0.0)))
