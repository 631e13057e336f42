"""What a schedule refuses before it starts: gaps, lengths that do not match, ids used twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.horizon import Horizon

SERIES = ("p_mw", "q_mvar", "available_mw")
MAY_BE_ONE_NUMBER = ("q_mvar",)


def check_input(devices: Sequence[Any], prices: pd.DataFrame, horizon: Horizon) -> None:
    """Raise `OutOfRange` or `GapInSeries` for the first thing that is wrong."""
    if len(prices) != len(horizon):
        raise OutOfRange(f"{len(prices)} prices for {len(horizon)} intervals; give one row per interval.")
    missing = prices.isna().any(axis=1)
    if missing.any():
        raise GapInSeries(
            f"{int(missing.sum())} of {len(prices)} prices are missing (first at {prices.index[missing][0]}). "
            "Fill them by name, or plan a shorter horizon.",
            missing=int(missing.sum()),
        )
    fleets = [device for device in devices if isinstance(device, EVFleet)]
    ids = [str(device.id) for device in devices if not isinstance(device, EVFleet)]
    named = pd.Series([*ids, *(str(i) for fleet in fleets for i in fleet.sessions.index)], dtype=object)
    doubled = sorted(set(named[named.duplicated()]))
    if doubled:
        raise OutOfRange(f"Every device and session needs its own id; used twice: {listed(doubled)}.", ids=doubled)
    for device in devices:
        for name in SERIES:
            size = np.size(getattr(device, name, np.zeros(len(horizon))))
            if size != len(horizon) and not (size == 1 and name in MAY_BE_ONE_NUMBER):
                raise OutOfRange(
                    f"{device.id}: {name} has {size} values for {len(horizon)} intervals.",
                    device=device.id,
                    values=size,
                )
