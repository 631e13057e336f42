"""HostingCapacity: how far adoption may go before too many of its cases break a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridloop.errors import OutOfRange
from gridloop.powerflow.study.levels import Levels
from gridloop.powerflow.study.reducers.base import State
from gridloop.powerflow.study.reducers.limits import Limits, broken, start_counts
from gridloop.powerflow.study.solver import Chunk, Grid
from gridloop.units import FloatArray, IntArray

# Two-sided 95 % of a normal distribution.
_Z = 1.959963984540054


@dataclass(frozen=True, eq=False)
class HostingCapacity(Limits):
    """Per level of adoption: the share of cases that keep all limits, and the level that a risk allows.

    levels         which scenario belongs to which case and level; `Adoption(...).levels`
    risk           share of a level's cases that may break a limit
    hours_allowed  hours in which a case may break a limit and still counts as hosted
    low_pu, high_pu, loading_pct   as of `Violations`

    A scenario that did not converge breaks a limit: what has no solution is not hosted. Only cases of which all hours
    were seen count.
    """

    levels: Levels
    risk: float = 0.05
    hours_allowed: int = 0
    low_pu: Any = None
    high_pu: Any = None
    loading_pct: Any = None

    @property
    def name(self) -> str:
        return "hosting_capacity"

    def start(self, grid: Grid) -> State:
        if not 0 <= self.risk < 1 or self.hours_allowed < 0:
            raise OutOfRange(f"risk {self.risk} must be 0 … 1 and hours_allowed {self.hours_allowed} 0 or more.")
        cases = self.levels.cases
        return self.start_limits(grid) | {"broken": np.zeros(cases, np.int32), "seen": np.zeros(cases, np.int32)}

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        count = chunk.status.size
        case = (first + np.arange(count)) // self.levels.hours
        if case[-1] >= self.levels.cases:
            raise OutOfRange(
                f"Scenario {first + count - 1} is beyond the {self.levels.cases} cases × {self.levels.hours} hours of "
                "the levels: let the study have fewer scenarios, or the levels more cases."
            )
        bad = np.ones(count, bool)
        bad[chunk.lanes] = broken(state, chunk, start_counts(state))
        low, cases = int(case[0]), int(case[-1] - case[0]) + 1
        state["seen"][low : low + cases] += np.bincount(case - low).astype(np.int32)
        state["broken"][low : low + cases] += np.bincount(case[bad] - low, minlength=cases).astype(np.int32)

    def result(self, state: State, grid: Grid) -> xr.Dataset:
        """Per level: `cases` seen whole, `violating` share of them and its 95 % interval, `violating_scenarios` share.

        `capacity_…` are the columns of the levels at the highest level up to which `violating` stays within the risk;
        NaN where even the first does not, or where a level below has no case yet.
        """
        levels, table = self.levels.level_of_case(), self.levels.table
        whole = state["seen"] == self.levels.hours
        bad = whole & (state["broken"] > self.hours_allowed)
        n = len(table)
        cases, bad_cases = np.bincount(levels[whole], minlength=n), np.bincount(levels[bad], minlength=n)
        seen = np.bincount(levels, weights=state["seen"], minlength=n)
        broken = np.bincount(levels, weights=state["broken"], minlength=n)
        with np.errstate(invalid="ignore"):
            share = bad_cases / cases
            of_scenarios = broken / seen
        low, high = wilson(bad_cases, cases)
        kept = np.flatnonzero(~np.logical_and.accumulate(share <= self.risk))
        last = (int(kept[0]) if kept.size else n) - 1
        capacity = {f"capacity_{c}": float(table[c].iloc[last]) if last >= 0 else np.nan for c in table.columns}
        return xr.Dataset(
            {
                "cases": (("level",), cases),
                "violating": (("level",), share),
                "violating_low": (("level",), low),
                "violating_high": (("level",), high),
                "violating_scenarios": (("level",), of_scenarios),
                **capacity,
            },
            coords={"level": np.arange(n), **{c: (("level",), table[c].to_numpy()) for c in table.columns}},
            attrs={"risk": self.risk, "hours_allowed": self.hours_allowed},
        )


def wilson(bad: IntArray, of: IntArray) -> tuple[FloatArray, FloatArray]:
    """Score interval of a share, 95 %; NaN of nothing. Source: Wilson, J. Am. Stat. Assoc. 22 (1927)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share, zz = bad / of, _Z**2 / of
        middle, half = share + zz / 2, _Z * np.sqrt(share * (1 - share) / of + (zz / _Z) ** 2 / 4)
        return np.maximum((middle - half) / (1 + zz), 0.0), np.minimum((middle + half) / (1 + zz), 1.0)
