"""Window by window: every window begins in the state in which the one before it was left, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.commitment.result import Commitment
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.problems.commitment import commit_units


@dataclass(frozen=True, eq=False)
class Rolled:
    """What was kept of every window, joined: tables [hour × id], and the commitments of the windows.

    objective  cost of what was kept, starts included
    status     optimal where every window reached its gap, else the status of the first that did not
    """

    status: str
    objective: float
    on: pd.DataFrame
    p_mw: pd.DataFrame
    reserve_mw: pd.DataFrame
    windows: Sequence[Commitment]


def roll(
    system: UnitSystem, *, window_h: int = 24, step_h: int = 24, gap: float = 1e-3, time_limit_s: float = 60.0,
    network: Network | None = None, physics: Dc | None = None,
) -> Rolled:  # fmt: skip
    """Commit `window_h` hours at a time, keep the first `step_h` of them, and go on from there.

    gap, time_limit_s (of every window), network, physics  as in `commit_units`

    Raises `BadInput` for a step longer than its window. A window without a plan ends the roll with its status.
    """
    if not 1 <= step_h <= window_h:
        raise BadInput(f"step_h is {step_h}, window_h {window_h}; allowed is 1 ≤ step_h ≤ window_h.")
    windows: list[Commitment] = []
    kept: dict[str, list[pd.DataFrame]] = {"on": [], "p_mw": [], "reserve_mw": []}
    status, at, now = "optimal", 0, system
    while at < system.hours:
        end = min(at + window_h, system.hours)
        part = now.between(0, end - at)
        last = windows[-1] if windows else None
        found = commit_units(part, gap=gap, time_limit_s=time_limit_s, last=last, network=network, physics=physics)
        windows.append(found)
        if not found.solved:
            status = found.status
            break
        if found.status != "optimal" and status == "optimal":
            status = found.status
        hours = min(step_h, end - at)
        for name, tables in kept.items():
            tables.append(getattr(found, name).iloc[:hours].set_axis(range(at, at + hours)))
        now = after(part, found, hours, now)
        at += hours
    on, p, r = (pd.concat(tables) if tables else pd.DataFrame() for tables in kept.values())
    cost = cost_of(system, on, p) if len(on) == system.hours else float("nan")
    return Rolled(status, cost, on, p, r, windows)


def after(part: UnitSystem, plan: Commitment, hours: int, system: UnitSystem) -> UnitSystem:
    """The rest of a system after `hours` hours of a plan for its first hours: outputs, hours on or off, energies."""
    on = plan.on.to_numpy(dtype=bool)[:hours]
    unit = system.unit.copy()
    state = unit["on_before"].to_numpy(dtype=bool)
    age = unit["hours_before"].to_numpy(dtype=float)
    for t in range(hours):
        age = np.where(on[t] == state, age + 1.0, 1.0)
        state = on[t]
    unit["on_before"], unit["hours_before"] = state, age
    unit["p_before_mw"] = np.where(state, plan.p_mw.to_numpy()[hours - 1], 0.0)
    rest = system.between(hours, system.hours) if hours < system.hours else system
    storage = system.storage
    if len(storage):
        storage = storage.assign(energy_before_mwh=plan.energy_mwh.iloc[hours - 1][list(storage.index)].to_numpy())
    return rest.with_(unit=unit, storage=storage)


def cost_of(system: UnitSystem, on: pd.DataFrame, p_mw: pd.DataFrame) -> float:
    """What a schedule of all hours costs: curves and starts by the hours off. Load that gave way is not in it."""
    total = 0.0
    curves = {str(k): t for k, t in system.cost.groupby("unit", sort=False)}
    tiers = {str(k): t for k, t in system.start.groupby("unit", sort=False)}
    for i in system.unit.index:
        curve, tier, row = curves[str(i)], tiers[str(i)], system.unit.loc[i]
        runs = on[i].to_numpy(dtype=bool)
        cost = np.interp(p_mw[i].to_numpy(dtype=float), curve["p_mw"], curve["cost_per_h"])
        total += float(cost[runs].sum())
        state, age = bool(row["on_before"]), float(row["hours_before"])
        for running in runs:
            if running and not state:
                place = int(np.searchsorted(tier["off_h"].to_numpy(dtype=float), age, side="right")) - 1
                total += float(tier["cost"].to_numpy(dtype=float)[max(place, 0)])
            age = age + 1.0 if running == state else 1.0
            state = bool(running)
    return total
