"""A site of SITE.toml for the study of heating and cooling: rooms or a recorded house, weather, prices, days.

zone = "America/Los_Angeles"      # of the local days and hours
weather = "weather.csv"           # `read_weather`; hourly, 17 days before the first day and more
weather_start = 2016-08-01T00:00:00-08:00   # for files without times
prices = "prices.csv"             # `read_prices`; hourly
first = 2016-08-22                # local day
days = 7
peak_eur_per_mw_month = 0.0       # demand charge
carbon = "carbon.csv"             # `read_carbon`, hourly like the prices: told, and planned for where it has a price
carbon_eur_per_t = 0.0
[[rooms]]                         # none: the example of 20 zones
id = "hall"
use = "storage"                   # office, dock, storage, cold
area_m2 = 1500.0
[house]                           # instead of rooms: a recorded house, heated by a heat pump
readings = "house.csv"            # `read_house`
heat_pump_mw = 0.09
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutsideData
from gridloop.io.carbon import read_carbon
from gridloop.io.house import read_house
from gridloop.io.prices import read_prices
from gridloop.io.toml_file import read_toml
from gridloop.io.weather_file import read_weather
from gridloop.operate.studies.hvac import run_week
from gridloop.operate.studies.hvac_house import HouseStudy, house_study
from gridloop.operate.studies.hvac_keys import Keys, local_midnight
from gridloop.operate.studies.hvac_result import HvacStudy
from gridloop.operate.studies.warehouse import Room, Warehouse, example_warehouse
from gridloop.operate.studies.weather_ahead import DAY, PAST_DAYS, WeatherAhead

KNOWN = ("zone", "weather", "weather_start", "prices", "area", "first", "days", "every_h", "peak_eur_per_mw_month",
         "carbon", "carbon_eur_per_t", "truth_spread",
         "rooms", "house", "open_from", "open_to", "workdays")  # fmt: skip
HOUSE = ("readings", "heat_pump_mw")
ROOM = ("id", "use", "area_m2")
SPREAD = 0.15
MOST_DAYS = 3660
# Two weeks say what is usual, a day is run to settle, and two more have forecasts whose errors are known.
BEFORE_DAYS = PAST_DAYS + 3
DEMO_START = pd.Timestamp("2026-07-01", tz="UTC")


@dataclass(frozen=True, eq=False)
class HvacCase:
    """What a study needs.

    weather, prices  hourly, UTC; readings: of a house, else None
    carbon_t_per_mwh of the grid's energy, over the hours of the prices; None where nobody says it
    synthetic        what of it nobody measured, in words
    """

    name: str
    zone: str
    warehouse: Warehouse
    weather: pd.DataFrame
    prices: pd.Series
    currency: str
    first: pd.Timestamp
    days: int
    every_h: int = 1
    peak_eur_per_mw_month: float = 0.0
    carbon_t_per_mwh: pd.Series | None = None
    carbon_eur_per_t: float = 0.0
    spread: float = SPREAD
    readings: pd.DataFrame | None = None
    heat_pump_mw: float | None = None
    synthetic: str = "the building is synthetic"

    def run(self, *, seed: int = 0, tell: Callable[[str], None] = lambda text: None) -> HvacStudy | HouseStudy:
        """The study."""
        carbon: dict[str, Any] = {
            "carbon_t_per_mwh": self.carbon_t_per_mwh, "carbon_eur_per_t": self.carbon_eur_per_t
        }  # fmt: skip
        if self.readings is not None:
            return house_study(self.readings, self.prices, days=self.days, zone=self.zone,
                               heat_pump_mw=self.heat_pump_mw, every_h=self.every_h, seed=seed, tell=tell,
                               **carbon)  # fmt: skip
        start = self.first.tz_convert("UTC")
        ahead = WeatherAhead.fit(self.weather["outdoor_c"], self.weather["sun_w_m2"], start)
        truth = self.warehouse.uncertain(self.spread, seed)
        week = run_week(
            truth, self.warehouse, ahead, self.prices, start, self.days, zone=self.zone, every_h=self.every_h,
            peak_eur_per_mw_month=self.peak_eur_per_mw_month, tell=tell, **carbon,
        )  # fmt: skip
        return HvacStudy(self.name, [week])


def read_site(path: str | Path, *, days: int | None = None, first: str | None = None) -> HvacCase:
    """A case from SITE.toml; files are looked for beside it. Raises `BadInput` and what its readers raise."""
    file = Path(path)
    given = read_toml(file, f"There is no site file {file}; `gridloop study hvac` without one runs a demonstration.")
    keys = Keys(file.name, given)
    keys.only(KNOWN)
    zone = keys.zone("zone")
    default = 10 if "house" in given else 7
    many = keys.whole("days", default, least=1, most=MOST_DAYS) if days is None else days
    common: dict[str, Any] = {
        "name": file.stem, "zone": zone, "days": many, "every_h": keys.whole("every_h", 1, least=1, most=DAY),
        "peak_eur_per_mw_month": keys.number("peak_eur_per_mw_month", 0.0, least=0.0),
    }  # fmt: skip
    if "house" in given:
        own = keys.table("house")
        own.only(HOUSE)
        own.need(("readings",))
        readings = read_house(file.parent / own.text("readings"), zone)
        begin = pd.DatetimeIndex(readings.index)[max(0, len(readings) - 24 * many)]
        common |= _prices(file, keys, zone, begin, many)
        pump_mw = own.number("heat_pump_mw", 0.0, least=0.0) or None
        return HvacCase(
            **common, warehouse=example_warehouse(), weather=pd.DataFrame(), first=begin, readings=readings,
            heat_pump_mw=pump_mw, synthetic="the heat pump and hours of use are assumed",
        )  # fmt: skip
    if "weather" not in given:
        raise BadInput(f"{file.name}: weather is missing: a CSV with valid_at, outdoor_c and, where known, sun_w_m2.")
    weather = read_weather(file.parent / keys.text("weather"), zone, start=keys.moment("weather_start"))
    rooms = [_room(room) for room in keys.tables("rooms")]
    hours: dict[str, Any] = {name: keys.whole(name, 0, most=24) for name in ("open_from", "open_to") if name in given}
    if "workdays" in given:
        hours["workdays"] = keys.weekdays("workdays")
    warehouse = Warehouse(rooms or example_warehouse().rooms, zone=zone, id=file.stem, **hours)
    begin = pd.DatetimeIndex(weather.index)[0] + pd.Timedelta(days=BEFORE_DAYS)
    begin = (begin.tz_convert(zone) + pd.Timedelta(hours=23)).normalize()
    if first is not None:
        begin = local_midnight(first, zone, "--first")
    elif "first" in given:
        begin = local_midnight(given["first"], zone, f"{file.name}: first")
    _covered(file, pd.DatetimeIndex(weather.index), begin, many)
    common |= _prices(file, keys, zone, begin, many)
    return HvacCase(**common, warehouse=warehouse, weather=weather, first=begin,
                    spread=keys.number("truth_spread", SPREAD, least=0.0))  # fmt: skip


def demonstration(days: int = 7, *, seed: int = 0) -> HvacCase:
    """The example warehouse in made-up weather, at made-up prices: everything synthetic."""
    hours = DAY * (PAST_DAYS + 3 + days + 2)
    index = pd.date_range(DEMO_START - pd.Timedelta(days=PAST_DAYS + 3), periods=hours, freq="h", name="valid_at")
    rng = np.random.default_rng(seed)
    hour = np.asarray(index.tz_convert("America/Los_Angeles").hour, dtype=float)
    drift = np.zeros(hours)
    for k in range(1, hours):
        drift[k] = 0.98 * drift[k - 1] + rng.normal(0.0, 0.6)
    outdoor = 26.0 + 8.0 * np.cos((hour - 15.0) / 24.0 * 2 * np.pi) + drift
    sun = 700.0 * np.clip(np.sin((hour - 6.0) / 13.0 * np.pi), 0.0, None)
    noon, evening = np.exp(-(((hour - 12.0) / 3.5) ** 2)), np.exp(-(((hour - 19.0) / 2.0) ** 2))
    price = 55.0 - 35.0 * noon + 90.0 * evening + rng.normal(0.0, 4.0, hours)
    weather = pd.DataFrame({"outdoor_c": outdoor, "sun_w_m2": sun}, index=index)
    return HvacCase(
        "example warehouse", "America/Los_Angeles", example_warehouse(), weather, pd.Series(price, index=index), "EUR",
        DEMO_START.tz_localize(None).tz_localize("America/Los_Angeles"), days, every_h=2,
        synthetic="building, weather and prices are synthetic",
    )  # fmt: skip


def _prices(file: Path, keys: Keys, zone: str, first: pd.Timestamp, days: int) -> dict[str, Any]:
    """Hourly prices from two days before the first on, and their currency."""
    if "prices" not in keys.given:
        raise BadInput(f"{file.name}: prices is missing: a CSV with valid_at and import_eur_per_mwh, hourly.")
    start = first.tz_convert("UTC")
    table = read_prices(
        file.parent / keys.text("prices"), zone, area=keys.text("area") or None, currency=None,
        start=start - pd.Timedelta(days=2), end=start + pd.Timedelta(days=days),
    )  # fmt: skip
    column = str(table.columns[0])
    hourly = table[column].resample("1h").mean()
    return {"prices": hourly, "currency": column.split("_")[1].upper(), **_carbon(file, keys, zone, hourly)}


def _carbon(file: Path, keys: Keys, zone: str, prices: pd.Series) -> dict[str, Any]:
    """Carbon of the grid over the hours of the prices, and its price; nothing where the site does not say it."""
    price = keys.number("carbon_eur_per_t", 0.0, least=0.0)
    if "carbon" not in keys.given:
        if price:
            raise BadInput(f"{file.name}: carbon_eur_per_t needs carbon, the file of what a MWh of the grid emits.")
        return {}
    hourly = read_carbon(file.parent / keys.text("carbon"), zone).resample("1h").mean().reindex(prices.index)
    missing = prices.index[hourly.isna()]
    if len(missing):
        raise OutsideData(
            f"{file.name}: carbon has no value in {len(missing)} of {len(prices)} hours, the first {missing[0]}; "
            f"needed is {prices.index[0]} to {prices.index[-1]}."
        )
    return {"carbon_t_per_mwh": hourly, "carbon_eur_per_t": price}


def _room(room: Keys) -> Room:
    room.need(ROOM)
    room.only(ROOM)
    return Room(room.text("id"), room.text("use"), room.number("area_m2", 0.0, least=0.0))


def _covered(file: Path, index: pd.DatetimeIndex, first: pd.Timestamp, days: int) -> None:
    """Weather reaches from `BEFORE_DAYS` before the first day to the last. Raises `OutsideData`."""
    start = first.tz_convert("UTC")
    need, end = start - pd.Timedelta(days=BEFORE_DAYS), start + pd.Timedelta(days=days)
    if need < index[0] or end > index[-1] + pd.Timedelta(hours=1):
        raise OutsideData(
            f"{file.name}: its weather covers {index[0]} to {index[-1]}; for {days} days from {first} it is needed "
            f"from {need} to {end}. Move first, or lower days."
        )
