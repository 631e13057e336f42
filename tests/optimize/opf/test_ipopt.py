"""Ipopt through its C interface, on a problem whose answer is in every textbook, and when the caller fails."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pytest import approx

from gridloop.optimize.solve import casadi_library, ipopt, mumps
from gridloop.optimize.solve.mumps import SymmetricFactors, available


class Hs071:
    """min x₁x₄(x₁+x₂+x₃)+x₃  with  x₁x₂x₃x₄ ≥ 25,  Σx² = 40,  1 ≤ x ≤ 5; 17.0140173 at the optimum.

    Source: Hock and Schittkowski (1981), problem 71.
    """

    lower, upper = np.ones(4), np.full(4, 5.0)
    row_lower, row_upper = np.array([25.0, 40.0]), np.array([np.inf, 40.0])
    jacobian_row, jacobian_col = np.repeat([0, 1], 4).astype(np.int32), np.tile(np.arange(4), 2).astype(np.int32)
    hessian_row, hessian_col = (a.astype(np.int32) for a in np.tril_indices(4))

    def objective(self, x: np.ndarray) -> float:
        return float(x[0] * x[3] * x[:3].sum() + x[2])

    def gradient(self, x: np.ndarray, out: np.ndarray) -> None:
        s = x[:3].sum()
        out[:] = [x[3] * (s + x[0]), x[0] * x[3], x[0] * x[3] + 1, x[0] * s]

    def rows(self, x: np.ndarray, out: np.ndarray) -> None:
        out[:] = [x.prod(), (x**2).sum()]

    def jacobian(self, x: np.ndarray, out: np.ndarray) -> None:
        out[:4], out[4:] = x.prod() / x, 2 * x

    def hessian(self, x: np.ndarray, factor: float, weight: np.ndarray, out: np.ndarray) -> None:
        h = np.zeros((4, 4))
        h[0, 0], h[3, 0] = 2 * x[3], 2 * x[0] + x[1] + x[2]
        h[1, 0] = h[2, 0] = x[3]
        h[3, 1] = h[3, 2] = x[0]
        product = x.prod() / np.outer(x, x)
        np.fill_diagonal(product, 0.0)
        h = factor * h + weight[0] * product + weight[1] * 2 * np.eye(4)
        out[:] = h[self.hessian_row, self.hessian_col]


START = ipopt.Start(np.array([1.0, 5.0, 5.0, 1.0]))


def test_a_textbook_problem():
    found = ipopt.solve(Hs071(), START)
    assert (found.status, found.objective) == ("optimal", approx(17.0140173, abs=1e-6))
    assert found.x == approx([1.0, 4.74299963, 3.82114998, 1.37940829], abs=1e-6)
    assert found.row_dual == approx([-0.55229366, 0.16146856], abs=1e-5)


def test_a_warm_start_takes_fewer_steps():
    first = ipopt.solve(Hs071(), START)
    begin = ipopt.Start(first.x, first.row_dual, first.lower_dual, first.upper_dual)
    again = ipopt.solve(Hs071(), begin)
    assert again.status == "optimal" and again.iterations < first.iterations


@pytest.mark.parametrize("method", ["objective", "gradient", "rows", "jacobian", "hessian"])
def test_a_program_that_raises_is_a_status_and_no_crash(method: str, monkeypatch: pytest.MonkeyPatch):
    def broken(*args: Any) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(Hs071, method, broken)
    found = ipopt.solve(Hs071(), START)
    assert (found.status, found.said) == ("solver_failed", "ValueError: planted")
    assert np.isnan(found.x).all()


def test_an_interruption_comes_through():
    def progress(*args: Any) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ipopt.solve(Hs071(), START, progress=progress)


def test_what_ends_early_says_so():
    assert ipopt.solve(Hs071(), START, options={"max_iter": 1}).said == "Maximum_Iterations_Exceeded"
    assert ipopt.solve(Hs071(), START, progress=lambda *_: False).status == "interrupted"
    assert ipopt.solve(Hs071(), ipopt.Start(np.full(4, math.nan))).status == "solver_failed"


def test_an_option_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no option"):
        ipopt.solve(Hs071(), START, options={"magic": "yes"})


@pytest.mark.parametrize("seed", range(5))
def test_mumps_solves_and_counts_negative_eigenvalues(seed: int):
    if not available():
        pytest.skip("no MUMPS of a known layout in this installation")
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(30, 30)) * (rng.random((30, 30)) < 0.2)
    a = a + a.T + np.diag(rng.normal(size=30))
    row, col = np.nonzero(np.tril(a))
    factors = SymmetricFactors(30, row, col)
    # Entries of one place add up: the second half of each comes on top.
    twice = SymmetricFactors(30, np.tile(row, 2), np.tile(col, 2))
    b = rng.normal(size=30)
    for f, values in ((factors, a[row, col]), (twice, np.tile(a[row, col] / 2, 2))):
        assert f.factorize(values) == (np.linalg.eigvalsh(a) < 0).sum()
        np.testing.assert_allclose(a @ f.solve(b), b, atol=1e-7)
        np.testing.assert_allclose(f.multiply(b), a @ b, atol=1e-12)


def test_mumps_says_that_a_matrix_is_singular():
    if not available():
        pytest.skip("no MUMPS of a known layout in this installation")
    factors = SymmetricFactors(2, np.array([0, 1, 1]), np.array([0, 0, 1]))
    assert factors.factorize(np.zeros(3)) == -1


def test_mumps_frees_what_is_discarded_when_nobody_is_inside():
    if not available():
        pytest.skip("no MUMPS of a known layout in this installation")
    from concurrent.futures import ThreadPoolExecutor

    one = [SymmetricFactors(2, np.array([0, 1]), np.array([0, 1]))]
    with ThreadPoolExecutor(1) as pool:
        with casadi_library.ONE_AT_A_TIME:
            pool.submit(one.clear).result(timeout=10)  # does not wait for the one inside
            assert len(mumps._DISCARDED) == 1
        SymmetricFactors(2, np.array([0, 1]), np.array([0, 1]))
        assert not mumps._DISCARDED


def test_mumps_that_cannot_begin_counts_as_singular(monkeypatch: pytest.MonkeyPatch):
    if not available():
        pytest.skip("no MUMPS of a known layout in this installation")
    honest = mumps._call

    def refuses(lib: Any, at: Any, job: int) -> int:
        said = honest(lib, at, job)
        if job == mumps._INIT:
            at.infog[0] = said = -1
        return said

    monkeypatch.setattr(mumps, "_call", refuses)
    assert SymmetricFactors(2, np.array([0, 1]), np.array([0, 1])).factorize(np.ones(2)) == -1
