"""Proximity in effect on a three-phase feeder: what is near *on the same phase* is used exactly when losses and limits
say so.

    grid (100 per MWh) ──[ 1 Ω per phase, 10 kV to ground ]── home: 1 MW on phase 1; a battery whose use costs `wear`

As on a balanced line, S MW sent lose S² / 100 and one more arrives as 1 − S / 50; but only in the phase it is sent in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from three_phase_street import street

from gridloop.network.feeder.model import Feeder
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

HOUR = pd.date_range(moment(), periods=1, freq="1h")
EXACT = {"loss_gap_share": 1e-5, "loss_gap_mw": 1e-6, "limit_gap": {"voltage": 1e-7, "loading": 1e-4}}
NEAR_MW = 0.015  # losses of S² / 100 that are off by 1e-6 MW move the cheapest S by its root
LOAD = Load(np.array([1.0]), sheddable=0.0, id="load", bus="home.1")


def seller(wear: float, bus: str, name: str = "near") -> Battery:
    return Battery(
        4.0, 1.0, 1.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=wear, end_value_per_mwh=0.0, early_cost=0.0,
        id=name, bus=bus,
    )  # fmt: skip


def plan(devices: list[Any], feeder: Feeder | None, export: float = 50.0) -> Plan:
    prices = pd.DataFrame({"import_eur_per_mwh": [100.0], "export_eur_per_mwh": [export]}, index=HOUR)
    made = schedule(devices, prices, physics=None if feeder is None else AcTangent(feeder, **EXACT))
    assert made.status == "optimal" and made.settled
    return made


def given_mw(made: Plan, name: str = "near") -> float:
    return -float(made.of(name, "p_mw").iloc[0])


def test_dearer_than_the_market_and_still_used_for_the_losses_it_saves():
    """At 101 the battery takes over until the grid's energy costs 101 here too: S = 50 (1 − 100 / 101)."""
    s = 50 * (1 - 100 / 101)
    made = plan([LOAD, seller(101.0, "home.1")], street())
    assert given_mw(made) == approx(1.0 - (s - s**2 / 100), abs=NEAR_MW)
    price = made.local_price.iloc[0]
    assert price["home.1"] == approx(101.0, abs=1e-3)
    assert price["grid.1"] == approx(100.0)
    assert price["home.2"] == approx(100.0, abs=1e-6)  # no current, no losses, no worth
    assert made.check["losses_mw"].iloc[0] == approx(s**2 / 100, abs=1e-4)


def test_the_same_battery_on_another_phase_saves_nothing():
    assert given_mw(plan([LOAD, seller(101.0, "home.2")], street())) == approx(0.0, abs=1e-6)


def test_on_all_phases_a_third_of_it_counts():
    """A three-phase battery lowers the loaded phase by a third and sends two thirds back on the others: at 101 the
    worth is mean(101.0…, 100, 100) at its phases before it moves, less than 101."""
    assert given_mw(plan([LOAD, seller(101.0, "home")], street())) == approx(0.0, abs=1e-6)
    made = plan([LOAD, seller(100.3, "home")], street())
    p = given_mw(made)
    # 100 · mean of 1 / (1 − S_k / 50) over the phases is what it has to beat: S_1 ≈ 1 − p/3, S_2 = S_3 ≈ −p/3.
    worth = np.mean([100 / (1 - s / 50) for s in (1 - p / 3 + (1 - p / 3) ** 2 / 100, -p / 3, -p / 3)])
    assert 0.0 < p < 1.0
    assert worth == approx(100.3, abs=0.01)
    assert made.local_price.iloc[0]["home"] == approx(100.3, abs=1e-3)


def test_between_two_phases_it_meets_both():
    """Between phases 1 and 2 half of the current's power is drawn from each: the worth there lies between theirs."""
    made = plan([LOAD, seller(300.0, "home.1-2")], street())
    price = made.local_price.iloc[0]
    assert price["home.2"] < price["home.1-2"] < price["home.1"]


def test_a_limit_makes_the_dear_neighbour_the_cheapest_and_only_on_this_phase():
    """The conductor carries 0.6 MW: the rest comes from next door on the same phase, and for that reason."""
    narrow = street(rating_ka=0.06)
    made = plan([LOAD, seller(150.0, "neighbour.1"), seller(120.0, "neighbour.3", "other")], narrow)
    assert given_mw(made) == approx(1.0 - (0.6 - 0.0036), abs=2e-4)
    assert given_mw(made, "other") == approx(0.0, abs=1e-6)
    assert made.local_price.iloc[0]["home.1"] == approx(150.0, abs=0.1)
    assert made.local_price.iloc[0]["home.3"] == approx(100.0, abs=1e-3)
    row = made.setpoints().set_index("device").loc["near"]
    assert (row["reason"], row["binding"]) == ("relieve_limit", "loading:long.1")
    assert list(made.limits["limit"]) == ["loading:long.1"]


def test_a_surplus_next_door_is_used_before_the_grid_and_the_rest_is_sold():
    sun = Renewable(np.array([0.7]), id="sun", bus="neighbour.1")
    made = plan([LOAD, sun], street(), export=60.0)
    assert made.of("connection", "import_mw").iloc[0] == approx(0.3, abs=2e-3)
    assert made.of("connection", "export_mw").iloc[0] == 0.0


@pytest.mark.parametrize("wear", [99.0, 101.0, 150.0])
def test_without_a_network_only_the_price_decides(wear: float):
    made = plan([LOAD, seller(wear, "home.1")], None)
    assert (given_mw(made) > 0.5) == (wear < 100.0)
