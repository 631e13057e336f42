"""Small made-up feeders whose structure is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

STEP = pd.Timedelta("15min")
RIVER_MW = {"mill": 2.0, "weir": 8.0}


def clock(start: str, days: float) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=int(days * 96), freq=STEP, tz="UTC", name="valid_at")


def daily_loads(days: int, noise: float, seed: int = 0) -> pd.DataFrame:
    """Three loads with a morning and an evening peak, half as much at weekends, and independent noise."""
    index = clock("2021-03-01", days)
    hour = np.asarray(index.hour + index.minute / 60.0)
    shape = 1.0 + np.exp(-((hour - 8.0) ** 2) / 6.0) + 1.5 * np.exp(-((hour - 19.0) ** 2) / 8.0)
    weekend = np.where(np.asarray(index.weekday) >= 5, 0.5, 1.0)
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            f"load {k}": np.maximum(size * shape * weekend * (1.0 + noise * rng.standard_normal(len(index))), 0.0)
            for k, size in enumerate((0.2, 1.0, 5.0))
        },
        index=index,
    )


def fading(steps: int, spread: float, *, half_life_h: float, seed: int) -> np.ndarray:
    """A random walk drawn back to zero: half of it is gone after the half-life. [step]"""
    rng = np.random.default_rng(seed)
    keep = 0.5 ** (0.25 / half_life_h)
    walk = np.zeros(steps)
    for k in range(1, steps):
        walk[k] = keep * walk[k - 1] + spread * np.sqrt(1.0 - keep**2) * rng.standard_normal()
    return walk


def moody_loads(days: int, seed: int = 0) -> pd.DataFrame:
    """The same loads without noise of their own, times a mood that all share: ±30 %, half of it gone after 3 hours."""
    loads = daily_loads(days, 0.0)
    return loads.mul(np.exp(fading(len(loads), 0.3, half_life_h=3.0, seed=seed)), axis=0)


def cloudy_plants(days: int, seed: int = 0) -> pd.DataFrame:
    """Two plants of 2 and 5 MW: a sine by day, times one cloudiness for each day, times a flicker."""
    index = clock("2021-03-01", days)
    hour = np.asarray(index.hour + index.minute / 60.0)
    clear = np.maximum(np.sin(np.pi * (hour - 6.0) / 12.0), 0.0)
    rng = np.random.default_rng(seed)
    cloud = np.repeat(rng.choice([1.0, 0.9, 0.5, 0.2], days), 96)
    return pd.DataFrame(
        {
            name: np.clip(mw * 0.8 * clear * cloud * (1.0 + 0.05 * rng.standard_normal(len(index))), 0.0, mw)
            for name, mw in (("roof", 2.0), ("field", 5.0))
        },
        index=index,
    )


def wind_walk(steps: int, seed: int) -> np.ndarray:
    """Wind in quarter-hours: a slow walk drawn back to 8 m/s; it may fall below zero. [step]"""
    rng = np.random.default_rng(seed)
    wind = np.empty(steps)
    wind[0] = 8.0
    for k in range(1, steps):
        wind[k] = wind[k - 1] + 0.01 * (8.0 - wind[k - 1]) + 0.35 * rng.standard_normal()
    return wind


def gusty_farms(days: int, seed: int = 0) -> pd.DataFrame:
    """Two farms of 10 and 3 MW that see the same wind: a slow walk drawn back to 8 m/s, through a power curve."""
    index = clock("2021-03-01", days)
    wind = wind_walk(len(index), seed)
    share = np.clip((wind - 3.0) / 9.0, 0.0, 1.0) ** 3
    return pd.DataFrame({"hill": 10.0 * share, "shore": 3.0 * share}, index=index)


def slow_rivers(days: int, seed: int = 0) -> pd.DataFrame:
    """Two plants of 2 and 8 MW with the same two-humped day, times a level: ±20 %, half of it gone after 12 hours."""
    index = clock("2021-03-01", days)
    hour = np.asarray(index.hour + index.minute / 60.0)
    level = np.exp(fading(len(index), 0.2, half_life_h=12.0, seed=seed))
    day = 0.4 * (1.0 + 0.3 * np.sin(4.0 * np.pi * hour / 24.0))
    return pd.DataFrame({name: np.minimum(mw * level * day, mw) for name, mw in RIVER_MW.items()}, index=index)


@pytest.fixture(scope="session")
def rivers() -> pd.DataFrame:
    return slow_rivers(60)


@pytest.fixture(scope="session")
def loads() -> pd.DataFrame:
    return daily_loads(60, 0.1)


@pytest.fixture(scope="session")
def moody() -> pd.DataFrame:
    return moody_loads(60)


@pytest.fixture(scope="session")
def plants() -> pd.DataFrame:
    return cloudy_plants(60)


@pytest.fixture(scope="session")
def farms() -> pd.DataFrame:
    return gusty_farms(60)
