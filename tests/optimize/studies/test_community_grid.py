"""A community on its wires: what the copper plate breaks, what the grid-aware plan holds, what that costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from three_phase_street import street

from gridloop.errors import BadInput, OutOfRange
from gridloop.io.citylearn import Homes
from gridloop.optimize.devices.load import Load
from gridloop.optimize.studies.community_grid import CommunityGrid, Equipment, community_grid

DAY = pd.date_range("2026-06-15", periods=24, freq="1h", tz="UTC")
CLOCK = np.arange(24)
NAMES = ["a", "b", "c"]
PLACES = {"a": "neighbour.1", "b": "neighbour.1", "c": "home.2"}


@pytest.fixture(scope="module")
def homes() -> Homes:
    """MW instead of kW, as the street of the pencil has 10 kV."""
    sun = np.clip(np.sin((CLOCK - 5) / 14 * np.pi), 0.0, None)
    return Homes(
        pd.DataFrame({name: 0.4 + 0.2 * np.cos(CLOCK / 24 * 2 * np.pi) for name in NAMES}, index=DAY),
        pd.DataFrame(dict.fromkeys(NAMES, 2.0 * sun), index=DAY),
        pd.Series(np.where((CLOCK >= 16) & (CLOCK < 21), 200.0, 100.0), index=DAY),
        pd.Series(0.2, index=DAY),
        pd.DataFrame({"capacity_mwh": 2.0, "power_mw": 1.0, "round_trip_efficiency": 0.9}, index=NAMES),
    )


@pytest.fixture(scope="module")
def run(homes: Homes) -> CommunityGrid:
    equipment = Equipment(car_mw=1.0, car_mwh=2.0, heat_pump_mw=0.003, wash_mwh=0.5, wash_mw=0.3)
    other = Load(np.full(24, 0.2), sheddable=0.0, id="shop", bus="home.3")
    feeder = street(1.5, 1.0, mutual=0.3, band=(0.96, 1.02))
    return community_grid(homes, feeder, PLACES, others=[other], equipment=equipment, export_share=0.4)


def test_the_copper_plate_breaks_the_band_and_the_grid_aware_plan_holds_it(run: CommunityGrid):
    facts = run.facts()
    assert facts["copper_hours_broken"] > 0 and facts["copper_v_max_pu"] > 1.02
    assert facts["grid_hours_broken"] == 0.0 and facts["grid_v_max_pu"] <= 1.02001
    assert facts["settled"] == facts["check_ok"] == 1.0 and run.checked.ok


def test_losses_and_limits_are_what_the_difference_is_made_of(run: CommunityGrid):
    facts = run.facts()
    assert facts["losses_cost"] > 0 and facts["limits_cost"] > 0
    assert facts["copper_cost"] + facts["losses_cost"] + facts["limits_cost"] == approx(facts["grid_cost"], abs=1e-9)


def test_what_is_thrown_away_is_where_energy_is_worth_least(run: CommunityGrid):
    homes = run.homes
    assert homes.loc[["a", "b"], "curtailed_grid_mwh"].sum() > 0
    assert homes["price_low"]["a"] == approx(0.0, abs=1e-3)
    assert homes["price_low"]["c"] > homes["price_low"]["a"]
    assert homes["curtailed_copper_mwh"].max() < 1e-6


def test_every_plan_is_judged_hour_by_hour(run: CommunityGrid):
    assert set(run.hours["plan"]) == {"alone", "copper plate", "grid"}
    assert (run.hours.groupby("plan").size() == 24).all()
    grid = run.hours[run.hours["plan"] == "grid"]
    assert grid["losses_mw"].to_numpy() == approx(run.plans["grid"].check["losses_mw"].to_numpy(), abs=1e-6)


def test_every_kind_of_device_is_there(run: CommunityGrid):
    kinds = {type(device).__name__ for device in run.devices}
    assert kinds == {"Battery", "EVFleet", "HeatPump", "Load", "Reducible", "Renewable", "Shiftable"}


def test_homes_that_are_not_in_the_record_are_named(homes: Homes):
    with pytest.raises(BadInput, match="1 homes are not in the record: nobody"):
        community_grid(homes, street(), {"nobody": "home.1"})


@pytest.mark.parametrize("wrong", [{"roof_scale": -1.0}, {"car_every": -1}])
def test_equipment_refuses_what_makes_no_sense(wrong: dict[str, float]):
    with pytest.raises(OutOfRange, match=next(iter(wrong))):
        Equipment(**wrong)


def test_sun_that_every_plan_throws_away_is_counted(homes: Homes):
    """Giving back costs money and there is hardly a battery: all plans take what is used at once, and no more."""
    small = homes.battery.assign(capacity_mwh=1e-6, power_mw=1e-6)
    day = homes.of(slice(9, 15))
    alone = Homes(day.load_mw, day.solar_mw, day.import_eur_per_mwh, day.carbon_t_per_mwh, small)
    none = Equipment(car_every=0, heat_pump_every=0, wash_every=0, reducible_every=0)
    found = community_grid(alone, street(), {"a": "home.1"}, equipment=none, export_share=-0.5).homes
    wasted = (day.solar_mw["a"] - day.load_mw["a"]).sum()
    assert wasted > 5.0
    assert found["curtailed_copper_mwh"]["a"] == approx(wasted, abs=1e-4)  # the battery moves 2e-6 MWh at most
    assert wasted - 0.1 < found["curtailed_grid_mwh"]["a"] <= wasted + 1e-4  # losses of the wires come from the roof
