"""Groups: who follows whom, and with what share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_site import small_network

from gridloop.network.model import Network
from gridloop.operate.decide.known import Groups
from gridloop.operate.groups import capacities, group_elements, group_sums, place

TOWN, FARM = "group:load:town/p_mw", "group:load:farm/p_mw"
SUN, WIND = "group:solar:PV/p_mw", "group:wind:WP/p_mw"
PROFILE = pd.Series({"load1": "town", "load2": "town", "load3": "farm", "sun": "PV", "wind": "WP"})


@pytest.fixture(scope="module")
def net() -> Network:
    return small_network()


@pytest.fixture(scope="module")
def groups(net: Network) -> Groups:
    return group_elements(net, PROFILE)


def test_elements_of_one_profile_share_by_their_nominal_power(groups: Groups):
    """Two loads of the town with 1.5 and 1.0 MW."""
    assert dict(groups.kind) == {FARM: "load", TOWN: "load", SUN: "solar", WIND: "wind"}
    assert groups.members[TOWN] == ("load1", "load2")
    assert groups.share[TOWN] == pytest.approx([0.6, 0.4])
    assert groups.share[FARM] == pytest.approx([1.0])


def test_what_is_out_of_service_is_in_no_group(net: Network):
    edited = net.edit(
        "load", {"load2": {"in_service": False}}, author="t", time=pd.Timestamp("2016-07-25", tz="UTC"), reason="t"
    )
    groups = group_elements(edited, PROFILE)
    assert groups.members[TOWN] == ("load1",)
    assert groups.share[TOWN] == pytest.approx([1.0])


def test_an_element_without_a_profile_is_its_own_group(net: Network):
    groups = group_elements(net, PROFILE.drop("load2"))
    assert groups.members["group:load:load2/p_mw"] == ("load2",)


def test_a_load_and_a_generator_of_one_profile_stay_apart(net: Network):
    groups = group_elements(net, PROFILE.replace({"town": "PV"}))
    assert groups.members["group:load:PV/p_mw"] == ("load1", "load2")
    assert groups.members[SUN] == ("sun",)


def test_generators_of_no_weather_are_other(net: Network):
    edited = net.edit(
        "generator", {"wind": {"kind": "gas"}}, author="t", time=pd.Timestamp("2016-07-25", tz="UTC"), reason="t"
    )
    assert group_elements(edited, PROFILE).kind["group:other:WP/p_mw"] == "other"


def test_capacity_is_the_rated_power_of_generators(net: Network, groups: Groups):
    assert capacities(net, groups) == {SUN: 4.0, WIND: 2.0}


def test_the_sum_of_a_group_is_missing_where_a_member_is(groups: Groups):
    times = pd.date_range("2016-07-25", periods=2, freq="15min", tz="UTC")
    table = pd.DataFrame({"load1": [1.0, 1.0], "load2": [0.5, np.nan], "load3": [0.2, 0.2]}, index=times)
    sums = group_sums(groups, table)
    assert sums[TOWN].tolist() == pytest.approx([1.5, np.nan], nan_ok=True)
    assert sums[FARM].tolist() == [0.2, 0.2]
    assert SUN not in sums, "no column, no group"
    assert list(group_sums(groups, table, "q_mvar")) == ["group:load:farm/q_mvar", "group:load:town/q_mvar"]


def test_the_place_is_the_middle_of_what_is_known(net: Network):
    assert place(net) == pytest.approx((53.4, 11.8))
    nowhere = Network.from_tables({"bus": [{"id": "A", "v_nom_kv": 20.0}]}, owner="t")
    assert place(nowhere) == (51.2, 10.4)
