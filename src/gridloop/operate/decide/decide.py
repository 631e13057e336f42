"""One decision: plan, check, repair, and the ladder of what to do when planning fails.

A plan is sent only if the independent checker, which shares nothing with the models, finds every rule kept.

incumbent    the plan of this tick, checked by AC (limits that gave way are named)
last_good    what the newest plan that was made had foreseen for this moment; its age is shown
persistence  that plan has come to its end: its last set-points, held
safe         batteries idle, vehicles charge, generators unlimited, taps stay
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from gridloop.errors import GridloopError
from gridloop.network.model import Network
from gridloop.operate.decide.devices import describe, transformers_of
from gridloop.operate.decide.known import Groups, Known, horizon_of
from gridloop.operate.decide.reserve import reserves, with_band
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import Setpoints
from gridloop.optimize.check import ScheduleCase, refusal
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import COLUMNS, Plan
from gridloop.optimize.problems.schedule import schedule

# Forecast spread is kept free where set-points cannot be corrected any more: fully in the interval that is sent,
# by half in the next; later intervals are planned again before they come.
SPREAD_WEIGHTS = (1.0, 0.5)
REPAIR_FACTOR = 2.0
# How exactly a plan has to keep its rules to be sent: 10 W, 10 Wh, a hundred-thousandth of its cost. Far below what a
# meter sees, and thirty times the largest excess of a day of honest plans (4e-7, sums of the solver's 1e-7).
CHECK_TOLERANCE = 1e-5
NO_LIMIT = 1e-6
INCUMBENT = "incumbent"
REFUSED = "refused"  # the status of a plan that the checker does not agree with, and the kind of event that says so
# A plan without rows, every column of its type.
NOTHING = pd.DataFrame(
    {name: np.array([], dtype=float if name in ("hours", "value", "shadow_price") else object) for name in COLUMNS}
).assign(valid_at=pd.DatetimeIndex([], tz="UTC").as_unit("ns"))


@dataclass(frozen=True)
class Decision:
    """What a tick sends, and how it came about.

    table     the plan's rows, as stored; for a fallback the rows that are sent
    rung      incumbent, last_good, persistence or safe
    notes     (kind, subject, text) of everything worth an event: degraded modes, limits that gave way
    check     first interval of the plan as AC saw it: v_min_pu, v_max_pu, loading_max_pct, …
    check_s   seconds that the independent check took
    """

    tick: int
    at: pd.Timestamp
    table: pd.DataFrame
    setpoints: Setpoints
    rung: str
    rounds: int = 0
    solver_s: float = 0.0
    cost: float = float("nan")
    gave_way: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[tuple[str, str, str], ...] = ()
    check: Mapping[str, object] = field(default_factory=dict)
    check_s: float = 0.0


def decide(network: Network, groups: Groups, settings: SiteSettings, known: Known) -> Decision:
    """Set-points for the interval that begins now. Always returns; never raises for what a day can bring."""
    at_taps = with_taps(network, known)
    notes: list[tuple[str, str, str]] = []
    try:
        plan = _plan(at_taps, groups, settings, known, 1.0)
        if plan.solved and _breaks_first(plan) and not plan.gave_way:
            notes.append(("repair", "plan", "the first interval broke a limit by AC: planned again with more room"))
            plan = _plan(at_taps, groups, settings, known, REPAIR_FACTOR)
    except GridloopError as error:
        plan = None
        notes.append(("degraded", "plan", str(error)))
    if plan is not None and plan.solved:
        notes.extend(
            ("limit_gave_way", name, f"{name} is exceeded by {excess:.4g}") for name, excess in plan.gave_way.items()
        )
        if plan.status == "incumbent":
            notes.append(("gap", "plan", f"time was up: the plan may be {100 * plan.gap:.2g} % dearer than the best"))
        return Decision(
            known.tick, known.at, plan.table, to_setpoints(plan.table, known.at), INCUMBENT, plan.rounds,
            plan.solver_s, plan.cost, dict(plan.gave_way), tuple(notes),
            {} if plan.check.empty else {str(k): v for k, v in plan.check.iloc[0].items()},
            plan.check_s,
        )  # fmt: skip
    if plan is not None and plan.diagnosis is not None:
        kind = REFUSED if plan.status == REFUSED else "degraded"
        notes.append((kind, "plan", str(plan.diagnosis)))
    fallback = fall_back(settings, known, tuple(notes))
    return fallback if plan is None else replace(fallback, solver_s=plan.solver_s, check_s=plan.check_s)


def fall_back(settings: SiteSettings, known: Known, notes: tuple[tuple[str, str, str], ...]) -> Decision:
    """The next rung of the ladder that can be climbed."""
    if known.previous is not None and len(known.previous):
        rows = _rows_for(known.previous, known.at)
        age = known.at - known.previous["valid_at"].min()
        rung = "last_good" if len(rows) else "persistence"
        if not len(rows):
            rows = known.previous[known.previous["valid_at"] == known.previous["valid_at"].max()]
        rows = rows[_still_meant(rows, known.previous)]
        reason = f"{rung}: plan is {age / pd.Timedelta(minutes=1):.0f} min old"
        step = settings.loop.step_min / 60.0
        rows = rows.assign(valid_at=known.at, hours=step, reason=rung, binding="", shadow_price=np.nan)[COLUMNS]
        note = ("degraded", rung, reason)
        return Decision(known.tick, known.at, rows, to_setpoints(rows, known.at), rung, notes=(*notes, note))
    note = ("degraded", "safe", "no plan yet: batteries idle, vehicles charge, generators are not limited")
    return Decision(known.tick, known.at, NOTHING, Setpoints(), "safe", notes=(*notes, note))


def to_setpoints(table: pd.DataFrame, at: pd.Timestamp) -> Setpoints:
    """The rows of a plan that are sent for the interval at `at`."""
    now = table[table["valid_at"] == at]

    def named(kind: str, quantity: str) -> dict[str, float]:
        rows = now[(now["kind"] == kind) & (now["quantity"] == quantity)]
        return dict(zip(rows["device"], rows["value"].astype(float), strict=True))

    limits = now[(now["kind"] == "renewable") & (now["quantity"] == "p_mw") & (now["reason"] != "available")]
    taps: dict[str, int] = {}
    for device, position in named("tap", "tap_pos").items():
        for transformer in transformers_of(device):
            taps[transformer] = round(position)
    return Setpoints(
        battery_mw=named("battery", "p_mw"),
        ev_mw=named("ev", "p_mw"),
        # Only a curtailed generator gets a limit: the others may give more than was forecast.
        generator_max_mw=dict(zip(limits["device"], limits["value"].astype(float), strict=True)),
        generator_q_mvar={k: q for k, q in named("renewable", "q_mvar").items() if abs(q) > NO_LIMIT},
        unserved_mw={k: p for k, p in named("load", "unserved_mw").items() if p > NO_LIMIT},
        tap_pos=taps,
    )


def _plan(network: Network, groups: Groups, settings: SiteSettings, known: Known, room: float) -> Plan:
    horizon = horizon_of(known.at, settings.loop.horizon)
    planned = describe(network, groups, settings, known, horizon.starts)
    devices = with_band(planned.devices, network, settings)
    devices = [*devices, *reserves(devices, network, groups, settings, known)]
    weight = np.zeros(len(horizon))
    weight[: len(SPREAD_WEIGHTS)] = np.array(SPREAD_WEIGHTS[: len(horizon)]) * settings.limits.spread_weight * room
    physics = AcTangent(
        network, spreads=planned.spreads, spread_weight=weight, loading_limit_pct=settings.limits.loading_pct
    )
    plan = schedule(
        devices,
        planned.prices,
        connection=planned.connection,
        physics=physics,
        horizon=horizon,
        previous=known.previous,
    )
    return checked(ScheduleCase(devices, planned.prices, planned.connection, horizon, known.previous), plan)


def checked(case: ScheduleCase, plan: Plan) -> Plan:
    """The plan; with status "refused" and the reasons where the checker does not agree with it."""
    if not plan.solved:
        return plan
    started = time.perf_counter()
    why = refusal(case, plan, tolerance_pu=CHECK_TOLERANCE)
    plan = replace(plan, check_s=time.perf_counter() - started)
    return plan if why is None else replace(plan, status=REFUSED, diagnosis=why)


def _breaks_first(plan: Plan) -> bool:
    if plan.check.empty:
        return False
    first = plan.check.iloc[0]
    return bool(first["voltage_violations"] or first["overloads"])


def _rows_for(table: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Rows of the interval that contains `at`."""
    ends = table["valid_at"] + pd.to_timedelta(table["hours"], unit="h")
    return table[(table["valid_at"] <= at) & (ends > at)]


def _still_meant(rows: pd.DataFrame, previous: pd.DataFrame) -> pd.Series:
    """All set-points but the limits of generators that were not curtailed: their power was a forecast, not a wish."""
    curtailed = set(previous.loc[previous["reason"].str.startswith("curtail"), "device"])
    forecast = (rows["kind"] == "renewable") & (rows["quantity"] == "p_mw") & ~rows["device"].isin(curtailed)
    return ~forecast


def with_taps(network: Network, known: Known) -> Network:
    """The network at the positions that its tap changers report."""
    now = network.transformer["tap_pos"]
    moved = {i: {"tap_pos": int(p)} for i, p in known.status.tap_pos.items() if int(now[i]) != int(p)}
    if not moved:
        return network
    return network.edit("transformer", moved, author="loop", time=known.at, reason="position reported by the site")
