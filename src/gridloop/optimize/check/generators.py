"""What generators give, the boxes they have to stay in, and what that costs, read from the generator table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.grid import Grid, column
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

_SOURCE = "source:"  # what a source without a generator at its bus gives stands under this name


def check_generators(grid: Grid, table: pd.DataFrame, ledger: Ledger, *, reactive: bool) -> tuple[ComplexArray, float]:
    """Injection of every group of buses [group, MVA], and the cost per hour; boxes are checked on the way.

    table  p_mw and q_mvar by generator id; ids "source:…" for sources
    """
    net, rows = grid.net, grid.rows_of("generator")
    active = grid.active("generator")
    machines = _one_kind(grid, net.generator, table, active, rows, list(net.generator.index), ledger, reactive)
    source, source_rows = net.source, grid.rows_of("source")
    limits = [column(source, name) for name in ("p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar")]
    above = grid.active("source") & ~np.all(
        [limit == 0.0 for limit in limits], axis=0
    )  # else a mere reference of angles
    names = [f"{_SOURCE}{name}" for name in source.index]
    sources = _one_kind(grid, source, table, above, source_rows, names, ledger, reactive)
    unknown = [str(name) for name in table.index if name not in net.generator.index and name not in set(names)]
    if unknown:
        ledger.equal("output of what is not in the case", unknown, column(table.loc[unknown], "p_mw"), 0.0, "MW")
    return machines[0] + sources[0], machines[1] + sources[1]


def _one_kind(
    grid: Grid,
    own: pd.DataFrame,
    table: pd.DataFrame,
    active: BoolArray,
    rows: IntArray,
    names: list[str],
    ledger: Ledger,
    reactive: bool,
) -> tuple[ComplexArray, float]:
    """Injections and cost of generators, or of sources that stand for one; `own` is their table in the case."""
    given = table.reindex(names)
    p = column(given, "p_mw")
    q = column(given, "q_mvar") if reactive else np.zeros(len(own))
    idle = ~active | ~grid.fed[rows]  # such a one gives nothing, whether that is written as zero or not at all
    p, q = np.where(idle & np.isnan(p), 0.0, p), np.where(idle & np.isnan(q), 0.0, q)
    ledger.equal("output out of service", _pick(names, idle), p[idle], 0.0, "MW")
    ledger.equal("output out of service", _pick(names, idle), q[idle], 0.0, "Mvar")
    serving = ~idle
    chosen = _pick(names, serving)
    boxes = [("active output", p, "p_min_mw", "p_max_mw", "MW")]
    if reactive:
        boxes.append(("reactive output", q, "q_min_mvar", "q_max_mvar", "Mvar"))
    for kind, value, low, high, unit in boxes:
        ledger.at_least(kind, chosen, value[serving], column(own, low)[serving], unit)
        ledger.at_most(kind, chosen, value[serving], column(own, high)[serving], unit)
        ledger.missing(kind, chosen, ~np.isfinite(value[serving]))
    each, told = output_cost(own, p), column(given, "cost_per_h")
    known = serving & np.isfinite(told) & np.isfinite(each)
    ledger.same_cost("cost", _pick(names, known), told[known], each[known])
    return grid.by_group(rows[serving], (p + 1j * q)[serving]), float(each[serving].sum())


def output_cost(generator: pd.DataFrame, p_mw: FloatArray) -> FloatArray:
    """Cost per hour of every generator at its output. [generator]

    A polynomial, or the straight lines between the points of `cost_points` ("0:100;50:900") where they are given.
    """
    fixed, linear, quadratic = (
        column(generator, name, 0.0) for name in ("cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h")
    )
    cost = fixed + p_mw * (linear + p_mw * quadratic)
    if "cost_points" in generator:
        for k, text in enumerate(generator["cost_points"]):
            if isinstance(text, str) and text.strip():
                cost[k] = _between_points(text, float(p_mw[k]))
    return cost


def _between_points(text: str, p: float) -> float:
    points = sorted(tuple(float(part) for part in point.split(":")) for point in text.split(";") if point.strip())
    x, y = (np.array(values) for values in zip(*points, strict=True))
    if x.size == 1:
        return float(y[0])
    k = int(np.clip(np.searchsorted(x, p) - 1, 0, x.size - 2))  # beyond the ends the last line goes on
    return float(y[k] + (y[k + 1] - y[k]) * (p - x[k]) / (x[k + 1] - x[k]))


def _pick(names: list[str], chosen: BoolArray) -> list[str]:
    return [name for name, yes in zip(names, chosen, strict=True) if yes]
