"""Why a store cannot keep its band, and the smallest change of each number that would let it."""

from __future__ import annotations

import numpy as np

from gridloop.optimize.devices.given_numbers import clock
from gridloop.optimize.devices.store import IN_BAND, StoreDevice, emptiest, fullest, needed_mw
from gridloop.optimize.horizon import Horizon


def store_problems(device: StoreDevice, horizon: Horizon, least: str, most: str, unit: str) -> list[str]:
    """Sentences for a hard band that cannot be kept.

    least, most  names of the device's own ends of the band; unit of its level
    """
    if device.outside_cost is not None:
        return []
    s = device.steps(horizon.hours)
    # A store that power lowers is turned over: its upper end is the one that power keeps.
    kept_by_power, other = (least, most) if s.sign > 0 else (most, least)
    found = []
    reached = fullest(s, device.max_mw)
    if (short := s.low - reached).max() > IN_BAND:
        step, power = int(np.argmax(short)), needed_mw(s)
        raise_power = f", or max_mw {power:.4g} instead of {device.max_mw:g}" if np.isfinite(power) else ""
        found.append(
            f"even at full power it misses {kept_by_power} by {short[step]:.3g} {unit} at "
            f"{clock(horizon.ends[step])}. It would take {kept_by_power} {s.sign * reached[step]:.4g}{raise_power}, "
            "or an outside_cost for time outside the band"
        )
    left = emptiest(s)
    if (over := left - s.high).max() > IN_BAND:
        step = int(np.argmax(over))
        found.append(
            f"even without power it passes {other} by {over[step]:.3g} {unit} at {clock(horizon.ends[step])}. It would "
            f"take {other} {s.sign * left[step]:.4g}, or an outside_cost for time outside the band"
        )
    return found
