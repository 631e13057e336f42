"""The split: a promised profile handed down to the devices at least cost, with what cannot be kept by name.

The exchange is held at the promise, and the devices' cheapest plan for it is found. Its shadow price is what one more
MWh is worth inside the plant; where that differs from the market's price, the promise itself is what moves a device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.optimize import diagnose
from gridloop.optimize.devices.battery_group import BatteryGroup
from gridloop.optimize.plan import Plan, plan_table
from gridloop.optimize.problems.rounds import End
from gridloop.optimize.solve import GAVE_WAY, Outcome
from gridloop.optimize.vpp.model import Moves, PlantModel
from gridloop.optimize.vpp.remainder import take_remainder
from gridloop.units import FloatArray

# Kinds whose set-point takes a remainder: its quantity, and its sign in the injection (convention 2).
SET_POINTS = {"battery": ("p_mw", -1.0), "ev": ("p_mw", -1.0), "renewable": ("p_mw", 1.0)}
# What is left of a sum after its remainder went to a device: rounding of doubles, relative to the sum.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Split:
    """What every device does for a promise.

    promised_mw   [interval]  injection, negative where the plant takes
    injection_mw  [interval × device]  consumption negative; each row's sum is promised − missing + losses, to 1e-9 MW
    missing_mw    [interval]  what cannot be kept: positive where the plant gives less than it promised
    losses_mw     [interval]  losses of the network as the plan has them; zero on a copper plate
    plan          set-points with reasons, cost by part (`connection_limit` is what is missed), diagnosis
    first         intervals before this one are past: they are what they were, and nothing is promised of them
    lost          devices that dropped out, with the time from which they are counted as gone
    """

    plant: str
    promised_mw: pd.Series
    injection_mw: pd.DataFrame
    missing_mw: pd.Series
    losses_mw: pd.Series
    plan: Plan
    first: int = 0
    lost: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    moves: Moves = field(default_factory=dict, repr=False)

    @property
    def kept(self) -> bool:
        """True where all that was promised is given; rounding that the diagnosis does not name is not missed."""
        return self.plan.solved and not (self.missing_mw.abs() > GAVE_WAY).any()

    def setpoints(self) -> pd.DataFrame:
        """What is sent for the first interval, each with its reason."""
        return self.plan.setpoints()


def read_split(
    model: PlantModel, promised: FloatArray, name: str, first: int = 0, lost: Mapping[str, pd.Timestamp] | None = None
) -> Split:
    """Solve a model whose exchange is held from interval `first` on, and read what everybody does. promised [step]"""
    starts, gone = model.horizon.starts, dict(lost or {})
    end = model.solve()
    outcome = end.outcome
    wanted = pd.Series(promised, index=starts, name="promised_mw")
    if not outcome.solved:
        return _without_plan(model, end, wanted, name, first, gone)
    found = model.injection_mw(outcome)
    before = found.to_numpy()
    past, together = np.arange(len(starts)) < first, before.sum(axis=1)
    missing = np.where(past, 0.0, model.exchange.missing_mw(outcome))
    # On a copper plate the difference is rounding, and there are no losses.
    networked = bool(model.physics.check().shape[1])
    losses = together - model.exchange.injection_mw(outcome) if networked else np.zeros(len(starts))
    target = np.where(past, together, promised - missing + losses)
    exact, rest = take_remainder(before.T, target, *model.room_mw(outcome, tuple(SET_POINTS)))
    missing = missing + np.where(np.abs(rest) > ROUNDING * np.maximum(1.0, np.abs(target)), rest, 0.0)
    missed = pd.Series(missing, index=starts, name="missing_mw")
    plan = model.problem.plan(end, model.costs)
    why = _what_is_missing(missed, wanted, name, gone) or plan.diagnosis
    return Split(
        name,
        wanted,
        pd.DataFrame(exact.T, starts, found.columns),
        missed,
        pd.Series(losses, index=starts, name="losses_mw"),
        replace(plan, table=_with_remainders(plan, model, outcome, exact - before.T), diagnosis=why),
        first,
        gone,
        model.moves(outcome),
    )


def _with_remainders(plan: Plan, model: PlantModel, outcome: Outcome, change: FloatArray) -> pd.DataFrame:
    """The plan's table with the remainders in its set-points. change [device, step], MW more injected"""
    table, steps = plan.table.copy(), len(model.horizon)
    # Rows of one quantity of one device stand together, one per interval.
    value = table["value"].to_numpy(dtype=float).copy().reshape(-1, steps)
    block = list(zip(table["device"].iloc[::steps], table["quantity"].iloc[::steps], strict=True))
    place = {key: k for k, key in enumerate(block)}
    k = 0
    for group in model.groups:
        mine = change[k : k + len(group.ids)]
        k += len(group.ids)
        if group.kind not in SET_POINTS or not mine.any():
            continue
        quantity, sign = SET_POINTS[group.kind]
        value[[place[name, quantity] for name in group.ids]] += sign * mine
        if isinstance(group, BatteryGroup):
            value[[place[name, "soc"] for name in group.ids]] += _soc_change(group, mine, outcome, model.horizon.hours)
    table["value"] = value.ravel()
    keeps = (table["reason"] == "relieve_limit") & table["binding"].astype(str).str.startswith("promise:")
    code = "keep_promise"
    table.loc[keeps, "reason"] = code
    return table


def _soc_change(group: BatteryGroup, change: FloatArray, outcome: Outcome, hours: FloatArray) -> FloatArray:
    """What remainders change in states of charge, so that they follow from the set-points. [battery, step]

    change  [battery, step]  MW more injected than the solver found
    """
    charging = outcome.value(group.charge) > outcome.value(group.discharge)
    per_mwh = np.where(charging, group.eta_in[:, None], 1.0 / group.eta_out[:, None])
    kept = (1.0 - group.loss_per_day[:, None]) ** (hours / 24.0)
    energy, off = np.zeros(len(group.ids)), np.empty(change.shape)
    for t in range(hours.size):
        energy = energy * kept[:, t] - change[:, t] * per_mwh[:, t] * hours[t]
        off[:, t] = energy
    return np.asarray(off / group.capacity[:, None])


def _what_is_missing(
    missing: pd.Series, promised: pd.Series, name: str, lost: Mapping[str, pd.Timestamp]
) -> Diagnosis | None:
    """Which part of the promise cannot be kept, by interval; None where all is."""
    wrong = missing[missing.abs() > GAVE_WAY]
    if wrong.empty:
        return None
    said = [
        f"{time:%Y-%m-%d %H:%M} UTC {abs(mw):.4g} MW too {'little' if mw > 0 else 'much'} of {wanted:.4g}"
        for time, mw, wanted in zip(pd.DatetimeIndex(wrong.index), wrong, promised[wrong.index], strict=True)
    ]
    causes = [
        f"{name} cannot keep its promise in {len(wrong)} of {len(missing)} intervals, by up to "
        f"{wrong.abs().max():.4g} MW: {listed(said)}."
    ]
    if lost:
        gone = [f"{device} from {time:%Y-%m-%d %H:%M} UTC" for device, time in sorted(lost.items())]
        causes.append(f"Dropped out, and not replaced there: {listed(gone)}.")
    return Diagnosis(
        "promise_not_kept",
        causes,
        "Tell the market, buy what is missing, or add devices with room in these intervals.",
        {"intervals": list(wrong.index), "missing_mw": wrong.tolist(), "lost": sorted(lost)},
    )


def _without_plan(
    model: PlantModel, end: End, promised: pd.Series, name: str, first: int, lost: Mapping[str, pd.Timestamp]
) -> Split:
    """No plan at all: what everybody does is unknown, and the diagnosis says why."""
    starts, outcome = model.horizon.starts, end.outcome
    if outcome.status == "infeasible":
        kinds = {device: group.kind for group in model.groups for device in group.ids}
        why = diagnose.conflicting(model.model, model.session.conflict(), kinds)
    else:
        why = diagnose.no_solution(outcome)
    nothing = plan_table(model.horizon, [])
    plan = Plan(model.horizon, nothing, float("nan"), {}, pd.DataFrame(), {}, outcome.status, why, end.rounds)
    unknown = pd.Series(np.nan, index=starts)
    injection = pd.DataFrame(np.nan, starts, [device for group in model.groups for device in group.ids])
    return Split(name, promised, injection, unknown, unknown, plan, first, lost)
