"""The mean of several futures where devices are made of parts that differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from pytest import approx

from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.optimize.robust.scenario import Scenario, mean_scenario
from gridloop.testing import moment


def test_machines_of_a_building_have_the_mean_of_their_numbers() -> None:
    """A heat pump of COP 4 and 2 in the two hours of one future, 2 and 2 in the other; the boiler is as it was."""
    model = BuildingModel.of(indoor_mwh_per_k=0.01, indoor_outdoor_mw_per_k=0.001)
    boiler = HvacMachine.boiler(0.1, fuel_eur_per_mwh=80.0)
    futures = []
    for name, cop, outdoor in (("mild", [4.0, 2.0], 5.0), ("cold", [2.0, 2.0], -3.0)):
        pump = HvacMachine(0.05, np.array(cop))
        house = Building([Zone(model, 20.0, 24.0, initial_c=21.0)], [pump, boiler], np.full(2, outdoor))
        prices = pd.Series(50.0, pd.date_range(moment(), periods=2, freq="1h"))
        futures.append(Scenario([house], prices, 1.0 if name == "cold" else 3.0, name))
    (mean,) = mean_scenario(futures).devices
    assert isinstance(mean, Building)
    assert mean.outdoor_c == approx([3.0, 3.0])
    assert mean.machines[0].cop == approx([3.5, 2.0])
    assert mean.machines[1] is boiler or mean.machines[1] == boiler
    same = mean_scenario([futures[0], replace(futures[0], name="again")])
    assert same.devices[0].machines[0].cop == approx([4.0, 2.0])  # type: ignore[union-attr]
