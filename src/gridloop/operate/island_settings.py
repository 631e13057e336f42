"""The `[island]` section of a site: when its connection opens without a word, and what then holds the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.units import FloatArray

RANKS = ("priority", "important", "other")
"""Classes of load, by rank: the last one goes first."""
WORTH = (1.0, 0.5, 0.25)
"""What a MWh of each is worth in an island, as a share of the site's value of lost load."""
SAME_H = 1e-9
"""Hours that count as none."""
FIRST_STAGE_HZ, STAGE_HZ = 49.0, 0.2
"""Under-frequency relays shed the last rank at the first stage, and one more every 0.2 Hz below (ENTSO-E's range)."""
OVER_HZ = 50.2
PLANTS_BACK_H = 300.0 / 3600.0
"""Plants come back after so long a healthy voltage (IEEE Std 1547-2018, "enter service")."""
LAST_HZ = (47.5, 51.5)
"""Beyond these the source itself trips (ENTSO-E's range for generators): the island is dark."""


@dataclass(frozen=True)
class IslandSettings:
    """A drill in which the grid above is lost, and the source that forms the grid behind the open connection.

    start_h, hours  from the local midnight of the day; nobody is told before
    former          battery whose inverter forms the grid; "" takes the one of the highest power
    priority, important  loads of the first two classes: patterns of their ids with commas between, "MV2.101 Load 1*"
    survive_h       while connected, energy is kept to live so long as an island with priority loads; 0 keeps none.
                    In an island it is how much longer it is thought to last at least
    expect_h        how much longer an island is thought to last, where survive_h is 0
    headroom_pct    share of the former's power that plans leave free in both directions
    floor_pct       share of the former's energy, above its own lowest, that no load is served from: who is not
                    priority goes first, then everybody; it is what a start from black needs
    cold_factor, cold_decay_h  what a load takes when it comes back from black, over what it took before, and the time
                    constant of the excess
    pick_up_s       time between two switchings of a black start
    inertia_s, droop_pct, response_s  its equivalent machine (`gridloop.optimize.microgrid.machine`)
    over_pct_per_hz power that plants give up per Hz above 50.2 Hz, of what they give
    grid_hz         frequency of the grid when it is back
    healthy_s       how long it must be back before the breaker may close
    """

    start_h: float = 17.0
    hours: float = 4.0
    former: str = ""
    priority: str = ""
    important: str = ""
    survive_h: float = 0.0
    expect_h: float = 4.0
    headroom_pct: float = 10.0
    floor_pct: float = 5.0
    cold_factor: float = 2.0
    cold_decay_h: float = 0.5
    pick_up_s: float = 30.0
    inertia_s: float = 2.0
    droop_pct: float = 2.0
    response_s: float = 0.05
    over_pct_per_hz: float = 100.0
    grid_hz: float = 50.02
    healthy_s: float = 300.0

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must be above zero"
            for name in ("expect_h", "inertia_s", "droop_pct", "over_pct_per_hz", "cold_decay_h", "pick_up_s")
            if not 0 < getattr(self, name) < math.inf
        ]
        problems += [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("hours", "survive_h", "response_s", "healthy_s")
            if not 0 <= getattr(self, name) < math.inf
        ]
        problems += [
            f"{name} is {getattr(self, name)}; allowed is 0 … below 100"
            for name in ("headroom_pct", "floor_pct")
            if not 0 <= getattr(self, name) < 100
        ]
        if not 1 <= self.cold_factor < math.inf:
            problems.append(f"cold_factor is {self.cold_factor}; it must be 1 or more")
        if problems:
            raise OutOfRange(f"[island] {'; '.join(problems)}.", problems=problems)

    def ranks(self, loads: Sequence[str]) -> dict[str, int]:
        """Class of every load: 0 priority, 1 important, 2 other. Raises `OutOfRange` where a pattern fits none."""
        found = dict.fromkeys(loads, 2)
        for rank, text in ((1, self.important), (0, self.priority)):
            for pattern in (part.strip() for part in text.split(",") if part.strip()):
                mine = [i for i in loads if fnmatchcase(i, pattern)]
                if not mine:
                    raise OutOfRange(
                        f"[island] {RANKS[rank]} {pattern!r} fits none of {len(loads)} loads, such as "
                        f"{listed(list(loads))}.",
                        pattern=pattern,
                    )
                found |= dict.fromkeys(mine, rank)
        return found

    def former_of(self, storage: pd.DataFrame) -> str:
        """The battery that forms the grid. Raises `OutOfRange` for an island without one."""
        on = storage[storage["in_service"].astype(bool) & (storage["max_discharge_mw"] > 0)]
        if self.former and self.former in on.index:
            return self.former
        if self.former or on.empty:
            said = f"former {self.former!r} is none of its batteries" if self.former else "it has no battery"
            may = f" ({listed([str(i) for i in on.index])})" if len(on) else ""
            raise OutOfRange(
                f"[island] {said}{may}: an island without a grid-forming source. Name a battery in service that can "
                "discharge, or add one to the network's table of storage.",
                former=self.former,
            )
        return str(on["max_discharge_mw"].idxmax())

    def source(self, storage: pd.DataFrame) -> GridFormer:
        """The grid-forming source as `gridloop.optimize.microgrid` takes it: what it may use ends at its floor."""
        name = self.former_of(storage)
        row = {str(k): v for k, v in storage.loc[name].to_dict().items()}
        give, take = float(row["max_discharge_mw"]), float(row["max_charge_mw"])
        rated = float(row.get("s_rated_mva", float("nan")))
        low, high = float(row["min_soc"]), float(row["max_soc"])
        floor = self.floor(low, high)
        return GridFormer(
            max(give, take) if math.isnan(rated) else max(rated, give, take), give, take, float(row["capacity_mwh"]),
            float(row["charge_efficiency"]), float(row["discharge_efficiency"]), floor, high,
            self.headroom_pct / 100.0 * give, self.inertia_s, self.droop_pct / 100.0,
            self.response_s, id=name, bus=str(row["bus"]),
        )  # fmt: skip

    def over_warm(self, on_h: FloatArray, hours: FloatArray | float) -> FloatArray:
        """What circuits that came back so long ago take over what they took before it was dark: the mean of the hours
        that follow, of any shape; at once where there are none. Infinite on_h: never dark."""
        begin, end = (np.exp(-t / self.cold_decay_h) for t in (on_h, on_h + hours))
        share = np.divide(
            (begin - end) * self.cold_decay_h, hours, out=np.array(begin), where=np.asarray(hours) > SAME_H
        )
        return np.asarray(1.0 + (self.cold_factor - 1.0) * share)

    def floor(self, min_soc: float, max_soc: float) -> float:
        """State of charge below which the grid-former serves nobody, of a battery with this band."""
        return min_soc + self.floor_pct / 100.0 * (max_soc - min_soc)
