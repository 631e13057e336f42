"""Power flows of many scenarios: own powers, set-points, taps and outages in each, all solved by the compiled
kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridloop.kernel.grid import Changes
from gridloop.kernel.lanes import LANES
from gridloop.kernel.newton import CONVERGED
from gridloop.kernel.spread import add_rows, fill_blocks, put_rows, take_voltages
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.engine import Engine, Start, Wanted, in_threads, unconverged
from gridloop.powerflow.flow import TOLERANCE_PU, check, planned
from gridloop.powerflow.flows import Flows
from gridloop.powerflow.scenario_changes import BranchChanges, find_changes
from gridloop.powerflow.scenarios import Scenarios, read_scenarios
from gridloop.powerflow.solve import UNKNOWN
from gridloop.units import BASE_MVA, ComplexArray, FloatArray, IntArray

# Scenarios, evenly spread, whose mean injection the common start is computed for.
_SAMPLED = 64
# How elements count: injected as positive (docs/conventions.md).
_SIGN = {"load": -1.0, "generator": 1.0, "storage": -1.0}

Progress = Callable[[int, int], None]


def power_flows(
    net: Network,
    scenarios: Mapping[str, Any] | Scenarios,
    *,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = 30,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Flows:
    """AC power flows of many scenarios of one network, in float64 to the same tolerance as `power_flow`.

    scenarios   {"load.p_mw": [scenario, load], "transformer.tap_pos": …}; what is left out is as in the tables. See
                `gridloop.powerflow.scenarios` for what can be set and in which shapes
    tolerance_pu, max_iterations   as for `power_flow`
    threads     all cores where None; the numbers are the same for any
    progress    called with (scenarios done, scenarios in all)

    A scenario that does not converge has NaN voltages and a status; no other is touched by it. An outage that cuts
    buses off leaves them NaN, solves the rest, and `flows.unsupplied` names them.

    Raises `InvalidNetwork` where the network's tables are wrong, `BadInput` where the scenarios do not fit them.
    """
    check(net)
    cases = read_scenarios(net, scenarios)
    arrays = build_arrays(net)
    engine = Engine.build(arrays, tolerance_pu)
    work = BatchWork.of(net, arrays, engine, cases)
    start = engine.start_at(work.typical())
    solved = work.solve_all(start, max_iterations, threads, progress)
    for again in (replace(start, factors=None), engine.flat(work.typical())):
        left = unconverged(solved.status)
        if left.size == 0:
            break
        part = BatchWork.of(net, arrays, engine, cases.some(left))
        solved.take(left, part.solve_all(again, max_iterations, threads, None))
    solved.v[:, unconverged(solved.status)] = UNKNOWN
    for scenario, dark in work.branches.dark.items():
        solved.v[dark, scenario] = UNKNOWN
    return Flows.of(net, arrays, cases, solved.v, solved.status, solved.iterations, solved.mismatch, work.branches)


@dataclass
class Solved:
    """Results of all scenarios: voltages [node, scenario] and how each ended [scenario]."""

    v: ComplexArray
    status: IntArray
    iterations: IntArray
    mismatch: FloatArray

    def take(self, at: IntArray, other: Solved) -> None:
        """Put in what another attempt solved; iterations add up."""
        self.iterations[at] += other.iterations
        better = other.status == CONVERGED
        worse = ~better & (other.mismatch < self.mismatch[at])
        self.mismatch[at[better | worse]] = other.mismatch[better | worse]
        self.v[:, at[better]] = other.v[:, better]
        self.status[at] = other.status


@dataclass(frozen=True)
class BatchWork:
    """Scenarios of one engine, and how their values come into blocks.

    base_p, base_q  [position]  what the tables inject where no scenario says otherwise, per unit
    base_held       [held]      magnitudes that the tables hold
    branches        that differ in single scenarios; `changes`: the same as the kernels take them
    """

    engine: Engine
    cases: Scenarios
    base_p: FloatArray
    base_q: FloatArray
    base_held: FloatArray
    rows: Mapping[str, tuple[IntArray, FloatArray]]
    held_rows: IntArray
    branches: BranchChanges
    changes: Changes

    @classmethod
    def of(cls, net: Network, arrays: NetworkArrays, engine: Engine, cases: Scenarios) -> BatchWork:
        s = planned(net, arrays)
        rows, held_rows = {}, np.empty(0, dtype=np.int64)
        for key, part in cases.parts.items():
            if part.column == "v_set_pu":
                held_rows = _rows_that_hold(arrays, engine, part.rows)
                continue
            if part.table not in _SIGN:
                continue
            node, on = arrays.element_node[part.table][part.rows], arrays.element_on[part.table][part.rows]
            if part.table == "generator" and part.column == "q_mvar":
                on = on & ~arrays.holds[part.rows]
            row = np.where(on, engine.position[np.where(on, node, 0)], NO_NODE)
            rows[key] = row, np.full(part.rows.size, _SIGN[part.table] / BASE_MVA)
            nominal = np.zeros(len(net.tables[part.table]))
            nominal[part.rows] = net.tables[part.table][part.column].to_numpy(dtype=float)[part.rows]
            if part.table == "generator" and part.column == "q_mvar":
                nominal[arrays.holds] = 0.0
            taken = _SIGN[part.table] / BASE_MVA * arrays.sum_to_nodes(part.table, nominal)
            s = s - (taken if part.column == "p_mw" else 1j * taken)
        branches = find_changes(net, arrays, cases)
        held = np.concatenate([arrays.v_set[np.isin(arrays.regulated, engine.held_node)], np.abs(arrays.v_source)])
        base = s[engine.node]
        changes = branches.for_kernel(engine, cases.count)
        return cls(engine, cases, base.real.copy(), base.imag.copy(), held, rows, held_rows, branches, changes)

    def typical(self) -> ComplexArray:
        """Mean injection of a sample of the scenarios [node]; NaN values are left out."""
        sample = np.unique(np.linspace(0, self.cases.count - 1, min(_SAMPLED, self.cases.count)).astype(np.int64))
        total = {"p_mw": self.base_p.copy(), "q_mvar": self.base_q.copy()}
        for key, (row, factor) in self.rows.items():
            values = self.cases.parts[key].values[:, sample]
            known = np.isfinite(values)
            mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            np.add.at(total[key.split(".")[1]], row[row >= 0], (factor * mean)[row >= 0])
        s = np.zeros(self.engine.arrays.n_nodes, dtype=complex)
        s[self.engine.node] = total["p_mw"] + 1j * total["q_mvar"]
        return s

    def wanted(self, first: int, blocks: int) -> Wanted:
        """What the scenarios from `first` on ask for, in blocks."""
        n = self.engine.n
        p, q = np.empty((blocks, n, LANES)), np.empty((blocks, n, LANES))
        fill_blocks(p, self.base_p)
        fill_blocks(q, self.base_q)
        for key, (row, factor) in self.rows.items():
            part = self.cases.parts[key]
            add_rows(p if part.column == "p_mw" else q, part.values, row, factor, first)
        magnitude = np.empty((0, self.base_held.size, LANES))
        if self.held_rows.size:
            magnitude = np.empty((blocks, self.base_held.size, LANES))
            fill_blocks(magnitude, self.base_held)
            put_rows(magnitude, self.cases.parts["generator.v_set_pu"].values, self.held_rows, first)
        self._darken(p, q, first)
        free = np.empty((0, self.base_held.size, LANES), dtype=np.int8)
        return Wanted(p, q, magnitude, free, self._changes(first, blocks))

    def _darken(self, p: FloatArray, q: FloatArray, first: int) -> None:
        """Nodes that are cut off want nothing; they follow the rest without a current (see `find_changes`)."""
        if not self.branches.dark:
            return
        for lane in range(min(p.shape[0] * LANES, self.cases.count - first)):
            dark = self.branches.dark.get(first + lane)
            if dark is not None:
                at = self.engine.position[dark]
                p[lane // LANES, at, lane % LANES] = q[lane // LANES, at, lane % LANES] = 0.0

    def _changes(self, first: int, blocks: int) -> Changes:
        c = self.changes
        if c.start.size == 1:
            return c
        count = self.cases.count
        # Lanes beyond the last scenario have no changes.
        start = c.start[np.minimum(np.arange(first, first + blocks * LANES + 1), count)]
        return c._replace(start=start)

    def solve_all(self, start: Start, max_iterations: int, threads: int | None, progress: Progress | None) -> Solved:
        """Solve all scenarios, chunk by chunk."""
        count, n = self.cases.count, self.engine.arrays.n_nodes
        solved = Solved(
            np.full((n, count), UNKNOWN), np.zeros(count, np.int8), np.zeros(count, np.int64), np.zeros(count)
        )
        done = 0

        def work(first: int, end: int) -> None:
            nonlocal done
            blocks = -(-(end - first) // LANES)
            answer = self.engine.new_answer(blocks)
            self.engine.solve(self.wanted(first, blocks), start, answer, max_iterations)
            take_voltages(answer.vr, answer.vi, self.engine.node, first, solved.v)
            here, lanes = slice(first, end), slice(0, end - first)
            solved.status[here], solved.iterations[here] = answer.status[lanes], answer.iterations[lanes]
            solved.mismatch[here] = answer.mismatch[lanes]
            done += end - first
            if progress is not None:
                progress(done, count)

        step = self.engine.chunk
        in_threads(((k, min(k + step, count)) for k in range(0, count, step)), work, threads)
        return solved


def _rows_that_hold(arrays: NetworkArrays, engine: Engine, generators: IntArray) -> IntArray:
    """Row among the held magnitudes for every generator whose set-point counts; −1 for the others."""
    rows = np.flatnonzero(arrays.holds)
    nodes, first = np.unique(arrays.element_node["generator"][rows], return_index=True)
    place = {int(node): k for k, node in enumerate(engine.held_node)}
    row_of = {int(rows[f]): place.get(int(node), NO_NODE) for node, f in zip(nodes, first, strict=True)}
    return np.array([row_of.get(int(g), NO_NODE) for g in generators], dtype=np.int64)
