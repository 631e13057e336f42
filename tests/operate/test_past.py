"""The past as the loop knows it: values appear when they become known, and a gap stays a gap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_site import small_network

from gridloop.network.model import Network
from gridloop.operate.groups import group_elements
from gridloop.operate.past import Past

TOWN, FARM, SUN = "group:load:town/p_mw", "group:load:farm/p_mw", "group:solar:PV/p_mw"
PROFILE = pd.Series({"load1": "town", "load2": "town", "load3": "farm", "sun": "PV", "wind": "WP"})
START = pd.Timestamp("2016-07-25", tz="UTC")
QUARTER = pd.Timedelta(minutes=15)


@pytest.fixture(scope="module")
def net() -> Network:
    return small_network()


@pytest.fixture
def past(net: Network) -> Past:
    """Two quarters before midnight: every load takes 1 MW and 0.2 Mvar, every generator gives 2 MW."""
    times = pd.date_range(START - 2 * QUARTER, periods=2, freq=QUARTER)
    power = pd.DataFrame(dict.fromkeys(net.load.index, 1.0) | dict.fromkeys(net.generator.index, 2.0), index=times)
    reactive = pd.DataFrame(dict.fromkeys(net.load.index, 0.2), index=times)
    return Past(net, group_elements(net, PROFILE), power, reactive)


def readings(at: pd.Timestamp, **values: float) -> pd.DataFrame:
    """One reading per element of its active power; of loads a fifth of it as reactive. NaN is quality 3."""
    rows = [(f"{i}/p_mw", v) for i, v in values.items()]
    rows += [(f"{i}/q_mvar", v / 5.0) for i, v in values.items() if i.startswith("load")]
    table = pd.DataFrame(rows, columns=["point", "value"]).assign(valid_at=at, known_at=at + QUARTER)
    return table.assign(quality=np.where(table["value"].isna(), 3, 0))


ALL = {"load1": 1.0, "load2": 2.0, "load3": 3.0, "sun": 4.0, "wind": 5.0}


def test_readings_are_summed_over_their_group(past: Past):
    past.learn(readings(START, **ALL))
    assert past.power.loc[START, [TOWN, FARM, SUN]].tolist() == [3.0, 3.0, 4.0]
    assert past.reactive.loc[START, "group:load:town/q_mvar"] == pytest.approx(0.6)
    assert past.power.loc[START - QUARTER, TOWN] == 2.0, "what was known stays"


def test_no_readings_change_nothing(past: Past):
    before = past.power.copy()
    past.learn(readings(START))
    pd.testing.assert_frame_equal(past.power, before)


@pytest.mark.parametrize("lacking", ["absent", "missing"])
def test_a_group_with_a_silent_member_is_unknown_the_others_are_not(past: Past, lacking: str):
    rows = readings(START, **(ALL | {"load2": np.nan}))
    past.learn(rows if lacking == "missing" else rows[rows["value"].notna()])
    assert np.isnan(past.power.loc[START, TOWN])
    assert past.power.loc[START, FARM] == 3.0


def test_a_value_of_quality_missing_is_not_used(past: Past):
    past.learn(readings(START, **ALL).assign(quality=3))
    assert past.power.loc[START].isna().all()


def test_a_hole_of_intervals_is_no_row_and_what_comes_late_finds_its_place(past: Past):
    past.learn(readings(START + 2 * QUARTER, **ALL))
    assert START not in past.power.index
    past.learn(readings(START, **(ALL | {"load3": 7.0})))
    assert past.power.index.is_monotonic_increasing
    assert past.power.loc[START, FARM] == 7.0
    assert past.power.loc[START + 2 * QUARTER, FARM] == 3.0


def test_a_corrected_value_replaces_the_first(past: Past):
    past.learn(readings(START, **ALL))
    past.learn(readings(START, **(ALL | {"load3": 9.0})))
    assert past.power.loc[START, FARM] == 9.0
    assert past.power.index.is_unique


def test_power_factors_weigh_energy_and_leave_gaps_out(past: Past):
    """The farm: 0.2 of 1 twice, then 1.8 of 9: 2.2 Mvar of 11 MW = 0.2. A silent interval counts for nothing."""
    past.learn(readings(START, **(ALL | {"load3": 9.0})))
    past.learn(readings(START + QUARTER, **(ALL | {"load3": np.nan})))
    factors = past.power_factors(START + 2 * QUARTER)
    assert factors[FARM] == pytest.approx(0.2)
    assert set(factors) == {TOWN, FARM}


def test_power_factors_of_a_silent_group_are_unity(past: Past):
    assert past.power_factors(START + pd.Timedelta(days=9))[FARM] == 0.0


def test_stamps_of_one_batch_may_differ(past: Past):
    """The loads' clock is a quarter of an hour ahead: what they said of a time stays when only the sun speaks of it."""
    past.learn(readings(START, **ALL))
    late = readings(START, sun=6.0, wind=7.0)
    past.learn(pd.concat([late, readings(START + QUARTER, load1=1.5, load2=2.5, load3=3.5)], ignore_index=True))
    assert past.power.loc[START, [TOWN, FARM, SUN]].tolist() == [3.0, 3.0, 6.0]
    assert past.power.loc[START + QUARTER, [TOWN, FARM]].tolist() == [4.0, 3.5]
