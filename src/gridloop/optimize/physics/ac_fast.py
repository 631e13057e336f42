"""The way from the model of an AC optimal power flow to the interior point that is made for it, and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.physics.ac_system import AcSystem
from gridloop.optimize.physics.opf_base import Progress
from gridloop.optimize.solve import mumps
from gridloop.optimize.solve.barrier import Near
from gridloop.optimize.solve.interior import interior_point
from gridloop.optimize.solve.ipopt import NonlinearOutcome

if TYPE_CHECKING:
    from gridloop.optimize.physics.ac_model import AcModel

# A limit of an angle with less of a multiplier is not in force, and need not be told.
IN_FORCE = 1e-9


def solve_fast(
    model: AcModel, *, time_limit_s: float | None = None, progress: Progress | None = None
) -> NonlinearOutcome | None:
    """The outcome in the columns and rows of the model; None where this way cannot take it: piecewise costs have
    variables that are not known here, and MUMPS may be missing."""
    m = model.moment
    if m.curves or not m.gen_id.size or not mumps.available():
        return None
    began = time.perf_counter()
    x = np.clip(model.start(), *model.bounds())
    system = AcSystem(m, model.flow, model.angle_limited)
    begin = np.concatenate([x[model.theta], x[model.v], x[model.p], x[model.q]])
    system.scale_cost(begin)
    constant = float(m.cost_fixed.sum())

    def told(iteration: int, cost: float, violation: float) -> bool:
        return progress is None or progress(iteration, cost / system.scale + constant, violation)

    found = interior_point(system, begin, near=_near(model, system), time_limit_s=time_limit_s, progress=told)
    columns = np.concatenate([model.theta, model.v, model.p, model.q])
    where, low, high = np.empty(model.size), np.zeros(model.size), np.zeros(model.size)
    where[columns] = found.x
    low[columns], high[columns] = found.low_dual / system.scale, found.high_dual / system.scale
    limit = found.limit / system.scale
    model.duals = tuple(a / system.scale for a in (found.balance, found.limit, found.low_dual, found.high_dual))
    net = np.zeros(m.tail.size)
    above = slice(system.limits, system.limits + system.above.size)
    net[system.above] = limit[above]
    net[system.below] -= limit[above.stop :]
    in_force = np.flatnonzero((np.abs(net) > IN_FORCE) & (found.status == "optimal"))
    model.limit_angles(in_force)
    dual = np.concatenate([net[in_force], found.balance / system.scale, limit[: system.limits] * system.weigh])
    return NonlinearOutcome(
        found.status, found.said, system.cost(found.x) / system.scale + constant, time.perf_counter() - began,
        found.iterations, where, dual, low, high,
    )  # fmt: skip


def _near(model: AcModel, system: AcSystem) -> Near | None:
    """Multipliers of the earlier answer that the model begins from, where its rows are the same."""
    duals = model.begin.duals
    if duals is None or (duals[1].size, duals[2].size) != (system.rows, system.size):
        return None
    return Near(*(a * system.scale for a in duals))
