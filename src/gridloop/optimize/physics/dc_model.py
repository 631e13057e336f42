"""The two forms of the DC model: flows as sums over injections, limits added when broken; or angles with all limits.

*flows*: the columns are the outputs alone. One equation per reference says that what it absorbs is zero; flow limits
are rows of transfer factors (`dc_limits`), and there are only those that some solution on the way broke.

*angles*: columns for the angle of every node and the flow of every branch, one balance per node, one equation per
branch. Sparse, complete, and slower: the twin that tests compare with, and the form in which a conflict stays local.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.case import Moment
from gridloop.optimize.physics.dc_limits import FlowLimits, Outages
from gridloop.optimize.solve.arrays import Answer
from gridloop.optimize.solve.convex import GAP, ConvexSession
from gridloop.powerflow.sensitivities import DcGrid, stiffness
from gridloop.units import FloatArray, IntArray

Progress = Callable[[int, float, float], bool]

# Rounds of adding broken limits. The slowest known case takes 20; each adds rows, so that it ends at all.
MAX_ROUNDS = 200
# Gap of the rounds that only look for what binds: quadratic costs are exact in the last rounds alone.
ROUGH = 1e-3
# Rows of transfer factors beyond which all sparse rows at once are quicker (case8387_pegase: 680 bind; 11 s and 3 s).
MANY = 500
# Nodes beyond which the sparse form goes to the interior-point method: no crossover, 3 s instead of 28 s at 8387.
LARGE = 2000
# Below this share of the impedance a reactance says nothing, and the impedance itself takes its place.
_NO_REACTANCE = 1e-6


@dataclass(frozen=True)
class DcOutcome:
    """What a DC model found. p [gen] output; theta, price [node] angle and worth of injecting, per unit and h; flow,
    weight [branch] flow and Σ of the multipliers on it; energy [node] the part of the price without limits;
    reduced_cost [gen]; rows: branch, outage and multiplier of the limits that were rows."""

    status: str
    objective: float
    seconds: float
    iterations: int
    rounds: int
    p: FloatArray
    theta: FloatArray
    flow: FloatArray
    price: FloatArray
    energy: FloatArray
    weight: FloatArray
    reduced_cost: FloatArray
    branch: IntArray
    outage: IntArray
    dual: FloatArray


def series_stiffness(moment: Moment) -> FloatArray:
    """x / (r² + x²): power per radian as PGLib's DC baseline has it, without ratios. [branch], per unit"""
    z2 = moment.r**2 + moment.x**2
    reactive = np.abs(moment.x) > _NO_REACTANCE * np.sqrt(z2)
    return np.where(reactive, moment.x / z2, 1 / np.sqrt(z2))


def grid_of(moment: Moment, rule: str) -> DcGrid:
    """The DC grid of a moment. rule: "series" as above; "ratio" 1/(x |t|) and the shift of the ratio.

    Raises `SolveFailed` where its matrix is singular.
    """
    if rule == "ratio":
        s, shift = stiffness(moment.r + 1j * moment.x, moment.ratio), np.angle(moment.ratio)
    else:
        s, shift = series_stiffness(moment), np.zeros(moment.r.size)
    shape, every = (moment.n, moment.tail.size), np.arange(moment.tail.size)
    free = np.setdiff1d(np.arange(moment.n), moment.reference)
    held = (moment.reference, moment.reference_angle)
    return DcGrid.made(shape, every, (moment.tail, moment.head), s, shift, held, free)


def consumption(moment: Moment) -> FloatArray:
    """Loads, storage and the conductance of shunts at nominal voltage. [node], per unit"""
    return np.asarray(moment.p_load + moment.arrays.shunt[moment.at].real)


def absorbed(grid: DcGrid, island: IntArray) -> FloatArray:
    """What every reference absorbs per unit injected at a node. [reference, node]

    The reference of an island takes it all; several in one share, by the angles they hold.
    """
    held = grid.held
    share = np.zeros((held.size, grid.n_nodes))
    alone = np.bincount(island[held], minlength=int(island.max(initial=-1)) + 1) == 1
    for k in np.flatnonzero(alone[island[held]]):
        share[k, island == island[held[k]]] = 1.0
    for k in np.flatnonzero(~alone[island[held]]):
        out = np.zeros(grid.n_branches)  # flow of the branches at this reference, counted out of it
        out[grid.whole] = (grid.tail == held[k]).astype(float) - (grid.head == held[k]).astype(float)
        share[k] = -grid.weighted(out)
        share[k, held] = 0.0
        share[k, held[k]] = 1.0
    return share


class DcModel(ArrayModel):
    """Columns, rows and limits of one DC optimal power flow; `form` is flows or angles."""

    def __init__(
        self, moment: Moment, form: str, rule: str, outages: Outages | None, grid: DcGrid | None = None
    ) -> None:
        super().__init__()
        self.moment, self.form, self.outages = moment, form, outages
        self.grid = grid_of(moment, rule) if grid is None else grid
        n = moment.tail.size
        self.low, self.high = np.full(n, -np.inf), np.full(n, np.inf)
        self.theta = self.flow = self.balance = self.output = np.zeros(0, dtype=np.int64)
        self.share = absorbed(self.grid, moment.island)

    # ── what the physics asks for ────────────────────────────────────────────────────────────────────────────────
    def add_angles(self) -> None:
        """Angles as columns; in the form of flows they follow from the injections."""
        if self.form == "flows":
            return
        low, high = np.full(self.moment.n, -np.inf), np.full(self.moment.n, np.inf)
        low[self.grid.held] = high[self.grid.held] = self.grid.held_angle
        self.theta = self.add_variables("angle", low, high)

    def add_flows(self) -> None:
        """flow = stiffness (θ_tail − θ_head − shift)."""
        if self.form == "flows":
            return
        g, n = self.grid, self.moment.tail.size
        self.flow = self.add_variables("flow", np.full(n, -np.inf), np.full(n, np.inf))
        rows = np.arange(n)
        columns = np.concatenate([self.flow, self.theta[g.tail], self.theta[g.head]])
        values = np.concatenate([np.ones(n), -g.stiffness, g.stiffness])
        right = -g.stiffness * g.shift
        self.add_rows("branch_flow", np.concatenate([rows, rows, rows]), columns, values, right, right)

    def add_balance(self, output: IntArray) -> None:
        """Generation less consumption leaves through the branches, at every node or, as flows, at every reference."""
        self.output, m, g = output, self.moment, self.grid
        taken = consumption(m)
        if self.form == "flows":
            # What references absorb of loads, shifts and their angles alone is to be given by the generators.
            lost = -self.share @ taken
            driven = g.flows(np.zeros(m.n))
            out = np.bincount(g.tail, driven[g.whole], m.n) - np.bincount(g.head, driven[g.whole], m.n)
            right = -(lost - out[g.held])
            factor = self.share[:, m.gen_node]
            row, column = np.nonzero(factor)
            self.balance = self.add_rows("balance", row, output[column], factor[row, column], right, right)
            return
        rows = np.concatenate([m.gen_node, g.tail, g.head])
        columns = np.concatenate([output, self.flow, self.flow])
        values = np.concatenate([np.ones(output.size), -np.ones(g.tail.size), np.ones(g.head.size)])
        self.balance = self.add_rows("balance", rows, columns, values, taken, taken)

    def limit_flows(self, low: FloatArray, high: FloatArray) -> None:
        """Tighten the limits of the flows. [branch], per unit"""
        self.low, self.high = np.maximum(self.low, low), np.minimum(self.high, high)

    # ── solving ──────────────────────────────────────────────────────────────────────────────────────────────────
    def solve(self, *, time_limit_s: float | None = None, progress: Progress | None = None) -> DcOutcome:
        """Solve; in the form of flows add what is broken until nothing is."""
        started, limit_s = time.perf_counter(), 600.0 if time_limit_s is None else time_limit_s
        deadline = started + limit_s
        limits = FlowLimits(
            self.grid, self.moment.gen_node, -consumption(self.moment), self.low, self.high, self.outages
        )
        self.failed, self.limits = self, limits
        if self.form == "angles":
            self._bound_flows()
        session = self.session = self._session(deadline)
        rough = not session.settled
        answer, iterations, rounds = session.run(gap=ROUGH if rough else GAP), 0, 1
        while True:
            iterations += answer.iterations
            if answer.status != "optimal" or (self.form == "angles" and self.outages is None):
                break
            flow = self.grid.flows(limits.injection(answer.x[self.output]))
            added = limits.add(flow)
            if progress is not None and not progress(rounds, answer.objective + self.constant, _worst(limits, flow)):
                answer = _ended(answer, "interrupted")
                break
            if added is None and not rough:
                break
            if time.perf_counter() > deadline or rounds >= MAX_ROUNDS:
                answer = _ended(answer, "time_limit" if time.perf_counter() > deadline else "not_converged")
                break
            if added is None:  # exactly now, with the rows that bind
                rough = False
                binding = np.abs(answer.row_dual[self.n_rows :]) > 0
                limits.keep(binding)
                rows = session.model
                session = self.session = self._session(deadline)
                kept = self.n_rows + np.flatnonzero(binding)
                session.add_rows(csr_array(rows.matrix[kept]), rows.row_lower[kept], rows.row_upper[kept])
            else:
                if session.settled and self.outages is None and limits.branch.size > MANY:
                    return self._at_once(started, deadline, rounds)
                session.add_rows(self._over_output(added[0]), *added[1:])
            answer, rounds = session.run(gap=ROUGH if rough else GAP), rounds + 1
        return self._outcome(answer, limits, time.perf_counter() - started, iterations, rounds)

    def _session(self, deadline: float) -> ConvexSession:
        model, quadratic = self.made()
        left, sparse = max(deadline - time.perf_counter(), 0.0), self.form == "angles"
        method = "interior" if sparse and self.moment.n > LARGE and not quadratic.any() else "simplex"
        return ConvexSession(model, quadratic, time_limit_s=left, method=method, exact=not sparse)

    def _at_once(self, started: float, deadline: float, rounds: int) -> DcOutcome:
        """The same problem in angles, when so many limits bind that their dense rows cost more than all sparse ones."""
        other = DcModel(self.moment, "angles", "", None, grid=self.grid)
        for (name, _, _), low, high in zip(self.column_blocks, self.lower, self.upper, strict=True):
            other.add_variables(name, low, high)
        for block, entry, low, high in zip(self.row_blocks, self.entries, self.row_lower, self.row_upper, strict=True):
            name, first, _ = block
            if name != "balance":
                other.add_rows(name, entry[0] - first, *entry[1:], low, high)
        other.add_angles()
        other.add_flows()
        other.add_balance(self.output)
        other.limit_flows(self.low, self.high)
        other.linear, other.quadratic, other.constant = self.linear, self.quadratic, self.constant
        found = other.solve(time_limit_s=max(deadline - time.perf_counter(), 0.0))
        self.failed = other
        return replace(found, seconds=time.perf_counter() - started, rounds=rounds + found.rounds)

    def _over_output(self, matrix: csr_array) -> csr_array:
        """Rows over the outputs as rows over all columns."""
        a = matrix.tocoo()
        return csr_array((a.data, (a.row, self.output[a.col])), shape=(matrix.shape[0], self.n_columns))

    def _bound_flows(self) -> None:
        for k, (name, _, _) in enumerate(self.column_blocks):
            if name == "flow":
                self.lower[k], self.upper[k] = self.low, self.high

    def _outcome(self, answer: Answer, limits: FlowLimits, seconds: float, iterations: int, rounds: int) -> DcOutcome:
        m, g = self.moment, self.grid
        if answer.status != "optimal":
            none, branches = np.full(m.n, np.nan), np.full(m.tail.size, np.nan)
            gens = np.full(m.gen_node.size, np.nan)
            nothing = np.zeros(0, dtype=np.int64)
            return DcOutcome(
                answer.status, float("nan"), seconds, iterations, rounds,
                gens, none, branches, none, none, branches, gens, nothing, nothing, np.zeros(0),
            )  # fmt: skip
        p = answer.x[self.output]
        theta = g.angles(limits.injection(p))
        added = answer.row_dual[self.n_rows :]
        weight = limits.weights(added)
        if self.form == "angles":
            node_dual = answer.row_dual[self.balance]
            weight = weight + answer.reduced_cost[self.flow]
            energy = self.share.T @ np.asarray(node_dual[g.held])
        else:
            energy = self.share.T @ answer.row_dual[self.balance]
        return DcOutcome(
            status="optimal",
            objective=answer.objective + self.constant,
            seconds=seconds,
            iterations=iterations,
            rounds=rounds,
            p=p,
            theta=theta,
            flow=g.flows_at(theta),
            price=energy + g.weighted(weight),
            energy=energy,
            weight=weight,
            reduced_cost=answer.reduced_cost[self.output],
            branch=limits.branch,
            outage=limits.outage,
            dual=added,
        )


def _ended(answer: Answer, status: str) -> Answer:
    return Answer(
        status, float("nan"), answer.x, answer.row_dual, answer.reduced_cost, answer.iterations, answer.seconds
    )


def _worst(limits: FlowLimits, flow: FloatArray) -> float:
    over = np.maximum(flow - limits.high, limits.low - flow)
    return float(max(over.max(initial=0.0), 0.0))
