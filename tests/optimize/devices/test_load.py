"""Loads: served, or shed at the value of lost load, with their reactive power."""

from __future__ import annotations

import numpy as np
import pytest
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load, LoadGroup
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import village


def test_a_load_is_served(prices):
    plan = schedule([Load([1.0, 2.0])], prices([50, 60]))
    assert plan.of("load", "unserved_mw").tolist() == approx([0.0, 0.0])
    assert plan.cost == approx(50 + 120)
    assert plan.setpoints()["reason"].tolist() == ["serve"]


def test_behind_a_limit_dearer_than_itself_it_is_shed(prices):
    """3 MW, 2 of them may come: exceeding the limit costs 20 000 per MWh, the load 10 000."""
    plan = schedule([Load([3.0])], prices([50]), connection=Connection(import_limit_mw=2.0))
    row = plan.setpoints().iloc[0]
    assert (row["value"], row["reason"], row["binding"]) == (approx(1.0), "shed_limit", "import_limit:connection")
    assert row["shadow_price"] == approx(10_000.0)
    assert not plan.gave_way


def test_only_the_sheddable_share_is_shed_then_the_limit_gives_way(prices):
    """A tenth of 3 MW can be shed; 0.7 MW go beyond the limit of 2 MW."""
    plan = schedule([Load([3.0], sheddable=0.1)], prices([50]), connection=Connection(import_limit_mw=2.0))
    assert plan.of("load", "unserved_mw").tolist() == approx([0.3])
    assert dict(plan.gave_way) == {"import_limit:connection": approx(0.7)}
    assert plan.diagnosis is not None
    assert "the import limit of connection (by up to 0.7 MW)" in str(plan.diagnosis)


def test_a_price_above_its_value_sheds_it_too(prices):
    plan = schedule([Load([1.0], value_of_lost_load=100.0)], prices([150]))
    assert plan.setpoints()["reason"].tolist() == ["shed_price"]


def test_what_is_shed_takes_its_reactive_power_along_in_every_interval():
    group = LoadGroup([Load(np.array([1.0, 2.0, 0.0]), np.array([0.5, 0.2, 0.1]))])
    assert group.reactive_share.tolist() == [[0.5, 0.1, 0.0]]


def test_shed_on_a_network_it_leaves_the_voltage_as_without_it(prices):
    net, table = village(), prices([50])
    gone = schedule([Load([5.0], [3.0], value_of_lost_load=1.0, bus="farm")], table, network=net)
    never = schedule([Load([0.0], bus="farm")], table, network=net)
    assert gone.of("load", "unserved_mw").tolist() == approx([5.0])
    assert gone.check["v_min_pu"].tolist() == approx(never.check["v_min_pu"].tolist(), abs=1e-9)


def test_gaps_and_shares_beyond_one_are_refused():
    with pytest.raises(GapInSeries, match="1 of 2 values of p_mw"):
        Load(np.array([1.0, np.nan]))
    with pytest.raises(GapInSeries, match="1 of 1 values of q_mvar"):
        Load(np.array([1.0]), np.array([np.nan]))
    with pytest.raises(OutOfRange, match=r"sheddable is 1\.5"):
        Load(np.array([1.0]), sheddable=1.5)
    with pytest.raises(OutOfRange, match="value_of_lost_load is nan"):
        Load(np.array([1.0]), value_of_lost_load=np.nan)


def test_one_interval_may_be_given_as_a_number(prices):
    assert schedule([Load(0.5), Battery(1.0, 1.0, 1.0)], prices([50])).status == "optimal"
