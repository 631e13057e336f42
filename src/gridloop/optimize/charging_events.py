"""Charging events: what a driver is told about a plan: when charging starts and ends, what changed, what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.optimize.charging.result import Charging
from gridloop.optimize.charging_fleet.result import FleetPlan
from gridloop.optimize.devices.ev_sessions import numbers
from gridloop.optimize.devices.group import MOVING_MW
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.units import FloatArray, IntArray

AnyPlan = Plan | FleetPlan | Charging

EVENTS = ("charging_start", "charging_complete", "schedule_change", "cannot_be_met")
COLUMNS = ("session", "event", "at", "energy_mwh", "text")
# Energy, MWh, below which a car counts as having what it wants: ten times what a solver's tolerance leaves in an hour.
FULL_MWH = 1e-5
# Share of a session's energy that must move to other times to be worth a message.
CHANGE_SHARE = 0.05


@dataclass(frozen=True)
class _Powers:
    """Powers of sessions where there are any. [entry]

    ids         names of all sessions
    row, step   whose it is, and which interval of the plan
    energy_mwh  of the interval; below zero where the car gives
    """

    ids: pd.Index
    row: IntArray
    step: IntArray
    energy_mwh: FloatArray
    starts: pd.DatetimeIndex
    ends: pd.DatetimeIndex


def charging_events(
    plan: AnyPlan,
    sessions: pd.DataFrame,
    previous: AnyPlan | None = None,
    *,
    events: Sequence[str] = EVENTS,
) -> pd.DataFrame:
    """What drivers are to be told about a plan: one row per event, by time and session.

    plan       of `gl.schedule` or `gl.charge_fleet`, or a `Charging`
    sessions   that were planned: index session; arrival, departure, energy_mwh, max_charge_mw
    previous   the plan before: sessions of both whose energy moves by a twentieth of it or more are told so
    events     some of charging_start, charging_complete, schedule_change, cannot_be_met

    Returns session, event, at (UTC), energy_mwh and text. `at` is when charging starts or is complete, the departure
    where a need cannot be met, and the first interval that differs where a schedule changed; energy_mwh is what is
    charged, missing, or moved to other times. Power is a mean over an interval: a start lies in it after the arrival,
    an end when the energy is there at full power. What is charged after the horizon is not told yet.

    Raises `OutOfRange` for an unknown event, or a plan without a solution; `MissingColumn`.
    """
    unknown = [name for name in events if name not in EVENTS]
    if unknown:
        raise OutOfRange(f"No such charging events: {listed(unknown)}; there are {', '.join(EVENTS)}.", unknown=unknown)
    missing = [n for n in ("arrival", "departure", "energy_mwh", "max_charge_mw") if n not in sessions.columns]
    if missing:
        raise MissingColumn(f"The sessions lack {listed(missing)}.", missing=missing)
    now = _powers(plan)
    sessions = sessions.set_axis(sessions.index.map(str))
    rows = sessions.loc[now.ids[now.ids.isin(sessions.index)]]
    found = [_starts_and_ends(now, rows)]
    if previous is not None:
        found.append(_changes(now, _powers(previous), rows))
    table = pd.concat(found, ignore_index=True)
    table = table[table["event"].isin(events)].sort_values(["at", "session", "event"], kind="stable")
    return table.reset_index(drop=True)


def _powers(plan: AnyPlan) -> _Powers:
    if isinstance(plan, FleetPlan):
        row = np.repeat(np.arange(len(plan.first)), np.diff(plan.place))
        step = np.arange(row.size) - plan.place[row] + plan.first[row]
        ids, values, horizon = plan.sessions.index, plan.power_mw, plan.horizon
    else:
        wide, horizon = _wide(plan)
        ids = wide.columns
        step, row = (index.ravel() for index in np.indices(wide.shape))
        values = wide.to_numpy().ravel()
    moving = np.abs(values) > MOVING_MW
    row, step = row[moving].astype(np.int64), step[moving].astype(np.int64)
    energy = values[moving] * np.asarray(horizon.hours, dtype=float)[step]
    return _Powers(pd.Index(ids).map(str), row, step, energy, horizon.starts, horizon.ends.as_unit("ns"))


def _wide(plan: Plan | Charging) -> tuple[pd.DataFrame, Horizon]:
    """Powers, interval × session, and the intervals."""
    if isinstance(plan, Charging):
        return plan.p_mw, Horizon(pd.DatetimeIndex(plan.p_mw.index), plan.hours)
    if not np.isfinite(plan.cost):
        raise OutOfRange(f"This plan has no set-points: its status is {plan.status}.", status=plan.status)
    return plan.wide("p_mw", "ev"), plan.horizon


def _starts_and_ends(now: _Powers, sessions: pd.DataFrame) -> pd.DataFrame:
    """charging_start, charging_complete and cannot_be_met. sessions: those of the plan"""
    at = sessions.index.get_indexer(now.ids[now.row])
    mine = at >= 0
    at, step, energy = at[mine], now.step[mine], now.energy_mwh[mine]
    count, steps = len(sessions), len(now.starts)
    first, last = np.full(count, steps, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    takes = energy > 0.0
    np.minimum.at(first, at[takes], step[takes])
    np.maximum.at(last, at[takes], step[takes])
    # What is given has to be charged again, with what is lost on the way out and in: as the need is counted.
    round_trip = numbers(sessions, "charge_efficiency", 1.0) * numbers(sessions, "discharge_efficiency", 1.0)
    net = np.where(takes, energy, energy / round_trip[at])
    got: FloatArray = np.bincount(at, weights=net, minlength=count).astype(float)
    at_last = np.zeros(count)
    is_last = step == last[at]
    at_last[at[is_last]] = energy[is_last]
    arrival, departure = (
        pd.DatetimeIndex(sessions[n]).tz_convert("UTC").as_unit("ns") for n in ("arrival", "departure")
    )
    power, asked = (sessions[n].to_numpy(dtype=float) for n in ("max_charge_mw", "energy_mwh"))
    end = now.ends[-1]
    later = np.clip((departure - arrival.where(arrival > end, end)) / pd.Timedelta(hours=1), 0.0, None)
    short = np.clip(asked - power * later, 0.0, None) - got
    moving = np.flatnonzero(last >= 0)
    begins = now.starts[first[moving]]
    begins = begins.where(begins >= arrival[moving], arrival[moving])
    done = moving[(asked - got)[moving] <= FULL_MWH]
    opens = now.starts[last[done]]
    opens = opens.where(opens >= arrival[done], arrival[done])
    took = pd.to_timedelta(3.6e12 * at_last[done] / power[done], unit="ns").round("s")
    lacking = np.flatnonzero(short > FULL_MWH)
    parts = [
        _rows("charging_start", sessions.index[moving], begins, got[moving], "charging starts at {at}"),
        _rows("charging_complete", sessions.index[done], opens + took, got[done], "has its {kwh} kWh at {at}"),
        _rows("cannot_be_met", sessions.index[lacking], departure[lacking], short[lacking],
              "will lack {kwh} kWh when it leaves at {at}"),
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _changes(now: _Powers, before: _Powers, sessions: pd.DataFrame) -> pd.DataFrame:
    """schedule_change: energy of an interval that both plans have, now or before but not both."""
    names, times, energy = [], [], []
    both = now.ids[now.ids.isin(before.ids) & now.ids.isin(sessions.index)]
    begin, end = max(now.starts[0], before.starts[0]), min(now.ends[-1], before.ends[-1])
    for powers, sign in ((now, 1.0), (before, -1.0)):
        start = powers.starts[powers.step]
        at = both.get_indexer(powers.ids[powers.row])
        keep = (at >= 0) & (start >= begin) & (powers.ends[powers.step] <= end)
        names.append(at[keep])
        times.append(start.asi8[keep])
        energy.append(sign * powers.energy_mwh[keep])
    moved = (
        pd.DataFrame({"row": np.concatenate(names), "at": np.concatenate(times), "mwh": np.concatenate(energy)})
        .groupby(["row", "at"], sort=True)["mwh"]
        .sum()
        .reset_index()
    )
    moved = moved[moved["mwh"].abs() > FULL_MWH]
    gains, losses = (moved["mwh"].clip(lower=0.0), (-moved["mwh"]).clip(lower=0.0))
    by_row = pd.DataFrame({"row": moved["row"], "at": moved["at"], "gain": gains, "loss": losses})
    whole = by_row.groupby("row", sort=True).agg(at=("at", "min"), gain=("gain", "sum"), loss=("loss", "sum"))
    size = sessions["energy_mwh"].reindex(both[whole.index]).to_numpy(dtype=float)
    mwh = whole[["gain", "loss"]].max(axis=1).to_numpy()
    told = mwh >= np.maximum(CHANGE_SHARE * size, FULL_MWH)
    when = pd.DatetimeIndex(whole["at"].to_numpy()[told].astype("int64"), tz="UTC").as_unit("ns")
    return _rows(
        "schedule_change", both[whole.index[told]], when, mwh[told], "{kwh} kWh move to other times, the first at {at}"
    )


def _rows(event: str, ids: pd.Index, at: pd.DatetimeIndex, energy: FloatArray, words: str) -> pd.DataFrame:
    clock = at.strftime("%Y-%m-%d %H:%M UTC")
    texts = [
        f"{name} " + words.format(at=when, kwh=f"{1000.0 * mwh:.1f}")
        for name, when, mwh in zip(ids, clock, energy, strict=True)
    ]
    return pd.DataFrame(
        {"session": ids.astype(object), "event": event, "at": at, "energy_mwh": energy, "text": texts},
        columns=list(COLUMNS),
    )
