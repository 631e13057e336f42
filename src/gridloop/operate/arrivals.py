"""Arrivals of electric vehicles: a documented model that draws the charging sessions of one day.

Every local day, `n_sessions` cars arrive. Each belongs to one of four patterns. Windows and probabilities are those of
the reference text; the shape inside a window (triangular, earliest / most likely / latest) and the stays are ours:

    pattern           arrives            share   stays, hours (shortest / most likely / longest)
    morning_commute   07:00 08:00 09:00   0.3    4 / 8.5 / 11     at work until the afternoon
    work_day          09:00 09:00 17:00   0.2    1 / 2 / 6        visitors and errands, fewer as the day goes on
    evening_commute   17:00 18:00 19:00   0.4    9 / 13 / 16      at home until the next morning
    overnight         19:00 19:00 07:00   0.1    4 / 9 / 13       late and night arrivals, fewer as the night goes on

An overnight car that is drawn after midnight arrives in the small hours of the same local day: every day has the same
number of arrivals, in the order of its clock.

    battery          40, 58, 77 or 100 kWh with probability 0.25, 0.35, 0.3, 0.1
    state of charge  on arrival triangular 0.1 / 0.4 / 0.7; wanted on departure 0.8, 0.9 or 1.0 with 0.6, 0.2, 0.2
    charger          7.2, 11 or 22 kW with probability 0.3, 0.6, 0.1 (mean 11 kW)
    bus              with probability proportional to its weight

A driver asks for the energy between the two states of charge (`user_energy_mwh`), measured at the plug. A car takes
that, but at most 90 % of what its charger gives in the whole steps of its stay (`energy_mwh`): more would not fit, and
so a plan in steps can always meet it.

The day begins with cars that came on the day before and are still plugged in. Until midnight they charged at full power
from their arrival, as without control; those that were full by then are left out (`still_to_charge`). Stays may end
after the day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.io.ev_sessions import check_sessions, each_to_utc, still_to_charge
from gridloop.series.clock import QUARTER_HOUR, day_start
from gridloop.units import FloatArray, IntArray

FITTING_SHARE = 0.9
Triangle = tuple[float, float, float]


@dataclass(frozen=True)
class Pattern:
    """When cars of one habit come and how long they stay, in hours: earliest, most likely, latest. Clock hours of the
    arrival count from midnight and may exceed 24."""

    name: str
    probability: float
    arrival_h: Triangle
    stay_h: Triangle


PATTERNS = (
    Pattern("morning_commute", 0.3, (7.0, 8.0, 9.0), (4.0, 8.5, 11.0)),
    Pattern("work_day", 0.2, (9.0, 9.0, 17.0), (1.0, 2.0, 6.0)),
    Pattern("evening_commute", 0.4, (17.0, 18.0, 19.0), (9.0, 13.0, 16.0)),
    Pattern("overnight", 0.1, (19.0, 19.0, 31.0), (4.0, 9.0, 13.0)),
)
BATTERY_MWH = ((0.040, 0.25), (0.058, 0.35), (0.077, 0.3), (0.100, 0.1))
MAX_CHARGE_MW = ((0.0072, 0.3), (0.011, 0.6), (0.022, 0.1))
SOC_ARRIVAL: Triangle = (0.1, 0.4, 0.7)
SOC_WANTED = ((0.8, 0.6), (0.9, 0.2), (1.0, 0.2))


def simulate_arrivals(
    day: dt.date,
    zone: str,
    buses: Sequence[str],
    weights: Sequence[float],
    n_sessions: int,
    rng: np.random.Generator,
    *,
    patterns: Sequence[Pattern] = PATTERNS,
    step: pd.Timedelta = QUARTER_HOUR,
) -> pd.DataFrame:
    """Charging sessions of a local day: its `n_sessions` arrivals, and the cars of the day before that still charge.

    buses, weights  where chargers stand, and how many cars come there relative to the others
    rng             the only source of chance: the same generator gives the same sessions
    step            interval of the plans that will serve the sessions

    Returns the table of `gridloop.io.ev_sessions` with battery_mwh, user_energy_mwh, and pattern, soc_arrival and
    soc_wanted (0..1) beside it. Times are whole minutes, in UTC.
    Raises `OutOfRange` for weights that are negative, all zero or not one per bus, and for negative `n_sessions`.
    """
    share = _shares(buses, weights)
    if n_sessions < 0:
        raise OutOfRange(f"EV arrivals: n_sessions is {n_sessions}; it must not be negative.", n_sessions=n_sessions)
    eve = _arrivals(day - dt.timedelta(days=1), zone, buses, share, n_sessions, rng, patterns, step)
    today = _arrivals(day, zone, buses, share, n_sessions, rng, patterns, step)
    sessions = pd.concat([still_to_charge(eve, day_start(day, zone)), today]).sort_values(["arrival", "id"])
    check_sessions(sessions, buses, "EV arrivals")
    return sessions


def _arrivals(
    day: dt.date,
    zone: str,
    buses: Sequence[str],
    share: FloatArray,
    n: int,
    rng: np.random.Generator,
    patterns: Sequence[Pattern],
    step: pd.Timedelta,
) -> pd.DataFrame:
    """The n cars that arrive on a local day, whether or not they stay beyond it."""
    total = sum(pattern.probability for pattern in patterns)
    kind = rng.choice(len(patterns), size=n, p=[pattern.probability / total for pattern in patterns])
    arrival_h, stay_h = (
        _triangular([p.arrival_h for p in patterns], kind, rng),
        _triangular([p.stay_h for p in patterns], kind, rng),
    )
    minute = np.floor(arrival_h * 60.0) % (24 * 60)
    arrival = each_to_utc(pd.DatetimeIndex(pd.Timestamp(day) + pd.to_timedelta(minute, unit="min")), zone)
    departure = arrival + pd.to_timedelta(np.ceil(stay_h * 60.0), unit="min")
    battery = _choice(BATTERY_MWH, n, rng)
    power = _choice(MAX_CHARGE_MW, n, rng)
    soc = rng.triangular(*SOC_ARRIVAL, size=n)
    wanted = _choice(SOC_WANTED, n, rng)
    asked = (wanted - soc) * battery
    whole_h = (departure.floor(step) - arrival.ceil(step)) / pd.Timedelta(hours=1)
    table = pd.DataFrame(
        {
            "bus": np.asarray(buses, dtype=object)[rng.choice(len(buses), size=n, p=share)],
            "arrival": arrival,
            "departure": departure,
            "energy_mwh": np.minimum(asked, FITTING_SHARE * power * whole_h),
            "max_charge_mw": power,
            "battery_mwh": battery,
            "user_energy_mwh": asked,
            "pattern": np.asarray([pattern.name for pattern in patterns], dtype=object)[kind],
            "soc_arrival": soc,
            "soc_wanted": wanted,
        }
    ).sort_values("arrival", kind="stable", ignore_index=True)
    return table.set_axis(pd.Index([f"ev-{day}-{number:04d}" for number in range(1, n + 1)], name="id", dtype=object))


def _shares(buses: Sequence[str], weights: Sequence[float]) -> FloatArray:
    """Weights as probabilities."""
    weight = np.asarray(weights, dtype=float)
    if len(buses) == 0 or weight.shape != (len(buses),):
        raise OutOfRange(
            f"EV arrivals: {len(weights)} weights for {len(buses)} buses; give one per bus, and at least one bus.",
            buses=len(buses),
            weights=len(weights),
        )
    bad = ~(np.isfinite(weight) & (weight >= 0.0))
    if bad.any() or weight.sum() == 0.0:
        which = [bus for bus, wrong in zip(buses, bad, strict=True) if wrong]
        raise OutOfRange(
            f"EV arrivals: {len(which)} weights are negative or no number ({listed(which)}); allowed are 0 and above."
            if which
            else "EV arrivals: all weights are zero; at least one bus must have chargers.",
            buses=which,
        )
    return np.asarray(weight / weight.sum())


def _triangular(triangles: Sequence[Triangle], kind: IntArray, rng: np.random.Generator) -> FloatArray:
    """One draw per car from the triangle of its kind."""
    low, mode, high = np.asarray(triangles, dtype=float)[kind].T
    return np.asarray(rng.triangular(low, mode, high))


def _choice(options: Sequence[tuple[float, float]], n: int, rng: np.random.Generator) -> FloatArray:
    values, probabilities = zip(*options, strict=True)
    return np.asarray(rng.choice(np.asarray(values), size=n, p=probabilities))
