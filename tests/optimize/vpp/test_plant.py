"""Virtual power plants: bids, splits and stand-ins that a pencil can follow, and laws of any plant."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, GapInSeries, OutOfRange, SolveFailed
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.explain import sentence
from gridloop.optimize.problems.rounds import End
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.solve import GAVE_WAY, Fix
from gridloop.optimize.vpp.model import PlantModel
from gridloop.optimize.vpp.plant import VirtualPowerPlant
from gridloop.optimize.vpp.split import Split
from gridloop.testing import moment, village

# The solver keeps bounds and rows to 1e-7; costs of a few devices stay below this.
MONEY = 1e-4
EXACT_MW = 1e-9


def hourly(values: list[float]) -> pd.Series:
    return pd.Series(values, index=pd.date_range(moment(), periods=len(values), freq="1h"), dtype=float)


def battery(name: str = "battery", wear: float = 0.0, soc: float = 0.0, energy: float = 2.0, **more: float) -> Battery:
    """1 MW each way without losses or habits, so that a pencil is enough."""
    base = {"charge_efficiency": 1.0, "discharge_efficiency": 1.0, "early_cost": 0.0, "end_value_per_mwh": 0.0}
    return Battery(energy, 1.0, 1.0, initial_soc=soc, degradation_cost=wear, id=name, **{**base, **more})


def total_mw(split: Split) -> list[float]:
    return [math.fsum(row) for row in split.injection_mw.to_numpy()]


# ----- bids --------------------------------------------------------------------------------------


def test_a_battery_bids_between_its_neighbours_prices():
    """20, ?, 100: below 20 it buys here instead of before, above 100 it sells here instead of after; idle between."""
    prices = hourly([20.0, 60.0, 100.0])
    bids = VirtualPowerPlant([battery()]).offer(prices, intervals=prices.index[1:2], low=-10.0, high=200.0)
    steps = bids.table[["from_eur_per_mwh", "to_eur_per_mwh", "injection_mw"]].to_numpy()
    assert steps == approx(np.array([[-10.0, 20.0, -1.0], [20.0, 100.0, 0.0], [100.0, 200.0, 1.0]]), abs=1e-6)
    assert bids.at(prices.iloc[1:2]).iloc[0] == approx(0.0, abs=1e-6)


def test_a_curve_of_many_devices_is_the_sum_of_their_steps():
    """Three full batteries that cost 10, 20 and 30 per MWh to use, one hour: a staircase of 1 MW each."""
    plant = VirtualPowerPlant([battery(f"b{k}", wear=10.0 * k, soc=0.5) for k in (1, 2, 3)])
    bids = plant.offer(hourly([0.0]), low=0.0, high=50.0)
    assert bids.table["from_eur_per_mwh"].to_numpy() == approx([0.0, 10.0, 20.0, 30.0], abs=1e-6)
    assert bids.table["injection_mw"].to_numpy() == approx([0.0, 1.0, 2.0, 3.0], abs=1e-6)


def test_below_zero_a_battery_that_is_full_burns_nothing():
    """Energy is paid for to take: a linear plan would run both ways at once; what is bid can be kept."""
    lossy = battery(soc=1.0, charge_efficiency=0.9, discharge_efficiency=0.9)
    bids = VirtualPowerPlant([lossy]).offer(hourly([-50.0, -50.0]), low=-100.0, high=100.0)
    assert bids.table["injection_mw"].min() >= -1.0 - 1e-6
    first = bids.table[bids.table["valid_at"] == moment()]
    # Giving below zero pays where what is taken back later is paid for better.
    assert first["injection_mw"].is_monotonic_increasing


def test_bids_outside_of_what_was_asked_are_refused():
    prices = hourly([20.0, 60.0])
    plant = VirtualPowerPlant([battery()])
    bids = plant.offer(prices, intervals=prices.index[:1], low=0.0, high=50.0)
    with pytest.raises(OutOfRange, match="no stair"):
        bids.at(prices.iloc[1:])
    with pytest.raises(OutOfRange, match="outside"):
        bids.at(hourly([80.0]))
    with pytest.raises(OutOfRange, match="not in the prices"):
        plant.offer(prices, intervals=[moment(9)])
    with pytest.raises(OutOfRange, match="must be below"):
        plant.offer(prices, low=10.0, high=10.0)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_prices_that_are_no_numbers_are_refused(wrong):
    prices = hourly([20.0, 60.0, 100.0])
    plant = VirtualPowerPlant([battery()])
    courses = prices.to_frame("calm").assign(wild=[wrong, 60.0, wrong])
    with pytest.raises(OutOfRange, match="2 of 3 prices of 'wild' are not finite"):
        plant.blocks(courses)
    for ask in (plant.offer, plant.envelope):
        with pytest.raises(OutOfRange, match=f"high is {wrong}"):
            ask(prices, high=wrong)
        with pytest.raises(OutOfRange, match=f"low is {-wrong}"):
            ask(prices, low=-wrong)
    with pytest.raises(OutOfRange, match="1 of 3 prices of 'expected' are not finite"):
        plant.offer(hourly([20.0, math.inf, 100.0]))


@pytest.mark.parametrize(("status", "contradict"), [("infeasible", True), ("time_limit", False)])
def test_only_what_is_infeasible_is_called_a_contradiction(monkeypatch, status, contradict):
    solve = PlantModel.solve

    def ended(model: PlantModel) -> End:
        end = solve(model)
        return replace(end, outcome=replace(end.outcome, status=status, objective=math.nan))

    monkeypatch.setattr(PlantModel, "solve", ended)
    with pytest.raises(SolveFailed, match=status) as told:
        VirtualPowerPlant([battery()]).envelope(hourly([20.0]))
    assert ("contradict" in str(told.value)) == contradict


def test_a_block_can_be_kept_and_costs_what_it_says():
    scenarios = pd.DataFrame({"calm": [50.0, 50.0, 50.0], "spread": [10.0, 50.0, 90.0]}, index=hourly([0] * 3).index)
    plant = VirtualPowerPlant([battery(wear=5.0)])
    table = plant.blocks(scenarios)
    assert set(table["block"]) == {"calm", "spread"}
    spread = table[table["block"] == "spread"].set_index("valid_at")
    assert spread["injection_mw"].to_numpy() == approx([-1.0, 0.0, 1.0], abs=1e-6)
    assert spread["cost"].iloc[0] == approx(5.0, abs=1e-5)
    split = plant.split(spread["injection_mw"], scenarios["spread"])
    assert split.kept
    assert split.plan.cost == approx(5.0 + 10.0 - 90.0, abs=1e-4)


def test_the_envelope_of_a_half_full_battery():
    """1 MWh in 2, 1 MW: 1 MWh up and 1 MWh down in all, 1 MW at once."""
    found = VirtualPowerPlant([battery(soc=0.5)]).envelope(hourly([10.0, 10.0]), low=-500.0, high=4000.0)
    assert found["least_mw"].to_numpy() == approx([-1.0, -1.0], abs=1e-6)
    assert found["most_mw"].to_numpy() == approx([1.0, 1.0], abs=1e-6)
    assert found["least_mwh"].to_numpy() == approx([-1.0, -1.0], abs=1e-6)
    assert found["most_mwh"].to_numpy() == approx([1.0, 1.0], abs=1e-6)


# ----- splits ------------------------------------------------------------------------------------


def test_the_cheaper_device_goes_first_and_the_promise_moves_the_other():
    """1.5 MW at a market of 5 per MWh: who costs 1 sells anyway, who costs 10 for the promise alone."""
    plant = VirtualPowerPlant([battery("thrifty", 1.0, 0.5), battery("dear", 10.0, 0.5)], id="village plant")
    split = plant.split(hourly([1.5]), hourly([5.0]))
    assert split.kept
    assert split.injection_mw.iloc[0].to_dict() == approx({"thrifty": 1.0, "dear": 0.5}, abs=1e-6)
    rows = split.setpoints().set_index("device")
    assert rows["reason"].to_dict() == {"thrifty": "discharge_high_price", "dear": "keep_promise"}
    assert rows.at["dear", "binding"] == "promise:village plant"
    assert sentence(*rows.loc["dear", ["reason", "binding", "shadow_price"]]) == (
        "moves because of what village plant has promised (EUR 10/MWh at its bus)"
    )


def test_what_cannot_be_kept_is_named():
    """Two batteries with 1 MWh each promise 3 MW for an hour: one is missing, and the rest is given."""
    plant = VirtualPowerPlant([battery("a", soc=0.5), battery("b", soc=0.5)])
    split = plant.split(hourly([3.0, 0.0]), hourly([5.0, 5.0]))
    assert not split.kept
    assert split.missing_mw.to_numpy() == approx([1.0, 0.0], abs=1e-6)
    assert total_mw(split)[0] == approx(2.0, abs=EXACT_MW)
    assert split.plan.diagnosis is not None
    assert split.plan.diagnosis.status == "promise_not_kept"
    assert "1 of 2 intervals" in str(split.plan.diagnosis) and "1 MW too little of 3" in str(split.plan.diagnosis)


def test_what_the_diagnosis_lets_pass_is_kept():
    """Rounding of 1e-9 MW is named by nobody, so the promise counts as kept; a milliwatt too much of it does not."""
    split = VirtualPowerPlant([battery(soc=0.5)]).split(hourly([1.0]), hourly([5.0]))
    assert replace(split, missing_mw=hourly([1e-9])).kept
    assert not replace(split, missing_mw=hourly([2 * GAVE_WAY])).kept


def test_nobody_sits_in_the_dark_for_a_bid():
    """A load behind the plant is worth more than the promise: the promise is missed."""
    plant = VirtualPowerPlant([Load(np.array([1.0]), id="hospital"), battery(soc=0.5)])
    split = plant.split(hourly([0.5]), hourly([50.0]))
    assert split.missing_mw.iloc[0] == approx(0.5, abs=1e-6)
    assert split.plan.of("hospital", "unserved_mw").iloc[0] == 0.0


def test_a_promise_needs_every_interval():
    plant = VirtualPowerPlant([battery()])
    with pytest.raises(GapInSeries, match="no gaps"):
        plant.split(hourly([0.0, math.nan]), hourly([1.0, 1.0]))
    with pytest.raises(OutOfRange, match="must be the same"):
        plant.split(hourly([0.0]), hourly([1.0, 1.0]))
    with pytest.raises(BadInput, match="no devices"):
        VirtualPowerPlant([])
    with pytest.raises(OutOfRange, match="must be positive"):
        VirtualPowerPlant([battery()], imbalance_price=0.0)


def test_on_a_network_the_promise_is_what_leaves_it():
    """A battery at the far end promises 1 MW at the source: it gives the losses on top."""
    far = battery("far", soc=1.0, energy=4.0)
    plant = VirtualPowerPlant([replace(far, bus="farm")], network=village())
    split = plant.split(hourly([0.9]), hourly([50.0]))
    assert split.kept
    losses = split.plan.check["losses_mw"].iloc[0]
    assert losses > 0.0
    # What a plan believes of losses, 5 % and 5 kW: docs/math/schedule.md.
    assert split.losses_mw.iloc[0] == approx(losses, rel=0.05, abs=0.005)
    assert total_mw(split)[0] == approx(0.9 + split.losses_mw.iloc[0], abs=EXACT_MW)


# ----- stand-ins ---------------------------------------------------------------------------------


def test_another_device_stands_in_and_the_past_stays():
    """1 MW for three hours; the cheap one drops out after the first, the dear one has 2 MWh and takes over."""
    prices, promised = hourly([5.0, 5.0, 5.0]), hourly([1.0, 1.0, 1.0])
    plant = VirtualPowerPlant([battery("cheap", 1.0, 1.0, 4.0), battery("dear", 10.0, 1.0)])
    split = plant.split(promised, prices)
    assert split.injection_mw["cheap"].to_numpy() == approx([1.0, 1.0, 1.0], abs=1e-6)
    after = plant.replace(split, ["cheap"], moment(1), prices)
    assert list(after.injection_mw) == ["dear"]
    assert after.injection_mw["dear"].to_numpy() == approx([0.0, 1.0, 1.0], abs=EXACT_MW)
    assert after.kept


@pytest.mark.parametrize("smaller", [False, True])
def test_who_dropped_out_stays_out_when_another_does(smaller):
    """3 MW, then 1: `a` drops out at one, `b` at two, and `c` does the rest, also where the plant knows of `a`."""
    prices = hourly([5.0] * 4)
    plant = VirtualPowerPlant([battery(name, soc=1.0, energy=4.0) for name in "abc"])
    once = plant.replace(plant.split(hourly([3.0, 3.0, 1.0, 1.0]), prices), ["a"], moment(1), prices)
    left = plant.without(["a"]) if smaller else plant
    twice = left.replace(once, ["b"], moment(2), prices)
    assert list(twice.injection_mw) == ["c"]
    assert twice.injection_mw["c"].to_numpy() == approx([1.0] * 4, abs=1e-6)
    assert twice.lost == {"a": moment(1), "b": moment(2)}
    assert plant.replace(twice, ["a"], moment(3), prices).lost == twice.lost


def test_what_nobody_can_stand_in_for_is_named():
    prices, promised = hourly([5.0, 5.0, 5.0]), hourly([1.0, 1.0, 1.0])
    plant = VirtualPowerPlant([battery("cheap", 1.0, 1.0, 4.0), battery("dear", 10.0, 0.25)])
    after = plant.replace(plant.split(promised, prices), ["cheap"], moment(1), prices)
    assert after.missing_mw.iloc[0] == 0.0
    assert after.missing_mw.iloc[1:].sum() == approx(1.5, abs=1e-6)
    said = str(after.plan.diagnosis)
    assert "cheap from 2016-07-25 01:00 UTC" in said and "too little" in said


def test_the_past_of_those_left_is_not_planned_again():
    """The dear one gave in the first hour; from the second on it is asked for all it has, not for what it gave."""
    prices, promised = hourly([5.0, 5.0]), hourly([2.0, 2.0])
    plant = VirtualPowerPlant([battery("a", 1.0, 1.0), battery("b", 2.0, 1.0)])
    after = plant.replace(plant.split(promised, prices), ["a"], moment(1), prices)
    assert after.injection_mw["b"].to_numpy() == approx([1.0, 1.0], abs=1e-6)
    assert after.plan.of("b", "soc").iloc[-1] == approx(0.0, abs=1e-6)
    assert after.missing_mw.to_numpy() == approx([0.0, 1.0], abs=1e-6)


def test_single_vehicles_of_a_fleet_may_drop_out():
    cars = pd.DataFrame(
        {"bus": "", "arrival": moment(), "departure": moment(2), "energy_mwh": 0.5, "max_charge_mw": 0.5},
        index=["red", "blue"],
    )
    plant = VirtualPowerPlant([EVFleet(cars), battery(soc=0.5)])
    prices = hourly([5.0, 5.0])
    split = plant.split(hourly([-0.5, -0.5]), prices)
    after = plant.replace(split, ["red"], moment(1), prices)
    assert "red" not in after.injection_mw and "blue" in after.injection_mw
    with pytest.raises(BadInput, match="no devices of plant plant: green"):
        plant.replace(split, ["green"], moment(1), prices)
    with pytest.raises(OutOfRange, match="not in the split"):
        plant.replace(split, ["red"], moment(2), prices)


# ----- laws --------------------------------------------------------------------------------------

N = 3
tenths = st.integers(0, 10).map(lambda k: k / 10)


@st.composite
def plants(draw: st.DrawFn) -> VirtualPowerPlant:
    devices: list[object] = [
        Battery(
            draw(st.sampled_from([0.5, 2.0])), draw(tenths), draw(tenths), initial_soc=draw(tenths), id=f"battery {k}",
            self_discharge_per_day=draw(st.sampled_from([0.0, 0.1])),
            degradation_cost=draw(st.sampled_from([0.0, 7.0])),
            end_value_per_mwh=draw(st.sampled_from([0.0, 30.0])),
        )
        for k in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    series = st.lists(tenths, min_size=N, max_size=N).map(np.array)
    devices.append(Renewable(2 * draw(series), draw(st.sampled_from([0.0, 20.0])), id="sun"))
    devices.append(Load(draw(series), id="load"))
    return VirtualPowerPlant(devices)  # type: ignore[arg-type]


money = st.lists(st.integers(-20, 120), min_size=N, max_size=N).map(lambda values: hourly([float(v) for v in values]))
promises = st.lists(st.integers(-30, 30), min_size=N, max_size=N).map(lambda v: hourly([k / 10 for k in v]))


@settings(max_examples=15, deadline=None)
@given(plants(), money, promises)
def test_a_split_adds_up_to_its_promise(plant, prices, promised):
    split = plant.split(promised, prices)
    assert split.plan.status == "optimal"
    target = (promised - split.missing_mw).to_numpy()
    assert np.abs(np.array(total_mw(split)) - target).max() <= EXACT_MW
    assert (split.plan.setpoints()["reason"] != "").all()
    if split.kept:
        # An independent reader finds every rule kept, and no cheaper plan than the free one.
        found = check_solution(ScheduleCase(plant.devices, prices, Connection(id=plant.id)), split.plan)
        assert found.ok, found.sentences()
        assert split.plan.cost >= schedule(plant.devices, prices).cost - MONEY


@settings(max_examples=8, deadline=None)
@given(plants(), money)
def test_the_free_plan_is_a_promise_that_costs_nothing_more(plant, prices):
    free = schedule(plant.devices, prices)
    exchange = free.of("connection", "export_mw") - free.of("connection", "import_mw")
    split = plant.split(exchange, prices)
    assert split.missing_mw.abs().max() <= 1e-6
    assert split.plan.cost == approx(free.cost, abs=MONEY)


@settings(max_examples=6, deadline=None)
@given(plants(), money, st.integers(0, N - 1), st.integers(1, 150))
def test_at_any_price_the_bid_is_the_best_plan(plant, prices, step, price):
    """Prices of zero and more: there the plan is linear, and the stair exact."""
    prices = prices.clip(lower=0.0)
    bids = plant.offer(prices, intervals=prices.index[[step]], low=0.0, high=200.0)
    assert bids.table["injection_mw"].is_monotonic_increasing
    there = prices.copy()
    there.iloc[step] = float(price)
    best = _cost_at(plant, there)
    quantity = float(bids.at(there.iloc[[step]]).iloc[0])
    assert _cost_at(plant, there, step, quantity) == approx(best, abs=1e-3 * max(1.0, abs(best)))


def _cost_at(plant: VirtualPowerPlant, prices: pd.Series, step: int | None = None, quantity: float = 0.0) -> float:
    """Cost of the best plan at prices; with a step, of the best plan that injects `quantity` there."""
    model = PlantModel(plant.devices, prices, name="p", imbalance_price=4000.0)
    if step is not None:
        for variable, amount in ((model.exchange.sold, quantity), (model.exchange.bought, -quantity)):
            value = np.array([max(amount, 0.0)])
            model.session.fix([Fix(variable.labels.values[[step]], value, value)])
    return float(model.solve().outcome.objective)


def test_the_same_plant_splits_the_same_way():
    plant = VirtualPowerPlant([battery(f"b{k}", soc=0.5) for k in range(4)])
    promised, prices = hourly([1.3, 0.7]), hourly([5.0, 8.0])
    first, second = (plant.split(promised, prices) for _ in range(2))
    pd.testing.assert_frame_equal(first.plan.table, second.plan.table)
