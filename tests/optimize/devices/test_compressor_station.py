"""Compressor stations in a schedule: pencil, laws, other devices beside them, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.check import ScheduleCase
from gridloop.optimize.check.plan import check_plan
from gridloop.optimize.compressors.demand import demo_station
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.compressors.sequence import best_sequence
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.problems.schedule import schedule

TOLERANCE = 1e-6  # ten times the solver's, as everywhere


def prices(values: list[float]) -> pd.Series:
    return pd.Series(values, index=pd.date_range("2026-03-02", periods=len(values), freq="15min", tz="UTC"))


def two(demand: list[float], **more: object) -> CompressorStation:
    machines = [
        Compressor.fixed_speed("F", 10.0, 60.0, idle_kw=15.0, min_on_h=0.5, min_off_h=0.5, rated_bar=6.2),
        Compressor.variable_speed("V", 8.0, 52.0, min_on_h=0.25, min_off_h=0.25, rated_bar=6.2),
    ]
    fields = {"volume_m3": 15.0, "min_bar": 6.2, "max_bar": 7.2} | more
    return CompressorStation(machines, np.array(demand, dtype=float), **fields)


def kept(station: CompressorStation, price: pd.Series, **more: object):
    plan = schedule([station], price, **more)
    assert plan.solved
    checked = check_plan(ScheduleCase([station], price, connection=more.get("connection")), plan, TOLERANCE)
    assert checked.ok, checked.sentences()
    return plan


def test_half_a_machine_by_pencil():
    """5 m³/min from a machine of 10: half loaded, (60 + 15) / 2 kW, and its start of 0.3 kWh in 15 minutes."""
    machine = Compressor.fixed_speed("F", 10.0, 60.0, idle_kw=15.0, rated_bar=6.2)
    plan = kept(CompressorStation([machine], np.full(4, 5.0), 15.0, 6.2, 7.2), prices([50.0] * 4))
    assert plan.of("air", "p_mw").to_numpy() == pytest.approx([0.0375 + 0.0012, 0.0375, 0.0375, 0.0375], abs=1e-7)
    assert plan.of("air", "pressure_bar").to_numpy() == pytest.approx(6.2)
    assert set(plan.setpoints()["reason"]) == {"press_air", "run_for_air"}


def test_dear_energy_is_replaced_by_air_in_store():
    """A receiver of 15 m³ and 1 bar holds 15 m³: what a quarter of an hour at 1 m³/min uses."""
    price = prices([20.0, 20.0, 400.0, 20.0])
    plan = kept(two([5.0, 5.0, 5.0, 5.0]), price)
    bar = plan.of("air", "pressure_bar").to_numpy()
    assert bar[1] > 6.9 and bar[2] == pytest.approx(6.2, abs=1e-6)
    flow = plan.wide("flow_m3_per_min").sum(axis=1).to_numpy()
    assert flow[2] < 4.5 < flow[1]


def test_pressure_is_not_raised_for_nothing():
    plan = kept(two([5.0] * 4), prices([60.0] * 4))
    assert plan.of("air", "pressure_bar").max() == pytest.approx(6.2, abs=1e-6)


def test_least_times_from_before_the_plan_hold():
    station = two([3.0] * 4)
    machines = [replace(station.machines[0], on_before=True, since_h=0.25), station.machines[1]]
    plan = kept(replace(station, machines=machines), prices([60.0] * 4))
    assert plan.of("air/F", "on").to_numpy().tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("since_h", "min_on_h", "runs"), [(0.05, 0.25, 1), (0.05, 0.5, 2), (0.3, 0.5, 1), (0.5, 0.5, 0)]
)
def test_less_than_an_interval_is_not_rounded_up(since_h, min_on_h, runs):
    """Three minutes of running are no quarter of an hour: what is left of a least time is kept to its end."""
    station = two([3.0] * 4)
    ran = replace(station.machines[0], on_before=True, since_h=since_h, min_on_h=min_on_h)
    station = replace(station, machines=[ran, station.machines[1]])
    plan = kept(station, prices([60.0] * 4))
    assert plan.of("air/F", "on").to_numpy().tolist() == [1.0] * runs + [0.0] * (4 - runs)
    found = best_sequence(station, np.full(4, 60.0), np.full(4, 0.25))
    assert found.on[0].sum() == runs and found.gap <= 0.005


def test_the_checker_knows_how_long_a_machine_has_run():
    """A plan from a machine that has run its time is not one of the machine that has only begun."""
    station, price = two([3.0] * 4), prices([60.0] * 4)
    m = station.machines[0]
    ran, begun = (
        replace(station, machines=[replace(m, on_before=True, since_h=h, min_on_h=0.25), station.machines[1]])
        for h in (0.25, 0.05)
    )
    checked = check_plan(ScheduleCase([begun], price), schedule([ran], price), TOLERANCE)
    assert any("state from before" in sentence for sentence in checked.sentences())


def test_a_reserve_is_kept_and_the_end_is_what_is_left():
    """5 of 10 m³/min are held back where they can be: the receiver then ends lower than it began."""
    machine = Compressor.fixed_speed("F", 10.0, 60.0, rated_bar=6.2)
    station = CompressorStation([machine], np.array([10.8, *[9.0] * 7]), 30.0, 6.2, 7.2, start_bar=7.0)
    full = kept(station, prices([60.0] * 8))
    spare = kept(replace(station, reserve_m3_per_min=5.0), prices([60.0] * 8))
    # 0.8 m³/min for a quarter of an hour are 0.4 bar of 30 m³; 1 m³/min to spare would bring them back
    assert full.of("air", "pressure_bar").iloc[-1] == pytest.approx(7.0)
    assert spare.of("air", "pressure_bar").iloc[-1] == pytest.approx(6.6)
    assert (spare.wide("flow_m3_per_min")["air/F"].iloc[1:] <= 9.0 + 1e-6).all()


def test_of_two_machines_alike_the_rested_one_runs():
    a, b = (Compressor.fixed_speed(name, 10.0, 60.0, hours_run=h) for name, h in (("A", 9000.0), ("B", 1000.0)))
    plan = kept(CompressorStation([a, b], np.full(4, 5.0), 15.0, 6.2, 7.2, balance_cost=0.1), prices([60.0] * 4))
    assert plan.of("air/A", "on").sum() == 0 and plan.of("air/B", "on").sum() == 4


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.floats(0.0, 16.0), min_size=4, max_size=4),
    st.lists(st.floats(-40.0, 200.0), min_size=4, max_size=4),
    st.floats(0.0, 1.5),
)
def test_the_checker_finds_nothing_and_volume_never_costs_more(demand, price, leak):
    station = two(demand, leak_m3_per_min=leak, reserve_m3_per_min=1.0)
    small = kept(station, prices(price))
    if min(price) > 0.0:  # the cheapest is what it says: a larger receiver could do the same
        large = kept(replace(station, volume_m3=60.0), prices(price))
        assert large.cost <= small.cost * (1 + 2e-4) + 1e-6
        again = kept(station, prices(price))
        assert again.table["value"].equals(small.table["value"])


def test_beside_a_battery_and_a_limit():
    """The limit of the connection is below what the machines take at once: battery and receiver carry it together."""
    station, price = two([8.0, 8.0, 12.0, 8.0]), prices([60.0, 60.0, 90.0, 60.0])
    battery = Battery(0.05, 0.05, 0.05, 0.95, 0.95, initial_soc=0.5)
    link = Connection(import_limit_mw=0.07)
    plan = schedule([station, battery], price, connection=link)
    assert plan.solved and plan.gave_way == {}
    checked = check_plan(ScheduleCase([station, battery], price, connection=link), plan, TOLERANCE)
    assert checked.ok, checked.sentences()
    assert plan.of(link.id, "import_mw").max() <= 0.07 + 1e-6


def test_a_day_of_six_machines_is_proven():
    demand = 30.0 + 20.0 * np.sin(np.arange(96) / 96 * 2 * np.pi)
    plan = kept(demo_station(demand, reserve_m3_per_min=2.0), prices([60.0] * 96), mip_gap=0.005)
    assert plan.status == "optimal" and plan.gap <= 0.005


def test_a_demand_that_nobody_meets_names_the_interval_and_what_is_missing():
    with pytest.raises(OutOfRange) as told:
        schedule([two([5.0, 5.0, 30.0, 5.0])], prices([60.0] * 4))
    said = str(told.value)
    assert "1 of 4 intervals no set of machines meets the demand, first at 2026-03-02 00:30 UTC" in said
    # 30 − 18 are missing, less 15 m³ of the receiver, which was full: 1 m³/min over a quarter of an hour
    assert "11 m³/min are missing there; 11 m³/min more, or less demand" in said
    schedule([replace(two([5.0, 5.0, 30.0, 5.0]), machines=[*two([0.0]).machines,
              Compressor.fixed_speed("B", 11.0, 66.0)])], prices([60.0] * 4))  # fmt: skip


def test_a_machine_that_must_rest_is_named():
    station = two([12.0] * 4)
    rests = replace(station.machines[0], since_h=0.25)
    with pytest.raises(OutOfRange, match=r"\(F must stay off until then\)"):
        schedule([replace(station, machines=[rests, station.machines[1]])], prices([60.0] * 4))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"volume_m3": 0.0}, "volume_m3 is 0.0; receiver and network hold some air"),
        ({"min_bar": 7.5}, "the band is upside down or empty; max_bar must be above 7.5"),
        ({"start_bar": 5.0}, r"start_bar is 5, outside the band 6.2 … 7.2; 6.2 would do"),
        ({"machines": []}, "it has no machine"),
        (
            {"machines": [Compressor.fixed_speed("F", 10.0, 60.0, pressure_effect=0.5)], "min_bar": 2.0},
            r"F would take nothing at min_bar: its pressure_effect of 0.5 and rated_bar of 7 say that 5 bar less take "
            r"250 % off its power. Give it a rated_bar below 4 or a pressure_effect below 0.2",
        ),
        ({"leak_m3_per_min": -1.0}, "leak_m3_per_min is -1.0"),
        ({"demand_m3_per_min": [-1.0] * 4}, "must be flows that are not negative"),
    ],
)
def test_bad_stations(fields, said):
    with pytest.raises(OutOfRange, match=said):
        replace(two([5.0] * 4), **fields)


def test_gaps_names_twice_and_wrong_lengths():
    with pytest.raises(GapInSeries, match="1 of 4 values of demand_m3_per_min are missing"):
        two([5.0, np.nan, 5.0, 5.0])
    one = Compressor.fixed_speed("F", 10.0, 60.0)
    with pytest.raises(OutOfRange, match="used twice: F"):
        CompressorStation([one, one], np.ones(4), 15.0, 6.2, 7.2)
    with pytest.raises(OutOfRange, match="demand_m3_per_min has 3 values for 4 intervals"):
        schedule([two([5.0] * 3)], prices([60.0] * 4))
