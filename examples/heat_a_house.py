"""A house identified from its readings, and a day's heating planned against prices, beside a thermostat and a rule.

Run `python examples/heat_a_house.py`. The readings are made up here, by a house whose numbers are known: the fit has to
find them. All ways run the same house in the same weather, computed in this run. The rule keeps the band without any
plan: it modulates where a thermostat switches, so part of what is saved against a thermostat is not the plan's.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd

from gridloop.optimize.building.control import Thermostat
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.building.operation import run_given, run_thermostat
from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule

DAYS, SEED = 14, 4
TRUE = BuildingModel.of(
    indoor_mwh_per_k=0.005, mass_mwh_per_k=0.03, indoor_mass_mw_per_k=0.004, indoor_outdoor_mw_per_k=0.0003
)


def readings() -> pd.DataFrame:
    """Two weeks of a heated house with a sensor's noise."""
    rng = np.random.default_rng(SEED)
    hours = pd.date_range("2026-01-05", periods=24 * DAYS, freq="h", tz="UTC")
    hour = np.asarray(hours.hour)
    outdoor = 3.0 + 3.0 * np.sin((hour - 9) / 12 * np.pi) + np.cumsum(rng.normal(0.0, 0.15, hours.size))
    heat = np.where((hour >= 5) & (hour < 17), rng.uniform(0.006, 0.014, hours.size), 0.0)
    data = pd.DataFrame({"outdoor_c": outdoor, "heat_mw": heat}, index=hours)
    clean = TRUE.simulate(data, [20.0, 20.0])["indoor"]
    return data.assign(indoor_c=clean + rng.normal(0.0, 0.03, hours.size))


def main() -> None:
    """Fit, plan a day, run both."""
    data = readings()
    model = BuildingModel.fit(data, states=("indoor", "mass"), starts=2)
    found = model.fitted.parameters.loc["indoor_outdoor_mw_per_k"]
    print(f"Loss {1e3 * found['value']:.3f} kW/K ({1e3 * found['low']:.3f} … {1e3 * found['high']:.3f}), truly 0.300")
    print(f"A day ahead it errs by {model.fitted.validation.rmse_k:.2f} K on readings held back")
    hours = pd.date_range("2026-01-20", periods=24, freq="h", tz="UTC")
    outdoor = 2.0 + 3.0 * np.sin((np.arange(24) - 9) / 12 * np.pi)
    there = (hours.hour >= 7) & (hours.hour < 20)
    low = np.where((hours.hour >= 6) & (hours.hour < 20), 20.0, 17.5)
    prices = pd.Series(60.0 + 50.0 * np.sin((np.arange(24) - 4) / 6 * np.pi), index=hours)

    def house(of: BuildingModel) -> Building:
        pump = HvacMachine.heat_pump(0.02, outdoor, supply_c=45.0)
        return Building(of, [pump], outdoor, min_c=low, max_c=22.5, initial_c=18.5, occupied=there)

    horizon = Horizon.regular(hours)
    plan = schedule([house(model)], prices)
    heat = plan.wide("heat_mw").rename(columns={"building/room": "room"})
    planned = run_given(house(TRUE), horizon, heat, model=house(model))
    alone = run_given(house(TRUE), horizon, None, model=house(model), lead_h=2.0)
    thermostat = run_thermostat(house(TRUE), horizon, Thermostat(lead_h=2.0))
    for name, ran in (("thermostat", thermostat), ("rule alone", alone), ("planned", planned)):
        print(
            f"{name}: {1e3 * ran.energy_mwh():.1f} kWh, EUR {ran.cost(prices):.2f}, {ran.violation_kh:.2f} K·h "
            f"outside, ends at {ran.air_c['room'].iloc[-1]:.1f} °C"
        )
    more = planned.stored_mwh - alone.stored_mwh
    print(
        f"Saved: {1 - planned.cost(prices) / thermostat.cost(prices):.0%} of the cost against the thermostat; to the "
        f"rule alone, which saves {1 - alone.cost(prices) / thermostat.cost(prices):.0%}, the plan adds "
        f"{1 - planned.cost(prices) / alone.cost(prices):.0%}, and leaves {1e3 * more:+.1f} kWh of heat in the house"
    )


if __name__ == "__main__":
    main()
