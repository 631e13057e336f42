"""The power flow kernels against their dense twin: powers, set-points, releases, changes and the balance of each
lane."""

import numpy as np
import plain
import pytest
from pytest import approx

from gridloop.kernel.block import Answer, Task, begin, gather, new_room
from gridloop.kernel.elimination import block_numbers, factorize_shared
from gridloop.kernel.grid import Changes, jacobian_blocks, make_grid, no_changes
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.newton import CONVERGED, DIVERGED, solve_with_own_matrix, solve_with_shared_matrix

# Both are solved until the mismatch is below this; voltages then differ by it times the impedance of the grid, about 1.
TOLERANCE = 1e-10
SAME = 1e-8
N, SOURCE, REGULATED = 7, [2], [5]


class Case:
    """A random grid of seven nodes: its dense matrix, the kernel's view, and tasks on it."""

    def __init__(self, seed: int = 0, share: np.ndarray | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        self.links = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 0), (1, 4)]
        self.y = np.zeros((N, N), dtype=complex)
        for i, k in self.links:
            y = 1 / complex(self.rng.uniform(0.01, 0.05), self.rng.uniform(0.05, 0.2))
            self.y[i, i] += y + 0.02j
            self.y[k, k] += y + 0.02j
            self.y[i, k] -= y
            self.y[k, i] -= y * (1.02 if (i, k) == (1, 4) else 1)  # not symmetric: a phase shifter's values
        row, col = np.nonzero(self.y)
        start = np.searchsorted(row, np.arange(N + 1))
        self.grid, self.plan = make_grid(start, col, self.y[row, col], np.array(SOURCE), TOLERANCE)
        self.place = np.argsort(self.grid.node)
        self.v0 = np.ones(N, dtype=complex)
        self.v0[SOURCE], self.v0[REGULATED] = 1.02, 1.01
        held = np.zeros(N, dtype=bool)
        held[REGULATED + SOURCE] = True
        blocks = jacobian_blocks(self.grid, self.plan, self.v0[self.grid.node], held[self.grid.node][: N - 1])
        self.factors = factorize_shared(self.plan, blocks, held[self.grid.node][: N - 1])
        self.share = np.empty(0) if share is None else share[self.grid.node]

    def powers(self, size: float = 0.3) -> np.ndarray:
        """Injections [node, LANES]."""
        return self.rng.uniform(-size, size / 2, (N, LANES)) + 1j * self.rng.uniform(-size / 2, size / 2, (N, LANES))

    def solve(
        self, s, shared: bool, *, magnitude=None, free=None, changes=None, last: int = 20
    ) -> tuple[np.ndarray, Answer]:
        """Voltages [node, LANES] at injections s [node, LANES], and the whole answer."""
        at = self.grid.node
        answer = Answer(
            np.empty((1, N, LANES)), np.empty((1, N, LANES)), np.zeros(LANES, np.int8), np.zeros(LANES, np.int32),
            np.zeros(LANES), np.zeros(LANES),
        )  # fmt: skip
        square = begin(
            answer,
            self.v0[at],
            self.place[REGULATED + SOURCE],
            np.empty((0, 2, LANES)) if magnitude is None else magnitude[None],
            np.empty((0, 2, LANES), np.int8) if free is None else free[None],
        )
        gathered = gather(self.grid, no_changes() if changes is None else changes, 1)
        p, q = np.ascontiguousarray(s.real[at][None]), np.ascontiguousarray(s.imag[at][None])
        task = Task(p, q, square, gathered, self.share)
        changed = int((gathered.head >= 0).sum())
        if shared:
            room = new_room(int(self.factors.unknown[-1]), N, changed)
            solve_with_shared_matrix(self.grid, self.factors, task, answer, room, (0, 1), last)
        else:
            room = new_room(2 * (N - 1), N, changed)
            jacobian = new_rows(4 * (N - 1 + 2 * self.plan.col.size), dtype=np.float32)
            solve_with_own_matrix(self.grid, self.plan, task, answer, room, jacobian, (0, 1), last, last)
        return (answer.vr[0] + 1j * answer.vi[0])[self.place], answer


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_every_lane_is_the_twins(shared, seed):
    case = Case(seed)
    s = case.powers()
    v, answer = case.solve(s, shared)
    assert (answer.status == CONVERGED).all() and (answer.mismatch < TOLERANCE).all()
    for lane in range(0, LANES, 5):
        assert v[:, lane] == approx(plain.power_flow(case.y, s[:, lane], case.v0, SOURCE, REGULATED)[0], abs=SAME)


@pytest.mark.parametrize("shared", [True, False])
def test_magnitudes_of_single_lanes(shared):
    case = Case(1)
    s, magnitude = case.powers(), case.rng.uniform(0.97, 1.05, (2, LANES))
    v, answer = case.solve(s, shared, magnitude=magnitude)
    assert (answer.status == CONVERGED).all()
    assert np.abs(v[REGULATED + SOURCE]) == approx(magnitude, abs=1e-12)
    for lane in (0, 13):
        v0 = case.v0.copy()
        v0[REGULATED + SOURCE] = magnitude[:, lane]
        assert v[:, lane] == approx(plain.power_flow(case.y, s[:, lane], v0, SOURCE, REGULATED)[0], abs=SAME)


def test_lanes_that_let_a_magnitude_go():
    case = Case(2)
    s, free = case.powers(), np.zeros((2, LANES), np.int8)
    free[0, ::3] = 1
    v, answer = case.solve(s, False, free=free)
    assert (answer.status == CONVERGED).all()
    for lane in (0, 1, 2, 3):
        regulated = [] if free[0, lane] else REGULATED
        assert v[:, lane] == approx(plain.power_flow(case.y, s[:, lane], case.v0, SOURCE, regulated)[0], abs=SAME)


@pytest.mark.parametrize("shared", [True, False])
def test_branches_that_differ_in_single_lanes(shared):
    """Lane 3 loses the link 0–1, lane 4 that at the source, lane 5 both, lane 6 has half of 1–4; the rest is as it
    was."""
    case = Case(3)
    s, whole = case.powers(0.1), [-1.0, 1.0, 1.0, -1.0]
    lost = {3: {(0, 1): 1.0}, 4: {(1, 2): 1.0}, 5: {(0, 1): 1.0, (1, 2): 1.0}, 6: {(1, 4): 0.5}}
    tail, head = (case.place[[pair[end] for pair in case.links]] for end in (0, 1))
    start, branch, change, matrices = [0], [], [], []
    for lane in range(LANES):
        y = case.y.copy()
        for (i, k), part in lost.get(lane, {}).items():
            own = -case.y[i, k]
            delta = part * np.array(whole) * [own + 0.02j, own, -case.y[k, i], own + 0.02j]
            branch.append(case.links.index((i, k)))
            change.append(np.stack([delta.real, delta.imag], axis=1).ravel())
            y[i, i], y[i, k], y[k, i], y[k, k] = np.array([y[i, i], y[i, k], y[k, i], y[k, k]]) + delta
        start.append(len(branch))
        matrices.append(y)
    at = case.plan.start, case.plan.col
    number = np.stack([block_numbers(*at, tail, head), block_numbers(*at, head, tail)], axis=1)
    changes = Changes(np.array(start), np.array(branch), np.array(change), tail, head, number)
    v, answer = case.solve(s, shared, changes=changes, last=60)
    assert (answer.status == CONVERGED).sum() >= LANES - (3 if shared else 0)
    for lane in range(8):
        if answer.status[lane] == CONVERGED:
            twin = plain.power_flow(matrices[lane], s[:, lane], case.v0, SOURCE, REGULATED)[0]
            assert v[:, lane] == approx(twin, abs=SAME)


@pytest.mark.parametrize("shared", [True, False])
def test_the_balance_is_shared_out(shared):
    share = np.array([0.5, 0, 0.2, 0, 0, 0.3, 0])
    case = Case(4, share)
    s = case.powers()
    v, answer = case.solve(s, shared)
    assert (answer.status == CONVERGED).all()
    for lane in (0, 9):
        twin, balance = plain.power_flow(case.y, s[:, lane], case.v0, SOURCE, REGULATED, share)
        assert v[:, lane] == approx(twin, abs=SAME) and answer.balance[lane] == approx(balance, abs=SAME)


@pytest.mark.parametrize("shared", [True, False])
def test_a_bad_lane_touches_no_other(shared):
    """Not a number, far beyond the nose, and infinite: the others come out the same to the last bit."""
    case = Case(5)
    s = case.powers()
    clean, _ = case.solve(s, shared)
    s[1, 3], s[4, 8], s[0, 20] = np.nan, -500, np.inf
    v, answer = case.solve(s, shared)
    bad = [3, 8, 20]
    assert (answer.status[bad] != CONVERGED).all() and answer.status[3] == answer.status[20] == DIVERGED
    good = np.delete(np.arange(LANES), bad)
    assert (answer.status[good] == CONVERGED).all() and np.array_equal(v[:, good], clean[:, good])


@pytest.mark.parametrize("shared", [True, False])
def test_a_lane_is_the_same_in_any_company(shared):
    case = Case(6)
    s = case.powers()
    first, _ = case.solve(s, shared)
    order = case.rng.permutation(LANES)
    second, _ = case.solve(s[:, order], shared)
    assert np.array_equal(first[:, order], second)


def test_the_start_is_taken_where_it_solves():
    case = Case(7)
    s = np.repeat((case.v0 * np.conj(case.y @ case.v0))[:, None], LANES, axis=1)
    v, answer = case.solve(s, True)
    assert (answer.iterations == 0).all() and v == approx(np.repeat(case.v0[:, None], LANES, axis=1), abs=1e-15)
