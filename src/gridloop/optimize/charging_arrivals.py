"""Arrivals: vehicles that come to charging stations on a day, drawn from patterns of the clock.

What is drawn, in this order, all from one seed:

    window      one of the patterns, with its probability
    arrival     uniform within the window, on the clock of the zone. A window that crosses midnight is that of the day
                itself: its hours after midnight are those at the day's beginning
    stay        log-normal with the pattern's median `stay_h` and a spread of `STAY_SPREAD`, 30 minutes to 24 hours
    vehicle     one of `VEHICLES`: battery and charging power; the plug gives no more than its port
    soc_arrival uniform 0.35 … 0.85
    soc_desired uniform 0.75 … 0.95, at least soc_arrival, and no more than fits into the stay at full power; sessions
                then take 16 kWh on average, as at the plugs of offices and public places
    v2g         with probability `v2g_share`
    station     one that has a free port for the whole stay, each port as probable as any other; a vehicle that finds
                none drives on and another comes instead, so that crowded hours get fewer than their share
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.units import FloatArray, IntArray

STATION_COLUMNS = ("num_ports", "power_per_port_kw")
COLUMNS = (
    "bus", "station", "port", "pattern", "arrival", "departure", "energy_mwh", "max_charge_mw", "capacity_mwh",
    "soc_arrival", "soc_desired", "charge_efficiency", "v2g", "max_discharge_mw",
)  # fmt: skip
# Battery [kWh], most charging power [kW] and share among the vehicles: a mix of small, middle and large cars.
VEHICLES = ((40.0, 6.6, 0.25), (58.0, 7.2, 0.30), (75.0, 11.0, 0.30), (95.0, 11.0, 0.15))
SOC_ARRIVAL, SOC_DESIRED = (0.35, 0.85), (0.75, 0.95)
STAY_SPREAD = 0.35
STAY_H, NIGHT_STAY_H = 4.0, 9.0
SHORTEST_H, LONGEST_H = 0.5, 24.0
CHARGE_EFFICIENCY = 0.95
# So many vehicles per session that is wanted may drive on before the stations are called too few.
TRIES = 50


def simulate_arrivals(
    stations: Sequence[Mapping[str, Any]] | pd.DataFrame,
    date: str | dt.date,
    arrival_patterns: Mapping[str, Mapping[str, Any]],
    n_sessions: int,
    seed: int,
    *,
    zone: str = "UTC",
    v2g_share: float = 0.15,
) -> pd.DataFrame:
    """Charging sessions of a day, ready for `gl.EVFleet` and `gl.charge_fleet`; the same for the same seed.

    stations   station_id (or the index of a table), num_ports, power_per_port_kw; optional location, the bus. A power
               of the whole station is not looked at: it is a limit of the plan
    date       local day of the zone on which they arrive
    arrival_patterns  name → time "HH:MM-HH:MM", probability (together 1) and optional stay_h, median hours of a stay:
               4 unless given, 9 where the window crosses midnight
    n_sessions how many there are in the end

    Returns an index session, sorted by arrival, with the columns `COLUMNS`: shares for states of charge, MWh and MW,
    times in UTC. energy_mwh is taken at the plug, with a charge efficiency of 0.95. Two sessions never share a port.

    Raises `MissingColumn` and `OutOfRange`, also where the ports cannot hold so many.
    """
    plugs = _plugs(stations)
    patterns = _windows(arrival_patterns)
    if n_sessions < 0:
        raise OutOfRange(f"n_sessions is {n_sessions}; it must not be negative.", n_sessions=n_sessions)
    if not 0.0 <= v2g_share <= 1.0:
        raise OutOfRange(f"v2g_share is {v2g_share}; it must be 0 … 1.", v2g_share=v2g_share)
    rng = np.random.default_rng(seed)
    midnight = pd.Timestamp(date).tz_localize(None).normalize()
    rows: list[tuple[Any, ...]] = []
    stays = np.zeros((n_sessions, 3), dtype=np.int64)  # port, arrival, departure
    tries = 0
    while len(rows) < n_sessions:
        tries += 1
        if tries > TRIES * n_sessions:
            raise OutOfRange(
                f"Only {len(rows)} of {n_sessions} sessions found a free port among {len(plugs)}; after {tries - 1} "
                "vehicles the search ended. Ask for fewer sessions, shorter stays or more ports.",
                placed=len(rows),
                ports=len(plugs),
            )
        row = _vehicle(rng, patterns, midnight, zone, v2g_share)
        free = _free_ports(stays[: len(rows)], len(plugs), row[1], row[2])
        if free.size:
            port = int(free[rng.integers(free.size)])
            stays[len(rows)] = port, row[1], row[2]
            rows.append((port, *row))
    return _table(rows, plugs)


def _vehicle(rng: np.random.Generator, patterns: list[tuple[str, int, int, float, float]], midnight: pd.Timestamp,
             zone: str, v2g_share: float) -> tuple[Any, ...]:  # fmt: skip
    """One vehicle: pattern, arrival and departure [ns], battery [kWh], its power [kW], shares, v2g."""
    which = int(rng.choice(len(patterns), p=[pattern[4] for pattern in patterns]))
    name, begin, minutes, stay_h, _ = patterns[which]
    minute = (begin + int(rng.integers(minutes))) % (24 * 60)
    hours = float(np.clip(stay_h * np.exp(STAY_SPREAD * rng.standard_normal()), SHORTEST_H, LONGEST_H))
    kind = int(rng.choice(len(VEHICLES), p=[vehicle[2] for vehicle in VEHICLES]))
    kwh, kw, _ = VEHICLES[kind]
    soc, wish = float(rng.uniform(*SOC_ARRIVAL)), float(rng.uniform(*SOC_DESIRED))
    v2g = bool(rng.random() < v2g_share)
    clock = midnight + pd.Timedelta(minutes=minute)
    # where the clock jumps: of an hour that comes twice the first one, a skipped time becomes its end
    arrival = clock.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC").as_unit("ns")
    departure = arrival + pd.Timedelta(minutes=round(60.0 * hours))
    return name, arrival.value, departure.value, kwh, kw, soc, wish, v2g


def _free_ports(stays: IntArray, ports: int, come: int, gone: int) -> IntArray:
    """Ports that are free from coming to going. stays [session, 3]"""
    busy = stays[(stays[:, 1] < gone) & (stays[:, 2] > come), 0]
    return np.flatnonzero(np.bincount(busy, minlength=ports) == 0)


def _table(rows: list[tuple[Any, ...]], plugs: pd.DataFrame) -> pd.DataFrame:
    """The sessions as they are given out, named in order of arrival."""
    rows = sorted(rows, key=lambda row: (row[2], row[0]))
    port: IntArray = np.array([row[0] for row in rows], dtype=np.int64)
    kwh, kw, soc, wish = (np.array([row[k] for row in rows], dtype=float) for k in range(4, 8))
    at = plugs.iloc[port]
    power = np.minimum(kw, at["power_per_port_kw"].to_numpy(dtype=float)) / 1000.0
    capacity: FloatArray = kwh / 1000.0
    hours = np.array([(row[3] - row[2]) / 3.6e12 for row in rows])
    desired = np.clip(np.minimum(wish, soc + power * hours * CHARGE_EFFICIENCY / capacity), soc, 1.0)
    v2g = np.array([row[8] for row in rows], dtype=bool)
    times = {name: pd.to_datetime([row[k] for row in rows], utc=True).as_unit("ns") for name, k in
             (("arrival", 2), ("departure", 3))}  # fmt: skip
    return pd.DataFrame(
        {
            "bus": at["location"].to_numpy(),
            "station": at["station_id"].to_numpy(),
            "port": at["port"].to_numpy(),
            "pattern": [row[1] for row in rows],
            **times,
            # no more than the stay allows, also after rounding
            "energy_mwh": np.minimum((desired - soc) * capacity / CHARGE_EFFICIENCY, power * hours),
            "max_charge_mw": power,
            "capacity_mwh": capacity,
            "soc_arrival": soc,
            "soc_desired": desired,
            "charge_efficiency": CHARGE_EFFICIENCY,
            "v2g": v2g,
            "max_discharge_mw": np.where(v2g, power, 0.0),
        },
        index=pd.Index([f"EV_{k:04d}" for k in range(len(rows))], name="session", dtype=object),
        columns=list(COLUMNS),
    )


def _plugs(stations: Sequence[Mapping[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """One row per port: station_id, location, port, power_per_port_kw."""
    table = stations.reset_index() if isinstance(stations, pd.DataFrame) else pd.DataFrame(list(stations))
    if "station_id" not in table and "index" in table:
        table = table.rename(columns={"index": "station_id"})
    missing = [name for name in ("station_id", *STATION_COLUMNS) if name not in table.columns]
    if missing:
        raise MissingColumn(f"The stations lack {listed(missing)}.", missing=missing)
    doubled = [str(name) for name in table["station_id"][table["station_id"].duplicated()]]
    if doubled:
        raise OutOfRange(f"Every station needs its own station_id; used twice: {listed(doubled)}.", ids=doubled)
    for name in STATION_COLUMNS:
        wrong = [str(i) for i in table["station_id"][~(table[name].astype(float) > 0)]]
        if wrong:
            raise OutOfRange(f"{name} must be positive; it is not at {len(wrong)} stations ({listed(wrong)}).")
    table = table.assign(location=table["location"] if "location" in table else table["station_id"])
    counts = table["num_ports"].astype(int).to_numpy()
    plugs = table.loc[table.index.repeat(counts), ["station_id", "location", "power_per_port_kw"]].reset_index(
        drop=True
    )
    return plugs.assign(port=np.concatenate([np.arange(count) for count in counts]) if len(counts) else [])


def _windows(patterns: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, int, int, float, float]]:
    """Name, first minute of the day, length in minutes, median stay in hours, probability."""
    found = []
    for name, pattern in patterns.items():
        try:
            begin, end = (_minute(text) for text in str(pattern["time"]).split("-"))
            share = float(pattern["probability"])
        except (KeyError, ValueError) as error:
            raise OutOfRange(
                f"Arrival pattern {name}: needs time as HH:MM-HH:MM and a probability; it is {dict(pattern)}.",
                pattern=name,
            ) from error
        over_night = end <= begin
        stay_h = float(pattern.get("stay_h", NIGHT_STAY_H if over_night else STAY_H))
        if not share >= 0.0 or not stay_h > 0.0:
            raise OutOfRange(f"Arrival pattern {name}: probability {share} and stay_h {stay_h} must be positive.")
        found.append((name, begin, end - begin + (24 * 60 if over_night else 0), stay_h, share))
    whole = sum(pattern[4] for pattern in found)
    if not abs(whole - 1.0) < 1e-6:  # shares are written with a few digits
        raise OutOfRange(f"The probabilities of the arrival patterns add up to {whole:g}; they must to 1.", sum=whole)
    return [(*pattern[:4], pattern[4] / whole) for pattern in found]


def _minute(text: str) -> int:
    hour, minute = (int(part) for part in text.strip().split(":"))
    if not (0 <= hour <= 24 and 0 <= minute < 60 and hour * 60 + minute <= 24 * 60):
        raise ValueError(text)
    return hour * 60 + minute
