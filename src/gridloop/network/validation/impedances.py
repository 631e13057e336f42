"""Checks of impedances: none at all, too small or too large to compute with, branches from a bus to itself.

A mismatch of power is a difference of terms of size |y|, each known to a rounding: with double precision an impedance
of 1e-9 pu leaves some 1e-6 pu (100 W) of it open, and far below that "solved" means nothing. On the other side a branch
of more than 1e9 pu carries less than the mismatch that a solution may leave. Negative reactances are series capacitors
and star equivalents, and legal; negative resistances come with those equivalents.
"""

from __future__ import annotations

import numpy as np

from gridloop.network.validation.findings import Finding, finding
from gridloop.network.validation.view import View
from gridloop.units import BASE_MVA, FloatArray

# The smallest impedance in the published case files is 6e-9 pu (case16am, on 100 MVA).
SMALLEST_PU = 1e-9
LARGEST_PU = 1e9


def findings(view: View, connected: bool) -> list[Finding]:
    """Findings of impedances; those per unit need the bus voltages, so only where all references lead somewhere."""
    found = _none(view) + _loops(view)
    if connected:
        found += _extreme("line", view, _line_pu(view)) + _extreme("transformer", view, _transformer_pu(view))
    return found


def _none(view: View) -> list[Finding]:
    found = []
    r, x, length = (np.abs(view.column("line", c)) for c in ("r_ohm_per_km", "x_ohm_per_km", "length_km"))
    none = ((r == 0) & (x == 0)) | (length == 0)
    if none.any():
        remedy = "Give it a length and an impedance, or join its buses with a switch."
        ids = view.ids("line")[none]
        found.append(finding("error", "zero_impedance", "line", "", ids, "have no impedance", remedy))
    none = (view.column("transformer", "r_pu") == 0) & (view.column("transformer", "x_pu") == 0)
    if none.any():
        ids, remedy = view.ids("transformer")[none], "Give r_pu and x_pu."
        found.append(finding("error", "zero_impedance", "transformer", "", ids, "have no impedance", remedy))
    unrated = view.column("transformer", "s_rated_mva") == 0
    if unrated.any():
        problem, remedy = "have a rating of 0 MVA, so that r_pu and x_pu mean nothing", "Give s_rated_mva."
        ids = view.ids("transformer")[unrated]
        found.append(finding("error", "zero_impedance", "transformer", "s_rated_mva", ids, problem, remedy))
    return found


def _line_pu(view: View) -> FloatArray:
    """|z| of every line on `BASE_MVA`. [line]"""
    r, x, length = (view.column("line", c) for c in ("r_ohm_per_km", "x_ohm_per_km", "length_km"))
    base = view.column("line", "parallel") * view.kv("line", "tail_bus") ** 2
    return _per_unit(r, x, np.abs(length), base)


def _transformer_pu(view: View) -> FloatArray:
    """|z| of every transformer on `BASE_MVA`. [transformer]"""
    r, x, rated, parallel = (view.column("transformer", c) for c in ("r_pu", "x_pu", "s_rated_mva", "parallel"))
    return _per_unit(r, x, np.ones(r.size), parallel * rated)


def _per_unit(r: FloatArray, x: FloatArray, length: FloatArray, base: FloatArray) -> FloatArray:
    """|r + jx| · length · BASE_MVA / base; NaN where a value has a finding of its own. [branch]"""
    sound = np.isfinite(r) & np.isfinite(x) & np.isfinite(length) & (base > 0)
    with np.errstate(all="ignore"):  # two finite numbers may overflow together: that is huge
        z = np.hypot(r, x) * length * BASE_MVA / base
    return np.where(sound, z, np.nan)


def _extreme(table: str, view: View, z: FloatArray) -> list[Finding]:
    found, ids = [], view.ids(table)
    tiny = (z > 0) & (z < SMALLEST_PU)
    if tiny.any():
        problem = f"have an impedance down to {z[tiny].min():.2g} pu, too small to compute with"
        remedy = f"Join the buses with a switch, or give at least {SMALLEST_PU:g} pu on {BASE_MVA:g} MVA."
        found.append(finding("error", "tiny_impedance", table, "", ids[tiny], problem, remedy))
    huge = z > LARGEST_PU
    if huge.any():
        problem = f"have an impedance up to {z[huge].max():.2g} pu, which carries nothing"
        remedy = "Check the unit, or take them out of service."
        found.append(finding("error", "huge_impedance", table, "", ids[huge], problem, remedy))
    return found


def _loops(view: View) -> list[Finding]:
    found = []
    for table in ("line", "transformer"):
        tail, head = view.column(table, "tail_bus"), view.column(table, "head_bus")
        same = np.asarray((tail == head) & (tail != ""), dtype=bool)
        if same.any():
            remedy = "Correct one of its ends."
            found.append(
                finding("error", "self_loop", table, "", view.ids(table)[same], "join a bus to itself", remedy)
            )
    return found
