"""Hours in which a building's rooms are used, and the band of comfort that follows from them.

A band holds at the end of an interval. So the interval that ends as the rooms open keeps their band already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import number
from gridloop.errors import BadInput, listed
from gridloop.optimize.devices.building import Zone
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.units import BoolArray, FloatArray

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED = {"closed_min_c": "min_c", "closed_max_c": "max_c"}
HOURS = ("open_from", "open_to", "workdays", *CLOSED)


@dataclass(frozen=True)
class Open:
    """Local hours between which rooms are used on some days of the week. days: 0 is Monday"""

    since: float
    until: float
    days: tuple[int, ...]

    def at(self, times: pd.DatetimeIndex, zone: str) -> BoolArray:
        """Whether they are used then. [time]"""
        local = times.tz_convert(zone)
        hour = np.asarray(local.hour + local.minute / 60.0 + local.second / 3600.0)
        return np.asarray((hour >= self.since) & (hour < self.until) & np.isin(local.dayofweek, self.days))


def opening(given: Mapping[str, Any], where: str) -> Open | None:
    """Hours of use of a table; None where it says none. Raises `BadInput`."""
    if not {"open_from", "open_to", "workdays"} & set(given):
        return None
    since, until = (number(given.get(k, d), f"{where} {k}") for k, d in (("open_from", 0.0), ("open_to", 24.0)))
    if not 0 <= since < until <= 24:
        raise BadInput(
            f"{where} is open from {since:g} to {until:g}; local hours must rise within 0 … 24. Rooms used over "
            'midnight: give occupied = "FILE.csv:column" of 1 and 0.',
            key="open_from",
        )
    days = given.get("workdays", list(DAYS))
    short = [str(day)[:3].lower() for day in days] if isinstance(days, list) else []
    if not short or set(short) - set(DAYS):
        raise BadInput(
            f"{where} workdays is {days!r}; a list of {listed(list(DAYS), most=7)} is needed.", key="workdays"
        )
    return Open(since, until, tuple(sorted({DAYS.index(day) for day in short})))


def comfort(built: Mapping[str, Any], given: Mapping[str, Any], where: str, around: Around) -> dict[str, Any]:
    """`occupied`, `min_c` and `max_c` of a zone. built: what of it was read

    Raises `BadInput` where hours are told twice, or a band for closed hours without any.
    """
    hours, n = opening(given, where), len(around.horizon)
    closed = [key for key in CLOSED if key in given]
    if hours is not None and "occupied" in given:
        raise BadInput(f"{where} gives occupied and open hours; one of them is needed.", key="occupied")
    used: BoolArray = np.broadcast_to(np.asarray(built.get("occupied", True), dtype=bool), (n,))
    kept = used | np.append(used[1:], used[-1])
    if hours is not None:
        used = hours.at(around.horizon.starts, around.zone)
        kept = used | hours.at(around.horizon.ends, around.zone)
    elif closed and np.ndim(built.get("occupied", True)) == 0:
        raise BadInput(
            f"{where} {listed(closed)}: nobody says when it is closed; give open_from and open_to, or occupied.",
            key=closed[0],
        )
    found: dict[str, Any] = {} if hours is None else {"occupied": used}
    for key in closed:
        name = CLOSED[key]
        inside = over_steps(built.get(name, getattr(Zone, name)), n)
        outside: FloatArray = over_steps(around.value(FloatArray | float, given[key], f"{where} {key}"), n)
        found[name] = np.where(kept, inside, outside)
    return found
