"""The rows of an AC optimal power flow in polar voltages: balances of P and Q at every node, and limits of P² + Q².

Equations in docs/math/ac.md; derivatives are written by `kernel.optimal_flow`.
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel import optimal_flow as kernel
from gridloop.optimize.case import Moment
from gridloop.units import ComplexArray, FloatArray, IntArray


class AcBlock:
    """Balances [2 node], then |S|² of the limited branches at tail and at head [2 limit]; per unit.

    first  column of the first angle; angles [node] and magnitudes [node] follow each other there
    """

    def __init__(self, moment: Moment, first: int) -> None:
        m = self.moment = moment
        self.n, self.first = m.n, first
        self.tail, self.head = np.ascontiguousarray(m.tail), np.ascontiguousarray(m.head)
        parts = [part for y in (m.y_tt, m.y_th, m.y_ht, m.y_hh) for part in (y.real, y.imag)]
        self.y = np.ascontiguousarray(np.stack(parts, axis=1))
        self.shunt = np.ascontiguousarray(np.stack([m.shunt.real, m.shunt.imag], axis=1))
        self._s = np.zeros((m.tail.size, 4))
        self._p = self._q = self._gen = np.zeros(0, dtype=np.int64)
        self.limited = np.zeros(0, dtype=np.int64)
        self.limit_of = np.full(m.tail.size, -1)
        self.lower = self.upper = np.zeros(2 * m.n)

    def balance(self, p: IntArray, q: IntArray) -> None:
        """Generators' columns enter the balances."""
        self._p, self._q, self._gen = p, q, self.moment.gen_node

    def limit(self, branches: IntArray) -> None:
        """These branches, and no others, keep their rating at both ends."""
        self.limited = np.sort(branches).astype(np.int64)
        self.limit_of = np.full(self.tail.size, -1)
        self.limit_of[self.limited] = np.arange(self.limited.size)
        square = self.moment.rate[self.limited] ** 2
        zero = np.zeros(2 * self.n)
        self.lower = np.concatenate([zero, np.full(2 * square.size, -np.inf)])
        self.upper = np.concatenate([zero, square, square])

    def voltage(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Angles and magnitudes among the columns. [node] each"""
        at = self.first
        return x[at : at + self.n], x[at + self.n : at + 2 * self.n]

    def flows(self, x: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """Power that enters every branch at tail and at head. [branch], per unit"""
        kernel.powers(*self.voltage(x), self.tail, self.head, self.y, self._s)
        return self._s[:, 0] + 1j * self._s[:, 1], self._s[:, 2] + 1j * self._s[:, 3]

    @property
    def _slots(self) -> int:
        return 4 * self.n + 8 * self.tail.size + 8 * self.limited.size

    def jacobian_places(self) -> tuple[IntArray, IntArray]:
        row, col = np.empty(self._slots, dtype=np.int64), np.empty(self._slots, dtype=np.int64)
        kernel.jacobian_places(self.n, self.tail, self.head, self.limited, row, col)
        rows = np.concatenate([row, self._gen, self.n + self._gen])
        return rows, np.concatenate([col + self.first, self._p, self._q])

    def hessian_places(self) -> tuple[IntArray, IntArray]:
        size = 3 * self.n + 4 * self.tail.size
        row, col = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
        kernel.hessian_places(self.n, self.tail, self.head, row, col)
        return row + self.first, col + self.first

    def rows(self, x: FloatArray, out: FloatArray) -> None:
        m = self.moment
        drawn = np.stack([m.p_load, m.q_load], axis=1)
        if self._gen.size:
            drawn[:, 0] -= np.bincount(self._gen, weights=x[self._p], minlength=self.n)
            drawn[:, 1] -= np.bincount(self._gen, weights=x[self._q], minlength=self.n)
        theta, v = self.voltage(x)
        kernel.rows(theta, v, self.tail, self.head, self.y, self.shunt, drawn, self.limited, self._s, out)

    def jacobian(self, x: FloatArray, out: FloatArray) -> None:
        theta, v = self.voltage(x)
        own = self._slots
        kernel.jacobian(theta, v, self.tail, self.head, self.y, self.shunt, self.limited, self._s, out[:own])
        out[own:] = -1.0

    def hessian(self, x: FloatArray, weight: FloatArray, out: FloatArray) -> None:
        theta, v = self.voltage(x)
        at = 2 * self.n
        kernel.hessian(
            theta, v, self.tail, self.head, self.y, self.shunt, self.limit_of, weight[:at], weight[at:],
            np.zeros(2 * self.limited.size), np.zeros(self.tail.size), self._s, out,
        )  # fmt: skip
