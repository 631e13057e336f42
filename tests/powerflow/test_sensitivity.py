"""Sensitivities against central finite differences, and against what a pencil finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from random_grids import random_grid, random_grids

from gridloop.network.arrays import build_arrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.sensitivity import Linearization, current_magnitudes
from gridloop.powerflow.solve import solve
from gridloop.testing import two_bus, village

# Differences over ±1e-4 pu are off by 1e-8 of the third derivative (below 100 here) and by 1e-12 / 1e-4 of what the
# flow leaves open.
STEP = 1e-4
CLOSE = 2e-6


class Differences:
    """The same questions, answered by solving again with a little more or less injected."""

    def __init__(self, arrays, s, data=None, branches=None):
        self.arrays, self.s, self.data = arrays, s, data
        self.branches = branches or [arrays.branches] * s.shape[1]
        self.base = solve(arrays, s, admittances=data, tolerance=1e-12)

    def of(self, quantity):
        """Derivatives of quantity(solution) [row, scenario] by P and Q of every node. Two of [row, scenario, node]"""
        slopes = []
        for direction in (1.0, 1j):
            columns = []
            for node in range(self.arrays.n_nodes):
                sides = []
                for sign in (1, -1):
                    s = self.s.copy()
                    s[node] += sign * STEP * direction
                    there = solve(self.arrays, s, start=self.base.v, admittances=self.data, tolerance=1e-12)
                    assert there.converged.all()
                    sides.append(quantity(there))
                columns.append((sides[0] - sides[1]) / (2 * STEP))
            slopes.append(np.stack(columns, axis=-1))
        return slopes

    def currents(self, solution):
        each = [current_magnitudes(b, solution.v[:, [k]])[:, :, 0] for k, b in enumerate(self.branches)]
        return np.stack(each, axis=-1).reshape(-1, len(each))


def scenarios(net):
    arrays = build_arrays(net)
    return arrays, arrays.injection(net)[:, None] * [1.0, 0.4]


def everything(*sizes):
    """All combinations as flat index arrays."""
    return [axis.ravel() for axis in np.meshgrid(*map(np.arange, sizes), indexing="ij")]


@settings(max_examples=10, deadline=None)
@given(net=random_grids)
def test_voltages(net):
    arrays, s = scenarios(net)
    differences = Differences(arrays, s)
    node, scenario = everything(arrays.n_nodes, 2)
    rows = Linearization(arrays, differences.base).voltage(node, scenario)
    to_p, to_q = differences.of(lambda solution: np.abs(solution.v))
    assert rows.to_p == approx(to_p[node, scenario], abs=CLOSE)
    assert rows.to_q == approx(to_q[node, scenario], abs=CLOSE)
    # Where a machine holds the voltage, reactive power there changes nothing; nor does anything where the source is.
    assert not rows.to_q[:, arrays.regulated].any()
    assert not rows.to_p[:, arrays.source].any() and not rows.to_q[:, arrays.source].any()
    held = np.isin(node, np.concatenate([arrays.regulated, arrays.source]))
    assert not rows.to_p[held].any() and not rows.to_q[held].any()


@settings(max_examples=10, deadline=None)
@given(net=random_grids)
def test_currents(net):
    arrays, s = scenarios(net)
    differences = Differences(arrays, s)
    branch, end, scenario = everything(len(arrays.branches.ids), 2, 2)
    rows = Linearization(arrays, differences.base).current(branch, end, scenario)
    to_p, to_q = differences.of(differences.currents)
    # Close to no current the magnitude has a kink, which a difference steps over.
    clear = differences.currents(differences.base)[2 * branch + end, scenario] > 100 * STEP
    assert clear.any()
    assert rows.to_p[clear] == approx(to_p[2 * branch + end, scenario][clear], abs=20 * CLOSE)
    assert rows.to_q[clear] == approx(to_q[2 * branch + end, scenario][clear], abs=20 * CLOSE)


@settings(max_examples=10, deadline=None)
@given(net=random_grids)
def test_losses(net):
    arrays, s = scenarios(net)
    differences = Differences(arrays, s)
    rows = Linearization(arrays, differences.base).losses()
    to_p, to_q = differences.of(lambda solution: solution.injected.real.sum(axis=0)[None])
    assert rows.to_p == approx(to_p[0], abs=CLOSE)
    assert rows.to_q == approx(to_q[0], abs=CLOSE)


def test_currents_where_taps_differ_between_scenarios():
    """The transformer's own current needs the admittances of each scenario's tap."""
    net = village()
    arrays = build_arrays(net)
    moved = [arrays.with_taps(net, {"T1": tap}) for tap in (-5.0, 5.0)]
    data = np.stack([supplied_admittance(a)[0].data for a in moved], axis=1)
    s = np.repeat(3 * arrays.injection(net)[:, None], 2, axis=1)
    branches = [a.branches for a in moved]
    differences = Differences(arrays, s, data, branches)
    branch, end, scenario = everything(len(arrays.branches.ids), 2, 2)
    rows = Linearization(arrays, differences.base, branches).current(branch, end, scenario)
    to_p, to_q = differences.of(differences.currents)
    assert rows.to_p == approx(to_p[2 * branch + end, scenario], abs=20 * CLOSE)
    assert rows.to_q == approx(to_q[2 * branch + end, scenario], abs=20 * CLOSE)


def test_the_direct_part_of_a_tap_is_the_change_at_fixed_voltages():
    """A thousandth of a step is off by a thousandth of the curvature; other branches do not notice."""
    net = village()
    arrays = build_arrays(net)
    s = arrays.injection(net)[:, None] * [1.0, -2.0]
    solution = solve(arrays, s)
    branch, end, scenario = everything(len(arrays.branches.ids), 2, 2)
    h = 1e-3
    moved = arrays.with_taps(net, {"T1": h}).branches
    here, there = (current_magnitudes(b, solution.v)[branch, end, scenario] for b in (arrays.branches, moved))
    step = Linearization(arrays, solution).current_step(branch, end, scenario, [arrays.branches], [moved])
    assert step / h == approx((there - here) / h, rel=1e-3, abs=1e-9)
    own = arrays.branches.ids[branch] == "T1"
    assert (np.abs(step[own]) > 1e-5).all() and not step[~own].any()


@settings(max_examples=10, deadline=None)
@given(net=random_grids, seed=st.integers(0, 99))
def test_state_change(net, seed):
    """d ln v + j dθ along a random direction of all injections."""
    arrays, s = scenarios(net)
    base = solve(arrays, s, tolerance=1e-12)
    rng = np.random.default_rng(seed)
    along = rng.normal(size=s.shape) + 1j * rng.normal(size=s.shape)
    along[arrays.regulated] = along[arrays.regulated].real
    along[arrays.source] = 0
    there, back = (solve(arrays, s + sign * STEP * along, start=base.v, tolerance=1e-12) for sign in (1, -1))
    slope = np.log(there.v / back.v) / (2 * STEP)
    assert Linearization(arrays, base).state_change(along) == approx(slope, abs=10 * CLOSE)


def test_with_a_pencil():
    """v (1 − v) = r p: at v = 0.9 and r = 0.1 a load of 1 pu more costs r / (1 − 2 v) = −0.125 pu of voltage.

    The current p / v then grows by 1/0.9 + 1/0.81 · 0.9 · 0.125/1 = 1.25, and the losses r i² by 2 · 0.1 · 1 · 1.25.
    """
    arrays = build_arrays(two_bus(r=0.1, load=0.9))
    one = np.array([1])
    linear = Linearization(arrays, solve(arrays, np.array([0, -0.9], dtype=complex), tolerance=1e-12))
    assert linear.voltage(one, one * 0).to_p[0] == approx([0, 0.125])
    assert linear.current(one * 0, one, one * 0).to_p[0] == approx([0, -1.25])
    assert linear.losses().to_p[0] == approx([0, -0.25])


def test_rows_come_back_in_the_order_asked_for():
    """Rows of several scenarios share solves; each finds its own answer again."""
    net = random_grid(6, 4)
    arrays, s = scenarios(net)
    linear = Linearization(arrays, solve(arrays, s))
    node, scenario = np.array([3, 1, 4, 1, 2, 3]), np.array([1, 0, 1, 1, 0, 0])
    together = linear.voltage(node, scenario)
    for k in range(node.size):
        alone = linear.voltage(node[[k]], scenario[[k]])
        assert together.to_p[k] == approx(alone.to_p[0], abs=1e-14)
    none = linear.voltage(node[:0], scenario[:0])
    assert none.to_p.shape == (0, arrays.n_nodes)


def test_an_open_end_carries_no_current_and_has_no_sensitivity():
    net = random_grid(5, 0)
    arrays, s = scenarios(net)
    stub = np.array([arrays.branches.ids.get_loc("stub")])
    assert arrays.branches.tail[stub] == NO_NODE
    linear = Linearization(arrays, solve(arrays, s))
    assert not linear.current(stub, stub * 0, stub * 0).to_p.any()
    assert linear.current(stub, stub * 0 + 1, stub * 0).to_q.any()


def test_only_solved_states_have_sensitivities():
    arrays = build_arrays(two_bus(r=0.1))
    with pytest.raises(ValueError, match="converged"):
        Linearization(arrays, solve(arrays, np.array([0, -3.0], dtype=complex)))
    nose = solve(arrays, np.array([0, -2.5], dtype=complex), start=np.array([1, 0.5], dtype=complex))
    assert nose.converged.all()
    with pytest.raises(ValueError, match="edge"):
        Linearization(arrays, nose)
