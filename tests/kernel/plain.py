"""Slow twins of the kernels: one scenario, dense matrices, the equations as the books write them."""

from __future__ import annotations

import numpy as np


def eliminate(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve by elimination of 2 × 2 blocks in the order they stand, without pivoting. matrix [2n, 2n], right [2n, …]"""
    a, x = matrix.astype(float).copy(), right.astype(float).copy()
    n = a.shape[0] // 2
    at = [slice(2 * k, 2 * k + 2) for k in range(n)]
    for k in range(n):
        inverse = np.linalg.inv(a[at[k], at[k]])
        for i in range(k + 1, n):
            lower = a[at[i], at[k]] @ inverse
            a[at[i]] -= lower @ a[at[k]]
            x[at[i]] -= lower @ x[at[k]]
    for k in reversed(range(n)):
        x[at[k]] = np.linalg.inv(a[at[k], at[k]]) @ (x[at[k]] - a[at[k], 2 * k + 2 :] @ x[2 * k + 2 :])
    return x


def power_flow(
    y: np.ndarray,
    s: np.ndarray,
    v: np.ndarray,
    source: list[int],
    regulated: list[int],
    share: np.ndarray | None = None,
    steps: int = 30,
) -> tuple[np.ndarray, float]:
    """Voltages [node] at which every node injects s [node], by Newton with differences for derivatives; and the
    balance.

    y       [node, node] admittances, per unit; v the start, which keeps what sources and regulated nodes hold
    share   [node] part of each node in what is missing in all; the source alone where None
    """
    n = s.size
    free = [i for i in range(n) if i not in source]
    loads = [i for i in free if i not in regulated]
    spread = np.zeros(n) if share is None else share

    def voltage(x: np.ndarray) -> np.ndarray:
        turn, grow = np.zeros(n), np.zeros(n)
        turn[free], grow[loads] = x[: len(free)], x[len(free) : len(free) + len(loads)]
        return v * np.exp(grow + 1j * turn)

    def left(x: np.ndarray) -> np.ndarray:
        u = voltage(x)
        missing = u * np.conj(y @ u) - s - spread * x[-1]
        rows = [missing.real[free], missing.imag[loads]]
        rows.append(missing.real[source[:1]] if share is not None else x[-1:])
        return np.concatenate(rows)

    x = np.zeros(len(free) + len(loads) + 1)
    for _ in range(steps):
        f = left(x)
        if np.abs(f).max() < 1e-12:
            break
        h = 1e-6
        jacobian = np.stack([(left(x + h * e) - left(x - h * e)) / (2 * h) for e in np.eye(x.size)], axis=1)
        x = x - np.linalg.solve(jacobian, f)
    return voltage(x), float(x[-1])
