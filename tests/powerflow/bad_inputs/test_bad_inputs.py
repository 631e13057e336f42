"""Hundreds of bad inputs end in a named status: no uncaught error, no NaN handed on, no false "converged"."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from bad_families import every_case
from bad_inputs import BASES, FAILED, REFUSED, SOLVED, Answer, Case, changed, judge, lane_of_many, one_flow
from dense_mismatch import dense_claim

from gridloop.testing import chain, two_bus

SOLVERS = {"one flow": one_flow, "a lane of many": lane_of_many}
CASES = every_case()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("family", sorted({case.name.split(":")[0] for case in CASES}))
def test_every_bad_input_ends_in_a_named_status(solver, family):
    for case in CASES:
        if case.name.split(":")[0] == family:
            judge(case, SOLVERS[solver])


def test_there_are_enough_of_them():
    assert len(CASES) >= 300 and len({case.name for case in CASES}) == len(CASES)
    assert len({case.name.split(":")[0] for case in CASES}) >= 10
    allowed = Counter(len(case.allowed & {SOLVED, FAILED}) == 0 for case in CASES)
    assert allowed[True] >= 100 and allowed[False] >= 100, "both kinds: those that are refused, those that are solved"


def test_the_formula_by_pencil():
    """v (1 − v) = 0.1 · 0.9 holds at v = 0.9; at 0.91 the line brings 0.819 pu and the load takes 0.9."""
    net = two_bus(r=0.1, load=0.9)
    right = dense_claim(net, np.array([1.0, 0.9], dtype=complex))
    assert right.power < 1e-14 and right.held == 0 and right.missing == 0
    assert dense_claim(net, np.array([1.0, 0.91], dtype=complex)).power == pytest.approx(0.9 - 0.91 * 0.09 / 0.1)
    assert dense_claim(net, np.array([1.01, 0.9], dtype=complex)).held == pytest.approx(0.01)
    assert dense_claim(net, np.array([1.0, np.nan], dtype=complex)).missing == 1


# Solvers that lie, each in one way; the harness must find every one of them out.
def _claims_whatever(net):
    return replace(one_flow(changed(net, "load", "p_mw", lambda p: p * 0.9999, None)), status=SOLVED)


def _never_gives_up(net):
    flat = np.ones(len(net.bus), dtype=complex)
    return Answer(SOLVED, v=flat)


def _hands_on_nan(net):
    answer = one_flow(net)
    return replace(answer, v=np.append(answer.v[:-1], np.nan))


def _moves_the_source(net):
    answer = one_flow(net)
    return replace(answer, v=answer.v * np.exp(1e-6j))


def _fails_without_a_word(net):
    return Answer(FAILED, v=np.full(len(net.bus), np.nan, dtype=complex))


@pytest.mark.parametrize(
    "liar", [_claims_whatever, _never_gives_up, _hands_on_nan, _moves_the_source, _fails_without_a_word]
)
def test_a_lie_is_caught(liar):
    sound = Case("sound", lambda: chain(4), frozenset({SOLVED, FAILED}))
    assert judge(sound, one_flow) == SOLVED
    with pytest.raises(AssertionError):
        judge(sound, liar)


def test_a_wrong_refusal_is_caught():
    with pytest.raises(AssertionError, match="allowed"):
        judge(Case("heavy", lambda: two_bus(load=9.0), frozenset({SOLVED})), one_flow)
    with pytest.raises(AssertionError, match="found"):
        judge(Case("zero", lambda: changed(two_bus(), "line", "length_km", 0.0), frozenset({"no_source"})), one_flow)
    with pytest.raises(AssertionError, match="refused at the door"):
        judge(Case("type", lambda: changed(two_bus(), "load", "p_mw", "much"), frozenset({SOLVED})), one_flow)
    assert judge(Case("type", lambda: changed(two_bus(), "load", "p_mw", "much"), frozenset({REFUSED})), one_flow)


def test_the_base_grids_are_sound():
    for name, base in BASES.items():
        assert judge(Case(name, base, frozenset({SOLVED})), one_flow) == SOLVED
