"""Devices left alone: batteries rest whatever their energy is worth, vehicles give nothing back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.optimize.before import left_alone
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.services import Reserve
from gridloop.optimize.devices.sheddable import Sheddable
from gridloop.testing import moment


@pytest.mark.parametrize("worth", [None, 0.0, 200.0])
def test_a_battery_rests_whatever_its_energy_is_worth(prices, worth):
    """1 of 2 MWh stored, out of which 0.95 would reach the connection; at rest that is all there is to count."""
    box = Battery(2.0, 1.0, 1.0, end_value_per_mwh=worth)
    found = left_alone([box], prices([10, 30, 80]))
    assert np.abs(found.net_mw).max() < 1e-9
    assert found.cost == approx(-(0.95 * 40.0 if worth is None else worth), abs=1e-6)


def test_a_battery_offers_nothing_and_may_be_found_below_its_band(prices):
    """0.1 below the band of 2 MWh: 0.2 MWh for three hours at 100."""
    box = Battery(2.0, 1.0, 1.0, min_soc=0.3, initial_soc=0.2, end_value_per_mwh=0.0, reserve=Reserve())
    found = left_alone([box], prices([10, 30, 80]).assign(reserve_price=50.0))
    assert np.abs(found.net_mw).max() < 1e-9
    assert found.cost == approx(100.0 * 0.2 * 3, abs=1e-4)


@pytest.mark.parametrize("tells", [{"v2g": True}, {"max_discharge_mw": 0.02}])
def test_no_vehicle_gives_back_what_another_lacks(prices, tells):
    """Two cars behind 10 kW: the one that stays could help the other and be charged again afterwards."""
    table = pd.DataFrame(
        {
            "bus": "b", "arrival": moment(), "departure": [moment(4), moment(1)], "energy_mwh": [0.0, 0.02],
            "max_charge_mw": 0.02,
            "capacity_mwh": 0.06, "soc_arrival": [0.9, 0.2], **tells,
        },
        index=["stays", "goes"],
    )  # fmt: skip
    fleet = EVFleet(table, limit_mw=0.01, degradation_cost=0.0)
    found = left_alone([fleet], prices([10, 30, 30, 30]))
    assert found.plan.wide("p_mw", "ev").min().min() > -1e-9


def test_loads_take_what_they_take_whatever_it_costs(prices):
    """A MW that would bend at 20, a MW that is worth 5 to its owner, and one that is worth less than the price."""
    p_mw = np.ones(3)
    loads = [
        Reducible(p_mw, elasticity=-0.5, reference_price=20.0, id="bends"),
        Sheddable(p_mw, classes=[("all", 1.0, 5.0)], id="cheap"),
        Load(p_mw, value_of_lost_load=5.0, id="plain"),
    ]
    found = left_alone(loads, prices([10, 30, 80]))
    assert found.net_mw.to_numpy() == approx(3.0, abs=1e-9)
    assert found.cost == approx(3.0 * 120.0, abs=1e-6)
