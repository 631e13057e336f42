"""Small files of load, sun and prices for the command line's forecasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ZONE = "Europe/Madrid"


def town(days: int = 220, *, step: str = "1h", seed: int = 0, first: str = "2020-01-01") -> pd.DataFrame:
    """Load of a town by day and week, and the temperature: UTC time × load [MW], temperature [°C]."""
    steps = int(days * pd.Timedelta("1D") / pd.Timedelta(step))
    index = pd.date_range(first, periods=steps, freq=step, tz=ZONE).tz_convert("UTC")
    local = index.tz_convert(ZONE)
    rng = np.random.default_rng(seed)
    warm = 15 + 8 * np.sin(2 * np.pi * (local.dayofyear - 100) / 365) + rng.normal(0, 2, steps).cumsum() * 0.05
    shape = 1 + 0.3 * np.sin(2 * np.pi * (local.hour - 8) / 24) - 0.2 * (local.weekday == 6)
    load = 500 * shape * (1 + 0.005 * np.maximum(18 - warm, 0)) * (1 + 0.02 * rng.standard_normal(steps))
    return pd.DataFrame({"load": load, "temperature": warm}, index=pd.DatetimeIndex(index, name="time"))


def written(table: pd.DataFrame, file: Path, **more: object) -> Path:
    """The table as a CSV file."""
    table.to_csv(file, **more)  # type: ignore[call-overload]
    return file


def sunny(days: int = 90) -> pd.DataFrame:
    """Output of a plant at 40° north: UTC time × p [kW]."""
    index = pd.date_range("2020-04-01", periods=24 * days, freq="h", tz="UTC", name="time")
    rng = np.random.default_rng(1)
    sky = np.repeat(rng.uniform(0.3, 1.0, days), 24)
    height = np.sin(np.pi * (index.hour - 5) / 14).to_numpy()
    return pd.DataFrame({"p": np.round(1000 * sky * np.maximum(height, 0.0), 3)}, index=index)


def priced(days: int = 170) -> pd.DataFrame:
    """Day-ahead prices, some below zero: UTC time × price."""
    index = pd.date_range("2020-01-01", periods=24 * days, freq="h", tz=ZONE).tz_convert("UTC")
    rng = np.random.default_rng(2)
    hour = index.tz_convert(ZONE).hour
    price = 30 + 15 * np.sin(2 * np.pi * (hour - 8) / 24) + 6 * rng.standard_normal(len(index)) - 25 * (hour == 14)
    return pd.DataFrame({"price": np.round(price, 2)}, index=pd.DatetimeIndex(index, name="time"))
