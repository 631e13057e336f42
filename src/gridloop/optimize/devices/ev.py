"""Electric vehicles: sessions that must have their energy when they leave.

A vehicle that is plugged in for a part of an interval may charge during that part only. The plan's powers are means
over intervals, so that its bound there is its power times the share of the interval it is present: the energy is
right, and whoever sends the set-point spreads it over the time the vehicle is there.

Sessions and stations are described here; `ev_group.py` makes them a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.optimize.devices.ev_sessions import energy_at_plug, giving_power, numbers, words

COLUMNS = ("bus", "arrival", "departure", "energy_mwh", "max_charge_mw")
BY_SOC = ("capacity_mwh", "soc_arrival", "soc_desired")
SHARES = ("soc_arrival", "soc_desired", "min_soc")
EFFICIENCIES = ("charge_efficiency", "discharge_efficiency")


@dataclass(frozen=True)
class EVFleet:
    """Vehicles that are plugged in, or known to come.

    sessions  index session; columns bus, arrival, departure (UTC), energy_mwh still to charge, measured at the plug,
              and max_charge_mw. Further columns, each may be left out or empty (NaN):

              capacity_mwh, soc_arrival   size of the battery, and its state at arrival (now, if it is here already)
              soc_desired                 state at departure; stands for energy_mwh where that is missing
              min_soc                     reserve: never given away, and a car that comes with less gets it first, as
                                          far as that is worth 100 money per MWh and hour
              v2g, max_discharge_mw       whether it may give energy back, and how fast (else as fast as it charges)
              given_mwh                   what it has given out of its battery in this stay already
              charge_efficiency, discharge_efficiency   between plug and battery; 1 where not told
              priority                    who has more is served first where not all can be
              station                     where it is plugged in: a row of `stations`
    value_of_lost_charge  money per MWh that a driver of the lowest priority leaves without; it grows by equal steps
                          with the priority, and stays below twice that
    early_cost            money per MWh and hour of waiting: breaks ties towards charging early
    stations              index station; columns ports (how many cars can be plugged in: first come, first served, until
                          they leave) and limit_mw (what all its cars take, or give, together); either may be left out
    limit_mw              what all cars of the fleet take, or give, together
    discharge_price_threshold  money per MWh: a car gives only in intervals whose price to import is at least that
    max_discharge_share   how much of its battery a car gives in a stay, as a share of the capacity
    degradation_cost      money per MWh given, for the wear of the battery
    fair_steps            1: who leaves short is whoever costs least. More: the price of a shortfall grows over so many
                          equal parts of a session's need, so that sessions of one priority which compete for the same
                          power leave with the same share of their needs, to within 1 / fair_steps
    """

    sessions: pd.DataFrame
    value_of_lost_charge: float = 5_000.0
    early_cost: float = 0.01
    id: str = "ev"
    stations: pd.DataFrame | None = None
    limit_mw: float = float("inf")
    discharge_price_threshold: float = 0.0
    max_discharge_share: float = 0.2
    degradation_cost: float = 0.5
    fair_steps: int = 1

    def __post_init__(self) -> None:
        self._check_numbers()
        table = self.sessions
        by_soc = all(name in table.columns for name in BY_SOC)
        missing = [name for name in COLUMNS if name not in table.columns and not (name == "energy_mwh" and by_soc)]
        if missing:
            raise MissingColumn(
                f"EV sessions of {self.id} lack {listed(missing)}; needed are {', '.join(COLUMNS)}.", missing=missing
            )
        if len(table) == 0:
            return
        for name in ("arrival", "departure"):
            if pd.DatetimeIndex(table[name]).tz is None:
                raise OutOfRange(f"EV sessions of {self.id}: {name} has no time zone; give UTC (convention 4).")
        late = ~(table["departure"] > table["arrival"])
        self._refuse("leave before they arrive", late, _latest(table[late]) if late.any() else "")
        energy = pd.Series(energy_at_plug(table), index=table.index)
        self._refuse("have energy_mwh negative or missing", ~(energy >= 0), f"tell it, or {listed(list(BY_SOC))}")
        self._refuse("have max_charge_mw negative or missing", ~(table["max_charge_mw"].astype(float) >= 0))
        self._check_optional(table)

    def _check_numbers(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("value_of_lost_charge", "early_cost", "limit_mw", "degradation_cost")
            if not getattr(self, name) >= 0
        ]
        if not 0 <= self.max_discharge_share <= 1:
            problems.append(f"max_discharge_share is {self.max_discharge_share}; allowed is a share of 0 … 1")
        if not np.isfinite(self.discharge_price_threshold):
            problems.append(f"discharge_price_threshold is {self.discharge_price_threshold}; give a price")
        if not (self.fair_steps == int(self.fair_steps) and 1 <= self.fair_steps <= 1000):
            problems.append(f"fair_steps is {self.fair_steps}; allowed are whole numbers from 1 to 1000")
        if self.stations is not None:
            problems += _station_problems(self.stations)
        if problems:
            raise OutOfRange(f"EV fleet {self.id}: {'; '.join(problems)}.", device=self.id, problems=problems)

    def _check_optional(self, table: pd.DataFrame) -> None:
        """Further columns: shares, sizes, and what a car that gives must tell. An empty cell tells nothing."""

        def among(name: str) -> pd.Series:
            return pd.Series(numbers(table, name), index=table.index)

        for name in (name for name in SHARES if name in table):
            self._refuse(f"have {name} outside 0 … 1", (among(name) < 0) | (among(name) > 1))
        for name in (name for name in EFFICIENCIES if name in table):
            self._refuse(f"have {name} outside 0 … 1, or zero", (among(name) <= 0) | (among(name) > 1))
        for name in (name for name in ("capacity_mwh", "max_discharge_mw", "given_mwh") if name in table):
            self._refuse(f"have {name} negative", among(name) < 0)
        blind = among("capacity_mwh").isna() | among("soc_arrival").isna()
        gives = pd.Series(giving_power(table) > 0, index=table.index)
        unknown = "may give energy back, but their battery is not known"
        self._refuse(unknown, gives & blind, "tell capacity_mwh and soc_arrival")
        if self.stations is not None:
            known = {"", *(str(name) for name in self.stations.index)}
            lost = pd.Series([name not in known for name in words(table, "station")], index=table.index)
            self._refuse("are at a station that the table of stations does not have", lost)

    def _refuse(self, what: str, wrong: pd.Series[bool], advice: str = "") -> None:
        ids = [str(i) for i in self.sessions.index[wrong]]
        if ids:
            more = f"; {advice}" if advice else ""
            raise OutOfRange(f"{len(ids)} EV sessions of {self.id} {what} ({listed(ids)}){more}.", sessions=ids)

    @property
    def ports(self) -> Mapping[str, int]:
        """How many cars can be plugged in, by station; without those where that is not said."""
        if self.stations is None or "ports" not in self.stations:
            return {}
        return {str(name): int(count) for name, count in self.stations["ports"].items() if np.isfinite(count)}


def _latest(wrong: pd.DataFrame) -> str:
    """The smallest change that mends a departure before the arrival, of the worst session."""
    gap = wrong["arrival"] - wrong["departure"]
    if gap.isna().any():
        return "a time is missing: fill it by name"
    worst = gap.idxmax()
    return f"{worst} would have to leave {gap.max() / pd.Timedelta(minutes=1):.4g} minutes later, or are times swapped"


def _station_problems(stations: pd.DataFrame) -> list[str]:
    problems = []
    doubled = stations.index[stations.index.duplicated()]
    if len(doubled):
        problems.append(f"{len(doubled)} stations stand twice ({listed([str(name) for name in doubled])})")
    for name in (name for name in ("ports", "limit_mw") if name in stations):
        values = pd.to_numeric(stations[name], errors="coerce").to_numpy(dtype=float)
        wrong = values < 0
        if name == "ports":
            wrong |= np.isfinite(values) & (values != np.round(values))
        if wrong.any():
            ids = [str(i) for i in stations.index[wrong]]
            allowed = "whole numbers from 0" if name == "ports" else "MW from 0"
            problems.append(f"{len(ids)} stations have {name} that cannot be ({listed(ids)}); allowed are {allowed}")
    return problems
