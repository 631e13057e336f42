"""The conflict of an infeasible DC optimal power flow, in the form of the production model in which it stays local.

The model is the one of physics/dc.py with angles and flows as columns: nothing is modelled twice. Its angle limits are
bounds of flows; here they stand as rows of their own, so that they can be told from ratings.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, vstack

from gridloop.diagnosis import Diagnosis
from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.case import Moment
from gridloop.optimize.conflict.diagnose import conflicting_rules, diagnosis_of
from gridloop.optimize.conflict.iis import minimal_set
from gridloop.optimize.conflict.local import local_set, part_of
from gridloop.optimize.conflict.plain import plain_causes
from gridloop.optimize.conflict.relax import least_relaxation
from gridloop.optimize.conflict.system import LinearSystem, Rule
from gridloop.optimize.conflict.words import LEFT_OUT_FIRST
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.physics.dc_model import DcModel
from gridloop.optimize.problems.opf import state_problem
from gridloop.units import BASE_MVA

# Rows and columns together above which the form of flows and small pockets are asked before the whole system.
LARGE = 4_000
_COLUMN_KINDS = {"p": "output", "cost": "cost"}


def dc_conflict(
    moment: Moment, rule: str = "series", *, model: DcModel | None = None, time_limit_s: float = 10.0
) -> Diagnosis:
    """Why a DC optimal power flow has no solution: plain causes, a minimal set, the least relaxation.

    model  the infeasible model in the form of flows; needed where limits after outages are part of the conflict
    """
    plain = plain_causes(moment)
    said = [f"{cause.sentence[0].upper()}{cause.sentence[1:]}." for cause in plain]
    started, system = time.perf_counter(), dc_system(moment, rule)
    # Outages stand in the form of flows alone: what is feasible without them has no pocket.
    by_limits = model is not None and model.limits.branch.size > 0
    found = None
    if model is not None and by_limits and len(system.rows) + len(system.columns) > LARGE:
        found = _of_a_large_one(system, model, said, time_limit_s)
    if found is None:
        left = max(time_limit_s - (time.perf_counter() - started), time_limit_s / 3)
        found = conflicting_rules(system, time_limit_s=left, plain=said)
        if not found.facts["conflict"] and model is not None and by_limits:
            found = conflicting_rules(lazy_system(model), time_limit_s=time_limit_s, plain=said)
    found.facts["causes"] = [{"kind": c.kind, "elements": list(c.elements), **c.facts} for c in plain]
    return found


def _of_a_large_one(
    system: LinearSystem, model: DcModel, plain: Sequence[str], time_limit_s: float
) -> Diagnosis | None:
    """The conflict of a pocket, else that of the limits that solving added; None where these do not contradict.

    The few limits that are rows make a small system, and its conflict is found in a second, but it names most
    generators: each of them moves every flow. So it serves to say where to look. Around its limits, and around what the
    least relaxation stretches, small neighbourhoods of the whole system are asked; what contradicts itself there is
    short, and true whatever the rest says.
    """
    started = time.perf_counter()
    few = lazy_system(model)
    found = minimal_set(few, left_out_first=LEFT_OUT_FIRST, time_limit_s=time_limit_s / 3)
    place = {rule.element: k for k, rule in enumerate(system.rows) if rule.kind == "angle_limit"}
    named = [few.rule(int(side))[0] for side in found.sides]
    seeds = [place[rule.element] for rule in named if rule.kind == "flow_limit" and rule.element in place]
    local = local_set(system, seeds, time_limit_s=time_limit_s / 4)
    excess = least_relaxation(system, time_limit_s=time_limit_s / 3)
    if local is None or not local.minimal:
        left = max(time_limit_s - (time.perf_counter() - started), 0.1)
        local = local_set(system, sorted(excess, key=lambda side: -excess[side]), time_limit_s=left)
    if local is not None and local.minimal:
        return diagnosis_of(system, local, system, excess, plain, time.perf_counter() - started)
    if not found.sides.size:
        return None
    if not found.minimal:  # go on from where the time was up
        part, sides = part_of(few, np.isin(np.arange(2 * sum(few.matrix.shape)), found.sides))
        left = max(time_limit_s - (time.perf_counter() - started), 0.1)
        again = minimal_set(part, left_out_first=(), time_limit_s=left)
        if again.sides.size:
            found = replace(again, sides=sides[again.sides], solves=found.solves + again.solves)
    return diagnosis_of(few, found, system, excess, plain, time.perf_counter() - started)


def dc_system(moment: Moment, rule: str = "series") -> LinearSystem:
    """All rules of a DC optimal power flow without outages, with angles and flows as columns."""
    physics = Dc(form="angles", rule=rule)
    model = state_problem(moment, physics)
    assert isinstance(model, DcModel)
    made, _ = model.made()
    lower, upper = made.lower.copy(), made.upper.copy()
    lower[model.flow], upper[model.flow] = -moment.rate, moment.rate
    limited = np.flatnonzero(np.isfinite(moment.angle_min) | np.isfinite(moment.angle_max))
    row = np.arange(limited.size)
    over = csr_array(
        (
            np.concatenate([np.ones(row.size), -np.ones(row.size)]),
            (
                np.concatenate([row, row]),
                np.concatenate([model.theta[moment.tail[limited]], model.theta[moment.head[limited]]]),
            ),
        ),
        shape=(row.size, lower.size),
    )
    rows = [*_rows(model, moment), *(Rule("angle_limit", str(moment.branch_id[k])) for k in limited.tolist())]
    columns = []
    for name, _, count in model.column_blocks:
        ids = {"angle": moment.bus, "flow": moment.branch_id}.get(name, moment.gen_id)
        kind = _COLUMN_KINDS.get(name, name)
        columns += [Rule(kind, str(ids[k])) for k in range(count)]
    return LinearSystem(
        csr_array(vstack([made.matrix, over])),
        np.concatenate([made.row_lower, moment.angle_min[limited]]),
        np.concatenate([made.row_upper, moment.angle_max[limited]]),
        lower,
        upper,
        rows,
        columns,
        power_mw=BASE_MVA,
    )


def _rows(model: ArrayModel, moment: Moment) -> list[Rule]:
    rows = []
    for name, _, count in model.row_blocks:
        if name == "balance":
            rows += [Rule("balance", str(bus)) for bus in moment.bus[:count]]
        elif name == "branch_flow":
            rows += [Rule("flow_law", str(branch)) for branch in moment.branch_id]
        else:
            rows += [Rule("cost_curve", name.removeprefix("cost of "))] * count
    return rows


def lazy_system(model: DcModel) -> LinearSystem:
    """The rules that a model in the form of flows has by now: balances of islands, and limits that were broken."""
    m, limits = model.moment, model.limits
    linear = model.session.model
    rows: list[Rule] = []
    for name, _, count in model.row_blocks:
        if name == "balance":
            rows += [Rule("island_balance", str(m.bus[node])) for node in model.grid.held]
        else:
            rows += [Rule("cost_curve", name.removeprefix("cost of "))] * count
    for branch, outage in zip(limits.branch.tolist(), limits.outage.tolist(), strict=True):
        hour = f"after the loss of {m.branch_id[outage]}" if outage >= 0 else ""
        rows.append(Rule("flow_limit", str(m.branch_id[branch]), hour))
    columns = []
    for name, _, count in model.column_blocks:
        columns += [Rule(_COLUMN_KINDS.get(name, name), str(m.gen_id[k])) for k in range(count)]
    return LinearSystem(
        linear.matrix, linear.row_lower, linear.row_upper, linear.lower, linear.upper, rows, columns, power_mw=BASE_MVA
    )
