"""What a schedule refuses, and how it says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import BadInput, GapInSeries, OutOfRange, UnsuppliedBus
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village


def test_prices_with_gaps_or_of_another_length_are_refused(prices):
    table = prices([50, 60, 70])
    with pytest.raises(GapInSeries, match=r"1 of 3 prices are missing \(first at 2016-07-25 01:00"):
        schedule([Battery(1, 1, 1)], table.mask(table == 60))
    horizon = Horizon.regular(table.index[:2])
    with pytest.raises(OutOfRange, match="3 prices for 2 intervals"):
        schedule([Battery(1, 1, 1)], table, horizon=horizon)


def test_series_of_another_length_are_refused(prices):
    with pytest.raises(OutOfRange, match="mill: p_mw has 3 values for 2 intervals"):
        schedule([Load(np.ones(3), id="mill")], prices([50, 60]))
    with pytest.raises(OutOfRange, match="mill: q_mvar has 3 values for 2 intervals"):
        schedule([Load(np.ones(2), np.ones(3), id="mill")], prices([50, 60]))


def test_an_id_is_used_once_vehicles_included(prices):
    session = pd.DataFrame(
        {"bus": "b", "arrival": moment(), "departure": moment(2), "energy_mwh": 0.1, "max_charge_mw": 0.1}, index=["x"]
    )
    with pytest.raises(OutOfRange, match="used twice: x"):
        schedule([Battery(1, 1, 1, id="x"), EVFleet(session)], prices([50, 60]))


def test_a_bus_that_is_not_there_is_named(prices):
    with pytest.raises(BadInput, match=r"2 buses of devices are not in the network \(atlantis, eldorado\)"):
        devices = [
            Battery(1, 1, 1, bus="atlantis"),
            Load(np.ones(2), bus="eldorado"),
            Load(np.ones(2), id="l", bus="mill"),
        ]
        schedule(devices, prices([50, 60]), network=village())


def test_a_bus_without_supply_is_named(prices, with_values):
    dark = with_values(village(), "line", {"L2": {"in_service": False}})
    with pytest.raises(UnsuppliedBus, match=r"1 buses carry devices but have no path to a source \(farm\)"):
        schedule([Load(np.ones(2), bus="farm")], prices([50, 60]), network=dark)


def test_a_device_with_rules_of_its_own_says_what_breaks_them(prices):
    class Picky(Load):
        def problems(self, horizon: Horizon) -> list[str]:
            return [f"starts at {horizon.starts[0]:%H:%M}, wanted is 08:00"] if len(horizon) > 1 else []

    with pytest.raises(OutOfRange, match=r"picky: starts at 00:00, wanted is 08:00\.") as caught:
        schedule([Picky(np.ones(2), id="picky")], prices([50, 60]))
    assert caught.value.facts["device"] == "picky"
    assert schedule([Picky(np.ones(1), id="picky")], prices([50])).status == "optimal"


def test_prices_of_another_time_than_the_horizon_are_refused(prices):
    table = prices([50, 60])
    later = Horizon.regular(table.index + pd.Timedelta(days=30))
    with pytest.raises(OutOfRange, match=r"2 of 2 prices .* the price of 2016-07-25 00:00.* from 2016-08-24 00:00"):
        schedule([Battery(1, 1, 1)], table, horizon=later)
    with pytest.raises(OutOfRange, match="no time zone"):
        schedule([Battery(1, 1, 1)], table.tz_localize(None), horizon=Horizon.regular(table.index))
    local = Horizon.regular(table.index.tz_convert("Europe/Berlin"))
    assert schedule([Battery(1, 1, 1)], table, horizon=local).status == "optimal"
