"""Commitments on a network that a pencil can check, laws of limits, and the model written out in full."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_network_commitment import solve_plain
from small_units import small_system

from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.optimize.check import CommitmentCase, check_solution
from gridloop.optimize.commitment.model import base_case, build
from gridloop.optimize.commitment.network import read_grid
from gridloop.optimize.commitment.network_rows import limits_of
from gridloop.optimize.commitment.rolling import roll
from gridloop.optimize.physics.dc import Dc, Security
from gridloop.optimize.problems.commitment import CommitmentScenario, commit_units
from gridloop.powerflow.sensitivities import DcGrid
from gridloop.testing import V_NOM_KV, moment
from gridloop.units import SQRT3

# Both solve to a gap of zero with tolerances of 1e-6 on whole numbers and 1e-7 on rows.
SAME = 1e-6


def line(name, tail, head, mw, x=0.1):
    """A line on 100 MVA whose rating is this many MW; None: no rating."""
    rating = {} if mw is None else {"i_max_ka": mw / (SQRT3 * V_NOM_KV)}
    return {
        "id": name, "tail_bus": tail, "head_bus": head, "length_km": 1.0, "r_ohm_per_km": 0.0, "x_ohm_per_km": x,
        **rating,
    }  # fmt: skip


def grid(lines, buses="ab", sources="a"):
    return Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": V_NOM_KV} for b in buses],
            "line": lines,
            "source": [{"id": f"at {b}", "bus": b} for b in sources],
        },
        name="small",
        owner="test",
    )


def two_buses(mw):
    """base at a, peak and the load at b, one line between them."""
    return grid([line("a-b", "a", "b", mw)])


def at_b(demand, **more):
    system = small_system(demand, **more)
    return system.with_(unit=system.unit.assign(bus=["a", "b"]), load_mw=pd.DataFrame({"b": np.array(demand, float)}))


def solve(system, net, scenarios=(), **more):
    """Solved to the end, and accepted by the checker, which has angles where the model has factors."""
    plan = commit_units(system, gap=0.0, network=net, scenarios=scenarios, **more)
    assert plan.status == "optimal", plan.diagnosis
    checked = check_solution(CommitmentCase(system, scenarios, net), plan)
    assert checked.ok, checked.findings
    return plan


def test_a_line_wide_enough_changes_nothing():
    plan = solve(at_b([60, 60]), two_buses(100))
    assert plan.objective == pytest.approx(2400.0)
    assert plan.congestion.empty and plan.flow_mw.empty
    assert plan.bus_price_per_mwh.to_numpy() == pytest.approx(np.full((2, 2), 10.0))


def test_a_full_line_turns_on_the_unit_behind_it():
    """40 MW cross: base costs 1000 + 2·(100 + 400), peak 50 + 2·(20 + 20·40); b pays peak's 40, a base's 10."""
    plan = solve(at_b([60, 60]), two_buses(40))
    assert plan.objective == pytest.approx(2000.0 + 1690.0)
    assert plan.bound == pytest.approx(plan.objective, rel=SAME)
    assert plan.on.all().all()
    assert plan.bus_price_per_mwh["a"].tolist() == pytest.approx([10.0, 10.0])
    assert plan.bus_price_per_mwh["b"].tolist() == pytest.approx([40.0, 40.0])
    assert plan.congestion["branch"].tolist() == ["a-b", "a-b"]
    assert plan.congestion["shadow_price_per_mwh"].tolist() == pytest.approx([30.0, 30.0])
    assert plan.congestion["limit_mw"].tolist() == pytest.approx([40.0, 40.0])
    assert plan.loading_pct["a-b"].tolist() == pytest.approx([100.0, 100.0])


def test_a_ring_shares_by_its_reactances():
    """From a to b two thirds go straight and one third over c. 30 MW straight: 45 MW from base, 15 from peak."""
    ring = grid([line("a-b", "a", "b", 30), line("a-c", "a", "c", None), line("c-b", "c", "b", None)], "abc")
    plan = solve(at_b([60]), ring)
    assert plan.p_mw.loc[0].tolist() == pytest.approx([45.0, 15.0])
    assert plan.objective == pytest.approx(1000 + 100 + 450 + 50 + 20 + 600)
    # one MW more over the line makes room for 1.5 MW of base in the place of peak
    assert plan.congestion["shadow_price_per_mwh"].tolist() == pytest.approx([45.0])
    assert plan.bus_price_per_mwh.loc[0].tolist() == pytest.approx([10.0, 40.0, 25.0])


def test_wind_behind_a_full_line_is_curtailed():
    system = at_b([60], renewable=[50.0]).with_(renewable_bus=pd.Series({"wind": "a"}))
    plan = solve(system, two_buses(40))
    assert plan.p_mw.loc[0, "peak"] == pytest.approx(20.0)
    assert plan.renewable_mw.loc[0, "wind"] == pytest.approx(40.0) and not plan.on.loc[0, "base"]
    assert plan.bus_price_per_mwh.loc[0].tolist() == pytest.approx([0.0, 40.0])


def test_storage_behind_a_full_line_serves_the_peak():
    """The line takes 60 MW; the peak of 70 needs 10 from the cell, which loads 10/0.81 before."""
    cell = pd.DataFrame(
        {
            "charge_max_mw": 20.0, "discharge_max_mw": 20.0, "energy_max_mwh": 50.0, "energy_before_mwh": 0.0,
            "energy_end_mwh": 0.0, "charge_efficiency": 0.9, "discharge_efficiency": 0.9, "bus": "b",
        },
        index=["cell"],
    )  # fmt: skip
    plan = solve(at_b([40, 70], storage=cell), two_buses(60))
    assert not plan.on["peak"].any()
    assert plan.discharge_mw.loc[1, "cell"] == pytest.approx(10.0)
    assert plan.charge_mw.loc[0, "cell"] == pytest.approx(10 / 0.81)


def test_load_is_curtailed_where_nothing_else_reaches_it():
    flexible = pd.DataFrame(
        {"curtail_max_mw": 15.0, "curtail_cost_per_mwh": 500.0, "shift_max_mw": 0.0, "shift_within_h": 1, "bus": "b"},
        index=["plant"],
    )
    units = {"base": (20, 100, 10.0, 0.0, 0.0, {"bus": "a"})}
    system = small_system([60], units=units, flexible=flexible, load_mw=pd.DataFrame({"b": [60.0]}))
    plan = solve(system, two_buses(50))
    assert plan.curtailed_mw.loc[0, "plant"] == pytest.approx(10.0)
    assert plan.bus_price_per_mwh.loc[0].tolist() == pytest.approx([10.0, 500.0])


def test_islands_balance_alone():
    """Without the line peak has to serve b, and base a."""
    system = at_b([60]).with_(load_mw=pd.DataFrame({"a": [30.0], "b": [30.0]}))
    plan = solve(system, grid([], sources="ab"))
    assert plan.p_mw.loc[0].tolist() == pytest.approx([30.0, 30.0])
    assert plan.bus_price_per_mwh.loc[0].tolist() == pytest.approx([10.0, 40.0])
    alone = solve(system, grid([], sources="a"))
    assert alone.objective == pytest.approx(plan.objective)


def test_scenarios_have_flows_of_their_own():
    """80 MW in half of all futures: 40 too many for the line; the unit behind it has to be on in both."""
    futures = [CommitmentScenario(0.5, demand_mw=pd.Series([30.0])), CommitmentScenario(0.5, pd.Series([80.0]))]
    plan = solve(at_b([60]), two_buses(40), futures)
    low, high = plan.outcomes
    assert plan.on.loc[0, "peak"]
    assert low.p_mw.loc[0].tolist() == pytest.approx([25.0, 5.0])
    assert high.p_mw.loc[0].tolist() == pytest.approx([40.0, 40.0])
    assert low.congestion.empty and high.congestion["branch"].tolist() == ["a-b"]
    assert high.bus_price_per_mwh.loc[0].tolist() == pytest.approx([10.0, 40.0])


def test_a_pocket_that_is_short_is_named_with_the_line_before_it():
    plan = commit_units(at_b([40, 60]), network=two_buses(5))
    assert plan.status == "infeasible"
    assert plan.diagnosis.causes == [
        "hour 1: bus b lacks 5 MW; in the way stand the limits of a-b (5 MW).",
    ]
    fact = plan.diagnosis.facts["network"]["1"]
    assert fact["short_mw"] == pytest.approx(5.0) and fact["buses"] == ["b"]
    assert fact["limits"][0]["branch"] == "a-b" and fact["limits"][0]["served_per_mw"] == pytest.approx(1.0)


def test_what_must_run_in_a_pocket_and_cannot_leave_it_is_named():
    units = {
        "base": (20, 100, 10.0, 0.0, 0.0, {"bus": "a", "must_run": True}),
        "peak": (5, 50, 40.0, 0.0, 0.0, {"bus": "b"}),
    }
    system = small_system([60], units=units, load_mw=pd.DataFrame({"b": [60.0]}))
    plan = commit_units(system, network=two_buses(15))
    assert plan.status == "infeasible"
    assert "bus a cannot get rid of 5 MW" in plan.diagnosis.causes[0] and "a-b" in plan.diagnosis.causes[0]


def test_load_in_the_dark_is_named():
    system = at_b([60])
    plan = commit_units(system.with_(unit=system.unit.assign(bus="a")), network=grid([]))
    assert plan.status == "infeasible" and "b" in str(plan.diagnosis)


def test_what_has_no_place_is_refused_by_name():
    with pytest.raises(BadInput, match="needs places"):
        commit_units(small_system([60]), network=two_buses(5))
    system = at_b([60])
    with pytest.raises(BadInput, match="base"):
        commit_units(system.with_(unit=system.unit.assign(bus=["", "b"])), network=two_buses(5))
    with pytest.raises(BadInput, match="moon"):
        commit_units(system.with_(unit=system.unit.assign(bus=["moon", "b"])), network=two_buses(5))
    with pytest.raises(BadInput, match="wind"):
        commit_units(at_b([60], renewable=[50.0]), network=two_buses(5))
    with pytest.raises(BadInput, match="sums to"):
        system.with_(demand_mw=pd.Series([70.0]))
    with pytest.raises(BadInput, match="network"):
        commit_units(system, physics=Dc())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"physics": "dc"}, r"physics is 'dc'.*Dc\(\)"),
        ({"physics": Dc}, r"write Dc\(\), not Dc"),
        ({"physics": 5}, r"physics is 5.*Dc\(\)"),
        ({"network": "x"}, "network is a str"),
    ],
)
def test_what_is_no_network_or_physics_is_refused(asked, words):
    with pytest.raises(BadInput, match=words):
        commit_units(at_b([60]), **{"network": two_buses(40), **asked})


def test_load_at_a_bus_out_of_service_is_refused_and_none_there_is_fine():
    """c is out of service: 10 MW there can come from nowhere, least of all be drawn at another bus."""
    net = grid([line("a-b", "a", "b", 100)], "abc")
    net = net.edit("bus", {"c": {"in_service": False}}, author="t", time=moment(), reason="out")
    system = at_b([60]).with_(load_mw=pd.DataFrame({"b": [60.0], "c": [0.0]}))
    assert solve(system, net).objective == pytest.approx(solve(at_b([60]), net).objective)
    with pytest.raises(BadInput, match=r"1 buses that are out of service.*: c"):
        commit_units(at_b([60]).with_(load_mw=pd.DataFrame({"b": [50.0], "c": [10.0]})), network=net)


def test_loads_that_cancel_still_use_the_line():
    """20 MW given at b and drawn at a are no demand, and 20 MW over a line of 15."""
    system = at_b([60]).with_(demand_mw=pd.Series([0.0]), load_mw=pd.DataFrame({"a": [20.0], "b": [-20.0]}))
    assert solve(system, two_buses(25)).objective == pytest.approx(0.0)
    plan = commit_units(system, network=two_buses(15))
    assert plan.status == "infeasible" and "a-b (15 MW)" in plan.diagnosis.causes[0]


def test_a_spoilt_flow_is_found_by_the_checker():
    system, net = at_b([60, 60]), two_buses(40)
    plan = commit_units(system, gap=0.0)  # on the copper plate
    checked = check_solution(CommitmentCase(system, (), net), plan)
    assert set(checked.findings["kind"]) == {"flow"}
    assert checked.findings["excess"].tolist() == pytest.approx([20.0, 20.0])
    carried = commit_units(system, gap=0.0, network=net)
    carried.outcomes[0].flow_mw.iloc[0, 0] += 1.0
    told = check_solution(CommitmentCase(system, (), net), carried)
    assert set(told.findings["kind"]) == {"reported flow"}


def test_time_that_is_up_at_once_leaves_a_plan_that_the_line_carries():
    system, net = at_b([60, 120, 60, 80]), two_buses(40)
    first = commit_units(system.with_demand(pd.Series([60.0, 80.0, 60.0, 80.0])), time_limit_s=1e-9, network=net)
    assert first.status == "time_limit" and first.source == "priority_list"
    assert first.flow_mw["a-b"].max() <= 40.0 + 1e-5
    whole = commit_units(first.system, gap=0.0, network=net)
    again = commit_units(first.system, time_limit_s=1e-9, last=whole, network=net)
    assert again.source == "last" and again.objective == pytest.approx(whole.objective)


def test_windows_roll_over_a_network():
    """Every window keeps the line, and begins in the state in which the one before it ended."""
    demand, net = [30, 60, 80, 40, 60, 20], two_buses(40)
    system = at_b(demand)
    rolled = roll(system, window_h=4, step_h=2, gap=0.0, network=net)
    whole = commit_units(system, gap=0.0, network=net)
    assert rolled.status == "optimal" and len(rolled.on) == 6
    assert rolled.p_mw["peak"].tolist() == pytest.approx(whole.p_mw["peak"].tolist())
    assert rolled.objective == pytest.approx(whole.objective)


BUSES = ("a", "b", "c")


@st.composite
def systems(draw):
    """Three units, wind, and loads on a ring of three buses; ratings that may bind."""
    hours = draw(st.integers(2, 4))
    number = st.integers
    units = {}
    for k in range(3):
        low, span = draw(number(5, 20)), draw(number(10, 60))
        columns = {
            "bus": draw(st.sampled_from(BUSES)), "min_up_h": draw(number(1, 3)), "min_down_h": draw(number(1, 3)),
            "on_before": draw(st.booleans()), "p_before_mw": 0.0, "ramp_up_mw_per_h": draw(number(span // 2, 2 * span)),
        }  # fmt: skip
        columns["p_before_mw"] = float(low) if columns["on_before"] else 0.0
        units[f"u{k}"] = (low, low + span, draw(number(10, 60)), draw(number(0, 200)), draw(number(0, 300)), columns)
    load = pd.DataFrame({b: [float(draw(number(0, 30))) for _ in range(hours)] for b in BUSES})
    system = small_system(load.sum(axis=1).tolist(), units=units, renewable=[10.0] * hours)
    ratings = [float(draw(number(3, 60))) for _ in range(3)]
    return system.with_(load_mw=load, renewable_bus=pd.Series({"wind": draw(st.sampled_from(BUSES))})), ratings


def ring(ratings, factor=1.0):
    ends = (("a", "b"), ("b", "c"), ("a", "c"))
    return grid(
        [line(f"{t}-{h}", t, h, None if factor is None else factor * r, 0.1 * (k + 1))
         for k, ((t, h), r) in enumerate(zip(ends, ratings, strict=True))],
        "abc",
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(systems())
def test_the_model_written_out_in_full_says_the_same(drawn):
    system, ratings = drawn
    net = ring(ratings)
    expected, _ = solve_plain(system, net)
    plan = commit_units(system, gap=0.0, network=net)
    if not np.isfinite(expected):
        assert plan.status == "infeasible", plan.status
        return
    assert plan.status == "optimal", plan.diagnosis
    assert plan.objective == pytest.approx(expected, rel=SAME, abs=1e-4)
    assert plan.bound == pytest.approx(expected, rel=SAME, abs=1e-4)
    assert check_solution(CommitmentCase(system, (), net), plan).ok


@settings(max_examples=15, deadline=None)
@given(systems(), st.floats(0.4, 0.95))
def test_narrower_lines_never_cost_less_and_endless_ones_are_a_copper_plate(drawn, factor):
    system, ratings = drawn
    plate = commit_units(system, gap=0.0)
    cost = {
        f: plan.objective if plan.solved else np.inf
        for f, plan in ((f, commit_units(system, gap=0.0, network=ring(ratings, f))) for f in (None, 1.0, factor))
    }
    if not plate.solved:
        assert not any(np.isfinite(list(cost.values())))
        return
    assert cost[None] == pytest.approx(plate.objective, rel=SAME, abs=1e-4)
    assert cost[None] <= cost[1.0] + 1e-3 and cost[1.0] <= cost[factor] + 1e-3


def test_security_keeps_room_for_the_loss_of_a_line():
    """Two lines of 50 MW alike: with both 60 MW cross, after the loss of one only 50 may."""
    net, physics = grid([line("one", "a", "b", 50), line("two", "a", "b", 50)]), Dc(security=Security())
    plan = commit_units(at_b([60]), gap=0.0, network=net, physics=physics)
    assert plan.status == "optimal", plan.diagnosis
    assert plan.p_mw.loc[0].tolist() == pytest.approx([50.0, 10.0])
    assert set(plan.congestion["outage"]) <= {"one", "two"} and plan.congestion["flow_mw"].max() == pytest.approx(50.0)
    assert check_solution(CommitmentCase(at_b([60]), (), net, physics), plan).ok
    without = commit_units(at_b([60]), gap=0.0, network=net)
    checked = check_solution(CommitmentCase(at_b([60]), (), net, physics), without)
    assert set(checked.findings["kind"]) == {"flow after the loss of one", "flow after the loss of two"}


def test_factors_of_outages_are_made_once(monkeypatch):
    """However many hours and rounds there are: all screen with one table."""
    net = grid([line(name, "a", "b", 40) for name in ("one", "two", "three")])
    system, made, lodf = at_b([60, 90, 100, 60]), [], DcGrid.lodf
    model = build(system, [base_case(system)], read_grid(system, net, Dc(security=Security())))

    def counted(self, lost):
        made.append(len(lost))
        return lodf(self, lost)

    monkeypatch.setattr(DcGrid, "lodf", counted)
    screened = [limits_of(model.grid, 0, t).after(np.full(3, 20.0)) for t in [0, 1, 2, 3] * 2]
    assert made == []  # they were made with the model
    for [(_, after)] in screened:  # what one line loses is shared by two
        assert after == pytest.approx(np.array([[0.0, 30, 30], [30, 0, 30], [30, 30, 0]]))
