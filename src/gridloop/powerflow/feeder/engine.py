"""The feeder's batch engine: laid out around one state, it solves any number of scenarios by the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.feeder import (
    CONVERGED,
    DIVERGED,
    RESTLESS,
    SLOW,
    FeederAnswer,
    iterate_feeder,
    recover_feeder,
)
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.taps import TapRule, move_taps
from gridloop.powerflow.feeder.arrays import BASE_PHASE_MVA, FeederArrays
from gridloop.powerflow.feeder.control import ControlledSolution, solve_with_controls
from gridloop.powerflow.feeder.plain import FeederSolver
from gridloop.powerflow.feeder.zones import Layout, lay_out
from gridloop.powerflow.rooms import feeder_room
from gridloop.units import ComplexArray, FloatArray, IntArray

MAX_ROUNDS = 100
# Bytes of consumption and voltages that one thread works on at a time: they should stay in its cache.
_CHUNK_BYTES = 1_000_000
# Loads of the state to lay out around are brought down by this share, one after the other, until it solves.
_LIGHTER = (1.0, 0.5, 0.0)
STATUS = {CONVERGED: "converged", SLOW: "not_converged", DIVERGED: "diverged", RESTLESS: "restless"}


@dataclass(frozen=True)
class FeederEngine:
    """One feeder, ready for scenarios.

    arrays   what it was built from
    layout   for the kernel, around a state
    rule     of the tap controls; None where taps stay
    taps     [control]  taps that scenarios start from
    controls whether regulators move; `able` is False where the kernel cannot do that for this feeder (its regulators
             do not cut it into zones), and every scenario has to be solved by the plain solver
    """

    arrays: FeederArrays
    layout: Layout
    rule: TapRule | None
    taps: IntArray
    controls: bool
    able: bool

    @classmethod
    def build(cls, arrays: FeederArrays, s: ComplexArray, *, controls: bool) -> FeederEngine:
        """An engine around the state that consumption s [element] has: near the scenarios, it needs few iterations."""
        moves = controls and arrays.tap.size > 0
        for share in _LIGHTER:
            base = _base(arrays, s * share, moves)
            if base.solution.converged:
                break
        layout = lay_out(arrays, base.solution.v, base.solution.taps, s * share, cut=moves)
        able = layout.cut or not moves
        rule = _rule(arrays, layout) if layout.cut else None
        return cls(arrays, layout, rule, np.array(arrays.tap), moves, able)

    @property
    def chunk(self) -> int:
        """Scenarios that a thread takes at a time: whole blocks."""
        numbers = 2 * int(self.layout.plan.v0.shape[0]) + 2 * int(self.arrays.s0.size)
        return LANES * max(1, _CHUNK_BYTES // (4 * LANES * numbers))

    def new_answer(self, blocks: int, taps: NDArray[np.int32] | None = None) -> FeederAnswer:
        """Room for the results of whole blocks; taps [block, control, LANES] to start from."""
        n = blocks * LANES
        if taps is None:
            taps = np.empty((blocks, self.taps.size, LANES), np.int32)
            taps[:] = self.taps[None, :, None]
        plan = self.layout.plan
        d, drawn, going = (
            new_rows(*shape, dtype=np.float32)
            for shape in ((blocks, 2 * plan.v0.shape[0]), (blocks, 2 * plan.ports.row.size), (blocks,))
        )
        d[:], drawn[:], going[:] = 0.0, 0.0, 1.0
        return FeederAnswer(
            d,
            taps,
            drawn,
            going,
            np.zeros(n, np.int8),
            np.zeros(n, np.int8),
            np.zeros(n, np.int32),
            np.zeros(n, np.float32),
        )

    def solve(
        self,
        p: NDArray[np.float32],
        q: NDArray[np.float32],
        answer: FeederAnswer,
        tolerance: float,
        max_iterations: int,
    ) -> None:
        """Solve consumption p, q [block, element, LANES] in MW and Mvar; lets other threads run meanwhile."""
        plan, loads, limit = self.layout.plan, self.layout.loads, np.float32(tolerance)
        room = feeder_room(2 * int(plan.v0.shape[0]))
        for moves in range(MAX_ROUNDS + 1):
            iterate_feeder(plan, loads, self._ratio(answer.tap), p, q, answer, room, limit, max_iterations)
            if self.rule is None or not move_taps(plan.v0, plan.ports, self.rule, answer, moves < MAX_ROUNDS):
                break
        recover_feeder(plan.zone, plan.rows, answer.d)

    def _ratio(self, tap: NDArray[np.int32]) -> NDArray[np.float32]:
        """Ratio of every port at taps [block, control, LANES]. [block, port, LANES]"""
        ratio: NDArray[np.float32] = new_rows(tap.shape[0], self.layout.plan.ports.row.size, dtype=np.float32)
        ratio[:] = 0.0
        if self.rule is not None:
            a = self.arrays
            ratio[:, self.rule.port] = a.ratio_base[:, None] * (1.0 + a.step[:, None] * tap[:, a.control])
        return ratio

    def solve_plainly(self, s: ComplexArray, tolerance: float) -> tuple[ComplexArray, IntArray, int, int]:
        """One scenario by the plain solver: v [node], taps [control], status and iterations."""
        if self.controls:
            done = solve_with_controls(self.arrays, s, taps=self.taps, tolerance=tolerance, max_rounds=MAX_ROUNDS)
        else:
            solution = FeederSolver(self.arrays, self.taps).solve(s, tolerance=tolerance)
            done = ControlledSolution(solution, 0, True, np.zeros(self.taps.size, dtype=np.int64))
        status = {"converged": CONVERGED, "diverged": DIVERGED}.get(done.solution.status, SLOW)
        if status == CONVERGED and not done.settled:
            status = RESTLESS
        return done.solution.v, done.solution.taps, status, done.solution.iterations


def _base(arrays: FeederArrays, s: ComplexArray, moves: bool) -> ControlledSolution:
    """The state to lay out around: with settled controls where they move."""
    if moves:
        return solve_with_controls(arrays, s)
    solution = FeederSolver(arrays).solve(s)
    return ControlledSolution(solution, 0, True, np.zeros(arrays.tap.size, dtype=np.int64))


def _rule(arrays: FeederArrays, layout: Layout) -> TapRule:
    c = arrays.controls
    port_at = {int(row): k for k, row in enumerate(layout.plan.ports.row)}
    port = np.array([port_at[int(layout.row_of[node])] for node in arrays.secondary[:, 0]], dtype=np.int64)
    node = c.monitored[:, 0]
    amperes = 1000.0 * BASE_PHASE_MVA / arrays.v_base_kv[arrays.secondary[c.unit, 0]]

    def where_compensated(values: FloatArray) -> FloatArray:
        return np.where(c.compensates, values, 0.0)

    number = np.stack(
        [
            1000.0 * arrays.v_base_kv[node] / c.pt_ratio,
            amperes / c.ct_primary_a,
            where_compensated(c.r),
            where_compensated(c.x),
            c.vreg,
            c.band / 2.0,
            c.v_coil * arrays.step[c.unit] / c.pt_ratio,
            c.delay,
            c.max_change.astype(float),
        ],
        axis=1,
    )
    limit = np.stack([arrays.tap_min, arrays.tap_max], axis=1).astype(np.int64)
    return TapRule(
        port,
        c.unit.astype(np.int64),
        layout.row_of[node],
        number.astype(np.float32),
        limit,
    )
