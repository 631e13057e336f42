"""The check of answers: right where a pencil says so, and not to be fooled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.cases import Case, Scenarios, draw, injections, read_case
from benchmarks.check import Difference, compare, mismatch
from pytest import approx

from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays


def two_bus() -> Case:
    """slack 1.0 pu ──[ r = 0.1 pu ]── load 90 MW on 100 MVA: 1.0 pu of current, 0.9 pu at the load."""
    bus, gen, branch = np.zeros((2, 13)), np.zeros((1, 10)), np.zeros((1, 13))
    bus[:, 0], bus[0, 1], bus[1, 1], bus[1, 2] = [7, 3], 3, 1, 90
    gen[0, [0, 5, 7]] = 7, 1, 1
    branch[0, [0, 1, 2, 10]] = 7, 3, 0.1, 1
    return Case("two", Path("two.m"), 100.0, bus, gen, branch)


ONE = Scenarios(np.array([[90.0]]), np.array([[0.0]]), np.array([[0.0]]))


def test_the_answer_of_a_pencil_has_no_mismatch():
    v = np.array([[1.0], [0.9]], dtype=complex)
    assert mismatch(two_bus(), ONE, v) == approx([0.0], abs=1e-15)


def test_a_planted_error_shows_in_its_size():
    """P = v (v − 1) / r: its slope at 0.9 is (2 v − 1) / r = 8, so 1e-6 in the voltage leaves 8e-6."""
    v = np.array([[1.0], [0.9 + 1e-6]], dtype=complex)
    assert mismatch(two_bus(), ONE, v) == approx([8e-6], rel=1e-4)


def test_what_is_no_number_has_an_infinite_mismatch():
    v = np.array([[1.0], [np.nan]], dtype=complex)
    assert mismatch(two_bus(), ONE, v)[0] == np.inf


def test_a_machine_must_hold_its_voltage():
    case = two_bus()
    case.bus[1, 1] = 2
    held = np.vstack([case.gen, case.gen])
    held[1, [0, 1, 5]] = 3, 0, 0.9
    case = Case(case.name, case.path, case.base_mva, case.bus, held, case.branch)
    scenarios = Scenarios(ONE.p_mw, ONE.q_mvar, np.zeros((1, 2)))
    assert mismatch(case, scenarios, np.array([[1.0], [0.9]], dtype=complex)) == approx([0.0], abs=1e-15)
    case.gen[1, 5] = 0.91
    assert mismatch(case, scenarios, np.array([[1.0], [0.9]], dtype=complex)) == approx([0.01])


@pytest.mark.parametrize("name", ["case118", "case1354pegase"])
def test_matrices_of_the_check_are_those_of_the_library(name):
    """Two readers of the same file, written apart, with taps and shifts: equal but for rounding of terms up to 1e5."""
    case = read_case(name)
    arrays = build_arrays(read_network(case.path))
    node = arrays.topology.node_of
    theirs = arrays.admittance()[node][:, node]
    assert abs(case.admittance() - theirs).max() < 1e-8


def test_an_outage_takes_out_its_branch():
    case = two_bus()
    assert abs(case.admittance(without=0)).sum() == 0
    assert abs(case.admittance()).sum() == approx(40)


def test_differences_count_where_both_converged():
    ours, theirs = np.zeros((2, 4), dtype=complex), np.zeros((2, 3), dtype=complex)
    theirs[1] = 1e-9, 5.0, 1e-6j
    converged, their_converged = np.array([True, True, True, True]), np.array([True, False, True])
    found = compare(ours, converged, theirs, their_converged)
    assert found == Difference(approx(1e-6), 2, 1)
    assert found.joined(Difference(1e-3, 5, 2)) == Difference(1e-3, 7, 3)


def test_a_lane_that_claims_to_have_converged_without_a_number_is_caught():
    ours = np.array([[np.nan]], dtype=complex)
    yes = np.array([True])
    assert compare(ours, yes, np.ones((1, 1), dtype=complex), yes).max_dv_pu == np.inf


def test_scenarios_are_a_function_of_seed_and_block():
    case = read_case("case118")
    once, again, other = draw(case, 20), draw(case, 20), draw(case, 20, block=1)
    assert (once.p_mw == again.p_mw).all() and (once.q_mvar == again.q_mvar).all()
    assert not (once.p_mw == other.p_mw).any()
    ratio = once.p_mw / case.bus[case.load_rows, 2]
    assert 0.8 <= ratio.min() < 0.85 and 1.15 < ratio.max() <= 1.2
    # P and Q are drawn apart.
    assert abs(np.corrcoef(once.p_mw[:, 0], once.q_mvar[:, 0])[0, 1]) < 0.9
    # Generation follows the load, in every scenario.
    share = once.gen_p_mw.sum(axis=1) / case.gen[:, 1].sum()
    assert share == approx(once.p_mw.sum(axis=1) / case.bus[:, 2].sum())
    assert injections(case, once).shape == (118, 20)
