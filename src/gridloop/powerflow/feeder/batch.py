"""Unbalanced flows of many scenarios of a feeder: own consumption in each, regulators at rest in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from gridloop.kernel.feeder import CONVERGED, RESTLESS
from gridloop.kernel.lanes import LANES
from gridloop.kernel.spread import take_deviations
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.consumption import SETTABLE, Consumption
from gridloop.powerflow.feeder.engine import STATUS, FeederEngine
from gridloop.powerflow.scenarios import Scenarios, read_scenarios
from gridloop.powerflow.threads import in_threads
from gridloop.units import BoolArray, ComplexArray, IntArray

# Largest error of a voltage; the kernel's numbers carry about 1e-8.
TOLERANCE_PU = 1e-7
MAX_ITERATIONS = 100
# Scenarios, evenly spread, whose mean consumption the feeder is laid out around.
_SAMPLED = 64
_UNKNOWN = np.complex64(complex(np.nan, np.nan))
BAD_VALUES = 4


@dataclass(frozen=True, eq=False)
class FeederFlows:
    """Solved (or failed) scenarios of a feeder, each on its own.

    index      names of the scenarios
    v_node     [node, scenario]  complex voltages to ground, per unit; NaN where not supplied or not converged
    status     [scenario]  converged, restless (a regulator still wants to move), not_converged, diverged, bad_values
    iterations [scenario]  of the loads
    taps       [control in service, scenario]
    """

    feeder: Feeder
    arrays: FeederArrays
    index: pd.Index
    v_node: NDArray[np.complex64]
    status: pd.Series
    iterations: pd.Series
    taps: xr.DataArray

    @property
    def converged(self) -> BoolArray:
        """True where a scenario converged. [scenario]"""
        return np.asarray(self.status.to_numpy() == "converged")

    @cached_property
    def nodes(self) -> pd.Index:
        """Names of the nodes, "bus.phase", in the order of `v`."""
        return self.arrays.node_names

    @cached_property
    def v(self) -> xr.DataArray:
        """Complex voltage to ground, per unit. [node, scenario]"""
        values = self.v_node[self.arrays.bus_of >= 0]
        return xr.DataArray(values, [("node", self.nodes), ("scenario", self.index)], name="v_pu")

    @property
    def v_pu(self) -> xr.DataArray:
        """Voltage magnitude to ground. [node, scenario]"""
        return xr.DataArray(np.abs(self.v.values), self.v.coords, name="v_pu")


def feeder_flows(
    feeder: Feeder,
    scenarios: Mapping[str, Any] | Scenarios,
    *,
    controls: bool = True,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = MAX_ITERATIONS,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FeederFlows:
    """Unbalanced flows of many scenarios of one feeder.

    scenarios     {"load.p_mw": [scenario, load], …}; what can be set: `SETTABLE`
    controls      let regulators step, in every scenario, from the taps of the tables until all rest in their bands
    tolerance_pu  largest error of a voltage, as the changes of the iterations let it expect; 1e-8 at least
    threads       all cores where None; the numbers are the same for any

    A scenario that does not converge is tried once more by the plain solver; if that fails too it has NaN voltages
    and a status, and touches no other. Raises `InvalidNetwork` and `BadInput` where tables or scenarios are wrong.
    """
    check_feeder(feeder).raise_errors(feeder.name)
    cases = read_scenarios(feeder, scenarios, SETTABLE)
    arrays = build_feeder_arrays(feeder)
    consumption = Consumption.of(feeder, arrays, {key: part.rows for key, part in cases.parts.items()})
    values = {key: part.values for key, part in cases.parts.items()}
    engine = FeederEngine.build(arrays, _typical(consumption, cases), controls=controls)
    n, count = arrays.n_nodes, cases.count
    v = np.empty((n, count), np.complex64)  # touched once, where it is written: memory is slower than the flows
    status, iterations = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    taps = np.zeros((arrays.tap.size, count), np.int64)
    done = 0

    def solve(first: int, end: int) -> None:
        nonlocal done
        blocks = -(-(end - first) // LANES)
        answer = engine.new_answer(blocks)
        engine.solve(*consumption.in_blocks(values, first, blocks), answer, max(tolerance_pu, 1e-8), max_iterations)
        take_deviations(answer.d, engine.layout.row_of, engine.layout.v0, first, v)
        lanes = slice(0, end - first)
        status[first:end], iterations[first:end] = answer.status[lanes], answer.iterations[lanes]
        taps[:, first:end] = answer.tap.transpose(1, 0, 2).reshape(taps.shape[0], blocks * LANES)[:, lanes]
        done += end - first
        if progress is not None:
            progress(done, count)

    if engine.able:
        step = engine.chunk
        in_threads(((k, min(k + step, count)) for k in range(0, count, step)), solve, threads)
    for k in np.flatnonzero((status != CONVERGED) & (status != RESTLESS)):
        s = consumption.of_one({key: value[:, k] for key, value in values.items()})
        if np.isfinite(s).all():
            v[:, k], taps[:, k], status[k], iterations[k] = engine.solve_plainly(s, tolerance_pu)
        else:
            status[k] = BAD_VALUES
    v[:, (status != CONVERGED) & (status != RESTLESS)] = _UNKNOWN
    v[~arrays.supplied] = _UNKNOWN
    return _flows(feeder, arrays, cases, v, status, iterations, taps)


def _flows(
    feeder: Feeder,
    arrays: FeederArrays,
    cases: Scenarios,
    v: NDArray[np.complex64],
    status: IntArray,
    iterations: IntArray,
    taps: IntArray,
) -> FeederFlows:
    names = np.array([(STATUS | {BAD_VALUES: "bad_values"})[k] for k in range(5)])
    controls = feeder.regulator.index[arrays.controls.row]
    return FeederFlows(
        feeder,
        arrays,
        cases.index,
        v,
        pd.Series(names[status], index=cases.index, name="status"),
        pd.Series(iterations, index=cases.index, name="iterations"),
        xr.DataArray(taps, [("regulator", controls), ("scenario", cases.index)], name="tap"),
    )


def _typical(consumption: Consumption, cases: Scenarios) -> ComplexArray:
    """Mean consumption of a sample of the scenarios [element]; NaN values are left out."""
    sample = np.unique(np.linspace(0, cases.count - 1, min(_SAMPLED, cases.count)).astype(np.int64))
    means = {}
    for key, part in cases.parts.items():
        values = part.values[:, sample]
        known = np.isfinite(values)
        means[key] = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return consumption.of_one(means)
