"""Site: the one seam between the loop and the world, be it simulated, replayed or live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from gridloop.operate.link import LinkStatus
from gridloop.units import FloatArray

# What describes a battery, in the network's table of storage: the plan and the site read the same.
BATTERY_COLUMNS = (
    "capacity_mwh",
    "max_charge_mw",
    "max_discharge_mw",
    "charge_efficiency",
    "discharge_efficiency",
    "min_soc",
    "max_soc",
    "self_discharge_per_day",
)


@dataclass(frozen=True)
class Setpoints:
    """What devices are told for one interval, by device id. A device not named follows its own habit:
    a battery idles, a vehicle charges at full power, a generator gives what it has at unity power factor,
    a load is served, a tap stays.

    battery_mw        charging positive
    ev_mw             by session
    generator_max_mw  most it may inject
    generator_q_mvar  injected
    unserved_mw       load that is shed
    tap_pos           by transformer
    form_hz, form_v_pu  what a grid-forming source holds while the connection is open
    pick_up           by what is switched on to come back from black, the grid-former first: hours into the interval
    close_tie         by connection: above zero its breaker may close, within its window; zero keeps it open
    """

    battery_mw: Mapping[str, float] = field(default_factory=dict)
    ev_mw: Mapping[str, float] = field(default_factory=dict)
    generator_max_mw: Mapping[str, float] = field(default_factory=dict)
    generator_q_mvar: Mapping[str, float] = field(default_factory=dict)
    unserved_mw: Mapping[str, float] = field(default_factory=dict)
    tap_pos: Mapping[str, int] = field(default_factory=dict)
    form_hz: Mapping[str, float] = field(default_factory=dict)
    form_v_pu: Mapping[str, float] = field(default_factory=dict)
    close_tie: Mapping[str, float] = field(default_factory=dict)
    pick_up: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """What devices say of themselves when asked, at one moment.

    soc       by battery, 0 … 1
    tap_pos   by transformer
    sessions  vehicles plugged in: bus, arrival, departure (as the driver said), energy_mwh left, max_charge_mw
    link      what the breaker of the connection says; None where nobody asks it
    """

    at: pd.Timestamp
    soc: Mapping[str, float]
    tap_pos: Mapping[str, int]
    sessions: pd.DataFrame
    link: LinkStatus | None = None


@dataclass(frozen=True)
class Interval:
    """What really happened in one interval: sums in MW, and the AC state of the network.

    element_p_mw   load consumption or generator injection by element id, element_q_mvar of loads
    v_pu           by bus; loading_pct by branch (lines, then transformers)
    island, events   of a site whose connection may open: id, quantity and value; kind, subject and text
    """

    at: pd.Timestamp
    hours: float
    totals: Mapping[str, float]
    load_mw: FloatArray
    load_mvar: FloatArray
    generation_mw: FloatArray
    v_pu: FloatArray
    loading_pct: FloatArray
    branch_p_mw: FloatArray
    converged: bool
    island: tuple[tuple[str, str, float], ...] = ()
    events: tuple[tuple[str, str, str], ...] = ()


class Site(Protocol):
    """A grid that can be asked and told."""

    def status(self, at: pd.Timestamp) -> Status:
        """What devices say now."""

    def readings(self, at: pd.Timestamp) -> pd.DataFrame:
        """Readings that became known since the last call: point, valid_at, known_at, value, quality."""

    def apply(self, setpoints: Setpoints, at: pd.Timestamp) -> Interval:
        """Carry out set-points for the interval that begins at `at`."""


def empty_sessions() -> pd.DataFrame:
    """A table of no sessions."""
    columns = {
        "bus": np.array([], dtype=object),
        "arrival": pd.DatetimeIndex([], tz="UTC"),
        "departure": pd.DatetimeIndex([], tz="UTC"),
        "energy_mwh": np.array([], dtype=float),
        "max_charge_mw": np.array([], dtype=float),
    }
    return pd.DataFrame(columns, index=pd.Index([], name="id", dtype=object))
