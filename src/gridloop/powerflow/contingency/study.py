"""Contingency studies: scenarios × cases as one cross product, worked off in chunks that keep no voltages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gridloop.errors import BadInput, SolveFailed
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.contingency.blocks import Solved
from gridloop.powerflow.contingency.cases import (
    Cases,
    branches_in_service,
    pairs,
    read_cases,
    single_cases,
)
from gridloop.powerflow.contingency.edited import as_scenario, without
from gridloop.powerflow.contingency.layout import Layout
from gridloop.powerflow.contingency.limits import solve_within_limits
from gridloop.powerflow.contingency.pickup import check_participation, shares, weights
from gridloop.powerflow.contingency.report import Contingencies
from gridloop.powerflow.contingency.screen import MARGIN, Screened, has_ratings, worth_solving
from gridloop.powerflow.contingency.solver import Solver
from gridloop.powerflow.contingency.state import State
from gridloop.powerflow.flow import TOLERANCE_PU, Flow, check, planned, power_flow
from gridloop.powerflow.scenarios import Scenarios, read_scenarios
from gridloop.powerflow.sensitivities import DcGrid
from gridloop.units import BASE_MVA, ComplexArray, IntArray

Progress = Callable[[int, int], None]
# Case → buses, MW of load, and names of what it cuts off.
_Lost = dict[int, tuple[int, float, tuple[str, ...]]]

# Cases that are laid out at a time. Their rows are some hundred bytes each; their voltages are never kept.
CHUNK = 8192
# Steps with a matrix of a case's own. Newton converges in four to six, or not at all.
_MAX_ITERATIONS = 20


def contingencies(
    net: Network,
    *,
    outages: Any = None,
    order: int = 1,
    scenarios: Mapping[str, Any] | Scenarios | None = None,
    screen: float | bool | None = None,
    participation: Mapping[str, float] | None = None,
    threads: int | None = None,
    reactive_limits: bool = False,
    tolerance_pu: float = TOLERANCE_PU,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> Contingencies:
    """AC power flows with elements out: what each loss cuts off, overloads, and does to voltages.

    outages        ids of lines, transformers and generators, or sets of ids that are out together: a list, or a mapping
                   of names to them. None: every branch and generator in service (`order=1`), or all pairs of
                   branches (`order=2`)
    scenarios      as for `power_flows`: every case in every scenario
    screen         share of the rating that the DC flow is trusted to: cases in which it sees no branch above
                   1 − screen are skipped, and counted in `report.screened`. True: 0.15. None: for pairs, where there
                   are ratings to screen by
    participation  generator id → share of what is missing after an outage, beyond the source's power in the base
                   case; None: the source gives all
    threads        all cores where None; the numbers are the same for any, and for any `chunk`
    reactive_limits, tolerance_pu   as for `power_flow`
    progress       called with (cases done, cases in all)

    A case is solved alone: one without a solution has a status and NaN, and touches no other. What a case cuts off is
    dark; it is named, and the rest is solved. A voltage that no machine is left to hold is let go.

    Raises `InvalidNetwork` and `BadInput` for what it is given, `SolveFailed` where the base case has no power flow.
    Equations, screening and severity: docs/math/contingencies.md.
    """
    return prepare_contingencies(
        net,
        outages=outages,
        order=order,
        scenarios=scenarios,
        screen=screen,
        participation=participation,
        reactive_limits=reactive_limits,
        tolerance_pu=tolerance_pu,
    ).run(threads=threads, progress=progress, chunk=chunk)


def prepare_contingencies(
    net: Network,
    *,
    outages: Any = None,
    order: int = 1,
    scenarios: Mapping[str, Any] | Scenarios | None = None,
    screen: float | bool | None = None,
    participation: Mapping[str, float] | None = None,
    reactive_limits: bool = False,
    tolerance_pu: float = TOLERANCE_PU,
) -> Study:
    """A study that is ready to run, as often as wanted: base case solved and factorized. See `contingencies`."""
    check(net)
    check_participation(net, participation)
    if order not in (1, 2):
        raise BadInput(f"order {order}: 1 for every element alone, 2 for all pairs of branches; sets go to `outages`.")
    arrays = build_arrays(net)
    if outages is not None:
        cases = read_cases(net, arrays, outages)
    else:
        cases = single_cases(arrays) if order == 1 else pairs(branches_in_service(arrays))
    read = None if scenarios is None else read_scenarios(net, scenarios)
    base = State.of(
        net,
        arrays,
        planned(net, arrays),
        tolerance_pu,
        participation=participation,
        reactive_limits=reactive_limits,
    )
    wanted = screen if screen is not None else (outages is None and order == 2 and has_ratings(base))
    margin = None if wanted is False else MARGIN if wanted is True else float(wanted)
    if margin is not None and not (0 <= margin < 1 and has_ratings(base)):
        raise BadInput(
            f"screen {margin}: a share of 0 … 1 of the ratings, of which this network has {base.limits.branch.size} on "
            "lines (`i_max_ka`) and transformers (`s_max_mva`). Give it ratings, or leave `screen` out."
        )
    return Study(base, cases, read, margin, participation, reactive_limits, tolerance_pu)


@dataclass(frozen=True, eq=False)
class Study:
    """Cases and scenarios of one network, ready to run; see `prepare_contingencies`."""

    base: State
    cases: Cases
    scenarios: Scenarios | None
    margin: float | None
    participation: Mapping[str, float] | None
    reactive_limits: bool
    tolerance_pu: float
    layouts: dict[bytes, tuple[Layout, _Lost]] = field(default_factory=dict)
    # What cases took when they were last solved, in whatever state: hard ones go into blocks together.
    steps: dict[bytes, IntArray] = field(default_factory=dict)

    def run(self, *, threads: int | None = None, progress: Progress | None = None, chunk: int = CHUNK) -> Contingencies:
        """Solve all cases; see `contingencies`."""
        if chunk < 1:
            raise BadInput(f"chunk {chunk}: the number of cases that are laid out at a time, 1 or more.")
        count = 1 if self.scenarios is None else self.scenarios.count
        everything, done = count * self.cases.count, 0
        parts: list[Solved] = []
        which: list[tuple[IntArray, IntArray]] = []
        dark: dict[tuple[int, int], tuple[int, float, tuple[str, ...]]] = {}
        places, broken, skipped = [], [], 0
        for scenario, state in enumerate(self._states()):
            solver = Solver(state, _MAX_ITERATIONS, threads)
            dc = DcGrid.of(state.arrays) if self.margin is not None else None
            places.append((state.bus_rows, state.limits.branch))
            broken.append(state.broken)
            for first in range(0, self.cases.count, chunk):
                rows = np.arange(first, min(first + chunk, self.cases.count))
                looked = rows.size
                if dc is not None and self.margin is not None:
                    rows = rows[worth_solving(state, dc, self.cases.some(rows), self.margin)[0]]
                    skipped += looked - rows.size
                for of, at in self._by_share(solver, rows):
                    solved, lost = self._solve(of, at)
                    parts.append(solved)
                    which.append((at, np.full(at.size, scenario)))
                    if lost:
                        names = at.tolist()
                        dark |= {(scenario, names[k]): what for k, what in lost.items()}
                done += looked
                if progress is not None:
                    progress(done, everything)
        case, of_scenario = (np.concatenate(column) for column in zip(*which, strict=True)) if which else (_NO, _NO)
        solved = Solved.joined(parts) if parts else Solved.room(0)
        if len(parts) > 1:  # cases of one part stand as they were asked for
            order = np.lexsort((case, of_scenario))
            case, of_scenario, solved = case[order], of_scenario[order], solved.some(order)
        balance: dict[tuple[int, int], float] = {}
        if self.participation is not None:
            balance = dict(zip(zip(of_scenario, case, strict=True), solved.balance, strict=True))
        return Contingencies(
            self.base.net,
            None if self.scenarios is None else self.scenarios.index,
            self.cases,
            case,
            of_scenario,
            solved,
            dark,
            places,
            np.array(broken, dtype=np.int64),
            None if self.margin is None else Screened(self.margin, everything, skipped),
            lambda c, s: self.flow(c, s, balance.get((s, c), 0.0)),
        )

    def voltages(self, *, threads: int | None = None) -> tuple[ComplexArray, IntArray]:
        """Voltages of all cases without scenarios, for studies that are small enough to keep them.

        Returns v [bus, case], complex and per unit, NaN where cut off or without a solution; and the kernels' status
        [case], 0 where converged.
        """
        v = np.full((self.cases.count, self.base.engine.n), complex(np.nan, np.nan))
        status = np.zeros(self.cases.count, dtype=np.int64)
        for solver, rows in self._by_share(Solver(self.base, _MAX_ITERATIONS, threads), np.arange(self.cases.count)):
            mine = v[rows]
            solved, _ = self._solve(solver, rows, mine)
            v[rows], status[rows] = mine, solved.status
        node = self.base.arrays.topology.node_of
        position = np.where(node == NO_NODE, NO_NODE, self.base.engine.position[node])
        return np.where((position < 0)[:, None], complex(np.nan, np.nan), v.T[position]), status

    def flow(self, case: int, scenario: int, balance_pu: float = 0.0) -> Flow:
        """The full power flow of one case, of the network without its elements.

        balance_pu  what the participating generators add, per unit
        """
        net, arrays = self.base.net, self.base.arrays
        if self.scenarios is not None:
            net = as_scenario(net, self.scenarios, scenario)
            arrays = build_arrays(net)
        tables = dict(net.tables)
        generator = tables["generator"].copy()
        lost = self.cases.generator[case][self.cases.generator[case] >= 0]
        weight = weights(net, arrays, self.participation, lost)
        if weight is not None:
            generator["p_mw"] = generator["p_mw"].to_numpy(dtype=float) + weight * balance_pu * BASE_MVA
        tables["generator"] = generator
        edited = without(replace(net, tables=tables), self.cases.elements(net, case))
        return power_flow(edited, reactive_limits=self.reactive_limits, tolerance_pu=self.tolerance_pu)

    def _states(self) -> Iterator[State]:
        """The base case of every scenario. What only changes powers and set-points keeps the base's engine."""
        if self.scenarios is None:
            yield self.base
            return
        same = not any(part.column in ("tap_pos", "in_service") for part in self.scenarios.parts.values())
        for scenario in range(self.scenarios.count):
            net = as_scenario(self.base.net, self.scenarios, scenario)
            arrays = build_arrays(net, self.base.arrays.topology if same else None)
            try:
                yield State.of(
                    net,
                    arrays,
                    planned(net, arrays),
                    self.tolerance_pu,
                    engine=self.base.engine if same else None,
                    participation=self.participation,
                    reactive_limits=self.reactive_limits,
                    start=self.base.v if same else None,
                )
            except SolveFailed as error:
                raise SolveFailed(f"Scenario {self.scenarios.index[scenario]}: {error.args[0]}") from error

    def _by_share(self, solver: Solver, rows: IntArray) -> Iterator[tuple[Solver, IntArray]]:
        """Cases by who is left to take part in the balance."""
        if not rows.size:
            return
        state = solver.state
        if self.participation is None:
            yield solver, rows
            return
        takes_part = np.zeros(len(state.net.generator) + 1, dtype=bool)
        takes_part[:-1] = state.net.generator.index.isin([str(name) for name in self.participation])
        lost = np.where(takes_part[self.cases.generator[rows]], self.cases.generator[rows], -1)
        for key in np.unique(np.sort(lost, axis=1), axis=0):
            mine = rows[(np.sort(lost, axis=1) == key).all(axis=1)]
            share = shares(state.net, state.arrays, self.participation, key[key >= 0])
            if share is None:
                raise BadInput(
                    "participation: a case loses every generator that takes part. Give more of them a share.",
                    case=str(self.cases.named(state.net, mine[:1])[0]),
                )
            yield replace(solver, state=state.with_share(share)), mine

    def _laid_out(self, solver: Solver, rows: IntArray) -> tuple[Layout, _Lost]:
        """The layout of some cases and what they cut off; that of the base case is kept for the next run."""
        key = rows.tobytes()
        steps = self.steps.get(key)
        if solver.state is not self.base or key not in self.layouts:
            layout = replace(solver.lay_out(self.cases.some(rows)), steps=steps)
            found = layout, _lost(solver.state, layout.dark)
            if solver.state is not self.base or self.cases.count > CHUNK:
                return found
            self.layouts[key] = found
        elif self.layouts[key][0].steps is None:
            layout, lost = self.layouts[key]
            self.layouts[key] = replace(layout, steps=steps, kept=[]), lost
        return self.layouts[key]

    def _solve(self, solver: Solver, rows: IntArray, v: ComplexArray | None = None) -> tuple[Solved, _Lost]:
        """Solve some cases of one state, and say what they cut off."""
        if self.reactive_limits:
            dark, solved = solve_within_limits(solver, self.cases.some(rows), v)
            return solved, _lost(solver.state, dark)
        layout, lost = self._laid_out(solver, rows)
        solved = solver.solve(layout, v=v)
        self.steps[rows.tobytes()] = solved.iterations.astype(np.int64)
        return solved, lost


_NO = np.empty(0, dtype=np.int64)


def _lost(state: State, dark: Mapping[int, IntArray]) -> _Lost:
    """Buses, MW of load and names of what cases cut off."""
    if not dark:
        return {}
    net, arrays = state.net, state.arrays
    load_mw = arrays.sum_to_nodes("load", net.load["p_mw"].to_numpy(dtype=float)).real
    node = arrays.topology.node_of
    by_node = np.argsort(node, kind="stable")
    start = np.searchsorted(node[by_node], np.arange(arrays.n_nodes + 1))
    ids = net.bus.index.astype(str).to_numpy()
    found = {}
    for k, nodes in dark.items():
        rows = np.sort(np.concatenate([by_node[start[n] : start[n + 1]] for n in nodes.tolist()]))
        found[k] = rows.size, float(load_mw[nodes].sum()), tuple(ids[rows])
    return found
