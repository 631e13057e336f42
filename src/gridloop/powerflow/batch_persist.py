"""Scenarios that failed, solved once more alone: what follows a solution from no load upwards finds more."""

from __future__ import annotations

import numpy as np

from gridloop.kernel.newton import CONVERGED
from gridloop.network.model import Network
from gridloop.powerflow.batch_lanes import Lanes, Solved
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.scenarios import edited
from gridloop.powerflow.solve import UNKNOWN
from gridloop.units import BASE_MVA


def persist_with(
    net: Network, layout: Layout, lanes: Lanes, solved: Solved, *, limited: bool, tolerance_pu: float
) -> None:
    """Put the solutions that `power_flow` finds into `solved`, for all that failed and holds no bad values.

    limited  whether machines stand within their reactive limits
    """
    arrays = layout.arrays
    first_bus = arrays.topology.first_bus
    machine = np.array([at[0] for at in layout.machines[: layout.n_regulated]], dtype=np.int64)
    for k in np.flatnonzero((solved.status != CONVERGED) & ~solved.bad).tolist():
        scenario = Network.from_tables(edited(net, lanes.cases, k), name=net.name)
        flow = power_flow(scenario, reactive_limits=limited, tolerance_pu=tolerance_pu)
        solved.iterations[k] += flow.iterations
        if not flow.converged:
            continue
        turn = np.exp(1j * np.deg2rad(flow.bus["angle_deg"].to_numpy(dtype=float)))
        v = (flow.bus["v_pu"].to_numpy(dtype=float) * turn)[first_bus]
        solved.v[:, k] = np.where(np.isfinite(v), v, UNKNOWN)
        size = np.abs(v)
        solved.status[k], solved.mismatch[k] = CONVERGED, flow.mismatch_mva / BASE_MVA
        solved.low_at[k], solved.high_at[k] = np.nanargmin(size), np.nanargmax(size)
        solved.low[k], solved.high[k] = np.nanmin(size), np.nanmax(size)
        if limited and machine.size:
            lanes.state[:, k] = flow.generator["at_limit"].to_numpy()[machine]
