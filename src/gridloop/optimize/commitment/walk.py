"""A first plan from prices alone: units answer to prices, and prices rise where what they offer is not enough.

No solver is asked before the last step, the output of the units that were chosen; a thousand units take a second or
two. It is what is left where there is no time for more, and where the search starts in large systems.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.lagrangian import solve_alone
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.units import BoolArray, FloatArray

_ROUNDS = 25
# A start is spread over this many hours of full output in the first prices.
_SPREAD_H = 8.0


@dataclass(frozen=True, eq=False)
class Walked:
    """Prices [hour, scenario], plans that they lead to, and whether the units they turn on can cover what is asked.

    plans  [unit, hour] each, the cheapest first, which may be too scarce for ramps
    bound  what no plan can cost less than, by the best of these prices; −inf where more than units is on the plate
    """

    price: FloatArray
    plans: list[BoolArray]
    covers: bool
    bound: float


def walk_prices(model: CommitmentModel, *, time_limit_s: float = np.inf) -> Walked:
    """Raise prices of hours that lack capacity and lower those with too much that must run, until both are covered."""
    started = time.perf_counter()
    arrays = model.arrays
    hours = arrays.hours
    need, most_taken = _needs(model)
    p_min = arrays.column(kernel.P_MIN)
    price = _merit_prices(model, need)
    none = np.zeros((arrays.n, hours))
    weight = np.array([case.weight for case in model.cases])
    step = np.full(hours, 0.10)
    side = np.zeros(hours)
    best, bound = None, -np.inf
    for _ in range(_ROUNDS):
        spread = price[:, None] * weight[None, :]
        alone = solve_alone(model, spread, np.zeros_like(spread), none, none, none, arrays.may_on, arrays.may_off)
        u = alone[5]
        bound = max(bound, _bound(model, spread, float(alone[0].sum())))
        short = need - _capacity(model, u)
        over = (u * p_min[:, None]).sum(axis=0) - most_taken
        lacks = float(np.maximum(short, 0.0).sum() + np.maximum(over, 0.0).sum())
        if best is None or lacks < best[0]:
            best = (lacks, price.copy(), u)
        if lacks <= 1e-6 or time.perf_counter() - started > time_limit_s:
            break
        wanted = np.where(short > 0.0, 1.0, np.where(over > 0.0, -1.0, 0.0))
        # the further, the more often the same side is asked for; back with half the step where it changes
        step = np.where(wanted * side < 0.0, step / 2.0, np.where(wanted == side, np.minimum(step * 1.3, 1.0), step))
        side = np.where(wanted != 0.0, wanted, side)
        price = np.maximum(price, 0.1) * (1.0 + wanted * np.minimum(step, 0.9))
    assert best is not None
    covers = best[0] <= 1e-6
    plans = [
        _thinned(model, best[2], need, ends=True, margin=0.25),
        _thinned(model, best[2], need, ends=True, margin=0.5),
        _thinned(model, best[2], need, ends=False, margin=0.1),
        best[2],
    ]
    return Walked(best[1][:, None] * weight[None, :], plans, covers, bound)


def _capacity(model: CommitmentModel, u: BoolArray) -> FloatArray:
    """Most output and reserve of units on as u [unit, hour] says. [hour]"""
    arrays = model.arrays
    before = np.column_stack([arrays.column(kernel.ON_BEFORE) > 0.0, u[:, :-1]])
    after = np.column_stack([u[:, 1:], u[:, -1]])
    top = np.where(u & ~before, arrays.column(kernel.START_MAX)[:, None], arrays.column(kernel.P_MAX)[:, None])
    top = np.where(u & ~after, np.minimum(top, arrays.column(kernel.STOP_CAP)[:, None]), top)
    return np.asarray((u * top).sum(axis=0))


def _thinned(model: CommitmentModel, u: BoolArray, need: FloatArray, *, ends: bool, margin: float) -> BoolArray:
    """Without runs that nobody needs, the dearest units first.

    ends    of runs that go on from before the horizon, leave out the end too
    margin  share of what is needed that stays as room: for ramps, and for last hours, which are below full output
    """
    arrays = model.arrays
    u = u.copy()
    room = _capacity(model, u) - (1.0 + margin) * np.maximum(need, 0.0)
    for g in np.argsort(-_full_cost(model), kind="stable"):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], u[g].astype(int), [0]])))
        for begin, end in edges.reshape(-1, 2):
            spare = arrays.may_off[g, begin:end] & (room[begin:end] >= arrays.unit[g, kernel.P_MAX])
            if begin == 0 and arrays.unit[g, kernel.ON_BEFORE] > 0.0:
                if not ends:
                    continue
                needed = np.flatnonzero(~spare)
                begin = max(int(needed[-1]) + 1 if needed.size else 0, _hours_to_stop(arrays.unit[g]))
            elif not spare.all():
                continue
            u[g, begin:end] = False
            room[begin:end] -= arrays.unit[g, kernel.P_MAX]
    return u


def _hours_to_stop(unit: FloatArray) -> int:
    """After how many hours a unit that was on before can be off: its least time up, and down to its last output."""
    left = max(unit[kernel.UP_MIN] - unit[kernel.HOURS_BEFORE], 0.0)
    above = max(unit[kernel.P_BEFORE] - unit[kernel.STOP_MAX], 0.0)
    falls = np.ceil(above / unit[kernel.RAMP_DOWN]) if unit[kernel.RAMP_DOWN] > 0.0 else 0.0
    return int(max(left, falls))


def _bound(model: CommitmentModel, price: FloatArray, units: float) -> float:
    """The Lagrangian bound at prices [hour, scenario], from what all units cost at them; reserve is free here."""
    bound = units
    for s, case in enumerate(model.cases):
        if set(model.others[s].columns) != {"renewable"}:
            return -np.inf
        earned = price[:, [s]] * np.stack([case.renewable_min, case.renewable_max])
        bound += float(case.demand @ price[:, s]) - float(earned.max(axis=0).sum())
    return bound


def _needs(model: CommitmentModel) -> tuple[FloatArray, FloatArray]:
    """Capacity that units have to offer, and the least output that can be placed, in the worst scenario. [hour]"""
    need, taken = [], []
    for s, case in enumerate(model.cases):
        others = model.others[s]
        free = case.renewable_max.sum(axis=1)
        upper = model.program.upper
        for quantity in ("discharge", "curtailed", "left_out"):
            if quantity in others.columns:
                free = free + 0.5 * upper[others.columns[quantity]].sum(axis=0)
        reserve = model.program.row_lower[model.reserve[s]] if model.reserve[s].size else 0.0
        regulation = model.program.row_lower[model.regulation[s]] if model.regulation[s].size else 0.0
        need.append(case.demand + reserve + regulation - free)
        taken.append(case.demand - case.renewable_min.sum(axis=1))
    return np.max(need, axis=0), np.min(taken, axis=0)


def _merit_prices(model: CommitmentModel, need: FloatArray) -> FloatArray:
    """Cost per MWh at full output of the unit that is just needed, a start spread over some hours. [hour]"""
    arrays = model.arrays
    p_max, per_mwh = arrays.column(kernel.P_MAX), _full_cost(model)
    order = np.argsort(per_mwh, kind="stable")
    price = np.zeros(arrays.hours)
    for t in range(arrays.hours):
        offered = np.cumsum(p_max[order] * arrays.may_on[order, t])
        k = min(int(np.searchsorted(offered, need[t])), order.size - 1)
        price[t] = per_mwh[order[k]]
    return price


def _full_cost(model: CommitmentModel) -> FloatArray:
    """Cost per MWh at full output, a start spread over some hours. [unit]"""
    arrays = model.arrays
    full = arrays.costs[arrays.point_of[1:] - 1]
    cost: FloatArray = (full + arrays.start.anyway[:, 0] / _SPREAD_H) / np.maximum(arrays.column(kernel.P_MAX), 1e-6)
    return cost
