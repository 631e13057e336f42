"""Power flows of many scenarios: own powers, set-points, taps and outages in each, all solved by the compiled
kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.batch_injections import Injections, losses
from gridloop.powerflow.batch_lanes import Lanes, Solved
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.batch_limits import ReactiveLimits
from gridloop.powerflow.batch_outcome import Outcome
from gridloop.powerflow.batch_persist import persist_with
from gridloop.powerflow.batch_shares import Shares, groups
from gridloop.powerflow.batch_solver import BatchSolver, Counter, Progress
from gridloop.powerflow.engine import Engine
from gridloop.powerflow.flow import TOLERANCE_PU, check, planned
from gridloop.powerflow.flows import Flows
from gridloop.powerflow.scenario_changes import find_changes
from gridloop.powerflow.scenarios import Scenarios, read_scenarios
from gridloop.powerflow.solve import UNKNOWN
from gridloop.units import ComplexArray

# Bytes of voltages that are worked on at a time: enough for threads to share, little beside a network's own tables.
_SPAN_BYTES = 64_000_000


def power_flows(
    net: Network,
    scenarios: Mapping[str, Any] | Scenarios,
    *,
    reactive_limits: bool = False,
    distributed_slack: str | Mapping[str, float] | pd.Series | None = None,
    keep: Literal["v"] | None = "v",
    start: Literal["tables", "mean"] = "tables",
    persist: bool = False,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = 30,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Flows:
    """AC power flows of many scenarios of one network, in float64 to the same tolerance as `power_flow`.

    scenarios   {"load.p_mw": [scenario, load], "transformer.tap_pos": …}; what is left out is as in the tables. See
                `gridloop.powerflow.scenarios` for what can be set and in which shapes
    reactive_limits    hold generators within q_min_mvar … q_max_mvar in every scenario, as `power_flow` does
    distributed_slack  who carries what the source would balance alone: "p_max" (generators by their p_max_mw), or
                shares by generator (and the source's id for its own), 1 in all; None for the source
    keep        "v" keeps all voltages; None only `summary`, for more scenarios than memory holds voltages of
    start       "tables" starts from the flow of the network as it is; "mean" from that of the scenarios' mean, which
                saves steps where they lie far from the tables, but then last bits depend on which stand together
    persist     solve what fails once more alone, as `power_flow` does, which follows it from no load upwards: a
                fraction of a second each, for hard scenarios that are few. Not with distributed slack
    tolerance_pu, max_iterations   as for `power_flow`
    threads     all cores where None; the numbers are the same for any
    progress    called with (scenarios done, scenarios in all)

    A scenario that does not converge has NaN voltages and a status; no other is touched by it. An outage that cuts
    buses off leaves them NaN, solves the rest, and `flows.unsupplied` names them.

    Raises `InvalidNetwork` where the network's tables are wrong, `BadInput` where the scenarios do not fit them.
    """
    if keep not in ("v", None) or start not in ("tables", "mean"):
        raise BadInput(f"keep is 'v' or None, start 'tables' or 'mean'; got {keep!r} and {start!r}.")
    check(net)
    cases = read_scenarios(net, scenarios)
    arrays = build_arrays(net)
    engine = Engine.build(arrays, tolerance_pu)
    layout = Layout.of(net, arrays, engine, cases)
    shares = None if distributed_slack is None else Shares.read(net, arrays, distributed_slack)
    changes = find_changes(net, arrays, cases)
    if persist and shares is not None:
        raise BadInput("persist follows a scenario with one source that balances: leave out distributed_slack.")
    injection = layout.mean(cases) if start == "mean" and cases.count else planned(net, arrays)
    afresh = engine.afresh(injection) if arrays.regulated.size else None
    solver = BatchSolver(layout, engine, engine.start_at(injection), afresh, max_iterations, threads)
    limits = ReactiveLimits.of(layout, tolerance_pu) if reactive_limits else None
    batch = _Batch(solver, limits, shares, Injections.of(arrays, engine.lit))

    counter, outcome = Counter(cases.count, progress), Outcome.room(layout, cases.count, reactive_limits)
    step = span(engine)
    v = _voltages(layout, cases.count if keep else min(step, cases.count))
    for first in range(0, cases.count, step):
        end = min(first + step, cases.count)
        part, branches = cases.between(first, end), changes.between(first, end)
        lanes = Lanes.of(part, branches, layout.released(part))
        solved = batch.solve(lanes, (v, first if keep else 0), counter)
        if persist:
            persist_with(net, layout, lanes, solved, limited=reactive_limits, tolerance_pu=tolerance_pu)
        outcome.put(first, lanes, solved, batch.losses(lanes, solved) if keep is None else None)
    return Flows(net, arrays, cases, changes, layout, shares, outcome, v if keep else None)


def span(engine: Engine) -> int:
    """Scenarios that are worked on at a time: whole chunks."""
    return engine.chunk * max(1, _SPAN_BYTES // (16 * engine.arrays.n_nodes * engine.chunk))


def _voltages(layout: Layout, count: int) -> ComplexArray:
    v = np.empty((layout.arrays.n_nodes, count), dtype=complex)
    v[~layout.arrays.topology.supplied] = UNKNOWN
    return v


@dataclass(frozen=True)
class _Batch:
    """A solver with reactive limits and shares in the balance, where they are asked for."""

    solver: BatchSolver
    limits: ReactiveLimits | None
    shares: Shares | None
    every: Injections
    _by_share: dict[bytes, BatchSolver] = field(default_factory=dict)

    def solve(self, lanes: Lanes, out: tuple[ComplexArray, int], counter: Counter) -> Solved:
        """Solve lanes into `out` (see `BatchSolver.solve`), within reactive limits where they are asked for."""
        solved = self._plainly(lanes, out, counter)
        if self.limits is not None:
            self.limits.hold(lanes, solved, self._plainly)
        return solved

    def losses(self, lanes: Lanes, solved: Solved) -> np.ndarray:
        solver = self.solver
        return losses(self.every, solved.v, lanes.branches, solver.engine.chunk, solver.threads)

    def _plainly(
        self, lanes: Lanes, out: tuple[ComplexArray, int] | None = None, counter: Counter | None = None
    ) -> Solved:
        if self.shares is None:
            return self.solver.solve(lanes, out, counter)
        there = self.shares.there(lanes, self.solver.layout)
        parts = groups(there)
        if len(parts) == 1:
            return self._solver(there[:, :1]).solve(lanes, out, counter)
        solved = self.solver.room(lanes, out)
        for some in parts:
            solved.replace(some, self._solver(there[:, some[:1]]).solve(lanes.some(some), None, counter))
        return solved

    def _solver(self, there: np.ndarray) -> BatchSolver:
        """The solver for scenarios in which these share. there [element, 1]"""
        key = there.tobytes()
        if key not in self._by_share:
            assert self.shares is not None
            engine = self.shares.of_engine(self.solver.engine, self.shares.weights(there)[:, 0])
            self._by_share[key] = replace(self.solver, engine=engine)
        return self._by_share[key]
