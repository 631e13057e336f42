"""Questions the report asks of a run: which limits broke and how long, when it was worst, what gave way, what moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.tables import BASELINE, CONTROLLED, RunTables
from gridloop.powerflow.violations import LOADING_TOLERANCE_PCT, V_TOLERANCE_PU


@dataclass(frozen=True)
class Breaches:
    """Where and how long one run was outside the limits.

    buses, branches       ids that were outside at least once
    voltage_h, loading_h  hours with at least one bus / branch outside [h]
    """

    buses: tuple[str, ...]
    branches: tuple[str, ...]
    voltage_h: float
    loading_h: float

    @property
    def none(self) -> bool:
        return not self.buses and not self.branches


@dataclass(frozen=True)
class Extreme:
    """One value that stands out: where, when and how much."""

    id: str
    at: pd.Timestamp
    value: float


def hours_of(tables: RunTables, run: str) -> pd.Series:
    """Length of each interval of a run, by its start. [h]"""
    ticks = tables.ticks_of[run]
    return pd.Series(ticks["hours"].to_numpy(float), index=pd.DatetimeIndex(ticks["valid_at"]))


def breaches(tables: RunTables, run: str, skip: int = 0) -> Breaches:
    """Every breach of a voltage band or rating in the stored flows of a run, but for its first `skip` ticks."""
    voltage = _outside(tables, run).iloc[skip:]
    limit = RunInfo.read(tables.run).loading_limit_pct
    overload = tables.loadings.get(run, pd.DataFrame()).iloc[skip:] > limit + LOADING_TOLERANCE_PCT
    hours = hours_of(tables, run) if run in tables.runs else pd.Series(dtype=float)

    def lasting(where: pd.DataFrame) -> float:
        times = where.index[where.any(axis=1)] if len(where) else where.index
        return float(hours.reindex(times).sum())

    return Breaches(
        buses=tuple(str(c) for c in voltage.columns[voltage.any()]) if len(voltage) else (),
        branches=tuple(str(c) for c in overload.columns[overload.any()]) if len(overload) else (),
        voltage_h=lasting(voltage),
        loading_h=lasting(overload),
    )


def _outside(tables: RunTables, run: str) -> pd.DataFrame:
    """valid_at × bus: is the voltage outside the bus's own band?"""
    volts = tables.voltages.get(run)
    if volts is None:
        return pd.DataFrame()
    low = tables.bus["v_min_pu"].reindex(volts.columns)
    high = tables.bus["v_max_pu"].reindex(volts.columns)
    return volts.lt(low - V_TOLERANCE_PU, axis=1) | volts.gt(high + V_TOLERANCE_PU, axis=1)


def band_use(tables: RunTables, run: str) -> pd.DataFrame:
    """valid_at × bus: distance from the middle of the bus's band, 1 at its edge."""
    volts = tables.voltages.get(run)
    if volts is None:
        return pd.DataFrame()
    low = tables.bus["v_min_pu"].reindex(volts.columns)
    high = tables.bus["v_max_pu"].reindex(volts.columns)
    return (volts - (low + high) / 2).abs() / ((high - low) / 2)


def worst_moment(tables: RunTables) -> pd.Timestamp | None:
    """The interval in which a voltage or a loading came closest to its limit, or furthest beyond it.

    Looked for in the uncontrolled run where there is one; None without flows.
    """
    for run in (BASELINE, CONTROLLED):
        use = band_use(tables, run).max(axis=1)
        loading = tables.loadings.get(run, pd.DataFrame()).max(axis=1) / 100
        stress = pd.concat([use, loading], axis=1).max(axis=1).dropna()
        if len(stress):
            return pd.DatetimeIndex(stress.index)[int(np.argmax(stress.to_numpy()))]
    return None


def extreme_voltage(tables: RunTables, run: str) -> Extreme | None:
    """The voltage that used most of its band (or left it furthest)."""
    return _highest(band_use(tables, run), tables.voltages.get(run))


def extreme_loading(tables: RunTables, run: str) -> Extreme | None:
    """The highest loading of a line or transformer."""
    loading = tables.loadings.get(run)
    return _highest(loading, loading)


def _highest(measure: pd.DataFrame | None, values: pd.DataFrame | None) -> Extreme | None:
    """The value where `measure`, of the same shape, is highest; None where nothing is known."""
    if measure is None or values is None or not measure.notna().to_numpy().any():
        return None
    row, column = np.unravel_index(int(np.nanargmax(measure.to_numpy())), measure.shape)
    at = pd.DatetimeIndex(values.index)[int(row)]
    return Extreme(str(values.columns[int(column)]), at, float(values.to_numpy()[row, column]))


def net_import(ticks: pd.DataFrame) -> pd.Series:
    """Import less export of each interval. [MW]"""
    moved = ticks["import_mw"].astype(float) - ticks["export_mw"].astype(float)
    return pd.Series(moved.to_numpy(), index=pd.DatetimeIndex(ticks["valid_at"]))


def flexible_use(ticks: pd.DataFrame) -> pd.Series:
    """What batteries and EV charging take from the grid in each interval. [MW]"""
    taken = ticks["battery_mw"].astype(float) + ticks["ev_mw"].astype(float)
    return pd.Series(taken.to_numpy(), index=pd.DatetimeIndex(ticks["valid_at"]))


def moved_power(tables: RunTables) -> pd.Series:
    """Consumption that control added (positive) to or took from each interval, against the uncontrolled run. [MW]"""
    if set(tables.runs) != {BASELINE, CONTROLLED}:
        return pd.Series(dtype=float)
    with_control, without = (flexible_use(tables.ticks_of[run]) for run in (CONTROLLED, BASELINE))
    return (with_control - without).dropna()


# Events that tell of a degraded mode, and what it is called on the page.
TROUBLE = {"degraded": "degraded", "limit_gave_way": "limit gave way", "refused": "plan refused"}


@dataclass(frozen=True)
class Degraded:
    """One thing that did not go as planned: at which tick, when, which mode, in words."""

    tick: int
    at: pd.Timestamp
    mode: str
    text: str


def degraded(tables: RunTables) -> list[Degraded]:
    """Every tick that fell down the ladder or let a limit give way, and every event that says so in words."""
    events = tables.events[tables.events["kind"].isin(TROUBLE)]
    found = [
        Degraded(
            int(row["tick"]), row["at"], TROUBLE[row["kind"]], ": ".join(filter(None, (row["subject"], row["text"])))
        )
        for row in events.to_dict("records")
    ]
    told = set(events.loc[events["kind"] == "limit_gave_way", "tick"])
    ticks = tables.ticks_of.get(CONTROLLED, pd.DataFrame())
    for row in ticks.to_dict("records"):
        rung, gave_way = _word(row.get("rung")), _word(row.get("gave_way"))
        if rung not in ("", "incumbent"):
            found.append(Degraded(int(row["tick"]), row["valid_at"], "fallback", f"decided by the rung '{rung}'"))
        if gave_way and row["tick"] not in told:
            found.append(Degraded(int(row["tick"]), row["valid_at"], "limit gave way", gave_way))
    return sorted(found, key=lambda one: (one.tick, one.mode, one.text))


def missed(tables: RunTables) -> int:
    """Ticks without a decision, as the run counted them."""
    count = (tables.run.get("result") or {}).get("missed_ticks", 0)
    return len(count) if isinstance(count, list | tuple) else int(count or 0)


def _word(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and pd.isna(value)) else str(value).strip()
