"""Checks of set-points: voltages that no grid is held at, taps without a ratio, holders of one node that disagree."""

from __future__ import annotations

import numpy as np

from gridloop.network.topology import NO_NODE
from gridloop.network.validation.findings import Finding, finding
from gridloop.network.validation.view import View
from gridloop.units import BoolArray, FloatArray, IntArray

# No grid is held outside these; the widest set-points of published cases are 0.60 and 1.18 pu.
LOWEST_SET_PU, HIGHEST_SET_PU = 0.5, 1.5
# A tap changer moves a ratio by a fraction of itself: further away, step or position are in the wrong unit.
LOWEST_TAP, HIGHEST_TAP = 0.5, 2.0
_EQUAL = 1e-9


def findings(view: View, connected: bool) -> list[Finding]:
    """Findings of set-points; those per node only where all references lead somewhere."""
    found = _absurd(view) + _taps(view)
    if connected:
        found += _conflicts(view)
    return found


def _holders(view: View, table: str) -> BoolArray:
    """Elements that hold a voltage. [row]"""
    on = view.column(table, "in_service")
    return np.asarray(on & view.column(table, "regulates_voltage") if table == "generator" else on, dtype=bool)


def _absurd(view: View) -> list[Finding]:
    found = []
    for table in ("source", "generator"):
        v = view.column(table, "v_set_pu")
        # Beyond the schema's own range is a finding already.
        odd = _holders(view, table) & (v >= 0) & (v <= 2) & ((v < LOWEST_SET_PU) | (v > HIGHEST_SET_PU))
        if odd.any():
            problem = f"have a v_set_pu that no grid is held at, such as {v[odd][0]:g}"
            remedy = f"Give a voltage per unit of the bus, {LOWEST_SET_PU:g} to {HIGHEST_SET_PU:g}."
            found.append(finding("error", "out_of_range", table, "v_set_pu", view.ids(table)[odd], problem, remedy))
    return found


def _taps(view: View) -> list[Finding]:
    position, neutral, step = (view.column("transformer", c) for c in ("tap_pos", "tap_neutral", "tap_step_pu"))
    ratio = 1 + (position - neutral) * np.where(np.isfinite(step), step, 0.0)  # that has a finding of its own
    odd = (ratio < LOWEST_TAP) | (ratio > HIGHEST_TAP)
    if not odd.any():
        return []
    problem = f"have a tap position that changes the ratio to {ratio[odd][0]:.3g} times the rated one"
    remedy = "Check tap_pos, tap_neutral and tap_step_pu (0.0125 for a step of 1.25 %)."
    ids = view.ids("transformer")[odd]
    return [finding("error", "out_of_range", "transformer", "tap_pos", ids, problem, remedy)]


def _conflicts(view: View) -> list[Finding]:
    """Elements that hold the voltage of one electrical node at different values."""
    found = []
    for table, columns, severity, problem, remedy in (
        (
            "source",
            ("v_set_pu", "angle_deg"),
            "error",
            "hold one node at different voltages or angles",
            "Keep one source per node, or make them equal.",
        ),
        (
            "generator",
            ("v_set_pu",),
            "warning",
            "hold one node at different voltages",
            "The first of them counts; make them equal.",
        ),
    ):
        rows = np.flatnonzero(_holders(view, table))
        if rows.size < 2:
            continue
        node = view.topology.node_of[view.rows(table, "bus")[rows]]
        values = np.stack([view.column(table, c)[rows] for c in columns])
        differs = rows[_disagree(node, values)]
        if differs.size:
            ids = view.ids(table)[differs]
            found.append(finding(severity, "conflicting_set_points", table, "v_set_pu", ids, problem, remedy))
    return found


def _disagree(node: IntArray, values: FloatArray) -> BoolArray:
    """Which holders share a node with one of another value. node [holder], values [column, holder]"""
    _, group = np.unique(node, return_inverse=True)
    n = int(group.max()) + 1
    apart = np.zeros(n, dtype=bool)
    for column in values:
        high, low = np.full(n, -np.inf), np.full(n, np.inf)
        np.fmax.at(high, group, column)
        np.fmin.at(low, group, column)
        apart |= high - low > _EQUAL
    return np.asarray(apart[group] & (node != NO_NODE), dtype=bool)
