"""Commitments that a pencil can check, one device at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_units import small_system

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange
from gridloop.optimize.check import check_solution
from gridloop.optimize.commitment.rolling import cost_of, roll
from gridloop.optimize.problems.commitment import CommitmentScenario, commit_units
from gridloop.optimize.solve.milp import MixedSession, Relaxed


def solve(system, **more):
    """Solved to the end, and accepted by the checker, which shares no code with the model."""
    plan = commit_units(system, gap=0.0, **more)
    assert plan.status == "optimal", plan.diagnosis
    checked = check_solution(system, plan)
    assert checked.ok, checked.findings
    return plan


def test_one_unit_is_enough():
    """60 MW for two hours: base costs 1000 + 2·(100 + 600) = 2400, peak cannot."""
    plan = solve(small_system([60, 60]))
    assert plan.objective == pytest.approx(2400.0)
    assert plan.on["base"].all() and not plan.on["peak"].any()
    assert plan.parts["start"] == pytest.approx(1000.0)
    assert plan.price_per_mwh.tolist() == pytest.approx([10.0, 10.0])
    assert set(plan.reasons["base"]) == {"marginal"} and set(plan.reasons["peak"]) == {"off_costly"}


def test_a_short_peak_takes_the_unit_that_starts_cheaply():
    """120 MW in one of three hours: peak adds 50 + 20 + 40·20 = 870."""
    plan = solve(small_system([80, 120, 80]))
    assert plan.objective == pytest.approx(1000 + 3 * 100 + 10 * (80 + 100 + 80) + 50 + 20 + 40 * 20)
    assert plan.on["peak"].tolist() == [False, True, False]
    assert plan.reasons.loc[1, "base"] == "at_p_max"


def test_reserve_turns_on_a_second_unit():
    """95 MW and 10 of reserve: base alone has 5 left; peak runs at its least, 5 MW."""
    plan = solve(small_system([95], reserve=10.0))
    assert plan.on.iloc[0].all()
    assert plan.reserve_mw.iloc[0].sum() >= 10.0 - 1e-6
    assert plan.p_mw.loc[0, "peak"] == pytest.approx(5.0)


def test_regulation_needs_room_both_ways():
    """Base would run at its least, 20 MW; 5 MW of regulation lift it to 25, and wind is turned down for that."""
    units = {"base": (20, 100, 10.0, 100.0, 0.0, {"regulation_max_mw": 10.0})}
    plan = commit_units(small_system([30], units=units, regulation=5.0, renewable=[10.0]), gap=0.0)
    assert plan.status == "optimal"
    assert plan.p_mw.loc[0, "base"] == pytest.approx(25.0)
    assert plan.regulation_mw.loc[0, "base"] == pytest.approx(5.0)
    assert plan.renewable_mw.loc[0, "wind"] == pytest.approx(5.0)


def test_ramps_hold_from_the_state_before():
    units = {
        "slow": (10, 100, 10.0, 0.0, 0.0, {"ramp_up_mw_per_h": 20, "on_before": True, "p_before_mw": 30}),
        "peak": (0, 60, 40.0, 0.0, 0.0, {}),
    }
    plan = solve(small_system([60, 80], units=units))
    assert plan.p_mw["slow"].tolist() == pytest.approx([50.0, 70.0])
    assert plan.reasons["slow"].tolist() == ["ramp_up", "ramp_up"]


def test_least_times_carry_over_from_the_past():
    """base has been on for 1 of 3 hours, so it stays for two more although peak alone would be cheaper."""
    units = {
        "base": (20, 100, 10.0, 900.0, 0.0, {"min_up_h": 3, "on_before": True, "hours_before": 1, "p_before_mw": 20}),
        "peak": (5, 50, 35.0, 0.0, 0.0, {}),
    }
    plan = solve(small_system([30, 30, 30], units=units))
    assert plan.on["base"].tolist() == [True, True, False]
    assert plan.reasons.loc[0, "base"] in ("min_up", "marginal")


def test_a_warm_start_is_cheaper_than_a_cold_one():
    """Off for two hours: the tier of one hour is 100, from three hours on 700. Staying on would cost 2·500."""
    units = {
        "big": (50, 100, 10.0, 500.0, 0.0, {"on_before": True, "p_before_mw": 50}),
        "small": (0, 40, 11.0, 0.0, 0.0, {}),
    }
    system = small_system([90, 20, 20, 90], units=units)
    tiers = pd.DataFrame([("big", 1, 100.0), ("big", 3, 700.0), ("small", 1, 0.0)], columns=["unit", "off_h", "cost"])
    plan = solve(system.with_(start=tiers))
    assert plan.on["big"].tolist() == [True, False, False, True]
    assert plan.parts["start"] == pytest.approx(100.0)


def test_maintenance_takes_a_unit_out():
    there = pd.DataFrame({"base": [True, False, True], "peak": [True] * 3})
    plan = solve(small_system([40, 40, 40], available=there))
    assert plan.on["base"].tolist() == [True, False, True]
    assert plan.reasons.loc[1, "base"] == "maintenance"


def test_wind_is_curtailed_where_there_is_too_much():
    units = {"base": (20, 100, 10.0, 0.0, 0.0, {"must_run": True})}
    plan = solve(small_system([50, 50], units=units, renewable=[60.0, 10.0]))
    assert plan.renewable_mw["wind"].tolist() == pytest.approx([30.0, 10.0])
    assert plan.reasons.loc[0, "base"] == "must_run"


def test_storage_moves_energy_to_the_peak():
    """Charging 20 MWh at 90 % gives 16.2 MWh back: the peak of 110 needs 10, so 10/0.81 = 12.3457 are charged."""
    storage = pd.DataFrame(
        {
            "charge_max_mw": 20.0, "discharge_max_mw": 20.0, "energy_max_mwh": 50.0, "energy_before_mwh": 0.0,
            "energy_end_mwh": 0.0, "charge_efficiency": 0.9, "discharge_efficiency": 0.9,
        },
        index=["cell"],
    )  # fmt: skip
    plan = solve(small_system([70, 110], storage=storage))
    assert not plan.on["peak"].any()
    assert plan.charge_mw.loc[0, "cell"] == pytest.approx(10 / 0.81)
    assert plan.discharge_mw.loc[1, "cell"] == pytest.approx(10.0)


def test_load_shifts_within_its_block_and_is_shed_at_its_price():
    flexible = pd.DataFrame(
        {"curtail_max_mw": 10.0, "curtail_cost_per_mwh": 500.0, "shift_max_mw": 5.0, "shift_within_h": 2},
        index=["plant"],
    )
    units = {"base": (20, 100, 10.0, 0.0, 0.0, {})}
    plan = solve(small_system([80, 112], units=units, flexible=flexible))
    assert plan.left_out_mw.loc[1, "plant"] - plan.made_up_mw.loc[1, "plant"] == pytest.approx(5.0)
    assert plan.curtailed_mw.loc[1, "plant"] == pytest.approx(7.0)
    assert plan.parts["curtailed"] == pytest.approx(3500.0)


def test_scenarios_share_the_commitment():
    """80 or 120 MW: peak has to be on for the dear future, in both, though its output is its least in the other."""
    futures = [
        CommitmentScenario(0.5, demand_mw=pd.Series([80.0])),
        CommitmentScenario(0.5, demand_mw=pd.Series([120.0])),
    ]
    plan = commit_units(small_system([100]), scenarios=futures, gap=0.0)
    assert plan.status == "optimal"
    assert plan.on.loc[0, "peak"]
    low, high = plan.outcomes
    assert low.p_mw.loc[0, "peak"] == pytest.approx(5.0)
    assert high.p_mw.loc[0, "peak"] == pytest.approx(20.0)
    expected = 1000 + 50 + 100 + 20 + 0.5 * (750 + 200) + 0.5 * (1000 + 800)
    assert plan.objective == pytest.approx(expected)
    assert plan.bound == pytest.approx(expected)


def test_too_much_demand_is_named_by_hour_and_amount():
    plan = commit_units(small_system([60, 170, 60]))
    assert plan.status == "infeasible" and not plan.solved
    assert plan.diagnosis.facts["short_mw"] == {1: pytest.approx(20.0)}
    assert "hour 1" in plan.diagnosis.causes[0] and "20 MW" in plan.diagnosis.causes[0]


def test_too_much_that_must_run_is_named():
    units = {"base": (60, 100, 10.0, 0.0, 0.0, {"must_run": True})}
    plan = commit_units(small_system([80, 50], units=units))
    assert plan.status == "infeasible"
    assert plan.diagnosis.facts["over_mw"] == {1: pytest.approx(10.0)}


def test_a_ramp_that_cannot_follow_is_found_by_the_least_relaxation():
    columns = {"ramp_up_mw_per_h": 10, "on_before": True, "p_before_mw": 30}
    plan = commit_units(small_system([40, 90], units={"slow": (10, 100, 10.0, 0.0, 0.0, columns)}))
    assert plan.status == "infeasible"
    assert plan.diagnosis.facts["least_relaxation_mw"] == pytest.approx(40.0)
    assert "hour 1" in plan.diagnosis.causes[0]


def test_time_that_is_up_at_once_leaves_a_plan_all_the_same():
    system = small_system([60, 120, 60, 140])
    first = commit_units(system, time_limit_s=1e-9)
    assert first.status == "time_limit" and first.source == "priority_list"
    assert check_solution(system, first).ok
    again = commit_units(system, time_limit_s=1e-9, last=commit_units(system, gap=0.0))
    assert again.source == "last"
    assert again.objective <= first.objective + 1e-6


def test_rolling_carries_the_state_exactly():
    """Windows as long as their steps: each has to begin where the last one ended, least times and outputs included."""
    units = {
        "base": (20, 100, 10.0, 100.0, 500.0, {"min_up_h": 4, "min_down_h": 3, "ramp_up_mw_per_h": 30}),
        "peak": (0, 80, 40.0, 20.0, 50.0, {}),
    }
    demand = [30, 60, 70, 40, 20, 20, 50, 80, 60, 30, 20, 40]
    system = small_system(demand, units=units)
    rolled = roll(system, window_h=6, step_h=3, gap=0.0)
    assert rolled.status == "optimal" and len(rolled.on) == 12
    whole = commit_units(system, gap=0.0)
    assert rolled.objective >= whole.objective - 1e-6
    assert cost_of(system, whole.on, whole.p_mw) == pytest.approx(whole.objective)
    p, on = rolled.p_mw["base"].to_numpy(), rolled.on["base"].to_numpy()
    assert rolled.p_mw.sum(axis=1).to_numpy() == pytest.approx(np.array(demand, dtype=float))
    assert (np.diff(p)[on[1:] & on[:-1]] <= 30 + 1e-6).all()
    runs = "".join("x" if x else " " for x in on).split(" ")
    assert all(len(run) >= 4 for run in runs[:-1] if run)


def test_the_same_question_has_the_same_answer():
    system = small_system([60, 120, 60, 140], reserve=5.0)
    one, two = (commit_units(system, gap=0.0) for _ in range(2))
    assert one.objective == two.objective
    assert one.p_mw.equals(two.p_mw)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda s: s.with_(demand_mw=pd.Series([60.0, np.nan])), GapInSeries, "hour 1"),
        (lambda s: s.with_(unit=s.unit.assign(p_min_mw=200.0)), OutOfRange, "p_min_mw above p_max_mw"),
        (lambda s: s.with_(unit=s.unit.drop(columns="must_run")), MissingColumn, "must_run"),
        (lambda s: s.with_(unit=s.unit.assign(min_up_h=1.5)), OutOfRange, "whole"),
        (lambda s: s.with_(start=s.start.assign(cost=-1.0)), OutOfRange, "0 or more"),
        (lambda s: s.with_(cost=s.cost[s.cost["unit"] == "base"]), BadInput, "no cost curve"),
        (lambda s: s.with_(reserve_mw=pd.Series([1.0])), BadInput, "1 hours"),
        (lambda s: s.with_(start_rule="other"), OutOfRange, "start_rule"),
        (lambda s: s.with_(reserve_mw=pd.Series([-1.0, 0.0])), OutOfRange, "negative"),
    ],
)
def test_bad_input_is_refused_by_name(change, error, says):
    with pytest.raises(error, match=says):
        change(small_system([60, 60]))


def test_impossible_arguments_are_refused():
    system = small_system([60])
    for arguments in ({"gap": -0.1}, {"time_limit_s": 0.0}, {"scenarios": [CommitmentScenario(0.5)]}):
        with pytest.raises(BadInput):
            commit_units(system, **arguments)


def test_what_a_lying_solver_returns_is_refused(monkeypatch):
    """Outputs a tenth too low do not cover the demand: the checker sees it, whatever the solver calls it."""
    honest = MixedSession.relax

    def lying(self, **arguments):
        found = honest(self, **arguments)
        return replace(found, x=found.x * 0.9) if found.solved else found

    monkeypatch.setattr(MixedSession, "relax", lying)
    plan = commit_units(small_system([60, 120]), time_limit_s=5.0)
    assert plan.status != "optimal"


def test_a_solver_that_finds_nothing_leaves_a_named_status(monkeypatch):
    def dead(self, **arguments):
        columns = np.full(0, np.nan)
        return Relaxed("solver_failed", np.nan, columns, columns, 0.0)

    monkeypatch.setattr(MixedSession, "relax", dead)
    plan = commit_units(small_system([60, 120]), time_limit_s=5.0)
    assert plan.status in ("solver_failed", "no_plan") and not plan.solved
    assert plan.diagnosis is not None
