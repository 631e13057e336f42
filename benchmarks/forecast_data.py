"""Recorded loads for the benchmarks of forecasts, as the files have them, mended where a file is known to be wrong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from gridloop.errors import MissingFile

NAME = "forecast"
MELBOURNE, MADRID = "Australia/Melbourne", "Europe/Madrid"
# Hours before the day begins by which the operator's forecast is out: two hours before the market closes at noon.
OPERATOR_BEFORE_H = 14


def verdict(kept: bool, *, quick: bool, part: str = "the year is not whole") -> str:
    """What is said of a promise: a quick run, which tests a part only, judges none."""
    return f"Not judged, {part}" if quick else "Kept" if kept else "MISSED"


def victoria(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, list[dt.date]]:
    """Half-hourly demand [MW] and temperature [°C] of 2012–2014, and the state's holidays."""
    table = read(folder / "load" / "victoria" / "vic_electricity.csv")
    index = pd.DatetimeIndex(pd.to_datetime(table["Time"], utc=True), name="valid_at")
    holidays = [dt.date.fromisoformat(day) for day in table.loc[table["Holiday"], "Date"].unique()]
    load = pd.DataFrame({"victoria": table["Demand"].to_numpy()}, index=index)
    return load, pd.DataFrame({"temperature": table["Temperature"].to_numpy()}, index=index), holidays


def spain_table(folder: Path) -> pd.DataFrame:
    """Hourly generation, loads, prices and the operator's forecasts of 2015–2017, UTC. [MW], [EUR/MWh]

    The file was once read with day and month swapped wherever both can be a month: 2 July stands at 7 February. As it
    stands, a third of all days lie in the wrong season, and last week's load is off by 9.2 %; swapped back, by 5.0 %.
    """
    table = read(folder / "load" / "spain" / "energy_2015_2017.csv")
    stamps = pd.DatetimeIndex(pd.to_datetime(table["time"], utc=True)).tz_convert(MADRID).tz_localize(None)
    mended = pd.DatetimeIndex([t.replace(month=t.day, day=t.month) if t.day <= 12 else t for t in stamps])
    # the hour that comes twice in October: first in summer time
    local = mended.tz_localize(MADRID, ambiguous=~mended.duplicated(), nonexistent="shift_forward")
    table.index = local.tz_convert("UTC").rename("valid_at")
    return table[~table.index.duplicated()].sort_index()


def spain(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hourly load of 2015–2017 and the operator's forecast of it. [MW]"""
    table = spain_table(folder)
    actual, forecast = table[["total load actual"]], table[["total load forecast"]]
    return actual.set_axis(["spain"], axis=1), forecast.set_axis(["spain"], axis=1)


def spanish_holidays(years: range) -> list[dt.date]:
    """Days off in all of Spain, and Maundy Thursday, which most regions keep."""
    from dateutil.easter import easter

    fixed = ((1, 1), (1, 6), (5, 1), (8, 15), (10, 12), (11, 1), (12, 6), (12, 8), (12, 25))
    return [dt.date(year, *day) for year in years for day in fixed] + [
        easter(year) - dt.timedelta(days=days) for year in years for days in (2, 3)
    ]


def there(path: Path) -> Path:
    """The path of a file of the recorded data. Raises `MissingFile`."""
    if not path.is_file():
        raise MissingFile(f"{path} is not there. Set GRIDLOOP_DATA to the folder of recorded data.", path=str(path))
    return path


def read(path: Path) -> pd.DataFrame:
    """A file of the recorded data. Raises `MissingFile`."""
    return pd.read_csv(there(path))
