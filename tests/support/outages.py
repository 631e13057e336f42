"""Outages the plain way: the network without the elements, solved from the start by `power_flow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.powerflow.flow import power_flow

# What is promised of voltages; with both sides solved to TOLERANCE, no voltage of the cases moves by more.
PROMISED, TOLERANCE = 1e-8, 1e-10


def without(net: Network, elements: Iterable[tuple[str, str]]) -> Network:
    """The network with elements (table, id) out of service."""
    tables = dict(net.tables)
    for table, identity in elements:
        frame = tables[table]
        tables[table] = frame.assign(in_service=frame["in_service"] & (frame.index != identity))
    return Network.from_tables(tables, name=net.name)


def solved_alone(net: Network, elements: Iterable[tuple[str, str]], **options: Any) -> np.ndarray | None:
    """Complex voltages [bus] of the network without elements; None where it has no flow."""
    flow = power_flow(without(net, elements), tolerance_pu=TOLERANCE, **options)
    if not flow.converged:
        return None
    return np.asarray(flow.bus["v_pu"] * np.exp(1j * np.deg2rad(flow.bus["angle_deg"])))


def rated(net: Network, factor: float) -> Network:
    """Ratings of `factor` times the current of the base case and 0.1 kA, or its power and 10 MVA."""
    flow = power_flow(net)
    amps = flow.line[["i_tail_ka", "i_head_ka"]].max(axis=1)
    mva = pd.Series(np.hypot(flow.transformer["p_tail_mw"], flow.transformer["q_tail_mvar"]))
    line = net.line.assign(i_max_ka=factor * amps + 0.1)
    transformer = net.transformer.assign(s_max_mva=factor * mva + 10.0)
    return Network.from_tables({**net.tables, "line": line, "transformer": transformer}, name=net.name)
