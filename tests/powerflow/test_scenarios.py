"""Many scenarios at once: each is solved as if it were alone, and fails alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from random_grids import random_grid, random_grids
from scipy.sparse import csc_array

from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.newton import factorize, solve_newton
from gridloop.powerflow.solve import solve
from gridloop.testing import chain, two_bus, village

# Every state is solved to 1e-8; the last step of Newton leaves far less, whatever shares the factorization.
SAME = 1e-9


@settings(max_examples=15, deadline=None)
@given(net=random_grids, seed=st.integers(0, 99))
def test_a_batch_is_each_of_its_scenarios_alone(net, seed):
    arrays = build_arrays(net)
    scale = np.random.default_rng(seed).uniform(0, 1.2, 5)
    s = arrays.injection(net)[:, None] * scale
    together = solve(arrays, s, tolerance=1e-10)
    assert together.converged.all()
    for k in range(scale.size):
        alone = solve(arrays, s[:, k], tolerance=1e-10)
        assert together.v[:, k] == approx(alone.v[:, 0], abs=SAME)
        assert together.injected[:, k] == approx(alone.injected[:, 0], abs=1e-7)
        assert together.iterations[k] == alone.iterations[0]


def test_taps_may_differ_between_scenarios():
    net = village()
    arrays = build_arrays(net)
    moved = [arrays.with_taps(net, {"T1": tap}) for tap in (-2.0, 0.0, 1.5)]
    data = np.stack([supplied_admittance(a)[0].data for a in moved], axis=1)
    s = np.repeat(arrays.injection(net)[:, None], 3, axis=1)
    together = solve(arrays, s, admittances=data)
    for k, a in enumerate(moved):
        assert together.v[:, k] == approx(solve(a, s[:, k]).v[:, 0], abs=SAME)
    busbar = np.abs(together.v[arrays.topology.node_of[net.bus.index.get_loc("busbar")]])
    assert busbar[0] > busbar[1] > busbar[2]  # more turns at the tail, less voltage at the head


def test_one_scenario_without_a_solution_fails_alone():
    """v (1 − v) = 0.1 p has no solution above p = 2.5: the middle one has none, its neighbours are exact."""
    arrays = build_arrays(two_bus(r=0.1))
    s = np.array([[0, 0, 0], [-0.9, -2.6, -1.6]], dtype=complex)
    solution = solve(arrays, s)
    assert solution.converged.tolist() == [True, False, True]
    assert np.abs(solution.v[1, [0, 2]]) == approx([0.9, 0.8], abs=1e-8)
    assert np.isfinite(solution.v).all() and solution.mismatch[1] > 0.01
    assert solution.mismatch_at(1) == approx([0, solution.mismatch[1]])


def test_a_mismatch_counts_only_what_is_asked_for():
    """Reactive power that a machine finds, and all power of a source, is no mismatch."""
    net = random_grid(6, 3)
    net = Network.from_tables({**net.tables, "generator": net.generator.assign(regulates_voltage=True)})
    arrays = build_arrays(net)
    solution = solve(arrays, arrays.injection(net))
    assert arrays.regulated.size == 2 and solution.mismatch_at(0).max() < 1e-8


def test_one_scenario_with_a_singular_jacobian_fails_alone():
    """At v = 0.5 the derivative of v (1 − v) is zero: from there Newton has no direction, and stays."""
    arrays = build_arrays(two_bus(r=0.1))
    s = np.array([[0, 0, 0], [-0.9, -0.9, -1.6]], dtype=complex)
    start = np.array([[1, 1, 1], [1, 0.5, 1]], dtype=complex)
    solution = solve(arrays, s, start=start)
    assert solution.converged.tolist() == [True, False, True]
    assert np.abs(solution.v[1]) == approx([0.9, 0.5, 0.8], abs=1e-8)
    assert solution.mismatch[1] == approx(2.5 - 0.9)


def test_a_warm_start_saves_iterations_and_changes_nothing():
    net = chain(8)
    arrays = build_arrays(net)
    s = arrays.injection(net)
    cold = solve(arrays, s)
    warm = solve(arrays, s * 1.001, start=cold.v)
    again = solve(arrays, s, start=cold.v[:, 0])
    assert warm.iterations[0] < cold.iterations[0] and again.iterations[0] == 0
    assert warm.v == approx(solve(arrays, s * 1.001).v, abs=SAME)


def test_far_angles_are_found_from_the_dc_flow():
    """Twenty lines in a row, 21° apart: the far end stands at 420°. Flat, Newton goes astray."""
    n, x = 21, 0.1
    net = chain(n, r=0.0, x=x, load=0.0)
    bus = str(n - 1)
    held = [{"id": f"g{k}", "bus": str(k), "regulates_voltage": True} for k in range(1, n)]
    held[-1]["p_mw"] = 100 * np.sin(np.deg2rad(21)) / x
    net = net.add("generator", [row | {"owner": "o"} for row in held], author="ada", time=_time(), reason="test")
    arrays = build_arrays(net)
    solution = solve(arrays, arrays.injection(net))
    assert solution.converged.all()
    last = arrays.topology.node_of[net.bus.index.get_loc(bus)]
    assert np.rad2deg(np.angle(solution.v[last, 0])) == approx(420 - 360, abs=1e-6)


def test_a_line_with_next_to_no_impedance_is_solved_to_rounding():
    """1e-9 pu: the terms of a mismatch are 1e9, and their roundings more than the tolerance."""
    net = chain(4, r=0.01, x=0.01)
    net = net.edit(
        "line", {"1-2": {"r_ohm_per_km": 0.0, "x_ohm_per_km": 1e-9}}, author="a", time=_time(), reason="test"
    )
    arrays = build_arrays(net)
    solution = solve(arrays, arrays.injection(net), tolerance=1e-10)
    assert solution.converged.all() and solution.iterations[0] < 6
    assert solution.v[1] == approx(solution.v[2], abs=1e-9)


def test_nothing_to_solve_is_a_solution():
    """No scenario at all, and a single bus whose source holds everything."""
    assert solve(build_arrays(chain(2)), np.zeros((2, 0), dtype=complex)).v.shape == (2, 0)
    alone = solve(build_arrays(chain(1)), np.zeros(1, dtype=complex))
    assert alone.converged.tolist() == [True] and alone.v.tolist() == [[1.0]]


@pytest.mark.parametrize("seed", range(3))
def test_the_jacobian_is_the_derivative(seed):
    """Central differences with a step of 1e-6 are off by 1e-12 of the third derivative and 1e-10 of rounding."""
    net = random_grid(6, seed)
    arrays = build_arrays(net)
    solution = solve(arrays, arrays.injection(net)[:, None] * [1.0, 0.5])
    pattern, y = solution.pattern, np.broadcast_to(solution.y, (solution.y.shape[0], 2))
    v = solution.v[solution.lit]
    jacobian = pattern.jacobian(*pattern.power(y, v)).toarray()
    size, h = pattern.size, 1e-6
    moves = [(node, 1j) for node in pattern.angle] + [(node, 1.0) for node in pattern.magnitude]
    for column, (node, direction) in enumerate(moves):
        sides = []
        for sign in (1, -1):
            moved = v.copy()
            moved[node] *= np.exp(sign * h * direction)
            sides.append(pattern.residual(pattern.power(y, moved)[1]))
        slope = (sides[0] - sides[1]) / (2 * h)
        for k in range(2):
            block = jacobian[k * size : (k + 1) * size, k * size + column]
            assert block == approx(slope[k], abs=1e-6)
            jacobian[k * size : (k + 1) * size, k * size + column] = 0
    assert not jacobian.any()  # nothing between scenarios


def test_factors_of_a_singular_matrix_are_none():
    arrays = build_arrays(chain(3))
    matrix, _ = supplied_admittance(arrays)
    assert factorize(matrix.imag.tocsc()) is None  # rows of a Laplacian add up to zero
    assert factorize((matrix.imag * np.nan).tocsc()) is None
    # A last pivot of the size of a rounding is zero; a hundred times that is a number.
    assert factorize(csc_array(np.diag([1.0, 1e-15]))) is None
    assert factorize(csc_array(np.diag([1.0, 1e-13]))) is not None


def test_newton_stops_where_it_is_told_to():
    arrays = build_arrays(two_bus(r=0.1, load=2.49))
    solution = solve(arrays, np.array([0, -2.49], dtype=complex))
    y, s = solution.y, np.array([[0], [-2.49]], dtype=complex)
    short = solve_newton(solution.pattern, y, s, np.ones((2, 1), dtype=complex), max_iterations=2)
    assert not short.converged[0] and short.iterations[0] == 2


def _time():
    from gridloop.testing import moment

    return moment()
