"""Rolling horizon: known futures give the plan of foresight, unknown ones cost more, and a pencil can follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.services import Reserve
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.robust.roll import roll
from gridloop.optimize.robust.scenario import Scenario
from gridloop.testing import moment

MONEY = 1e-4  # the solver keeps rows to 1e-7 per unit; a dozen intervals of bills of tens of money


def series(values: Sequence[float]) -> pd.Series:
    return pd.Series(values, index=pd.date_range(moment(), periods=len(values), freq="1h"), dtype=float)


def store(soc: float = 0.0) -> Battery:
    return Battery(
        1.0, 1.0, 1.0, 1.0, 1.0, initial_soc=soc, degradation_cost=0.0, early_cost=0.0, end_value_per_mwh=0.0, id="b"
    )


def from_interval(truth: Scenario, k: int) -> Scenario:
    """The truth from interval k on."""
    cut = {"available_mw", "p_mw"}
    devices = [replace(d, **{name: getattr(d, name)[k:] for name in cut if hasattr(d, name)}) for d in truth.devices]
    return Scenario(devices, truth.prices.iloc[k:])


def test_a_wrong_forecast_by_pencil() -> None:
    """It takes 30 in the third hour for granted, buys at 20, lets 25 pass, and finds 10 there."""
    truth = Scenario([store()], series([20, 25, 10]))
    believed = [series([20, 22, 30]), series([20, 25, 30]).iloc[1:], series([20, 25, 10]).iloc[2:]]
    done = roll(truth, lambda k: [Scenario([store()], believed[k])])
    assert done.table["p_mw b"].to_list() == approx([1.0, 0.0, -1.0], abs=1e-6)
    assert done.table["cost"].to_list() == approx([20.0, 0.0, -10.0], abs=MONEY)
    assert (done.cost, done.foresight, done.left_alone) == approx((10.0, -5.0, 0.0), abs=MONEY)
    assert done.share_of_possible == approx(-2.0, abs=MONEY)


def site(seed: int, steps: int = 6) -> Scenario:
    rng = np.random.default_rng(seed)
    devices: list[Device] = [
        Battery(2.0, 1.0, 1.0, initial_soc=0.5, early_cost=0.0, end_value_per_mwh=30.0, id="b"),
        Renewable(rng.uniform(0, 2, steps), id="roof"),
        Load(rng.uniform(0.2, 1.5, steps), id="house"),
    ]
    buy = series(rng.uniform(10, 90, steps).tolist())
    return Scenario(devices, pd.DataFrame({"import_eur_per_mwh": buy + 5.0, "export_eur_per_mwh": buy}))


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_knows_everything_does_as_well_as_foresight(seed: int) -> None:
    truth = site(seed)
    done = roll(truth, lambda k: [from_interval(truth, k)], connection=Connection(import_limit_mw=1.2))
    assert done.cost == approx(done.foresight, abs=MONEY)
    assert done.share_of_possible == approx(1.0, abs=MONEY)


def test_nobody_does_better_than_foresight() -> None:
    """Known are two futures that never come, besides the present interval."""
    truth = site(1)

    def known(k: int) -> list[Scenario]:
        futures = []
        for wrong in (11, 21):
            believed, now = from_interval(site(wrong), k), from_interval(truth, k)
            assert isinstance(believed.prices, pd.DataFrame)
            prices = believed.prices.copy()
            prices.iloc[0] = now.prices.iloc[0]
            futures.append(Scenario(believed.devices, prices))
        return futures

    done = roll(truth, known, risk=0.3)
    assert done.foresight <= done.cost + MONEY
    assert done.table["soc b"].between(-1e-6, 1 + 1e-6).all()


def test_refused_in_words() -> None:
    truth = Scenario([store()], series([20, 25]))
    with pytest.raises(OutOfRange, match="What is known in interval 1 begins at"):
        roll(truth, lambda k: [truth])
    run = ShiftableRun(np.array([1.0]), pd.Timedelta("1h"), id="wash")
    for device in (run, replace(store(), reserve=Reserve(), id="ready")):
        with pytest.raises(BadInput, match=rf"nothing else: .*{device.id}.* would forget"):
            roll(Scenario([device], truth.prices), lambda k: [truth])
    with pytest.raises(BadInput, match="no contracted peak"):
        roll(truth, lambda k: [truth], connection=Connection(contracted_peak_mw=1.0, peak_price_per_mw=10.0))


def test_quarters_of_an_hour_are_no_hours() -> None:
    """1 MWh behind 4 MW is filled in a quarter of an hour at 10 and sold in one at 100, as with foresight."""
    quarters = series([10, 10, 100]).set_axis(pd.date_range(moment(), periods=3, freq="15min"))
    truth = Scenario([replace(store(), max_charge_mw=4.0, max_discharge_mw=4.0)], quarters)
    done = roll(truth, lambda k: [from_interval(truth, k)])
    assert done.cost == approx(-90.0, abs=MONEY)
    assert done.cost == approx(done.foresight, abs=MONEY)
