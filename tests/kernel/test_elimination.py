"""Elimination: the shared factors and those of every lane solve what the dense twin solves, whatever the pattern."""

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inner_kernels import factorize_lanes, solve_lanes, solve_shared

from gridloop.kernel.elimination import factorize_shared, make_plan
from gridloop.kernel.lanes import LANES

# float32 carries 6e-8; a hundred rows of strong diagonals lose two digits of it at most.
SINGLE = 1e-5


def _pattern(n: int, links: int, seed: int):
    rng = np.random.default_rng(seed)
    tree = [(k, int(rng.integers(k))) for k in range(1, n)]
    pairs = np.array(tree + [tuple(rng.integers(n, size=2)) for _ in range(links)]).reshape(-1, 2)
    return rng, pairs[:, 0], pairs[:, 1]


def _matrix(n, tail, head, rng, held=None):
    """A dense matrix [2n, 2n] of that pattern with strong diagonal blocks; rows and columns of what is held emptied."""
    a = np.zeros((n, 2, n, 2))
    for i, k in zip(tail, head, strict=True):
        if i != k:
            a[i, :, k], a[k, :, i] = rng.normal(size=(2, 2, 2))
    for i in range(n):
        a[i, :, i] = rng.normal(size=(2, 2)) + np.array([[20, 5], [-5, 20]])
    if held is not None:
        a[held, 1] = 0
        a[:, :, held, 1] = 0
        a[held, 1, held, 1] = 1
    return a.reshape(2 * n, 2 * n)


def _blocks(plan, matrix):
    n = plan.order.size
    a = matrix.reshape(n, 2, n, 2)
    row = np.repeat(np.arange(n), np.diff(plan.start))
    at = plan.order.astype(int)
    i, k = at[row], at[plan.col.astype(int)]
    return np.concatenate([a[at, :, at].reshape(-1, 4), a[i, :, k].reshape(-1, 4), a[k, :, i].reshape(-1, 4)])


def _ordered(plan, matrix):
    n = plan.order.size
    at = plan.order.astype(int)
    return matrix.reshape(n, 2, n, 2)[np.ix_(at, [0, 1], at, [0, 1])].reshape(2 * n, 2 * n)


def test_a_chain_needs_no_fill_and_a_star_starts_with_its_leaves():
    chain = make_plan(5, np.arange(4), np.arange(1, 5))
    assert chain.col.size == 4 and chain.target.size == 4
    star = make_plan(5, np.zeros(4, int), np.arange(1, 5))
    assert star.col.size == 4 and 0 in star.order[-2:]
    assert make_plan(3, np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1])).col.size == 1  # repeated, reversed, own
    assert make_plan(0, np.empty(0, int), np.empty(0, int)).order.size == 0


def test_a_ring_is_filled_as_by_hand():
    """1 – 2 – 3 – 4 – 1: eliminating 1 joins 2 and 4, a triangle is left: 4 links and one of fill."""
    ring = make_plan(4, np.arange(4), np.array([1, 2, 3, 0]))
    assert ring.col.size == 5


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 25), links=st.integers(0, 12), seed=st.integers(0, 999))
def test_shared_factors_solve_what_the_twin_solves(n, links, seed):
    rng, tail, head = _pattern(n, links, seed)
    plan = make_plan(n, tail, head)
    held = rng.random(n) < 0.4
    matrix = _matrix(n, tail, head, rng, held)
    factors = factorize_shared(plan, _blocks(plan, matrix), held[plan.order.astype(int)])
    right = rng.normal(size=(2 * n, LANES))
    kept = np.ones(2 * n, dtype=bool)
    kept[1::2] = ~held[plan.order.astype(int)]
    right[~kept] = 0
    x = right[kept].astype(np.float32)
    solve_shared(factors, x)
    np.testing.assert_allclose(x, plain.eliminate(_ordered(plan, matrix), right)[kept], atol=SINGLE)


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1, 20), links=st.integers(0, 10), seed=st.integers(0, 999))
def test_every_lane_has_its_own_matrix(n, links, seed):
    rng, tail, head = _pattern(n, links, seed)
    plan = make_plan(n, tail, head)
    matrices = [_matrix(n, tail, head, rng) for _ in range(LANES)]
    blocks = np.stack([_blocks(plan, m).ravel() for m in matrices], axis=1).astype(np.float32)
    right = rng.normal(size=(2 * n, LANES))
    x = right.astype(np.float32)
    factorize_lanes(plan, blocks)
    solve_lanes(plan, blocks, x)
    for lane in (0, 7, LANES - 1):
        np.testing.assert_allclose(
            x[:, lane], plain.eliminate(_ordered(plan, matrices[lane]), right[:, lane]), atol=SINGLE
        )


def test_a_singular_lane_fails_alone():
    plan = make_plan(2, np.array([0]), np.array([1]))
    blocks = np.zeros((16, LANES), dtype=np.float32)
    blocks[[0, 3, 4, 7]] = 2.0
    blocks[[0, 3], 9] = 0.0
    x = np.ones((4, LANES), dtype=np.float32)
    factorize_lanes(plan, blocks)
    solve_lanes(plan, blocks, x)
    assert not np.isfinite(x[:, 9]).all()
    assert (np.delete(x, 9, axis=1) == 0.5).all()


def test_a_singular_matrix_has_no_shared_factors():
    plan = make_plan(2, np.array([0]), np.array([1]))
    assert factorize_shared(plan, np.zeros((4, 4)), np.zeros(2, dtype=bool)) is None


@pytest.mark.parametrize("shift", [0, 1])
def test_planted_bug_a_wrong_factor_is_seen(shift):
    """The comparison of these tests finds one number of the factors that is off by a thousandth."""
    rng, tail, head = _pattern(8, 3, 1)
    plan, held = make_plan(8, tail, head), np.zeros(8, dtype=bool)
    matrix = _matrix(8, tail, head, rng)
    factors = factorize_shared(plan, _blocks(plan, matrix), held)
    factors.inverse[3, shift] *= 1.001
    right = rng.normal(size=(16, LANES))
    x = right.astype(np.float32)
    solve_shared(factors, x)
    assert np.abs(x - plain.eliminate(_ordered(plan, matrix), right)).max() > SINGLE
