"""Buildings in a plan: by pencil, by laws, and what is refused with which words."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.building.control import Thermostat
from gridloop.optimize.building.margins import with_margins
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.building.operation import run_given, run_thermostat
from gridloop.optimize.check.plan import ScheduleCase, check_plan
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine, carnot, hull
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule

START = pd.Timestamp("2026-01-15", tz="UTC")
TIGHT = BuildingModel.of(indoor_mwh_per_k=1.0, indoor_outdoor_mw_per_k=0.0)  # loses nothing: 1 MWh is 1 K
DEAR = 1e4  # per K and hour: a kelvin of this building is a whole MWh
HOUSE = BuildingModel.of(
    indoor_mwh_per_k=0.004, mass_mwh_per_k=0.03, indoor_mass_mw_per_k=0.006, indoor_outdoor_mw_per_k=0.001, sun_m2=10.0
)


def at(values: list[float] | np.ndarray) -> pd.Series:
    return pd.Series(np.asarray(values, dtype=float), index=pd.date_range(START, periods=len(values), freq="h"))


def right(devices, prices, plan, **case):
    """A plan that the independent checker finds nothing wrong with."""
    assert plan.solved, plan.diagnosis
    told = check_plan(ScheduleCase(devices, prices, **case), plan, 1e-6)
    assert told.ok, told.sentences()
    return plan


def test_heat_is_bought_where_it_is_cheap():
    """2 K in three hours with 2 MW of heat at COP 2: all in the cheap hour, 1 MW of electricity, 10 money."""
    house = Building(TIGHT, [HvacMachine(2.0, 2.0)], 0.0, min_c=np.array([20.0, 20.0, 22.0]), max_c=25.0,
                     initial_c=20.0, early_cost=0.0, outside_cost=DEAR)  # fmt: skip
    prices = at([50, 10, 90])
    plan = right([house], prices, schedule([house], prices))
    assert plan.of("building", "p_mw").to_numpy() == approx([0.0, 1.0, 0.0], abs=1e-6)
    assert plan.of("building/room", "temperature_c").to_numpy() == approx([20.0, 22.0, 22.0], abs=1e-6)
    assert plan.cost == approx(10.0, abs=1e-6)
    assert plan.setpoints()["reason"].tolist() == ["stays_in_band"] * 2


def test_ahead_of_need_because_it_is_cheap():
    house = Building(TIGHT, [HvacMachine(2.0, 2.0)], 0.0, min_c=np.array([20.0, 21.0]), max_c=25.0, initial_c=20.0,
                     outside_cost=DEAR)  # fmt: skip
    plan = schedule([house], at([10, 50]))
    assert dict(zip(plan.setpoints()["device"], plan.setpoints()["reason"], strict=True)) == {
        "building": "run_low_price",
        "building/room": "heat_ahead",
    }


def test_what_cannot_be_kept_is_told_in_kelvin():
    """1 MW of heat for 3 K in two hours: it ends the first hour 2 K, the second 1 K below."""
    house = Building(TIGHT, [HvacMachine(1.0, 1.0, kind="boiler")], 0.0, min_c=23.0, max_c=25.0, initial_c=20.0)
    prices = at([10, 10])
    plan = right([house], prices, schedule([house], prices))
    assert plan.of("building/room", "outside_k").to_numpy() == approx([2.0, 1.0], abs=1e-6)
    assert plan.parts["building_outside"] == approx(30.0, abs=1e-5)  # 3 K·h at 10


def test_cold_and_heat_have_their_machines():
    """A hall that gains 1 MW stays at its upper end by 1 MW of cold at COP 4."""
    hall = Building(
        TIGHT, [HvacMachine(3.0, 4.0, kind="chiller"), HvacMachine(3.0, 3.0)], 30.0, min_c=22.0, max_c=22.0,
        initial_c=22.0, gains_mw=1.0, outside_cost=DEAR,
    )  # fmt: skip
    prices = at([40, 40])
    plan = right([hall], prices, schedule([hall], prices))
    assert plan.of("building", "p_mw").to_numpy() == approx([0.25, 0.25], abs=1e-6)
    assert plan.of("building/room", "heat_mw").to_numpy() == approx([-1.0, -1.0], abs=1e-6)


def test_a_machine_runs_where_it_is_best():
    """COP 2 at full load and 4 at half: 1.5 MW of heat out of 2 take 0.25 + 0.375, on the line between both points."""
    machine = HvacMachine(2.0, 2.0, part_load=((0.5, 2.0), (1.0, 1.0)))
    assert machine.energy_mw(np.array([0.5, 1.0, 1.5, 2.0])) == approx([0.125, 0.25, 0.625, 1.0])
    shares, energy = hull(((0.25, 0.5), (0.5, 1.0), (1.0, 1.0)))  # the poor first point is never used
    assert shares.tolist() == [1.0] and energy.tolist() == [1.0]


def test_a_fuel_and_a_price_compete():
    """Gas at 60 and 90 % costs 66.7 per MWh of heat; electricity at COP 2 is dearer above 133."""
    house = Building(
        TIGHT, [HvacMachine(1.0, 2.0), HvacMachine.boiler(1.0, efficiency=0.9, fuel_eur_per_mwh=60.0)], 5.0,
        min_c=np.array([21.0, 22.0]), initial_c=20.0, max_c=np.array([21.0, 22.0]), outside_cost=DEAR,
    )  # fmt: skip
    prices = at([120, 150])
    plan = right([house], prices, schedule([house], prices))
    assert plan.of("building/heat pump", "output_mw").to_numpy() == approx([1.0, 0.0], abs=1e-6)
    assert plan.parts["building_fuel"] == approx(60.0 / 0.9, abs=1e-5)


def test_carbon_moves_heat():
    """Equal prices; the second hour is clean: with a price of carbon the heat waits for it."""
    house = Building(
        TIGHT, [HvacMachine(2.0, 2.0)], 0.0, min_c=np.array([20.0, 21.0]), max_c=25.0, initial_c=20.0,
        carbon_t_per_mwh=np.array([0.5, 0.1]), carbon_eur_per_t=100.0, outside_cost=DEAR,
    )  # fmt: skip
    prices = at([50, 50])
    plan = right([house], prices, schedule([house], prices))
    assert plan.of("building", "p_mw").to_numpy() == approx([0.0, 0.5], abs=1e-6)
    assert plan.parts["building_carbon"] == approx(0.5 * 0.1 * 100, abs=1e-6)


def test_a_peak_price_spreads_the_heat():
    """4 K over four hours at one price, COP 1: with a price of the peak 1 MW in each of them."""
    house = Building(TIGHT, [HvacMachine(4.0, 1.0, kind="boiler")], 0.0, min_c=np.array([20.0, 20, 20, 24]), max_c=25.0,
                     initial_c=20.0, outside_cost=DEAR)  # fmt: skip
    link = Connection(contracted_peak_mw=0.0, peak_price_per_mw=100.0)
    prices = at([10, 10, 10, 10])
    plan = right([house], prices, schedule([house], prices, connection=link), connection=link)
    assert plan.of("building", "p_mw").to_numpy() == approx([1.0] * 4, abs=1e-6)


def test_energy_that_is_paid_to_be_taken_is_not_wasted_by_disorder():
    """At a price below zero pieces still fill in their order, and no room is heated and cooled at once."""
    house = Building(
        TIGHT, [HvacMachine(1.0, 2.0, part_load=((0.5, 2.0), (1.0, 1.0))), HvacMachine(1.0, 3.0, kind="chiller")], 10.0,
        min_c=20.0, max_c=20.5, initial_c=20.0, returns=False, outside_cost=DEAR,
    )  # fmt: skip
    prices = at([-50, -60, 20])
    right([house], prices, schedule([house], prices))


def test_margins_tighten_a_band_and_never_turn_it():
    """A room without mass answers an error of 2 K with its share of an hour's loss."""
    model = BuildingModel.of(indoor_mwh_per_k=1.0, indoor_outdoor_mw_per_k=float(np.log(2.0)))
    house = Building(model, [HvacMachine(1.0, 2.0)], 0.0, min_c=20.0, max_c=24.0)
    errors = np.tile(np.array([[2.0], [-2.0]]), (20, 3))
    kept = with_margins(house, errors, 1.0, recourse_h=1.0).zones[0]
    assert np.asarray(kept.margin_low_k) == approx([1.0] * 3)  # half of 2 K
    low, high = replace(kept, margin_low_k=5.0, margin_high_k=5.0).band(3)
    assert low.tolist() == high.tolist() == [22.0] * 3
    with pytest.raises(OutOfRange, match=r"2 past forecasts cannot tell a chance of 0\.05; at least 20"):
        with_margins(house, errors[:2], 1.0)


# laws

profiles = st.lists(st.floats(-40, 200), min_size=4, max_size=10)


@given(profiles, st.integers(1, 4), st.booleans(), st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_any_building_keeps_its_physics(values, zones, coupled, seed):
    """Random rooms, machines, weather and prices, beside a battery and a load: the checker finds nothing."""
    rng = np.random.default_rng(seed)
    building = random_building(rng, len(values), zones, coupled)
    devices = [building, Battery(0.02, 0.01, 0.01, id="battery"), Load(rng.uniform(0, 0.02, len(values)), id="load")]
    prices = at(values)
    plan = right(devices, prices, schedule(devices, prices))
    again = schedule(devices, prices)
    assert again.table.equals(plan.table) and again.cost == plan.cost


@given(profiles, st.integers(0, 10**6), st.floats(0.1, 3.0))
@settings(max_examples=6, deadline=None)
def test_more_freedom_never_costs_more(values, seed, wider):
    """A wider band and a larger machine."""
    rng = np.random.default_rng(seed)
    building = random_building(rng, len(values), 2, True, returns=False)
    zones = [replace(z, min_c=np.asarray(z.min_c) - wider, max_c=np.asarray(z.max_c) + wider) for z in building.zones]
    # The pieces of a larger machine are cheaper than those of a small one at the same output: convex from zero.
    machines = [replace(m, capacity_mw=(1 + wider) * m.capacity_mw) for m in building.machines]
    prices = at(np.clip(values, 0, None))
    narrow = schedule([building], prices).cost
    wide = schedule([replace(building, model=zones, machines=machines)], prices).cost
    assert wide <= narrow + 1e-6 * max(1.0, abs(narrow))


@given(profiles)
@settings(max_examples=4, deadline=None)
def test_alike_rooms_cost_alike(values):
    """Two houses cost twice one."""
    one = Building(HOUSE, [HvacMachine.heat_pump(0.02, 5.0)], 5.0)
    prices = at(values)
    single = schedule([one], prices).cost
    both = schedule([one, replace(one, id="other")], prices).cost
    assert both == approx(2 * single, rel=1e-6, abs=1e-6)


def test_between_rooms_no_heat_is_lost():
    """Two rooms that lose nothing, apart by 10 K: what one loses the other gains, to their common mean."""
    zones = [Zone(TIGHT, 0.0, 50.0, initial_c=start, id=name) for name, start in (("a", 30.0), ("b", 20.0))]
    house = Building(zones, [HvacMachine(1.0, 2.0)], 10.0, coupling=[("a", "b", 0.3)], returns=False)
    prices = at([30] * 24)
    plan = right([house], prices, schedule([house], prices))
    air = plan.wide("temperature_c")
    assert air.sum(axis=1).to_numpy() == approx([50.0] * 24, abs=1e-6)
    assert air.iloc[-1].to_numpy() == approx([25.0, 25.0], abs=0.01)


def test_a_thermostat_keeps_its_band_and_the_plan_is_cheaper():
    rng = np.random.default_rng(0)
    hour = np.arange(48) % 24
    low = np.where((hour >= 6) & (hour < 20), 20.0, 17.0)
    house = Building(
        HOUSE, [HvacMachine.heat_pump(0.03, 3.0 + 2 * np.sin(hour / 4))], 3.0 + 2 * np.sin(hour / 4), min_c=low,
        max_c=23.0, initial_c=20.0, occupied=(hour >= 7) & (hour < 20),
    )  # fmt: skip
    prices = at(40 + 30 * rng.random(48))
    horizon = Horizon.regular(pd.DatetimeIndex(prices.index))
    ran = run_thermostat(house, horizon, Thermostat(lead_h=3.0))
    assert ran.violation_share == 0.0
    plan = right([house], prices, schedule([house], prices))
    heat = plan.wide("heat_mw").rename(columns=lambda name: name.split("/")[1])
    followed = run_given(house, horizon, heat)
    assert followed.violation_share <= 0.02
    assert followed.cost(prices) < ran.cost(prices)
    # Five-minute steps of the same heat come to the plan's own temperatures.
    assert followed.air_c["room"].iloc[-1] == approx(plan.of("building/room", "temperature_c").iloc[-1], abs=0.3)
    # A rule that modulates takes less than a thermostat before there is any plan: not all of the saving is a plan's.
    alone = run_given(house, horizon, None, lead_h=3.0)
    assert alone.violation_share == 0.0
    assert alone.energy_mwh() < ran.energy_mwh()


def test_the_rule_knows_its_model_and_not_the_house():
    """Told a model it acts on that: a true one changes nothing, one that is 15 % off still keeps the band."""
    hour = np.arange(48) % 24
    low = np.where((hour >= 6) & (hour < 20), 20.0, 17.0)
    horizon = Horizon.regular(pd.DatetimeIndex(at([50.0] * 48).index))
    wrong_one = BuildingModel.of(**{name: 1.15 * value for name, value in HOUSE.values.items()} | {
        "indoor_outdoor_mw_per_k": 0.85 * HOUSE.values["indoor_outdoor_mw_per_k"]})  # fmt: skip

    def house(model):
        return Building(model, [HvacMachine.heat_pump(0.03, 3.0)], 3.0, min_c=low, max_c=23.0, initial_c=20.0,
                        occupied=(hour >= 7) & (hour < 20))  # fmt: skip

    told, knows, off = (
        run_given(house(HOUSE), horizon, None, model=m, lead_h=3.0) for m in (None, house(HOUSE), house(wrong_one))
    )
    # An hour's mean heat in place of its twelve parts moves what is believed of the mass by some thousandths of a K.
    assert knows.air_c.to_numpy() == approx(told.air_c.to_numpy(), abs=5e-3)
    assert off.violation_share <= 0.02
    assert np.abs(off.air_c - told.air_c).to_numpy().max() > 0.01
    # What the model has wrong is learnt from the readings: held at its end, the band is kept to a hundredth of a K.
    assert off.air_c["room"].iloc[10:19].to_numpy() == approx(told.air_c["room"].iloc[10:19].to_numpy(), abs=0.01)
    late = run_given(house(HOUSE), horizon, None)
    assert late.energy_mwh() < told.energy_mwh()


def test_what_a_building_holds_in_the_end():
    """Air of 0.1 MWh/K alone, without losses, takes 2 MWh of heat: 2 MWh more are in it than in one left alone."""
    tight = BuildingModel.of(indoor_mwh_per_k=0.1, indoor_outdoor_mw_per_k=0.0)
    house = Building(tight, [HvacMachine(2.0, 2.0)], 0.0, min_c=0.0, max_c=90.0, initial_c=20.0)
    horizon = Horizon.regular(pd.DatetimeIndex(at([50.0] * 2).index))
    heated = run_given(house, horizon, pd.DataFrame({"room": [1.0, 1.0]}, index=horizon.starts))
    assert run_given(house, horizon, None).stored_mwh == approx(2.0)
    assert heated.stored_mwh == approx(4.0)


@pytest.mark.parametrize("quantity", ["p_mw", "output_mw", "heat_mw", "temperature_c", "outside_k"])
def test_the_checker_sees_every_lie(quantity):
    """One number of a good plan is changed by a little."""
    building = random_building(np.random.default_rng(1), 4, 2, True)
    prices = at([50, 20, 90, 40])
    plan = right([building], prices, schedule([building], prices))
    table = plan.table.copy()
    row = table.index[table["quantity"] == quantity][1]
    table.loc[row, "value"] += 1e-4
    assert not check_plan(ScheduleCase([building], prices), replace(plan, table=table), 1e-6).ok


@pytest.mark.slow
def test_a_hundred_rooms():
    zones = [Zone(HOUSE, 20.0, 24.0, initial_c=21.0 + 0.02 * k, gains_mw=0.0002, id=f"r{k}") for k in range(100)]
    house = Building(zones, [HvacMachine.heat_pump(1.0, 2.0), HvacMachine.chiller(1.0, 20.0)], 2.0)
    prices = at(60 + 40 * np.sin(np.arange(24)))
    right([house], prices, schedule([house], prices))


# what is refused

house_of = dict(model=HOUSE, outdoor_c=5.0)  # noqa: C408


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (
            HvacMachine(0.1, np.array([3.0, -1.0, 3.0])),
            r"machine heat pump: its COP is -1 at 2026-01-15 01:00 UTC \(1 of 3",
        ),
        (HvacMachine(0.1, 40.0), r"its COP reaches 40 at .* above Carnot's limit .* Multiply cop by 0\.4"),
        (HvacMachine(0.1, 9.0, cold_c=-5.0, hot_c=45.0), r"above Carnot's limit .*6\.36.* Multiply cop by 0\.707"),
        (HvacMachine.boiler(0.1, efficiency=1.3), r"boiler: its efficiency reaches 1\.3 .* condensing"),
        (HvacMachine(0.1, np.array([3.0, 3.0])), "cop has 2 values for 3 intervals"),
    ],
)
def test_a_cop_that_cannot_be(machine, words):
    with pytest.raises(OutOfRange, match=words):
        schedule([Building(machines=[machine], min_c=20.0, **house_of)], at([50, 50, 50]))


def test_a_band_upside_down():
    house = Building(HOUSE, [HvacMachine(0.1, 3.0)], 5.0, min_c=np.array([20.0, 26.0, 20.0]), max_c=24.0)
    words = (
        r"zone room: its band is upside down in 1 of 3 intervals, the most at 2026-01-15 01:00 UTC: min_c 26 is above "
        r"max_c 24. Lower min_c by 2 K there, or raise max_c by as much"
    )
    with pytest.raises(OutOfRange, match=words):
        schedule([house], at([50, 50, 50]))


def test_what_no_building_can_be():
    with pytest.raises(OutOfRange, match="two zones have the id a"):
        Building([Zone(HOUSE, id="a"), Zone(HOUSE, id="a")], [HvacMachine(0.1, 3.0)], 5.0)
    with pytest.raises(OutOfRange, match="serves loop 'steam', which no zone is heated by"):
        Building(HOUSE, [HvacMachine(0.1, 3.0, loop="steam")], 5.0)
    with pytest.raises(OutOfRange, match="coupling a – c needs two of its zones"):
        Building([Zone(HOUSE, id="a")], [HvacMachine(0.1, 3.0)], 5.0, coupling=[("a", "c", 0.1)])
    with pytest.raises(OutOfRange, match="initial_c has 3 values; its states are indoor \\+ mass"):
        Building(HOUSE, [HvacMachine(0.1, 3.0)], 5.0, initial_c=[20.0, 20.0, 20.0])
    with pytest.raises(GapInSeries, match="outdoor_c are missing"):
        Building(HOUSE, [HvacMachine(0.1, 3.0)], np.array([5.0, np.nan]))
    for make in (HvacMachine.heat_pump, HvacMachine.chiller):
        with pytest.raises(GapInSeries, match=r"1 of 3 temperatures of \w+ are missing \(first at interval 1\)"):
            make(0.1, np.array([np.nan, 5.0, 6.0]))
    with pytest.raises(GapInSeries, match="1 of 1 temperatures of hot_c are missing"):
        HvacMachine(0.1, 3.0, cold_c=5.0, hot_c=np.nan)
    with pytest.raises(OutOfRange, match="allowed are heat pump, chiller, boiler"):
        HvacMachine(0.1, 3.0, kind="stove")
    with pytest.raises(OutOfRange, match="part_load needs growing shares"):
        HvacMachine(0.1, 3.0, part_load=((0.5, 1.0),))


def test_carnot_by_pencil():
    assert carnot(0.0, 35.0) == approx(308.15 / 35)
    assert carnot(7.0, 35.0, cooling=True) == approx(280.15 / 28)
    assert np.isinf(carnot(20.0, 20.0))
    assert np.isnan(carnot(np.nan, 35.0))


def random_building(rng: np.random.Generator, steps: int, zones: int, coupled: bool, returns: bool = True) -> Building:
    outdoor = rng.uniform(-10, 38, steps)
    shapes = itertools.cycle([HOUSE, TIGHT, BuildingModel.of(
        indoor_mwh_per_k=0.005, heater_mwh_per_k=0.001, heater_indoor_mw_per_k=0.002, envelope_mwh_per_k=0.05,
        indoor_envelope_mw_per_k=0.004, envelope_outdoor_mw_per_k=0.001, indoor_outdoor_mw_per_k=0.0005,
    )])  # fmt: skip
    rooms = []
    for k in range(zones):
        low = rng.uniform(18, 22, steps)
        rooms.append(
            Zone(next(shapes), low, low + rng.uniform(0, 4, steps), initial_c=float(rng.uniform(17, 27)),
                 gains_mw=rng.uniform(0, 0.004, steps), sun_w_m2=rng.uniform(0, 500, steps), max_heat_mw=0.02,
                 margin_low_k=float(rng.uniform(0, 1)), id=f"z{k}")
        )  # fmt: skip
    machines = [HvacMachine.heat_pump(0.02, outdoor), HvacMachine.chiller(0.02, outdoor, quality=0.3),
                HvacMachine.boiler(0.02, fuel_eur_per_mwh=70.0, fuel_t_per_mwh=0.2)]  # fmt: skip
    links = [(f"z{k}", f"z{k + 1}", float(rng.uniform(0, 0.002))) for k in range(zones - 1)] if coupled else []
    return Building(
        rooms, machines, outdoor, coupling=links, returns=returns, carbon_t_per_mwh=0.3, carbon_eur_per_t=20.0
    )
