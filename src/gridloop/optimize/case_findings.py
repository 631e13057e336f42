"""What is wrong with a moment before anything is solved: costs that are no convex curves, load that nothing can
supply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridloop.network.validation import Finding
from gridloop.network.validation.findings import finding
from gridloop.units import BASE_MVA, FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.case import Moment

# Findings that make the answer "infeasible"; all other errors are bad data.
INFEASIBLE = ("stranded_load", "demand_above_capacity")


def findings(m: Moment) -> list[Finding]:
    """All findings of a moment."""
    return [*_costs(m), *_stranded(m), *_capacity(m)]


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
    return found


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
