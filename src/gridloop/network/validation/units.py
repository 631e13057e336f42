"""Checks for numbers in the wrong unit: V for kV, m for km, A for kA, kW for MW, found by their order of magnitude.

The bounds are far outside what is built, so that an error is certain. Buses of exactly 1 kV are left alone where power
counts: per-unit case files use that voltage as a placeholder.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.network.validation.findings import Finding, finding
from gridloop.units import SQRT3, FloatArray

PLACEHOLDER_KV = 1.0

# Nobody builds longer lines at these voltages [kV] than this [km].
_LONGEST_KM = ((1.5, 20.0), (60.0, 300.0), (np.inf, 5000.0))
# No single element on a low-voltage bus takes more than this. [MW]
_MOST_LOW_VOLTAGE_MW = 10.0
# A line whose rated current drops more than this many times the nominal voltage carries no such current.
_MOST_DROP = 3.0
_HIGHEST_KV = 1200.0


def findings(net: Network, connected: bool) -> list[Finding]:
    """Findings of wrong units; those that compare with a bus only where all references lead somewhere."""
    found = _volts(net)
    if connected:
        found += _metres(net) + _amperes(net) + _kilowatts(net) + _rated_voltage(net)
    return found


def _wrong(table: str, column: str, ids: pd.Index, problem: str, remedy: str) -> list[Finding]:
    return [finding("error", "wrong_unit", table, column, ids, problem, remedy)] if len(ids) else []


def _volts(net: Network) -> list[Finding]:
    found = []
    for table, column in (("bus", "v_nom_kv"), ("transformer", "v_tail_kv"), ("transformer", "v_head_kv")):
        kv = net.tables[table][column]
        high = kv[kv > _HIGHEST_KV]
        if len(high):
            found += _wrong(
                table,
                column,
                high.index,
                f"have {column} = {high.max():g} kV, more than any grid; this looks like V",
                "Divide by 1000.",
            )
    return found


def _metres(net: Network) -> list[Finding]:
    line, v_kv = net.line, _at(net, net.line["tail_bus"])
    longest = np.select([v_kv <= kv for kv, _ in _LONGEST_KM], [km for _, km in _LONGEST_KM], np.nan)
    long = line["length_km"].to_numpy() > longest
    if not long.any():
        return []
    worst = line["length_km"][long].max()
    return _wrong(
        "line",
        "length_km",
        line.index[long],
        f"have length_km up to {worst:g}, longer than lines of their voltage are built; this looks like m",
        "Divide by 1000.",
    )


def _amperes(net: Network) -> list[Finding]:
    line, v_kv = net.line, _at(net, net.line["tail_bus"])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite has its own finding
        z = np.hypot(line["r_ohm_per_km"].to_numpy(), line["x_ohm_per_km"].to_numpy()) * line["length_km"].to_numpy()
        drop = SQRT3 * line["i_max_ka"].to_numpy() * z / v_kv
    odd = (drop > _MOST_DROP) & (line["i_max_ka"].to_numpy() > 10) & (v_kv != PLACEHOLDER_KV)
    if not odd.any():
        return []
    # A wrong unit takes a whole column. A few absurd limits among sound ones are somebody's way to write "not limited".
    severity = "error" if 2 * odd.sum() >= line["i_max_ka"].notna().sum() else "warning"
    return [
        finding(
            severity,
            "wrong_unit",
            "line",
            "i_max_ka",
            line.index[odd],
            f"have i_max_ka up to {line['i_max_ka'][odd].max():g}, which would drop more than {_MOST_DROP:g} times the "
            "nominal voltage; this looks like A",
            "Divide by 1000; leave it missing where the line is not limited.",
        )
    ]


def _kilowatts(net: Network) -> list[Finding]:
    found = []
    for table in ("load", "generator", "storage"):
        frame = net.tables[table]
        large = (_at(net, frame["bus"]) < PLACEHOLDER_KV) & (frame["p_mw"].abs().to_numpy() > _MOST_LOW_VOLTAGE_MW)
        if large.any():
            worst = frame["p_mw"][large].abs().max()
            problem = f"have p_mw up to {worst:g} on a low-voltage bus; this looks like kW"
            found += _wrong(table, "p_mw", frame.index[large], problem, "Divide by 1000.")
    return found


def _rated_voltage(net: Network) -> list[Finding]:
    found = []
    transformer = net.transformer
    for end in ("tail", "head"):
        column = f"v_{end}_kv"
        at_bus = _at(net, transformer[f"{end}_bus"])
        ratio = transformer[column].to_numpy() / at_bus
        # A voltage that is no voltage at all has its own finding.
        sound = (transformer[column].to_numpy() <= _HIGHEST_KV) & (at_bus <= _HIGHEST_KV)
        far = sound & ((ratio > 10) | (ratio < 0.1))
        found += _wrong(
            "transformer",
            column,
            transformer.index[far],
            f"have a {column} more than ten times off the nominal voltage of its {end} bus",
            "Give both in kV, and the winding that is at that bus.",
        )
        off = sound & ((ratio > 1.5) | (ratio < 1 / 1.5)) & ~far
        if off.any():
            problem = f"have a {column} more than half off the nominal voltage of its {end} bus"
            remedy = "Check that tail and head are not exchanged."
            found.append(
                finding("warning", "odd_ratio", "transformer", column, transformer.index[off], problem, remedy)
            )
    return found


def _at(net: Network, bus: pd.Series) -> FloatArray:
    """Nominal voltage of the buses named. [kV]"""
    return net.bus["v_nom_kv"].reindex(bus).to_numpy(dtype=float)
