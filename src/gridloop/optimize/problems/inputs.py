"""What a schedule refuses before it starts: gaps, wrong lengths, ids used twice, services that nothing pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.horizon import SAME_TIME, Horizon

SERIES = ("p_mw", "q_mvar", "available_mw")
MAY_BE_ONE_NUMBER = ("q_mvar",)


def check_input(devices: Sequence[Any], prices: pd.DataFrame, horizon: Horizon) -> None:
    """Raise `OutOfRange`, `GapInSeries` or `MissingColumn` for the first thing that is wrong.

    A device with rules of its own says by `problems(horizon)` what breaks them, one sentence each.
    """
    _check_prices(prices, horizon)
    _check_ids(devices)
    for device in devices:
        _check_lengths(device, horizon)
        if hasattr(device, "problems"):
            _refuse(str(device.id), device.problems(horizon))
        if isinstance(device, Battery):
            _check_services(device, prices)
        if isinstance(device, IslandReserve):
            _refuse(str(device.id), device.apart([d for d in devices if isinstance(d, Battery)]))


def _check_prices(prices: pd.DataFrame, horizon: Horizon) -> None:
    if len(prices) != len(horizon):
        raise OutOfRange(f"{len(prices)} prices for {len(horizon)} intervals; give one row per interval.")
    _check_times(prices.index, horizon)
    missing = prices.isna().any(axis=1)
    if missing.any():
        raise GapInSeries(
            f"{int(missing.sum())} of {len(prices)} prices are missing (first at {prices.index[missing][0]}). "
            "Fill them by name, or plan a shorter horizon.",
            missing=int(missing.sum()),
        )


def _check_times(index: pd.Index, horizon: Horizon) -> None:
    """Prices that say when they hold say the same as the horizon."""
    if not isinstance(index, pd.DatetimeIndex):
        return
    if index.tz is None:
        raise OutOfRange("The prices' index has no time zone; give the starts of the intervals in UTC.")
    starts = index.tz_convert("UTC").as_unit("ns")
    other = np.flatnonzero(~(np.abs((starts - horizon.starts) / SAME_TIME) <= 1))
    if other.size:
        first = int(other[0])
        raise OutOfRange(
            f"{other.size} of {len(index)} prices are for other times than the intervals of the horizon (first: the "
            f"price of {starts[first]} for the interval from {horizon.starts[first]}). Give the prices of the horizon.",
            at=list(horizon.starts[other]),
        )


def _check_ids(devices: Sequence[Any]) -> None:
    fleets = [device for device in devices if isinstance(device, EVFleet)]
    ids = [str(device.id) for device in devices if not isinstance(device, EVFleet)]
    named = pd.Series([*ids, *(str(i) for fleet in fleets for i in fleet.sessions.index)], dtype=object)
    doubled = sorted(set(named[named.duplicated()]))
    if doubled:
        raise OutOfRange(f"Every device and session needs its own id; used twice: {listed(doubled)}.", ids=doubled)


def _check_lengths(device: Any, horizon: Horizon) -> None:
    for name in SERIES:
        size = np.size(getattr(device, name, np.zeros(len(horizon))))
        if size != len(horizon) and not (size == 1 and name in MAY_BE_ONE_NUMBER):
            raise OutOfRange(
                f"{device.id}: {name} has {size} values for {len(horizon)} intervals.", device=device.id, values=size
            )


def _refuse(name: str, problems: Sequence[str]) -> None:
    if problems:
        raise OutOfRange(f"{name}: {'; '.join(problems)}.", device=name, problems=list(problems))


def _check_services(battery: Battery, prices: pd.DataFrame) -> None:
    """A service that no column pays is a misspelt column, more often than a wish."""
    for what, columns in battery.paid_by().items():
        if not any(name in prices.columns for name in columns):
            raise MissingColumn(
                f"{battery.id} offers {what}, but the prices have no column that pays it: {' or '.join(columns)}. "
                "Name one so, or leave the service out.",
                device=battery.id,
                missing=list(columns),
            )
