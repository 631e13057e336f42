"""A recorded house: its model identified, and its heating planned beside a thermostat on the days held back.

The plan's model knows the readings before those days. The truth is a model of all readings, with the disturbances that
were recorded: heated as it was, it would repeat the recording to the sensor's noise. What heats it is assumed: a heat
pump in the place of its boiler, and hours of use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.operate.studies.hvac import run_week
from gridloop.operate.studies.hvac_result import HvacStudy
from gridloop.operate.studies.weather_ahead import WeatherAhead
from gridloop.optimize.building.ahead import Ahead
from gridloop.optimize.building.discrete import noise_of
from gridloop.optimize.building.likelihood import noise_powers
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.building.readings import readings_of
from gridloop.optimize.building.structure import HEAT
from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.units import FloatArray

HELD_BACK_DAYS = 10
LEADS = 24
STEADY = 400  # steps after which a filter's gain no longer moves


@dataclass(frozen=True)
class House:
    """A house of one zone, as a plan sees it or as it is.

    heat_pump_mw     heat that the pump gives at most; supply_c: its water, for radiators
    workdays, open_from, open_to   local time in which somebody is there
    """

    model: BuildingModel
    heat_pump_mw: float
    supply_c: float = 50.0
    zone: str = "UTC"
    workdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    open_from: int = 7
    open_to: int = 18
    band_c: tuple[float, float] = (20.0, 22.5)
    empty_band_c: tuple[float, float] = (16.0, 24.0)
    outside_cost: float = 10.0

    def building(self, index: pd.DatetimeIndex, outdoor_c: FloatArray, sun_w_m2: FloatArray) -> Building:
        """The house in such weather."""
        local = index.tz_convert(self.zone)
        there = np.isin(local.dayofweek, self.workdays) & (local.hour >= self.open_from) & (local.hour < self.open_to)
        kept = there | np.append(there[1:], there[-1])
        low, high = (np.where(kept, a, b) for a, b in zip(self.band_c, self.empty_band_c, strict=True))
        machine = HvacMachine.heat_pump(self.heat_pump_mw, outdoor_c, supply_c=self.supply_c)
        sun: FloatArray | float = sun_w_m2 if self.model.structure.sun else 0.0
        return Building(self.model, [machine], outdoor_c, min_c=low, max_c=high, occupied=there, sun_w_m2=sun,
                        gains_mw=self.model.habit_mw(index), outside_cost=self.outside_cost, id="house")  # fmt: skip


@dataclass(frozen=True, eq=False)
class HouseStudy:
    """model, ahead: identified before the days held back, and its errors on them; study: all ways of heating."""

    model: BuildingModel
    ahead: Ahead
    study: HvacStudy
    heat_pump_mw: float

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.ahead.interval()
        return {
            "model": self.model.facts(),
            "held_back": {
                "rmse_24h_k": self.ahead.rmse_k,
                "interval_90": [low, high],
                "bias_k": self.ahead.bias_k,
                "rmse_by_lead_k": {str(k): float(v) for k, v in self.ahead.rmse().items()},
            },
            "heat_pump_mw": self.heat_pump_mw,
            "study": self.study.facts(),
        }


def house_study(
    data: pd.DataFrame,
    prices: pd.Series,
    *,
    days: int = HELD_BACK_DAYS,
    zone: str = "UTC",
    heat_pump_mw: float | None = None,
    every_h: int = 1,
    carbon_t_per_mwh: pd.Series | None = None,
    carbon_eur_per_t: float = 0.0,
    seed: int = 0,
    tell: Callable[[str], None] = lambda text: None,
) -> HouseStudy:
    """Identify, judge on the last days, and heat these days all three ways.

    data     as `BuildingModel.fit` takes it, with heat_mw
    prices   money per MWh, hourly, over the days held back and two days before
    carbon_t_per_mwh  of the grid's energy, over the same hours as the prices, at carbon_eur_per_t
    heat_pump_mw  heat of the pump; None: 0.6 of the highest that was recorded, mostly the first hour of a morning

    Raises as `BuildingModel.fit`, and `OutOfRange` where nothing is left to fit to.
    """
    if len(data) <= 24 * days:
        raise OutOfRange(f"{len(data)} hours of data do not have {days} days to hold back.")
    given = data.drop(columns=[name for name in ("boiler_c",) if name in data and "heat_mw" in data])
    split = len(given) - 24 * days
    tell("identifying the house")
    model = BuildingModel.fit(given.iloc[:split], habit=None, zone=zone, seed=seed)
    start = pd.DatetimeIndex(given.index)[split]
    ahead = model.ahead(given, leads=LEADS, since=start)
    tell("identifying what it was like in the end")
    own = model.structure
    truth = BuildingModel.fit(given, states=own.states, habit=own.habit, zone=zone, seed=seed)
    size = heat_pump_mw or 0.6 * float(given["heat_mw"].max())
    read = readings_of(given, zone)
    kept, gained = truth.step(1.0)
    states = truth.states(given).to_numpy()
    first = split - 24
    recorded = states[1:] - (states[:-1] @ kept.T + read.u[:-1] @ gained.T)
    disturbance = np.vstack([recorded, np.zeros((1, states.shape[1]))])[first:].T
    weather = WeatherAhead.fit(given["outdoor_c"], given.get("sun_w_m2"), start)
    gain = _gain(model, float((read.u[:split, HEAT] ** 2).mean()))
    week = run_week(
        House(truth, size, zone=zone), House(model, size, zone=zone), weather, prices, start, days, zone=zone,
        every_h=every_h, carbon_t_per_mwh=carbon_t_per_mwh, carbon_eur_per_t=carbon_eur_per_t,
        disturbance=disturbance, initial_c=[states[first]], gains=[gain], tell=tell,
    )  # fmt: skip
    return HouseStudy(model, ahead, HvacStudy("house", [week]), size)


def _gain(model: BuildingModel, heat_2: float) -> FloatArray:
    """How much a reading that is a kelvin off moves each state, once the filter is steady at such heat. [state]

    heat_2  mean square of the heat [MW²]: what is put in is off by a share of it
    """
    kept, _ = model.step(1.0)
    a, _ = model.equations()
    always, more = noise_of(a, noise_powers(model.structure, model.values, model.noises), 1.0)
    noise, reading = always + heat_2 * more, model.noises["reading_noise_k"] ** 2
    cover = noise.copy()
    gain = np.zeros(len(a))
    for _ in range(STEADY):
        gain = cover[:, 0] / (cover[0, 0] + reading)
        cover = kept @ (cover - np.outer(gain, cover[0])) @ kept.T + noise
    return gain
