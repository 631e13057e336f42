"""The readable solver of a feeder: currents of the loads injected into one factorised matrix, until they stay.

With Y V + I(V) = 0 wanted at every node that is not held, and the rated impedance of all that consumes in Y_L,

    V ← V − (Y + Y_L)⁻¹ (Y V + I(V))

is iterated from the voltages without load. The steps shrink by a factor ρ < 1 where it converges; what is still to come
is then at most step · ρ/(1 − ρ), and that is held against the tolerance. Steps also end where Y V + I(V) is zero to
rounding: the potential of a winding that only `antifloat_ppm` ties to ground is not defined any better than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu

from gridloop.powerflow.feeder.arrays import FeederArrays
from gridloop.powerflow.feeder.loads import load_currents
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import ComplexArray, FloatArray, IntArray

TOLERANCE_PU = 1e-10
MAX_ITERATIONS = 200
# Voltages beyond this are no longer a feeder's.
_RUNAWAY_PU = 100.0
# Left-over currents below this share of what is added up are rounding; steps must be small as well to end on it.
_ROUNDING, _SMALL_STEP = 1e-14, 1e-6


@dataclass(frozen=True)
class FeederSolution:
    """Voltages of one state, and how they were found.

    v           [node]     per unit; the last ones tried where not converged; never NaN: where no source reaches, what
                           parallel conductors induce
    taps        [control]  positions they belong to
    status      converged, not_converged (steps still too long) or diverged (voltages left all bounds) or singular
    iterations  load iterations of the last solve
    step        largest voltage change of the last iteration, per unit
    mismatch    largest current left at a node over the currents that meet there
    """

    v: ComplexArray
    taps: IntArray
    status: str
    iterations: int
    step: float
    mismatch: float

    @property
    def converged(self) -> bool:
        return self.status == "converged"


class FeederSolver:
    """The matrix of a feeder at fixed taps, factorised once for any consumption.

    arrays  the feeder
    taps    [control]; those of the tables where none are given
    """

    def __init__(self, arrays: FeederArrays, taps: IntArray | None = None) -> None:
        self.arrays = arrays
        self.taps = np.array(arrays.tap if taps is None else taps, dtype=np.int64)
        held = np.zeros(arrays.n_nodes, dtype=bool)
        held[arrays.source] = True
        self.held = np.flatnonzero(held)
        self.free = np.flatnonzero(~held)
        self.y = arrays.admittance(self.taps)
        self.y_load = self._rated_impedances()

    def _rated_impedances(self) -> csr_array:
        """Y_L: everything that consumes, as its rated impedance. [node, node]

        Without what generates: a negative conductance as large as that of the lines turns the step round, and leads to
        voltages that solve the equations upside down.
        """
        loads = self.arrays.loads
        s = loads.share * loads.s0[loads.element]
        y = np.where(s.real > 0, np.conj(s), 0.0) / loads.v_rated**2
        i = np.concatenate([loads.tail, loads.head, loads.tail, loads.head])
        j = np.concatenate([loads.tail, loads.head, loads.head, loads.tail])
        values = np.concatenate([y, y, -y, -y])
        there = (i != GROUND) & (j != GROUND)
        return csr_array(coo_array((values[there], (i[there], j[there])), shape=self.y.shape))

    @cached_property
    def _size(self) -> csr_array:
        return csr_array(abs(self.y))

    @cached_property
    def _row(self) -> IntArray:
        return np.repeat(np.arange(self.y.shape[0]), np.diff(self.y.indptr))

    @cached_property
    def _row_sum(self) -> ComplexArray:
        return np.asarray(self.y.sum(axis=1)).ravel()

    @cached_property
    def _factor(self) -> Any:
        matrix = csc_array((self.y + self.y_load)[self.free][:, self.free])
        return splu(matrix) if self.free.size else None

    def injected(self, v: ComplexArray, s: ComplexArray) -> ComplexArray:
        """Current that loads draw from every node. [node], per unit"""
        loads = self.arrays.loads
        i = load_currents(loads, v, s)
        drawn = np.zeros(v.size, dtype=complex)
        np.add.at(drawn, loads.tail, i)
        inner = loads.head != GROUND
        np.add.at(drawn, loads.head[inner], -i[inner])
        return drawn

    def solve(
        self,
        s: ComplexArray | None = None,
        *,
        start: ComplexArray | None = None,
        tolerance: float = TOLERANCE_PU,
        max_iterations: int = MAX_ITERATIONS,
    ) -> FeederSolution:
        """Voltages at consumption s [element], that of the tables where none is given.

        start      [node] voltages to start from; those without load otherwise
        tolerance  largest error of a voltage, per unit, as the steps let it expect
        """
        arrays = self.arrays
        s = arrays.s0 if s is None else s
        v = np.full(arrays.n_nodes, 0j)
        v[arrays.source] = arrays.v_source
        try:
            factor = self._factor
        except RuntimeError:  # scipy's word for a matrix without inverse
            return FeederSolution(v, self.taps, "singular", 0, np.inf, np.inf)
        v[self.free] = self._no_load(v) if start is None else start[self.free]
        status, step, before, done = "not_converged", np.inf, np.inf, 0
        while done < max_iterations:
            done += 1
            left, size = self._left_over(v, s)
            change = factor.solve(left) if self.free.size else left
            if not np.all(np.abs(v[self.free] - change) < _RUNAWAY_PU):  # also where one is not a number
                status = "diverged"
                break
            v[self.free] -= change
            step = float(np.max(np.abs(change), initial=0.0))
            rate = step / before if 0 < before < np.inf else 1.0
            near = step <= 1e3 * tolerance and rate < 1.0 and step * rate / (1.0 - rate) <= tolerance
            exact = step <= _SMALL_STEP and bool(np.all(np.abs(left) <= _ROUNDING * size))
            if step == 0.0 or near or exact:
                status = "converged"
                break
            before = step
        left, size = self._left_over(v, s)
        mismatch = float(np.max(np.abs(left) / np.where(size > 0, size, 1.0), initial=0.0))
        return FeederSolution(v, self.taps, status, done, step, mismatch)

    def _no_load(self, v: ComplexArray) -> ComplexArray:
        """Voltages of the free nodes with nothing drawn."""
        feed = self.y[self.free][:, self.held] @ v[self.held]
        try:
            return np.asarray(splu(csc_array(self.y[self.free][:, self.free])).solve(-feed))
        except RuntimeError:
            # A node that only its load ties to anything: without load it has no voltage of its own.
            return np.asarray(self._factor.solve(-(self.y + self.y_load)[self.free][:, self.held] @ v[self.held]))

    def _left_over(self, v: ComplexArray, s: ComplexArray) -> tuple[ComplexArray, FloatArray]:
        """Y V + I(V) at the free nodes, and the sum of the sizes of what is added there. [free], per unit"""
        drawn = self.injected(v, s)
        size = self._size @ np.abs(v) + np.abs(drawn)
        return (self._currents(v) + drawn)[self.free], size[self.free]

    def _currents(self, v: ComplexArray) -> ComplexArray:
        """Y V, as differences of voltages. [node]

        A closed switch has 1e8 per unit. Times a voltage, and then subtracted, that leaves 1e-8; the same difference
        at both its ends leaves nothing behind.
        """
        y = self.y
        row = self._row
        flows = y.data * (v[y.indices] - v[row])
        n = v.size
        summed = np.bincount(row, flows.real, n) + 1j * np.bincount(row, flows.imag, n)
        return np.asarray(summed + self._row_sum * v)
