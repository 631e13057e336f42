"""What the answers of all physics have in common: values by bus, outputs with their reasons, emissions, advice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import GENERATOR
from gridloop.units import BASE_MVA, FloatArray

# A shadow price below this share of the largest price is rounding of the solver.
NO_PRICE = 1e-7

# What to do where a model of linear rows ended without an answer.
ADVICE: Mapping[str, str] = {
    "unbounded": "Some generator without upper limit has a negative cost: give p_max_mw or another cost.",
    "time_limit": "Raise `time_limit_s`.",
    "interrupted": "Start again to go on.",
    "solver_failed": "Look for limits and costs of very different size; report the case if there are none.",
    "not_converged": "Report the case.",
}


def bus_table(m: Moment, columns: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Values [node] for every bus of the network; NaN where it is not part of the moment."""
    node = m.node_of_bus
    known, data = node >= 0, {}
    for name, values in columns.items():
        data[name] = np.full(node.size, np.nan)
        data[name][known] = values[node[known]]
    return pd.DataFrame(data, index=m.net.bus.index)


def by_kind(m: Moment, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table of all branches as those of lines and of transformers."""
    lines = m.arrays.branches.n_lines
    return (
        table.iloc[:lines].set_axis(m.net.line.index),
        table.iloc[lines:].set_axis(m.net.transformer.index),
    )


def generator_table(
    m: Moment,
    p: FloatArray,
    q: FloatArray,
    cost: FloatArray,
    why: tuple[Sequence[str], Sequence[str], FloatArray],
) -> pd.DataFrame:
    """All generators of the network, then sources that give power; NaN where one is out of service.

    p, q  [gen] per unit;  cost [gen] money per hour
    why   [gen] code, binding limit and shadow price
    """
    found = pd.DataFrame(dict(zip(GENERATOR, (p * BASE_MVA, q * BASE_MVA, cost, *why), strict=True)), index=m.gen_id)
    table = found.reindex(m.net.generator.index.append(m.gen_id[m.gen_row < 0]).rename("id"))
    table[["reason", "binding"]] = table[["reason", "binding"]].fillna("")
    return table


def emissions_t(m: Moment, p: FloatArray) -> float:
    """Per hour, of the generators whose emissions are known, at p [gen, per unit]; NaN where none is."""
    known = ~np.isnan(m.emissions_t_per_mwh)
    return float((m.emissions_t_per_mwh * p * BASE_MVA)[known].sum()) if known.any() else math.nan
