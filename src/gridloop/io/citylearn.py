"""Folders of CityLearn: homes with their load, roof and battery, a tariff and the carbon of the grid, hour by hour.

The files have hours 1 … 24 of every day and no clock changes; hour 24 of the day before is the first hour of a day
(roofs rise and set by it). So every day has 24 hours here, and times are those of a clock that is never changed, whose
offset from UTC is passed in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, MissingColumn, MissingFile, UnknownFormat, listed
from gridloop.units import FloatArray

LOAD, SOLAR = "Equipment Electric Power [kWh]", "Solar Generation [W/kW]"
PRICE, CARBON = "Electricity Pricing [$/kWh]", "kg_CO2/kWh"
W_PER_MW, KWH_PER_MWH = 1e6, 1e3


@dataclass(frozen=True, eq=False)
class Homes:
    """Homes of one community. All series have the same hours, UTC.

    load_mw, solar_mw      [hour × home]
    import_eur_per_mwh     [hour]  tariff for what is bought, in the file's own currency; nothing is paid for exports
    carbon_t_per_mwh       [hour]  carbon dioxide of what the grid gives
    battery                index home: capacity_mwh, power_mw, round_trip_efficiency
    """

    load_mw: pd.DataFrame
    solar_mw: pd.DataFrame
    import_eur_per_mwh: pd.Series
    carbon_t_per_mwh: pd.Series
    battery: pd.DataFrame

    def of(self, hours: slice) -> Homes:
        """The same homes in some of their hours."""
        return Homes(
            self.load_mw.iloc[hours],
            self.solar_mw.iloc[hours],
            self.import_eur_per_mwh.iloc[hours],
            self.carbon_t_per_mwh.iloc[hours],
            self.battery,
        )


def read_citylearn(folder: str | Path, *, start: pd.Timestamp) -> Homes:
    """Homes of a folder with a schema.json.

    start  the first hour of the files, with its offset: 2016-08-01 00:00-08:00 for the homes of Fontana

    Raises `MissingFile`, `UnknownFormat`, `MissingColumn`, `GapInSeries`, and `BadInput` for series of unequal length.
    """
    root = Path(folder)
    file = root / "schema.json"
    if not file.is_file():
        raise MissingFile(f"{str(file)!r} is not there; a folder of CityLearn has one.", path=str(file))
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
        homes = {name: home for name, home in schema["buildings"].items() if home.get("include", True)}
    except (ValueError, KeyError, AttributeError) as error:
        raise UnknownFormat(f"{str(file)!r} is no schema of CityLearn: {error}.", path=str(file)) from error
    if not homes:
        raise BadInput(f"{str(file)!r} includes no buildings.", path=str(file))
    first = next(iter(homes.values()))
    price = _column(root / first["pricing"], PRICE)
    load, solar, battery = {}, {}, {}
    for name, home in homes.items():
        own, store = root / home["energy_simulation"], home["electrical_storage"]["attributes"]
        load[name] = _column(own, LOAD) / KWH_PER_MWH
        solar[name] = _column(own, SOLAR) * float(home["pv"]["attributes"]["nominal_power"]) / W_PER_MW
        battery[name] = {
            "capacity_mwh": float(store["capacity"]) / KWH_PER_MWH,
            "power_mw": float(store["nominal_power"]) / KWH_PER_MWH,
            "round_trip_efficiency": float(store["efficiency"]),
        }
    carbon = _column(root / first["carbon_intensity"], CARBON)  # kg/kWh is t/MWh
    lengths = {len(price), len(carbon), *(len(part) for part in (*load.values(), *solar.values()))}
    if len(lengths) > 1:
        raise BadInput(f"The series of {str(root)!r} have different lengths: {sorted(lengths)} hours.", path=str(root))
    hours = pd.date_range(start.tz_convert("UTC"), periods=len(price), freq="1h", name="valid_at")
    return Homes(
        pd.DataFrame(load, index=hours),
        pd.DataFrame(solar, index=hours),
        pd.Series(price * KWH_PER_MWH, index=hours, name="import_eur_per_mwh"),
        pd.Series(carbon, index=hours, name="carbon_t_per_mwh"),
        pd.DataFrame.from_dict(battery, orient="index").rename_axis("home"),
    )


def _column(file: Path, name: str) -> FloatArray:
    """One column of a file, whole. Raises `MissingFile`, `MissingColumn`, `GapInSeries`."""
    if not file.is_file():
        raise MissingFile(f"{str(file)!r} is not there.", path=str(file))
    table = pd.read_csv(file)
    if name not in table.columns:
        raise MissingColumn(f"{str(file)!r} lacks {name!r}; it has {listed(list(table.columns))}.", missing=[name])
    values = table[name].to_numpy(dtype=float)
    missing = int(np.isnan(values).sum())
    if missing:
        raise GapInSeries(f"{str(file)!r}: {missing} of {values.size} values of {name!r} are missing.", missing=missing)
    return values
