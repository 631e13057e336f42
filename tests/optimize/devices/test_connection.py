"""The connection: prices, limits and the contracted peak."""

from __future__ import annotations

import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.problems.schedule import schedule


def test_import_and_export_have_their_own_prices(prices):
    devices = [Load([2.0, 0.0]), Renewable([0.0, 3.0])]
    plan = schedule(devices, prices([80, 80], fee=30.0))
    assert plan.wide("import_mw")["connection"].tolist() == approx([2.0, 0.0])
    assert plan.wide("export_mw")["connection"].tolist() == approx([0.0, 3.0])
    assert (plan.parts["import"], plan.parts["export"]) == (approx(160.0), approx(-150.0))


def test_only_the_import_above_the_contract_is_charged(prices):
    """3 MW with 2 contracted at 700 per MW; had 2.5 MW been drawn before, only 0.5 MW are new."""
    load = Load([1.0, 3.0])
    for so_far, charged in ((2.0, 1.0), (2.5, 0.5), (4.0, 0.0)):
        connection = Connection(contracted_peak_mw=so_far, peak_price_per_mw=700.0)
        plan = schedule([load], prices([50, 50]), connection=connection)
        assert plan.parts["peak"] == approx(700.0 * charged)


def test_a_limit_has_its_shadow_price_in_money_per_mw_and_hour(prices):
    plan = schedule([Load([3.0])], prices([50]), connection=Connection(import_limit_mw=2.0))
    row = plan.limits.iloc[0]
    assert row["limit"] == "import_limit:connection"
    assert row["shadow_price"] == approx(10_000.0 - 50.0)
    assert row["unit"] == "per MW and hour"


def test_an_exceeded_export_limit_is_named(prices):
    sun = Renewable([3.0, 1.0], curtailable=False)
    plan = schedule([sun], prices([50, 50]), connection=Connection(export_limit_mw=2.0))
    assert dict(plan.gave_way) == {"export_limit:connection": approx(1.0)}


def test_prices_that_pay_for_going_in_circles_are_refused(prices):
    table = prices([50, 50])
    table.loc[table.index[1], "export_eur_per_mwh"] = 51.0
    with pytest.raises(OutOfRange, match="1 of 2 intervals"):
        schedule([Load([1.0, 1.0])], table)
    with pytest.raises(MissingColumn, match="export_eur_per_mwh"):
        schedule([Load([1.0, 1.0])], table[["import_eur_per_mwh"]])


def test_one_series_serves_both_directions(prices):
    series = pd.Series([50.0, 60.0], index=prices([0, 0]).index)
    plan = schedule([Load([1.0, 0.0]), Renewable([0.0, 1.0])], series)
    assert plan.cost == approx(50 - 60)


def test_negative_limits_are_refused():
    with pytest.raises(OutOfRange, match="import_limit_mw is -1"):
        Connection(import_limit_mw=-1.0)


def test_a_peak_price_without_a_contract_is_refused():
    with pytest.raises(OutOfRange, match=r"peak_price_per_mw is 1000\.0, but contracted_peak_mw is not given"):
        Connection(peak_price_per_mw=1000.0)
    with pytest.raises(OutOfRange, match="contracted_peak_mw is nan"):
        Connection(contracted_peak_mw=float("nan"), peak_price_per_mw=1000.0)
