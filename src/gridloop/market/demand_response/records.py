"""Recorded homes for trials and studies: where a meter was dead, its values are missing and not zero."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridloop.errors import MissingColumn, MissingFile, listed
from gridloop.io.citylearn import read_citylearn

# A home that takes less than a watt has a dead meter: its standby alone takes more.
DEAD_MW = 1e-6
FONTANA_START = pd.Timestamp("2016-08-01 00:00-08:00")
FONTANA_ZONE = "Etc/GMT+8"  # Pacific time, and no summer time in the files
AUSTRALIA_ZONE = "Etc/GMT-10"  # eastern standard time
COLUMNS = ("customer_id", "reading_datetime", "general_supply_kwh")


def without_dead(load_mw: pd.DataFrame) -> pd.DataFrame:
    """The loads with NaN where a meter was dead."""
    return load_mw.where(load_mw > DEAD_MW)


def fontana(folder: str | Path) -> tuple[pd.DataFrame, pd.Series]:
    """Hourly loads of the homes of Fontana [MW] and their tariff [money per MWh], UTC, dead meters missing."""
    homes = read_citylearn(folder, start=FONTANA_START)
    return without_dead(homes.load_mw), homes.import_eur_per_mwh


def australia(file: str | Path) -> pd.DataFrame:
    """Half-hourly loads of the Australian customers [MW], UTC; what is not in the file is missing.

    Raises `MissingFile`, `MissingColumn`.
    """
    path = Path(file)
    if not path.is_file():
        raise MissingFile(f"{str(path)!r} is not there.", path=str(path))
    table = pd.read_csv(path)
    absent = [name for name in COLUMNS if name not in table]
    if absent:
        raise MissingColumn(f"{str(path)!r} lacks {listed(absent)}.", missing=absent)
    table["reading_datetime"] = pd.to_datetime(table["reading_datetime"])
    table = table.drop_duplicates(["customer_id", "reading_datetime"])
    wide = table.pivot(index="reading_datetime", columns="customer_id", values="general_supply_kwh")
    wide.index = pd.DatetimeIndex(wide.index).tz_localize(AUSTRALIA_ZONE).tz_convert("UTC").as_unit("ns")
    regular = wide.asfreq("30min") / 1000.0 / 0.5  # kWh in half an hour
    regular.columns = [str(name) for name in regular.columns]
    return regular.rename_axis("valid_at")
