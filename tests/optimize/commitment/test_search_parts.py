"""Parts of the search, each alone: what is measured before a branch, bounds that rows imply, bases of before."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from plain_commitment import random_case

from gridloop.io.pglib_uc import read_units
from gridloop.optimize.commitment.bounding import bound_whole
from gridloop.optimize.commitment.gains import Gains
from gridloop.optimize.commitment.model import base_case, build
from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.program import Program
from gridloop.optimize.commitment.relaxation import Relaxation, fit_basis
from gridloop.optimize.commitment.root import find_root
from gridloop.optimize.commitment.shrink import boxed, shrink
from gridloop.optimize.commitment.sums import Sums
from gridloop.optimize.solve.milp import AT_LOWER, BASIC


def test_the_sum_whose_halves_gain_most_together_is_branched_on():
    """Down and up 4 and 6, or 1 and 30, at a half each: 2 · 3 = 6 is less than ½ · 15."""
    sums = Sums(np.arange(3), sp.csr_matrix((3, 3)), np.array([10.0, 10.0, 50.0]), np.zeros(3, dtype=np.int64))
    gains = Gains(sums)
    open_, half = np.array([0, 1]), np.array([0.5, 0.5])
    for k, down, up in ((0, 4.0, 6.0), (1, 1.0, 30.0)):
        gains.learn(k, 0, down)
        gains.learn(k, 1, up)
    assert gains.best(open_, half) == 1
    assert list(gains.unseen(np.arange(3), 5)) == [2]
    # a third of the way down, two thirds up: 4/3 · 4 against 1/3 · 20
    assert gains.best(open_, np.array([1 / 3, 1 / 3])) == 1
    # almost whole below: 0.4 · 5.4 against 0.1 · 27
    assert gains.best(open_, np.array([0.1, 0.1])) == 1
    gains.learn(1, 0, 0.0)  # the mean of 1 and 0 is one half
    assert gains.best(open_, np.array([0.1, 0.1])) == 0


def test_rows_imply_bounds():
    """p = a + b, a ≤ 2 u, b ≤ 3 u, u ≤ 1: a ≤ 2, b ≤ 3, p ≤ 5; what only has a bound from below stays free."""
    inf = np.inf
    a = sp.csr_matrix(
        [[-1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, -2.0, 0.0], [0.0, 0.0, 1.0, -3.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0]]
    )
    upper = np.array([inf, inf, inf, 1.0, inf])
    whole = np.zeros(5, dtype=bool)
    row_lower, row_upper = np.array([0.0, -inf, -inf, 1.0]), np.array([0.0, 0.0, 0.0, inf])
    found = boxed(Program(a, np.ones(5), np.zeros(5), upper, row_lower, row_upper, whole))
    assert list(found.upper) == [5.0, 2.0, 3.0, 1.0, inf]


@pytest.mark.parametrize("seed", range(3))
def test_choices_come_back_without_a_change_of_the_optimum(seed, tmp_path):
    """The relaxation with few choices open, after all that pay have come back, is the whole one."""
    rng = np.random.default_rng(100 + seed)
    file = tmp_path / "case.json"
    file.write_text(json.dumps(random_case(rng, units=6, hours=10, reserve=True)))
    system = read_units(file)
    model = build(system, [base_case(system)])
    full, few = Relaxation(model), Relaxation(model)
    roots = []
    for relaxation, keep in ((full, 1.0), (few, 0.0)):
        root = find_root(
            relaxation, gap=0.0, keep=keep, left_s=lambda: 60.0, time_limit_s=60.0, told=lambda bound: None
        )
        assert isinstance(root, Node)
        roots.append(root)
    # tolerances of the solver, 1e-7, on rows and reduced costs
    assert roots[1].bound == pytest.approx(roots[0].bound, rel=1e-6)
    assert roots[1].objective == pytest.approx(roots[0].objective, rel=1e-6)


def test_a_basis_fits_a_larger_part():
    """min x + y, x + y ≥ 1, with y held at 0: x = 1. With y back at cost 0.5 the old basis holds, and y enters."""
    row = sp.csr_matrix([[1.0, 1.0]])
    bounds = np.zeros(2), np.full(2, 2.0)
    program = Program(row, np.array([1.0, 0.5]), *bounds, np.array([1.0]), np.array([np.inf]), np.zeros(2, dtype=bool))
    keep = np.ones(1, dtype=bool)
    small, large = shrink(program.within(np.zeros(2), np.array([2.0, 0.0])), keep), shrink(program, keep)
    session = small.session(integer=False)
    assert session.relax().objective == pytest.approx(1.0)
    fitted = fit_basis(session.basis, small, large)
    assert list(fitted.columns) == [BASIC, AT_LOWER]
    assert large.session(integer=False).relax(basis=fitted, primal=True).objective == pytest.approx(0.5)


def test_choices_are_left_out_by_the_bound_of_their_own_prices(tmp_path):
    """A choice that costs 11 beyond a bound of 98 may be in a plan cheaper than 110, however good other bounds are."""
    file = tmp_path / "case.json"
    file.write_text(json.dumps(random_case(np.random.default_rng(7), units=3, hours=4, reserve=False)))
    system = read_units(file)
    model = build(system, [base_case(system)])
    relaxation = Relaxation(model)
    root = find_root(relaxation, gap=0.0, keep=1.0, left_s=lambda: 60.0, time_limit_s=60.0, told=lambda bound: None)
    assert isinstance(root, Node) and np.isfinite(root.bound)
    own, free = root.choice.bound - 2.0, np.zeros((3, 4))
    best = root.choice.bound + 10.0
    for beyond, may_run in ((11.0, True), (13.0, False)):
        choice = replace(root.choice, bound=own, on=free + beyond, off=free, start=free, stop=free)
        found = bound_whole(relaxation, replace(root, choice=choice), best=best, left_s=lambda: 60.0)
        assert found is not None and np.isfinite(found.bound) == may_run  # there is a demand: something has to run
