"""Delivery: promises against meters, by interval and by device; a gap is not a zero."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.vpp.delivery import track_delivery
from gridloop.optimize.vpp.plant import VirtualPowerPlant
from gridloop.optimize.vpp.split import Split
from gridloop.testing import moment

HOURS = pd.date_range(moment(), periods=4, freq="1h")


def plant() -> VirtualPowerPlant:
    """A battery that is cheap to use and one that is dear, 3 MWh each."""
    base = {"charge_efficiency": 1.0, "discharge_efficiency": 1.0, "early_cost": 0.0, "end_value_per_mwh": 0.0}
    devices = [
        Battery(3.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=1.0, id="first", **base),
        Battery(3.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=9.0, id="second", **base),
    ]
    return VirtualPowerPlant(devices)


@pytest.fixture(scope="module")
def split() -> Split:
    """1 MW for four hours, from one battery with 3 MWh and one with the rest."""
    return plant().split(pd.Series(1.0, index=HOURS), pd.Series(20.0, index=HOURS))


def measured(split: Split, **changes: list[float]) -> pd.DataFrame:
    return split.injection_mw + pd.DataFrame(
        {name: changes.get(name, [0.0] * 4) for name in split.injection_mw}, index=HOURS
    )


def test_what_was_promised_was_delivered(split: Split):
    found = track_delivery(split, measured(split))
    assert (found.table["state"] == "kept").all()
    assert (found.penalty, found.unknown, found.kept_share) == (0.0, 0, 1.0)
    assert found.sentences() == []


def test_beyond_the_tolerance_is_paid(split: Split):
    """5 % of 1 MW and 0.05 MW are free: of 0.3 MW too little 0.2 are paid at 100, of 0.2 too much 0.1 at 30."""
    came = measured(split, first=[-0.3, 0.2, -0.1, 0.0])
    found = track_delivery(split, came, tolerance_share=0.05, tolerance_mw=0.05, short_price=100.0, long_price=30.0)
    assert list(found.table["state"]) == ["short", "long", "kept", "kept"]
    assert found.table["penalty"].to_numpy() == approx([20.0, 3.0, 0.0, 0.0])
    assert found.penalty == approx(23.0)
    assert found.kept_share == 0.5
    said = found.sentences()
    assert said[0].startswith("2016-07-25 00:00 UTC: 0.3 MW too little (promised 1, penalty 20.00)")
    assert said[-1] == "Most of it is first: -0.2 MWh against its plan."


def test_a_gap_makes_an_interval_unknown_and_not_short(split: Split):
    found = track_delivery(split, measured(split, second=[0.0, math.nan, 0.0, 0.0]))
    assert list(found.table["state"]) == ["kept", "unknown", "kept", "kept"]
    assert math.isnan(found.table["penalty"].iloc[1])
    assert (found.penalty, found.unknown) == (0.0, 1)
    assert found.devices.at["second", "missing"] == 1
    assert found.sentences() == ["1 intervals are unknown: meters have gaps there."]


def test_devices_answer_for_their_own_part(split: Split):
    found = track_delivery(split, measured(split, first=[-0.5, 0.0, 0.0, 0.0], second=[0.5, 0.0, 0.0, 0.0]))
    assert (found.table["state"] == "kept").all()  # one stood in for the other
    assert found.devices["deviation_mwh"].to_dict() == approx({"first": -0.5, "second": 0.5})
    assert found.devices["intervals_off"].to_dict() == {"first": 1, "second": 1}


def test_of_a_day_that_is_not_over_the_hours_so_far(split: Split):
    found = track_delivery(split, measured(split).iloc[:2])
    assert len(found.table) == 2
    assert found.devices["planned_mwh"].sum() == approx(2.0)


def test_of_what_is_past_nothing_is_held_against_the_plant(split: Split):
    """`first` drops out at two: before, 1 MW of 1 was given, of which its meter is not among those that are left."""
    after = plant().replace(split, ["first"], HOURS[2], pd.Series(20.0, index=HOURS))
    came = after.injection_mw - pd.DataFrame({"second": [0.3, 0.0, 0.0, 0.5]}, index=HOURS)
    came.iloc[1] = math.nan
    found = track_delivery(after, came, short_price=100.0)
    assert list(found.table["state"]) == ["past", "past", "kept", "short"]
    assert found.table["penalty"].to_numpy() == approx([0.0, 0.0, 0.0, 45.0])
    assert found.table["deviation_mw"].isna().tolist() == [True, True, False, False]
    assert (found.unknown, found.kept_share) == (0, 0.5)
    assert found.devices.loc["second", ["deviation_mwh", "intervals_off", "missing"]].tolist() == approx([-0.5, 1, 0])
    assert math.isnan(track_delivery(after, came.iloc[:2]).kept_share)


def test_a_split_without_a_plan_is_refused(split: Split):
    nothing = replace(split, plan=replace(split.plan, status="infeasible"), injection_mw=split.injection_mw * math.nan)
    with pytest.raises(BadInput, match=r"no plan.*'infeasible'"):
        track_delivery(nothing, measured(split))


def test_wrong_meters_are_refused(split: Split):
    with pytest.raises(BadInput, match="not measured: second"):
        track_delivery(split, measured(split)[["first"]])
    with pytest.raises(BadInput, match="no devices of the split: third"):
        track_delivery(split, measured(split).assign(third=0.0))
    with pytest.raises(OutOfRange, match="not in the split"):
        track_delivery(split, measured(split).set_axis(HOURS + pd.Timedelta(hours=9)))
    with pytest.raises(OutOfRange, match="must not be negative"):
        track_delivery(split, measured(split), tolerance_mw=-1.0)
    assert np.isfinite(split.injection_mw.to_numpy()).all()
