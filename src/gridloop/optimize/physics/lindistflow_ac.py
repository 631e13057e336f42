"""The AC power flow of an answer's set-points: how far the linear voltages are from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.powerflow.feeder.flow import FeederFlow
from gridloop.powerflow.flow import Flow, power_flow


@dataclass(frozen=True)
class AcCheck:
    """An answer beside the AC power flow with the same set-points, source voltages and taps.

    converged          whether the AC flow has a solution
    v_difference_pu    largest |linear − AC| voltage, at the bus (or "bus.phase") `at`; NaN where it did not converge
    v_pu               AC voltages, indexed as the answer's bus table
    losses_mw          AC losses
    violations         limits that the AC flow breaks: the margin that the linear answer lacks
    """

    converged: bool
    v_difference_pu: float
    at: str
    v_pu: pd.Series
    losses_mw: float
    violations: pd.DataFrame


def ac_check(net: Network, generator: pd.DataFrame, v_pu: pd.Series) -> AcCheck:
    """The AC flow of a network with these outputs (p_mw, q_mvar by id) and source voltages (v_pu by bus)."""
    machines = net.generator.copy()
    given = generator.reindex(machines.index)
    for column in ("p_mw", "q_mvar"):
        machines[column] = given[column].where(given[column].notna(), machines[column])
    machines["regulates_voltage"] = False
    source = net.source.copy()
    held = v_pu.reindex(source["bus"]).to_numpy(dtype=float)
    source["v_set_pu"] = np.where(np.isfinite(held), held, source["v_set_pu"])
    flow = power_flow(replace(net, tables={**net.tables, "generator": machines, "source": source}))
    return compared(flow, v_pu)


def compared(flow: Flow | FeederFlow, v_pu: pd.Series) -> AcCheck:
    """Linear voltages beside those of a flow of the same buses, or nodes."""
    there = flow.bus["v_pu"].reindex(v_pu.index)
    apart = (v_pu - there).abs()
    known = flow.converged and bool(apart.notna().any())
    at = apart.idxmax() if known else ""
    return AcCheck(
        converged=flow.converged,
        v_difference_pu=float(apart.max()) if known else math.nan,
        at=".".join(map(str, at)) if isinstance(at, tuple) else str(at),
        v_pu=there,
        losses_mw=flow.losses_mw,
        violations=flow.violations(),
    )
