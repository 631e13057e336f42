"""The floor of a grid-former in an island: hard from within, held from below, and worth what one says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.optimize.check import ScheduleCase, refusal
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule

HOURS = pd.date_range("2026-06-15", periods=6, freq="h", tz="UTC")
PRICES = pd.Series(50.0, index=HOURS)
ISLAND = Connection(outages=[(HOURS[0], HOURS[5])], grid_forming=["former"])
FORMER = Battery(10.0, 4.0, 4.0, 1.0, 1.0, min_soc=0.1, end_value_per_mwh=0.0, degradation_cost=0.0, id="former")
CLINIC, STREET = 10_000.0, 2_500.0


def island(former: Battery, clinic: float = 0.5, street: float = 1.0, sun: list[float] | None = None) -> Plan:
    given_sun = Renewable(np.array(sun or [0.0] * 6), id="sun")
    mix = [former, given_sun, Load(np.full(6, clinic), value_of_lost_load=CLINIC, id="clinic"),
           Load(np.full(6, street), value_of_lost_load=STREET, id="street")]  # fmt: skip
    plan = schedule(mix, PRICES, connection=ISLAND)
    assert plan.status == "optimal"
    assert refusal(ScheduleCase(mix, PRICES, ISLAND, plan.horizon), plan) is None
    return plan


def test_loads_are_shed_rather_than_sink_below_it_by_pencil():
    """3 MWh above the floor for five hours: the clinic takes 2.5 of them, the street the half that is left."""
    plan = island(replace(FORMER, initial_soc=0.4))
    assert plan.wide("soc")["former"].iloc[:5].min() == pytest.approx(0.1)
    assert plan.wide("unserved_mw")["clinic"].max() < 1e-6
    assert plan.wide("unserved_mw")["street"].iloc[:5].sum() == pytest.approx(4.5)


def test_from_below_it_is_held_and_the_plan_is_not_refused():
    """At 4 % without sun: nothing is given, everybody is off, and no later hour is lower than the first."""
    plan = island(replace(FORMER, initial_soc=0.04))
    assert plan.wide("soc")["former"].iloc[:5].tolist() == pytest.approx([0.04] * 5)
    assert plan.wide("unserved_mw")["clinic"].iloc[:5].sum() == pytest.approx(2.5)


SUN = [0.0, 2.0, 0.0, 0.0, 0.0, 0.0]


def test_brought_up_by_the_sun_it_does_not_sink_again_where_its_floor_is_worth_it():
    """One hour of 2 MW. At the usual price of the band all of it is served and the floor is given up for that; at
    more than any load is worth, 0.6 MWh bring it to its floor, and it stays there."""
    usual = island(replace(FORMER, initial_soc=0.04), sun=SUN)
    assert usual.wide("soc")["former"].iloc[4] == pytest.approx(0.04)
    hard = island(replace(FORMER, initial_soc=0.04, band_price=2 * CLINIC), sun=SUN)
    assert hard.wide("soc")["former"].iloc[1:5].min() == pytest.approx(0.1)
    lost = [plan.wide("unserved_mw").iloc[:5].sum().sum() for plan in (usual, hard)]
    assert lost[1] - lost[0] == pytest.approx(0.6)


def test_a_price_between_two_loads_sheds_the_cheaper_one_only():
    """Five hours below the floor cost 5 · 800 = 4,000 per MWh, four cost 3,200, three 2,400: the street gives way for
    the first two hours, 0.05 MWh each, the clinic for none."""
    sun = [0.45] * 6
    plan = island(replace(FORMER, initial_soc=0.06, band_price=800.0), clinic=0.4, street=0.4, sun=sun)
    assert plan.wide("unserved_mw")["clinic"].iloc[:5].max() < 1e-6
    assert plan.wide("soc")["former"].iloc[:2].tolist() == pytest.approx([0.065, 0.07])
    only_clinic = island(replace(FORMER, initial_soc=0.06, band_price=800.0), clinic=0.45, street=0.0, sun=sun)
    assert only_clinic.wide("soc")["former"].iloc[:5].tolist() == pytest.approx([0.06] * 5)


@settings(max_examples=25, deadline=None)
@given(
    soc=st.floats(0, 1), floor=st.floats(0, 0.6), price=st.sampled_from([0.0, 100.0, 2 * CLINIC]),
    loss=st.sampled_from([0.0, 0.05]), sun=st.lists(st.floats(0, 3), min_size=6, max_size=6),
)  # fmt: skip
def test_no_island_is_refused_and_none_sinks_below_where_it_may(
    soc: float, floor: float, price: float, loss: float, sun: list[float]
):
    former = replace(FORMER, initial_soc=soc, min_soc=floor, band_price=price, self_discharge_per_day=loss)
    found = island(former, sun=sun).wide("soc")["former"].to_numpy()
    idle = soc * (1 - loss) ** (np.arange(1, 7) / 24)
    assert (found >= (floor if soc >= floor else np.minimum(floor, idle)) - 1e-6).all()


def test_a_price_of_the_band_below_zero_is_refused():
    with pytest.raises(OutOfRange, match="band_price is -1"):
        replace(FORMER, band_price=-1.0)
