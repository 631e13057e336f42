"""Homes and customers of a study: a folder of CityLearn, or a CSV of meters with its tariff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from gridloop.cli.study_parts import MONEY, meters_of, over, prices_of, refuse_negative
from gridloop.errors import BadInput, GapInSeries, OutOfRange, listed
from gridloop.io.carbon import read_carbon
from gridloop.io.citylearn import Homes, read_citylearn
from gridloop.market.demand_response.records import without_dead

HOUR = pd.Timedelta(hours=1)
Meters = Annotated[Path, typer.Argument(help="Folder of CityLearn; or CSV of loads: valid_at, a column per home.")]
Roofs = Annotated[Path | None, typer.Option(help="CSV of the roofs: the same columns and times.")]
Start = Annotated[str, typer.Option(help="Of a folder: its first hour, with its offset from UTC.")]
Tariff = Annotated[Path | None, typer.Option(help="CSV of the tariff; a folder has its own.")]
FlatPrice = Annotated[float | None, typer.Option(help="Tariff that never changes instead, money per MWh.")]


def load_and_tariff(
    meters: Path, unit: str, start: str, prices: Path | None, price: float | None, zone: str
) -> tuple[pd.DataFrame, pd.Series, str]:
    """Loads [MW], the tariff on the same intervals [money per MWh], and its currency. Dead meters are missing."""
    one_tariff(prices, price)
    if not meters.is_dir():
        load = meters_of(meters, unit, zone)
        refuse_negative(load, meters.name, "loads")
        return load, *_tariff(meters, load, prices, price, zone)
    homes = read_citylearn(meters, start=first_hour(start))
    load = without_dead(homes.load_mw)
    if prices is None and price is None:
        return load, homes.import_eur_per_mwh, MONEY
    return load, *_tariff(meters, load, prices, price, zone)


def homes_of(
    meters: Path,
    solar: Path | None,
    unit: str,
    start: str,
    prices: Path | None,
    price: float | None,
    zone: str,
    battery: tuple[float, float, float],
    carbon: Path | None = None,
) -> tuple[Homes, str]:
    """Homes hour by hour, and the currency of their tariff. Without a file of carbon that of a CSV is zero.

    battery  of every home, where a folder does not say: capacity_mwh, power_mw, round-trip efficiency
    carbon   file of the grid's carbon, instead of a folder's own
    """
    one_tariff(prices, price)
    if meters.is_dir():
        homes = read_citylearn(meters, start=first_hour(start))
        if solar is not None:
            raise BadInput(f"{meters} is a folder, which has its own roofs; leave --solar out.")
        tariff, currency = homes.import_eur_per_mwh, MONEY
        if prices is not None or price is not None:
            tariff, currency = _tariff(meters, homes.load_mw, prices, price, zone)
        emits = homes.carbon_t_per_mwh if carbon is None else _carbon(homes.load_mw, carbon, zone)
        return Homes(homes.load_mw, homes.solar_mw, tariff, emits, homes.battery), currency
    load = _hourly(meters, unit, zone)
    roofs = 0.0 * load if solar is None else _hourly(solar, unit, zone)
    strangers = sorted(set(roofs.columns) ^ set(load.columns))
    if solar is not None and (strangers or not roofs.index.equals(load.index)):
        what = f"not both have {listed(strangers)}" if strangers else f"{len(roofs)} and {len(load)} hours differ"
        raise BadInput(f"{solar.name} and {meters.name} need the same homes and hours: {what}.")
    tariff, currency = _tariff(meters, load, prices, price, zone)
    capacity, power, efficiency = battery
    if not (capacity > 0 and power > 0 and 0 < efficiency <= 1):
        raise OutOfRange(
            f"Batteries of {1e3 * capacity:g} kWh, {1e3 * power:g} kW and efficiency {efficiency:g}: energy and power "
            "must be above zero, the efficiency above 0 and 1 at most."
        )
    stores = pd.DataFrame(
        {"capacity_mwh": capacity, "power_mw": power, "round_trip_efficiency": efficiency},
        index=load.columns.rename("home"),
    )
    unknown = pd.Series(0.0, index=load.index, name="carbon_t_per_mwh")
    emits = unknown if carbon is None else _carbon(load, carbon, zone)
    return Homes(load, roofs[load.columns], tariff, emits, stores), currency


def first_hour(text: str) -> pd.Timestamp:
    """The first hour of a folder. Raises `BadInput` where it has no offset."""
    try:
        time = pd.Timestamp(text)
    except (ValueError, TypeError) as error:
        raise BadInput(f"--start {text!r} is no time; write it as 2016-08-01T00:00-08:00.") from error
    if time.tz is None:
        raise BadInput(f"--start {text!r} has no offset from UTC; write it as 2016-08-01T00:00-08:00.")
    return time


def one_tariff(prices: Path | None, price: float | None) -> None:
    """Raises `BadInput` where there are two."""
    if prices is not None and price is not None:
        raise BadInput("--prices and --price are two tariffs; give one.")


def _tariff(
    meters: Path, load: pd.DataFrame, prices: Path | None, price: float | None, zone: str
) -> tuple[pd.Series, str]:
    if price is not None:
        return pd.Series(price, index=load.index, name="import_eur_per_mwh"), MONEY
    if prices is None:
        raise BadInput(f"{meters.name} has no tariff: give --prices FILE, or --price in money per MWh.")
    table, currency = prices_of(prices, zone)
    return over(table["import_eur_per_mwh"], load.index, prices.name, "prices", "meters"), currency


def _carbon(load: pd.DataFrame, file: Path, zone: str) -> pd.Series:
    return over(read_carbon(file, zone), load.index, file.name, "carbon", "meters")


def _hourly(file: Path, unit: str, zone: str) -> pd.DataFrame:
    """Meters as hourly means of whole days. Raises `GapInSeries` where values are missing."""
    table = meters_of(file, unit, zone)
    refuse_negative(table, file.name, "power")
    gaps = int(table.isna().to_numpy().sum())
    if gaps:
        which = [str(name) for name in table.columns[table.isna().any()]]
        raise GapInSeries(
            f"{file.name}: {gaps} of {table.size} values are missing (columns {listed(which)}); fill them in the file."
        )
    step = table.index[1] - table.index[0] if len(table) > 1 else HOUR
    if step > HOUR or HOUR % step:
        raise OutOfRange(f"{file.name} has intervals of {step}; an hour, or a whole part of one, is needed.")
    return table.resample("1h", origin=table.index[0]).mean()
