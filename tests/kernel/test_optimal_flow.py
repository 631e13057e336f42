"""Powers and their derivatives against a twin in complex numbers, and against differences."""

from __future__ import annotations

import numpy as np
import pytest

from gridloop.kernel import optimal_flow as kernel

N, LIMITED = 5, np.array([1, 3])
TAIL, HEAD = np.array([0, 1, 2, 3, 4, 1]), np.array([1, 2, 3, 4, 0, 0])


class Case:
    """Random admittances (also of transformers that turn) and voltages."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.y = rng.normal(size=(TAIL.size, 8))
        self.shunt = rng.normal(size=(N, 2))
        self.drawn = rng.normal(size=(N, 2))
        self.x = np.concatenate([rng.uniform(-1, 1, N), rng.uniform(0.9, 1.1, N)])
        self.weight = rng.normal(size=2 * N + 2 * LIMITED.size)
        self.s = np.zeros((TAIL.size, 4))

    def rows(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(2 * N + 2 * LIMITED.size)
        kernel.rows(x[:N], x[N:], TAIL, HEAD, self.y, self.shunt, self.drawn, LIMITED, self.s, out)
        return out

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        size = 4 * N + 8 * TAIL.size + 8 * LIMITED.size
        row, col, out = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
        kernel.jacobian_places(N, TAIL, HEAD, LIMITED, row, col)
        kernel.jacobian(x[:N], x[N:], TAIL, HEAD, self.y, self.shunt, LIMITED, self.s, out)
        dense = np.zeros((2 * N + 2 * LIMITED.size, 2 * N))
        np.add.at(dense, (row, col), out)
        return dense

    def hessian(self, x: np.ndarray, stiff: np.ndarray, angle: np.ndarray) -> np.ndarray:
        size = 3 * N + 4 * TAIL.size
        row, col, out = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
        kernel.hessian_places(N, TAIL, HEAD, row, col)
        assert (row >= col).all()
        of = np.full(TAIL.size, -1)
        of[LIMITED] = np.arange(LIMITED.size)
        w = self.weight
        kernel.hessian(
            x[:N], x[N:], TAIL, HEAD, self.y, self.shunt, of, w[: 2 * N], w[2 * N :], stiff, angle, self.s, out
        )  # fmt: skip
        dense = np.zeros((2 * N, 2 * N))
        np.add.at(dense, (row, col), out)
        return dense + np.tril(dense, -1).T


@pytest.fixture(params=range(4))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def twin(case: Case, x: np.ndarray) -> np.ndarray:
    """The same rows in complex numbers, node by node."""
    v = x[N:] * np.exp(1j * x[:N])
    tt, th, ht, hh = (case.y[:, 2 * k] + 1j * case.y[:, 2 * k + 1] for k in range(4))
    s_t = v[TAIL] * np.conj(tt * v[TAIL] + th * v[HEAD])
    s_h = v[HEAD] * np.conj(ht * v[TAIL] + hh * v[HEAD])
    balance = case.drawn @ [1, 1j] + np.abs(v) ** 2 * np.conj(case.shunt @ [1, 1j])
    for k in range(TAIL.size):
        balance[TAIL[k]] += s_t[k]
        balance[HEAD[k]] += s_h[k]
    return np.concatenate([balance.real, balance.imag, np.abs(s_t[LIMITED]) ** 2, np.abs(s_h[LIMITED]) ** 2])


def difference(f, x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """Central differences: exact to about h², 1e-9 of values of some tens."""
    return np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)], axis=-1)


def test_rows_are_those_of_complex_numbers(case: Case):
    np.testing.assert_allclose(case.rows(case.x), twin(case, case.x), atol=1e-12)


def test_first_derivatives(case: Case):
    np.testing.assert_allclose(case.jacobian(case.x), difference(case.rows, case.x), atol=1e-7)


def test_second_derivatives(case: Case):
    def gradient(x: np.ndarray) -> np.ndarray:
        return case.weight @ case.jacobian(x)

    none = np.zeros(2 * LIMITED.size), np.zeros(TAIL.size)
    np.testing.assert_allclose(case.hessian(case.x, *none), difference(gradient, case.x), atol=1e-6)


def test_stiffness_adds_the_square_of_a_gradient(case: Case):
    stiff, angle = np.arange(1.0, 5.0), np.arange(6.0)
    none = np.zeros(2 * LIMITED.size), np.zeros(TAIL.size)
    limits = case.jacobian(case.x)[2 * N :]
    across = np.zeros((TAIL.size, 2 * N))
    across[np.arange(TAIL.size), TAIL], across[np.arange(TAIL.size), HEAD] = 1.0, -1.0
    wanted = limits.T @ np.diag(stiff) @ limits + across.T @ np.diag(angle) @ across
    more = case.hessian(case.x, stiff, angle) - case.hessian(case.x, *none)
    np.testing.assert_allclose(more, wanted, atol=1e-10 * np.abs(wanted).max())


def test_pull_and_push_are_products_with_the_jacobian(case: Case):
    x, w, j = case.x, case.weight, case.jacobian(case.x)
    kernel.powers(x[:N], x[N:], TAIL, HEAD, case.y, case.s)
    out = np.empty(2 * N)
    kernel.pull(
        x[:N], x[N:], TAIL, HEAD, case.y, case.shunt, LIMITED, case.s, w[: 2 * N], w[2 * N :], out
    )  # fmt: skip
    np.testing.assert_allclose(out, w @ j, atol=1e-10)
    along = np.empty(2 * LIMITED.size)
    kernel.push(x[:N], x[N:], TAIL, HEAD, case.y, LIMITED, case.s, w[: 2 * N], along)
    np.testing.assert_allclose(along, j[2 * N :] @ w[: 2 * N], atol=1e-10)
