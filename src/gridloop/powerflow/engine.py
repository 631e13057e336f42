"""The batch engine: one grid, ordered and factorized once, that solves any number of scenarios by the compiled kernels.

Scenarios first take steps with the matrix of a common start; those it does not carry get a matrix of their own, from
the same start and then from a flat one. What remains did not converge, and says so. Blocks are shared out to threads:
which thread takes one, and which scenarios share it, changes no number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.block import Answer, Room, Task, begin, gather
from gridloop.kernel.elimination import Elimination, SharedFactors, SingleArray, block_numbers, factorize_shared
from gridloop.kernel.grid import Changes, Grid, jacobian_blocks, make_grid, no_changes
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.newton import CONVERGED, solve_with_own_matrix, solve_with_shared_matrix
from gridloop.network.arrays import NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.rooms import most_changed, own_room, shared_room
from gridloop.powerflow.solve import solve
from gridloop.powerflow.start import starts
from gridloop.units import ComplexArray, FloatArray, IntArray

# Steps with the common matrix. A lane that needs more is better off with its own.
_SHARED_STEPS = 16
# Steps with an own matrix after which the mismatch has to shrink in every one: what has a solution is near it by then,
# and what has none would wander until the last.
_PATIENCE = 12
# Bytes of powers and voltages that one thread works on at a time: they should stay in its cache.
_CHUNK_BYTES = 2_000_000


@dataclass(frozen=True)
class Start:
    """Voltages that scenarios start from [position], and the factors of the Jacobian there; None: each takes its
    own."""

    v: ComplexArray
    factors: SharedFactors | None


@dataclass(frozen=True)
class Wanted:
    """What a run of scenarios asks for; [block, position, LANES] and per unit, see `gridloop.kernel.newton.Task`."""

    p: FloatArray
    q: FloatArray
    magnitude: FloatArray
    free: NDArray[np.int8]
    changes: Changes


@dataclass(frozen=True)
class Engine:
    """One grid, ready for scenarios.

    arrays      what it was built from
    grid, plan  the supplied nodes in the order of elimination
    lit         [lit]   nodes of `arrays` that are supplied; everything here counts these
    position    [node]  position of every node of `arrays`; −1 where it is not supplied
    held        [held]  positions of regulated nodes, then of sources; held_node their nodes in `arrays`
    share       [position]  share in the balance; empty where the source carries it alone
    """

    arrays: NetworkArrays
    grid: Grid
    plan: Elimination
    lit: IntArray
    position: IntArray
    held: IntArray
    held_node: IntArray
    share: FloatArray

    @classmethod
    def build(cls, arrays: NetworkArrays, tolerance: float, share: FloatArray | None = None) -> Engine:
        """Order the supplied part of a grid.

        tolerance  largest mismatch of P and of Q at a node, per unit
        share      [node] shares in the balance, 1 in all
        """
        matrix, lit = supplied_admittance(arrays)
        place = np.full(arrays.n_nodes, NO_NODE, dtype=np.int64)
        place[lit] = np.arange(lit.size)
        source, regulated = place[arrays.source], arrays.regulated[place[arrays.regulated] != NO_NODE]
        grid, plan = make_grid(
            matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data, source, tolerance
        )
        position = np.full(arrays.n_nodes, NO_NODE, dtype=np.int64)
        position[lit[grid.node]] = np.arange(lit.size)
        held_node = np.concatenate([regulated, arrays.source])
        return cls(
            arrays,
            grid,
            plan,
            lit,
            position,
            position[held_node],
            held_node,
            np.empty(0) if share is None else np.ascontiguousarray(share[lit[grid.node]]),
        )

    @property
    def n(self) -> int:
        """Supplied nodes."""
        return int(self.grid.node.size)

    @property
    def node(self) -> IntArray:
        """Node of `arrays` at every position."""
        return self.lit[self.grid.node]

    @property
    def chunk(self) -> int:
        """Scenarios that a thread takes at a time: whole blocks."""
        return LANES * max(1, _CHUNK_BYTES // (4 * 8 * LANES * self.n))

    # ----- where to start -----------------------------------------------------------------------------------------

    def start_at(self, injection: ComplexArray) -> Start:
        """Start from the flow of one injection [node]; afresh with own matrices where that has no solution."""
        solution = solve(self.arrays, injection)
        if not bool(solution.converged[0]):
            return self.afresh(injection)
        return self.start_from(solution.v[:, 0])

    def start_from(self, v: ComplexArray) -> Start:
        """Start from given voltages [node], with the matrix there."""
        at = np.ascontiguousarray(v[self.node])
        if not np.all(np.isfinite(at)):
            return Start(np.where(np.isfinite(at), at, 1.0), None)
        held = np.zeros(self.n, dtype=bool)
        held[self.held] = True
        m = self.grid.unknowns
        blocks = jacobian_blocks(self.grid, self.plan, at, held[:m])
        return Start(at, factorize_shared(self.plan, blocks, held[:m]))

    def afresh(self, injection: ComplexArray) -> Start:
        """Start an injection [node] as one that nothing is known of, with own matrices."""
        v = starts(self.arrays, injection[:, None])[0]()[:, 0]
        return Start(np.ascontiguousarray(v[self.node]), None)

    # ----- solving -------------------------------------------------------------------------------------------------

    def new_answer(self, blocks: int) -> Answer:
        """Room for the results of whole blocks."""
        n = blocks * LANES
        return Answer(
            new_rows(blocks, self.n),
            new_rows(blocks, self.n),
            np.zeros(n, np.int8),
            np.zeros(n, np.int32),
            np.zeros(n),
            np.zeros(n),
        )

    def solve(self, wanted: Wanted, start: Start, answer: Answer, max_iterations: int) -> None:
        """Solve the scenarios of `wanted` into `answer`; releases the interpreter's lock while it computes."""
        blocks = wanted.p.shape[0]
        square = begin(answer, start.v, self.held, wanted.magnitude, wanted.free)
        task = Task(wanted.p, wanted.q, square, gather(self.grid, wanted.changes, blocks), self.share)
        if start.factors is None or wanted.free.shape[0]:
            room, jacobian = self.own_room(task)
            solve_with_own_matrix(
                self.grid, self.plan, task, answer, room, jacobian, (0, blocks), max_iterations, _PATIENCE
            )
        else:
            last = max(_SHARED_STEPS, max_iterations)
            room = self.shared_room(start.factors, most_changed(task))
            solve_with_shared_matrix(self.grid, start.factors, task, answer, room, (0, blocks), last)

    def shared_room(self, factors: SharedFactors, changed: int) -> Room:
        """Memory of this thread for blocks with these factors and so many changed positions."""
        return shared_room(int(factors.unknown[-1]), self.n, changed)

    def own_room(self, task: Task) -> tuple[Room, SingleArray]:
        """Memory of this thread for blocks with matrices of their own."""
        blocks = self.grid.unknowns + 2 * int(self.plan.col.size)
        return own_room(self.grid.unknowns, self.n, blocks, most_changed(task))

    def changes(self, branch: IntArray, scenario: IntArray, y: ComplexArray, count: int) -> Changes:
        """Changes of branch admittances, for `count` scenarios.

        branch, scenario  [change]     which branch of `arrays` in which scenario; scenarios in growing order
        y                 [change, 4]  to be added to y_tt, y_th, y_ht, y_hh, per unit
        """
        if branch.size == 0:
            return no_changes()
        b = self.arrays.branches
        tail = np.where(b.tail == NO_NODE, NO_NODE, self.position[b.tail])
        head = np.where(b.head == NO_NODE, NO_NODE, self.position[b.head])
        # An open end has no admittance: its entries are zero and may stand at the other end.
        tail, head = np.where(tail < 0, head, tail), np.where(head < 0, tail, head)
        at = self.plan.start, self.plan.col
        numbers = np.stack([block_numbers(*at, tail, head), block_numbers(*at, head, tail)], axis=1)
        parts = np.stack([y.real, y.imag], axis=2).reshape(-1, 8)
        start = np.searchsorted(scenario, np.arange(count + 1))
        return Changes(start, branch.astype(np.int64), np.ascontiguousarray(parts), tail, head, numbers)


def unconverged(status: IntArray) -> IntArray:
    """Scenarios that have not converged."""
    return np.flatnonzero(status != CONVERGED)
