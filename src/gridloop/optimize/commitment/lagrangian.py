"""The bound of a relaxation, with every unit at its exact best: what a choice of one unit would cost at least.

At prices for the rows that units share, each unit is alone, and its cheapest schedule an exact shortest path
(`kernel.commitment`). With the prices of a linear relaxation this bound is never below its objective; and the least
cost with one unit on in one hour, against its best, is what that choice adds to the bound: where the sum passes the
best known plan, no better plan makes that choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.kernel.commitment import solve_units
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.tight import OnOff
from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class UnitBound:
    """A lower bound, and what every choice of a unit adds to it at least.

    bound  money
    on, off, start, stop [unit, hour]  0 or more, infinite where impossible
    u      [unit, hour]  the best schedule of every unit at these prices
    """

    bound: float
    on: FloatArray
    off: FloatArray
    start: FloatArray
    stop: FloatArray
    u: BoolArray

    def leave_out(self, on_off: OnOff, lower: FloatArray, upper: FloatArray, beyond: float) -> None:
        """Close the choices that add more than this, in the bounds [column] of a program."""
        upper[on_off.u[self.on > beyond]] = 0.0
        lower[on_off.u[self.off > beyond]] = 1.0
        upper[on_off.v[self.start > beyond]] = 0.0
        upper[on_off.w[self.stop > beyond]] = 0.0


def applies(model: CommitmentModel) -> bool:
    """Whether units at prices are what the kernel solves: regulation, up and down at once, is not in it."""
    return not any(rows.size for rows in model.regulation)


def bound_units(
    model: CommitmentModel,
    objective: float,
    x: FloatArray,
    dual: FloatArray,
    may_on: BoolArray,
    may_off: BoolArray,
) -> UnitBound:
    """The bound at the prices of a solved relaxation.

    objective, x [column], dual [row]  of the relaxation; rows that were left out of it have dual 0
    may_on, may_off  [unit, hour]  what is allowed here

    The relaxation's value is that of the units at its prices and that of all others; the exact schedules take the
    place of the first. Where the kernel does not apply, the bound is the relaxation's, and every choice may be free.
    """
    arrays, on_off = model.arrays, model.on_off
    if not applies(model):
        free = np.zeros((arrays.n, arrays.hours))
        return UnitBound(objective, free, free, free, free, x[on_off.u] > 0.5)
    cases = range(len(model.cases))
    from_sums = model.sums.member.T @ dual[model.sums.rows]
    price = paid_to_units(model, dual)
    none = np.zeros(arrays.hours)
    held = np.stack([np.maximum(dual[model.reserve[s]], 0.0) if model.reserve[s].size else none for s in cases], axis=1)
    hour_cost, start_more, stop_more = (-from_sums[c] for c in (on_off.u, on_off.v, on_off.w))
    best, on, off, start, stop, u = solve_alone(model, price, held, hour_cost, start_more, stop_more, may_on, may_off)
    if not np.isfinite(best).all():
        return UnitBound(np.inf, on, off, start, stop, u)
    relaxed = _value_of_units(model, x, price, held, hour_cost, start_more, stop_more)
    bound = objective + float(best.sum() - relaxed)
    return above_best(bound, best, on, off, start, stop, u)


def paid_to_units(model: CommitmentModel, dual: FloatArray) -> FloatArray:
    """What output is paid, [hour, scenario]; on a network [unit, hour, scenario], for every bus has its own price."""
    price = np.stack([dual[rows] for rows in model.balance], axis=1)
    if model.grid is None:
        return price
    from_limits = model.grid.prices(dual)
    return price + np.stack([from_limits[output.p] for output in model.outputs], axis=2)


def above_best(
    bound: float,
    best: FloatArray,
    on: FloatArray,
    off: FloatArray,
    start: FloatArray,
    stop: FloatArray,
    u: BoolArray,
) -> UnitBound:
    """What every choice costs beyond the best of its unit."""
    on, off, start, stop = (np.maximum(part - best[:, None], 0.0) for part in (on, off, start, stop))
    return UnitBound(bound, on, off, start, stop, u)


def solve_alone(
    model: CommitmentModel,
    price: FloatArray,
    held: FloatArray,
    hour_cost: FloatArray,
    start_more: FloatArray,
    stop_more: FloatArray,
    may_on: BoolArray,
    may_off: BoolArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, BoolArray]:
    """Every unit against prices; arguments and results as in `kernel.commitment.solve_units`.

    price  [hour, scenario], or [unit, hour, scenario] where units are paid differently
    """
    arrays = model.arrays
    shape = (arrays.n, arrays.hours)
    best = np.empty(arrays.n)
    on, off, start, stop = (np.empty(shape) for _ in range(4))
    u = np.empty(shape, dtype=bool)
    costs = arrays.start
    weight, held = np.array([case.weight for case in model.cases]), np.ascontiguousarray(held)
    alike = [(slice(None), price)] if price.ndim == 2 else [(slice(g, g + 1), price[g]) for g in range(arrays.n)]
    for g, paid in alike:
        of = slice(None) if g.start is None else slice(g.start, g.stop + 1)
        solve_units(
            arrays.unit[g], arrays.points, arrays.costs, arrays.point_of[of], np.ascontiguousarray(paid), held, weight,
            hour_cost[g], start_more[g], stop_more[g], costs.first[g], costs.anyway[g], costs.by_off[g],
            costs.counts_from[g], may_on[g], may_off[g], best[g], on[g], off[g], start[g], stop[g], u[g],
        )  # fmt: skip
    return best, on, off, start, stop, u


def _value_of_units(
    model: CommitmentModel,
    x: FloatArray,
    price: FloatArray,
    held: FloatArray,
    hour_cost: FloatArray,
    start_more: FloatArray,
    stop_more: FloatArray,
) -> float:
    """What all units cost in the relaxation minus what they are paid at these prices."""
    on_off, p_min = model.on_off, model.arrays.column(kernel.P_MIN)
    cost = model.program.cost
    units = [on_off.u, on_off.v, on_off.w, on_off.x]
    value = sum(float(cost[c.ravel()] @ x[c.ravel()]) for c in units)
    value += float((hour_cost * x[on_off.u]).sum() + (start_more * x[on_off.v]).sum() + (stop_more * x[on_off.w]).sum())
    for s, output in enumerate(model.outputs):
        total = p_min[:, None] * x[on_off.u] + x[output.p]
        value -= float((total * price[..., s]).sum())
        value += float(cost[output.pieces] @ x[output.pieces])
        if output.r[0, 0] >= 0:
            value -= float((x[output.r] * held[:, s]).sum())
    return value
