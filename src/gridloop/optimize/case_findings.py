"""What is wrong with a moment before anything is solved: costs that are no convex curves or say nothing, ratings of
zero, load that nothing can supply, nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridloop.network.validation import Finding
from gridloop.network.validation.findings import finding
from gridloop.units import BASE_MVA, FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.case import Moment

# Findings that make the answer "infeasible"; all other errors are bad data.
INFEASIBLE = ("stranded_load", "demand_above_capacity", "nothing_in_service")


def findings(m: Moment) -> list[Finding]:
    """All findings of a moment."""
    return [*_costs(m), *_ratings(m), *_nothing(m), *_stranded(m), *_capacity(m)]


def _costs(m: Moment) -> list[Finding]:
    found = []
    concave = m.cost_quadratic < 0
    if concave.any():
        problem = f"have a cost that falls faster and faster, down to {m.cost_quadratic.min():g} per MW²h"
        remedy = (
            "Give cost_quadratic_per_mw2h of zero or more: the cheapest dispatch of such a cost cannot be certified."
        )
        found.append(
            finding("error", "not_convex", "generator", "cost_quadratic_per_mw2h", m.gen_id[concave], problem, remedy)
        )
    unread = [g for g, curve in m.curves.items() if not curve.p_mw.size]
    if unread:
        problem, remedy = "have a cost curve that cannot be read", 'Write it as "0:0;50:900;100:2100", power rising.'
        found.append(finding("error", "bad_cost_points", "generator", "cost_points", m.gen_id[unread], problem, remedy))
    bent = [g for g, curve in m.curves.items() if curve.p_mw.size and not curve.convex]
    if bent:
        problem, remedy = "have a cost curve whose slope falls", "Give points of a convex curve, or use commitment."
        found.append(finding("error", "not_convex", "generator", "cost_points", m.gen_id[bent], problem, remedy))
    paid = m.cost_linear < 0
    if paid.any():
        problem, remedy = "are paid to run: their cost is negative", "Right for a subsidy; check the sign otherwise."
        found.append(
            finding("warning", "negative_cost", "generator", "cost_linear_per_mwh", m.gen_id[paid], problem, remedy)
        )
    worth = [np.abs(m.cost_fixed), np.abs(m.cost_linear), np.abs(m.cost_quadratic)]
    worth += [np.abs(curve.cost_per_h) for curve in m.curves.values()]
    if m.gen_id.size and not any((part != 0).any() for part in worth):
        message = (
            "all costs are zero: any dispatch within the limits is the cheapest, and prices say nothing. Give "
            "generators a cost_linear_per_mwh; a case file without gencost has none."
        )
        found.append(Finding("warning", "zero_costs", "generator", "cost_linear_per_mwh", tuple(m.gen_id), message))
    return found


def _ratings(m: Moment) -> list[Finding]:
    found = []
    lines = m.branch_row < m.arrays.branches.n_lines
    for table, column, mine in (("line", "i_max_ka", lines), ("transformer", "s_max_mva", ~lines)):
        shut = mine & (m.rate == 0)
        if shut.any():
            problem, remedy = (
                "have a rating of 0",
                "Take the branch out of service, or leave the rating empty where there is none.",
            )
            found.append(finding("error", "zero_rating", table, column, m.branch_id[shut], problem, remedy))
    return found


def _nothing(m: Moment) -> list[Finding]:
    if m.n or len(m.stranded):
        return []
    message = (
        "nothing in service takes or is fed: no bus has a load or storage with a generator in its island, or a source. "
        "Look at the columns in_service, and at open switches."
    )
    return [Finding("error", "nothing_in_service", "", "", (), message)]


def _stranded(m: Moment) -> list[Finding]:
    if not len(m.stranded):
        return []
    problem = f"carry {m.stranded_mw:.6g} MW of load in islands where nothing generates"
    remedy = "Close a switch towards them, or leave them out with `network.energized()`."
    return [finding("error", "stranded_load", "bus", "", m.stranded, problem, remedy)]


def _capacity(m: Moment) -> list[Finding]:
    """Load beyond what the generators of its island can do. Losses only add to it, but where a resistance or a
    conductance is negative; such an island is left to the solver."""
    count = int(m.island.max(initial=-1)) + 1
    feeds = np.zeros(count, dtype=bool)
    feeds[m.island[m.tail[m.r < 0]]] = True
    feeds[m.island[m.shunt.real < 0]] = True

    def total(island: IntArray, values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(island, weights=values, minlength=count) * BASE_MVA, dtype=float)

    load = total(m.island, m.p_load)
    found = []
    over = load - total(m.island[m.gen_node], m.p_max)
    for k in np.flatnonzero((over > _least(load)) & ~feeds):
        message = (
            f"the load of {load[k]:.6g} MW exceeds all generators together ({load[k] - over[k]:.6g} MW) by "
            f"{over[k]:.6g} MW in the island of bus {m.bus[m.island == k][0]}, before any losses. "
            "Add generation, or shed load."
        )
        found.append(Finding("error", "demand_above_capacity", "", "", tuple(m.bus[m.island == k][:1]), message))
    return found


def _least(load: FloatArray) -> FloatArray:
    """An excess below the rounding of a sum of loads is none. MW"""
    return np.asarray(1e-9 * np.maximum(1.0, np.abs(load)))
