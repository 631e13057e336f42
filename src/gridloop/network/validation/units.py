"""Checks for numbers in the wrong unit: V for kV, m for km, A for kA, kW for MW, found by their order of magnitude.

The bounds are far outside what is built, so that an error is certain. Buses of exactly 1 kV are left alone where power
counts: per-unit case files use that voltage as a placeholder.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gridloop.network.validation.findings import Finding, finding
from gridloop.network.validation.view import View
from gridloop.units import SQRT3

PLACEHOLDER_KV = 1.0

# Nobody builds longer lines at these voltages [kV] than this [km].
_LONGEST_KM = ((1.5, 20.0), (60.0, 300.0), (np.inf, 5000.0))
# No single element on a low-voltage bus takes more than this. [MW]
_MOST_LOW_VOLTAGE_MW = 10.0
# No machine is built larger. Case files give such ratings to equivalents of whole grids, a few among many. [MVA]
_LARGEST_MVA = 5000.0
# A line whose rated current drops more than this many times the nominal voltage carries no such current.
_MOST_DROP = 3.0
_HIGHEST_KV = 1200.0


def findings(view: View, connected: bool) -> list[Finding]:
    """Findings of wrong units; those that compare with a bus only where all references lead somewhere."""
    found = _volts(view) + _kilovoltamperes(view)
    if connected:
        found += _metres(view) + _amperes(view) + _kilowatts(view) + _rated_voltage(view)
    return found


def _wrong(table: str, column: str, ids: Iterable[str], problem: str, remedy: str) -> list[Finding]:
    return [finding("error", "wrong_unit", table, column, ids, problem, remedy)]


def _volts(view: View) -> list[Finding]:
    found = []
    for table, column in (("bus", "v_nom_kv"), ("transformer", "v_tail_kv"), ("transformer", "v_head_kv")):
        kv = view.column(table, column)
        high = kv > _HIGHEST_KV
        if high.any():
            problem = f"have {column} = {kv[high].max():g} kV, more than any grid; this looks like V"
            found += _wrong(table, column, view.ids(table)[high], problem, "Divide by 1000.")
    return found


def _kilovoltamperes(view: View) -> list[Finding]:
    """Ratings beyond any machine: an error where most of the column is, an equivalent of a grid where a few are."""
    rating = view.column("generator", "s_rated_mva")
    large = rating > _LARGEST_MVA
    if not large.any():
        return []
    severity = "error" if 2 * large.sum() >= np.isfinite(rating).sum() else "warning"
    problem = f"have s_rated_mva up to {rating[large].max():g}, more than any machine; this looks like kVA"
    remedy = "Divide by 1000; leave it missing where it stands for a whole grid."
    ids = view.ids("generator")[large]
    return [finding(severity, "wrong_unit", "generator", "s_rated_mva", ids, problem, remedy)]


def _metres(view: View) -> list[Finding]:
    length, v_kv = view.column("line", "length_km"), view.kv("line", "tail_bus")
    longest = np.select([v_kv <= kv for kv, _ in _LONGEST_KM], [km for _, km in _LONGEST_KM], np.nan)
    long = length > longest
    if not long.any():
        return []
    problem = (
        f"have length_km up to {length[long].max():g}, longer than lines of their voltage are built; this looks like m"
    )
    return _wrong("line", "length_km", view.ids("line")[long], problem, "Divide by 1000.")


def _amperes(view: View) -> list[Finding]:
    r, x, length, i_max = (view.column("line", c) for c in ("r_ohm_per_km", "x_ohm_per_km", "length_km", "i_max_ka"))
    v_kv = view.kv("line", "tail_bus")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite has its own finding
        drop = SQRT3 * i_max * np.hypot(r, x) * length / v_kv
    odd = (drop > _MOST_DROP) & (i_max > 10) & (v_kv != PLACEHOLDER_KV)
    if not odd.any():
        return []
    # A wrong unit takes a whole column. A few absurd limits among sound ones are somebody's way to write "not limited".
    severity = "error" if 2 * odd.sum() >= np.isfinite(i_max).sum() else "warning"
    problem = (
        f"have i_max_ka up to {i_max[odd].max():g}, which would drop more than {_MOST_DROP:g} times the nominal "
        "voltage; this looks like A"
    )
    remedy = "Divide by 1000; leave it missing where the line is not limited."
    return [finding(severity, "wrong_unit", "line", "i_max_ka", view.ids("line")[odd], problem, remedy)]


def _kilowatts(view: View) -> list[Finding]:
    found = []
    for table in ("load", "generator", "storage"):
        p = np.abs(view.column(table, "p_mw"))
        large = (view.kv(table, "bus") < PLACEHOLDER_KV) & (p > _MOST_LOW_VOLTAGE_MW)
        if large.any():
            problem = f"have p_mw up to {p[large].max():g} on a low-voltage bus; this looks like kW"
            found += _wrong(table, "p_mw", view.ids(table)[large], problem, "Divide by 1000.")
    return found


def _rated_voltage(view: View) -> list[Finding]:
    found = []
    ids = view.ids("transformer")
    for end in ("tail", "head"):
        column = f"v_{end}_kv"
        rated, at_bus = view.column("transformer", column), view.kv("transformer", f"{end}_bus")
        # A voltage that is no voltage at all has its own finding.
        sound = (rated > 0) & (rated <= _HIGHEST_KV) & (at_bus > 0) & (at_bus <= _HIGHEST_KV)
        ratio = np.divide(rated, at_bus, out=np.ones(rated.size), where=sound)
        far = (ratio > 10) | (ratio < 0.1)
        if far.any():
            problem = f"have a {column} more than ten times off the nominal voltage of its {end} bus"
            found += _wrong(
                "transformer", column, ids[far], problem, "Give both in kV, and the winding that is at that bus."
            )
        off = ((ratio > 1.5) | (ratio < 1 / 1.5)) & ~far
        if off.any():
            problem = f"have a {column} more than half off the nominal voltage of its {end} bus"
            remedy = "Check that tail and head are not exchanged."
            found.append(finding("warning", "odd_ratio", "transformer", column, ids[off], problem, remedy))
    return found
