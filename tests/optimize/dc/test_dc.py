"""DC optimal power flow: by pencil, both forms against each other, laws, and PGLib's published objectives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.optimize.case import Moment
from gridloop.optimize.physics import dc_limits, dc_model
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.physics.dc_read import congestion_by_branch
from gridloop.optimize.problems.opf import optimal_power_flow

# Solvers end at 1e-7 per unit, 1e-5 MW; prices of some tens follow to the same digits.
SOLVED = 1e-4
TYPICAL = ["case5_pjm", "case14_ieee", "case24_ieee_rts", "case30_as", "case118_ieee", "case300_ieee", "case500_goc"]


def test_a_full_line_parts_two_prices(grid_with):
    """cheap a ──[ 50 MW ]── b with 100 MW of load and a dear unit: 50 MW from each.

    One more MWh costs 10 at a and 30 at b; one more MW of the line saves 20 per hour.
    """
    net = grid_with({"cheap": ("a", 200, 10), "dear": ("b", 200, 30)}, {"b": 100}, {"ab": ("a", "b", 0.1, 50)})
    flow = optimal_power_flow(net, physics="dc")
    assert flow.status == "optimal" and flow.cost == approx(50 * 10 + 50 * 30, abs=SOLVED)
    assert flow.generator["p_mw"].to_list()[:2] == approx([50, 50], abs=SOLVED)
    assert flow.bus["lmp_per_mwh"].to_list() == approx([10, 30], abs=SOLVED)
    assert flow.bus["energy_per_mwh"].to_list() == approx([10, 10], abs=SOLVED)
    assert flow.bus["congestion_per_mwh"].to_list() == approx([0, 20], abs=SOLVED)
    assert flow.line.loc["ab", "shadow_price_per_mwh"] == approx(20, abs=SOLVED)
    assert flow.line.loc["ab", "loading_pct"] == approx(100)
    assert flow.bus["angle_deg"].to_list() == approx([0, -np.rad2deg(0.05)])  # 0.5 per unit over 0.1
    assert flow.violations_max_pu <= 1e-9 and flow.losses_mw == 0 and np.isnan(flow.generator.loc["cheap", "q_mvar"])


def test_a_triangle_shares_two_to_one(grid_with):
    """Equal reactances: of 90 MW from a to c two thirds go straight and one third over b.

    The straight line carries 50 MW at most, so a gives 75 MW and c's own unit the rest. With 15 MW at b, the
    straight line would carry a third of it more.
    """
    lines = {"ab": ("a", "b", 0.1, 500), "bc": ("b", "c", 0.1, 500), "ac": ("a", "c", 0.1, 50)}
    net = grid_with({"A": ("a", 200, 10), "C": ("c", 200, 40)}, {"c": 90}, lines)
    flow = optimal_power_flow(net, physics="dc")
    assert flow.generator.loc["A", "p_mw"] == approx(75, abs=SOLVED)
    assert flow.line["p_tail_mw"].to_dict() == approx({"ab": 25, "bc": 25, "ac": 50}, abs=SOLVED)
    # One more MW of the line lets A give 1.5 MW more instead of C: 1.5 · 30.
    assert flow.line.loc["ac", "shadow_price_per_mwh"] == approx(45, abs=SOLVED)
    # At b the straight line is relieved by half as much as at c.
    assert flow.bus["lmp_per_mwh"].to_dict() == approx({"a": 10, "b": 25, "c": 40}, abs=SOLVED)
    parts = congestion_by_branch(flow)
    assert list(parts.columns) == ["ac"] and parts["ac"].to_list() == approx([0, 15, 30], abs=SOLVED)


def test_reasons(grid_with):
    lines = {"ab": ("a", "b", 0.1, 50)}
    net = grid_with(
        {"cheap": ("a", 20, 10), "mid": ("a", 200, 20), "dear": ("b", 200, 30), "idle": ("b", 5, 90)}, {"b": 100}, lines
    )
    table = optimal_power_flow(net, physics="dc").generator
    assert table.loc["cheap", ["reason", "binding"]].to_list() == ["at_p_max", "p_max:cheap"]
    assert table.loc["cheap", "shadow_price"] == approx(10, abs=SOLVED)
    assert table.loc["mid", "reason"] == "marginal"
    assert table.loc["dear", ["reason", "binding"]].to_list() == ["constrained_up", "loading:ab"]
    assert table.loc["idle", "reason"] == "at_p_min"


def test_an_angle_limit_is_a_flow_limit(grid_with):
    """0.03 rad over 0.1 per unit: 30 MW, below the rating; the rating's own price is zero then."""
    net = grid_with({"A": ("a", 200, 10), "B": ("b", 200, 30)}, {"b": 100}, {"ab": ("a", "b", 0.1, 50)})
    tight = net.line.assign(angle_min_deg=-np.rad2deg(0.03), angle_max_deg=np.rad2deg(0.03))
    for form in ("flows", "angles"):
        flow = optimal_power_flow(Network.from_tables({**net.tables, "line": tight}), physics=Dc(form=form))
        assert flow.line.loc["ab", "p_tail_mw"] == approx(30, abs=SOLVED)
        assert flow.line.loc["ab", "shadow_price_per_mwh"] == 0
        assert flow.bus["congestion_per_mwh"].to_list() == approx([0, 20], abs=SOLVED)


@pytest.mark.parametrize("name", [*TYPICAL, "api/case162_ieee_dtc__api", "sad/case39_epri__sad"])
@pytest.mark.parametrize("rule", ["series", "ratio"])
def test_both_forms_agree(pglib, name, rule):
    """Flows with lazy limits against angles with all: cost to 1e-6, and prices wherever the optimum is one."""
    folder, _, case = name.rpartition("/")
    net = read_network(pglib / folder / f"pglib_opf_{case}.m")
    flows, angles = (optimal_power_flow(net, physics=Dc(form=form, rule=rule)) for form in ("flows", "angles"))
    assert flows.status == angles.status
    if rule == "ratio" and name.endswith("__sad"):  # its angle limits leave no room for the ratios
        assert flows.status == "infeasible"
        return
    assert flows.status == "optimal" and flows.cost == approx(angles.cost, rel=1e-6)
    for found in (flows, angles):
        parts = found.bus[["energy_per_mwh", "loss_per_mwh", "congestion_per_mwh"]].sum(axis=1)
        assert (parts - found.lmp).abs().max() <= 1e-9 * found.lmp.abs().max()
        assert found.violations_max_pu <= 1e-6
        split = congestion_by_branch(found).sum(axis=1)
        assert (split - found.bus["congestion_per_mwh"]).abs().max() <= 1e-4


@pytest.mark.parametrize("name", [*TYPICAL, "case588_sdet", "case793_goc", "case1354_pegase"])
def test_published_objectives(pglib, baseline, name):
    """BASELINE.md gives five digits; ours are within 0.01 %."""
    found = optimal_power_flow(read_network(pglib / f"pglib_opf_{name}.m"), physics="dc")
    assert found.cost == approx(baseline[f"pglib_opf_{name}"], rel=1e-4)
    assert found.violations_max_pu <= 1e-6


@pytest.mark.parametrize(
    "name", ["case5_pjm", "case14_ieee", "case30_as", "case57_ieee", "case89_pegase", "case118_ieee"]
)
def test_small_angles_that_nobody_can_keep(pglib, baseline, name):
    assert np.isinf(baseline[f"pglib_opf_{name}__sad"])
    net = read_network(pglib / "sad" / f"pglib_opf_{name}__sad.m")
    for form in ("flows", "angles"):
        found = optimal_power_flow(net, physics=Dc(form=form))
        assert found.status == "infeasible" and np.isnan(found.cost) and found.diagnosis.facts["conflict"]
        assert "cannot hold together" in str(found.diagnosis) and found.diagnosis.facts["relaxation"]


def test_many_limits_at_once_are_the_same(pglib, monkeypatch):
    """Beyond `MANY` rows all limits are taken at once, in angles, by the interior-point method of the solver."""
    net = read_network(pglib / "pglib_opf_case588_sdet.m")
    usual = optimal_power_flow(net, physics="dc")
    monkeypatch.setattr(dc_model, "MANY", 5)
    monkeypatch.setattr(dc_model, "LARGE", 10)
    switched = optimal_power_flow(net, physics="dc")
    assert switched.cost == approx(usual.cost, rel=1e-6) and switched.violations_max_pu <= 1e-6
    assert switched.lmp.to_numpy() == approx(usual.lmp.to_numpy(), abs=1e-3)  # without a basis prices end at 1e-5


def test_limits_come_in_rounds_of_any_size(pglib, monkeypatch):
    net = read_network(pglib / "pglib_opf_case240_pserc.m")
    cost = []
    for most in (1, 1000):
        monkeypatch.setattr(dc_limits, "PER_ROUND", most)
        cost.append(optimal_power_flow(net, physics="dc").cost)
    assert cost[0] == approx(cost[1], rel=1e-9)


def test_two_references_share_what_they_absorb(grid_with):
    """Two buses hold 0° and −3°: over 0.1 per unit that is a flow of 52.36 MW, whatever it costs."""
    net = grid_with({"A": ("a", 200, 10), "B": ("b", 200, 30)}, {"b": 100}, {"ab": ("a", "b", 0.1, 500)})
    second = net.source.rename(index={"s": "t"}).assign(bus="b", angle_deg=-3.0)
    both = Network.from_tables({**net.tables, "source": [*records(net.source), *records(second)]})
    for form in ("flows", "angles"):
        flow = optimal_power_flow(both, physics=Dc(form=form))
        assert flow.line.loc["ab", "p_tail_mw"] == approx(1000 * np.deg2rad(3))
        assert flow.lmp.to_list() == approx([10, 30], abs=SOLVED)


def test_a_load_between_two_references_is_shared_by_the_lines(grid_with):
    """a and c both hold 0°: b's 90 MW come over the shorter line twice as much as over the longer, cheap or not."""
    lines = {"ab": ("a", "b", 0.1, 500), "bc": ("b", "c", 0.2, 500)}
    net = grid_with({"A": ("a", 200, 10), "C": ("c", 200, 40)}, {"b": 90}, lines)
    second = net.source.rename(index={"s": "t"}).assign(bus="c")
    both = Network.from_tables({**net.tables, "source": [*records(net.source), *records(second)]})
    for form in ("flows", "angles"):
        flow = optimal_power_flow(both, physics=Dc(form=form))
        assert flow.generator.loc[["A", "C"], "p_mw"].to_list() == approx([60, 30], abs=SOLVED)
        assert flow.lmp.to_list() == approx([10, 20, 40], abs=SOLVED)  # b: two thirds of 10 and one of 40


def test_an_angle_limit_counts_from_the_shift(grid_with):
    """A shifter of 0.01 rad: 0.03 rad between its ends are 0.02 rad over its reactance, 20 MW over 0.1 per unit."""
    net = grid_with({"A": ("a", 200, 10), "B": ("b", 200, 30)}, {"b": 100}, {"ab": ("a", "b", 0.1, 500)})
    shifter = {
        "id": "T", "owner": "test", "tail_bus": "a", "head_bus": "b", "s_rated_mva": 100.0, "v_tail_kv": 100.0,
        "v_head_kv": 100.0, "r_pu": 0.0, "x_pu": 0.1, "shift_deg": np.rad2deg(0.01),
        "angle_min_deg": -np.rad2deg(0.03), "angle_max_deg": np.rad2deg(0.03),
    }  # fmt: skip
    net = Network.from_tables({**net.tables, "line": [], "transformer": [shifter]})
    for form in ("flows", "angles"):
        flow = optimal_power_flow(net, physics=Dc(form=form, rule="ratio"))
        assert flow.transformer.loc["T", "p_tail_mw"] == approx(20, abs=SOLVED)


def test_islands_have_a_price_each(grid_with):
    lines = {"ab": ("a", "b", 0.1, 500), "cd": ("c", "d", 0.1, 500)}
    net = grid_with({"A": ("a", 200, 10), "C": ("c", 200, 30)}, {"b": 100, "d": 50}, lines)
    for form in ("flows", "angles"):
        flow = optimal_power_flow(net, physics=Dc(form=form))
        assert flow.lmp.to_dict() == approx({"a": 10, "b": 10, "c": 30, "d": 30}, abs=SOLVED)
        assert flow.cost == approx(2500, abs=SOLVED)


def test_a_shunt_counts_as_load(grid_with):
    net = grid_with({"A": ("a", 200, 10)}, {"b": 100}, {"ab": ("a", "b", 0.1, 500)})
    net = Network.from_tables({**net.tables, "shunt": [{"id": "g", "bus": "b", "g_mw": 5.0, "owner": "test"}]})
    flow = optimal_power_flow(net, physics="dc")
    assert flow.generator.loc["A", "p_mw"] == approx(105) and flow.losses_mw == approx(5)


def test_curves_and_squares_together(grid_with):
    """A: 0.1 p² + 10 p, B: 20 up to 50 MW and 40 beyond, 100 MW: A where 0.2 p + 10 = 20, B at its bend or beyond.

    A at 50 costs 20 per MWh more, as much as B; both give 50.
    """
    net = grid_with({"A": ("a", 200, 10), "B": ("b", 200, 0)}, {"b": 130}, {"ab": ("a", "b", 0.1, 500)})
    priced = net.generator.assign(cost_quadratic_per_mw2h=[0.1, 0.0], cost_points=["", "0:0;50:1000;200:7000"])
    for form in ("flows", "angles"):
        flow = optimal_power_flow(Network.from_tables({**net.tables, "generator": priced}), physics=Dc(form=form))
        assert flow.generator.loc[["A", "B"], "p_mw"].to_list() == approx([80, 50], abs=1e-2)
        assert flow.cost == approx(0.1 * 80**2 + 800 + 1000, rel=1e-6)
        assert flow.lmp.to_list() == approx([26, 26], abs=1e-2)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rating=st.lists(st.floats(20, 200), min_size=3, max_size=3),
    more=st.floats(1, 50),
    factor=st.floats(0.1, 10),
)
def test_room_never_costs_and_prices_scale(grid_with, rating, more, factor):
    """A wider limit is never dearer; the worth of a little more is what its shadow price says; costs scale prices."""

    def solved(ratings, scale=1.0):
        lines = {
            "ab": ("a", "b", 0.1, ratings[0]), "bc": ("b", "c", 0.2, ratings[1]), "ac": ("a", "c", 0.1, ratings[2]),
        }  # fmt: skip
        units = {"A": ("a", 400, 10 * scale), "B": ("b", 150, 22 * scale), "C": ("c", 400, 50 * scale)}
        return optimal_power_flow(grid_with(units, {"c": 180, "b": 60}, lines), physics="dc")

    base, wide = solved(rating), solved([r + more for r in rating])
    assert wide.cost <= base.cost * (1 + 1e-9)
    promised = base.cost - (base.line["shadow_price_per_mwh"] * more).sum()
    assert wide.cost >= promised - 1e-6 * base.cost  # costs are convex in the limits
    scaled = solved(rating, factor)
    assert scaled.cost == approx(factor * base.cost, rel=1e-6)
    assert scaled.lmp.to_numpy() == approx(factor * base.lmp.to_numpy(), rel=1e-5, abs=1e-5)


def test_a_stop_and_a_limit_of_time_are_statuses(pglib):
    net = read_network(pglib / "pglib_opf_case162_ieee_dtc.m")
    told = []

    def stop(iteration, cost, violation):
        told.append((iteration, cost, violation))
        return len(told) < 2

    stopped = optimal_power_flow(net, physics="dc", progress=stop)
    assert stopped.status == "interrupted" and len(told) == 2 and told[0][2] > 0 and np.isnan(stopped.cost)
    late = optimal_power_flow(net, physics="dc", time_limit_s=0.0)
    assert late.status == "time_limit" and "Raise" in str(late.diagnosis)


def test_nothing_bounds_the_cost(grid_with):
    net = grid_with(
        {"A": ("a", 200, 10), "B": ("a", np.nan, -5), "C": ("b", 10, 3)}, {"b": 100}, {"ab": ("a", "b", 0.1, 500)}
    )
    net = Network.from_tables({**net.tables, "generator": net.generator.assign(p_min_mw=[np.nan, 0.0, 0.0])})
    found = optimal_power_flow(net, physics="dc")
    assert found.status == "unbounded" and "upper limit" in str(found.diagnosis)


def test_reactances_that_cancel_are_a_status(grid_with):
    lines = {"l1": ("a", "b", 0.1, 500), "l2": ("a", "b", -0.1, 500)}
    net = grid_with({"A": ("a", 200, 10)}, {"b": 100}, lines)
    for form in ("flows", "angles"):
        found = optimal_power_flow(net, physics=Dc(form=form))
        assert found.status == "not_converged" and "reactances that cancel out" in str(found.diagnosis)


def test_a_reactance_below_zero_and_no_rating(grid_with):
    for x, rating in ((-0.1, 50), (0.1, np.nan)):
        net = grid_with({"A": ("a", 200, 10), "B": ("b", 200, 30)}, {"b": 100}, {"ab": ("a", "b", x, rating)})
        for form in ("flows", "angles"):
            flow = optimal_power_flow(net, physics=Dc(form=form))
            assert flow.line.loc["ab", "p_tail_mw"] == approx(50 if x < 0 else 100, abs=SOLVED)
            assert flow.lmp.to_list() == approx([10, 30] if x < 0 else [10, 10], abs=SOLVED)


def test_options_are_checked():
    with pytest.raises(OutOfRange, match="no form 'cube'"):
        Dc(form="cube")
    with pytest.raises(OutOfRange, match="no rule 'x'"):
        Dc(rule="x")


def test_only_a_dc_optimum_splits_by_branch(grid_with):
    net = grid_with({"A": ("a", 20, 10)}, {"b": 100}, {"ab": ("a", "b", 0.1, 50)})
    found = optimal_power_flow(net, physics="dc")
    assert found.status == "infeasible"
    with pytest.raises(BadInput, match="dc and infeasible"):
        congestion_by_branch(found)


def test_the_series_rule_leaves_ratios_out(pglib):
    """case300 has transformers off nominal and a phase shifter: the two rules differ, and each says which it is."""
    net = read_network(pglib / "pglib_opf_case300_ieee.m")
    series, ratio = (optimal_power_flow(net, physics=Dc(rule=rule)) for rule in ("series", "ratio"))
    assert series.cost != approx(ratio.cost, rel=1e-5)
    assert (series.state["dc_rule"], ratio.state["dc_rule"]) == ("series", "ratio")
    moment = Moment.of(net)
    assert dc_model.series_stiffness(moment) == approx(moment.x / (moment.r**2 + moment.x**2))
    none = replace(moment, r=np.full(moment.r.size, 0.01), x=np.zeros(moment.x.size))
    assert dc_model.series_stiffness(none) == approx(np.full(moment.r.size, 100.0))


def records(table):
    return table.reset_index().to_dict("records")
