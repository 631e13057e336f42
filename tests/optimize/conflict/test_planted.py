"""204 planted conflicts on case118: each is found, its set is minimal and names what was planted, in ten seconds."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_conflicts import KINDS
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

import gridloop as gl
from gridloop.network.model import Network
from gridloop.optimize.case import Moment
from gridloop.optimize.conflict.dc import dc_conflict, dc_system
from gridloop.optimize.conflict.iis import minimal_set
from gridloop.optimize.conflict.relax import least_relaxation
from gridloop.optimize.conflict.system import LinearSystem
from gridloop.optimize.conflict.words import LEFT_OUT_FIRST
from gridloop.optimize.problems.opf import optimal_power_flow

LIMITS = ("flow", "output", "angle_limit")
PER_KIND = 34  # six kinds: 204


@pytest.fixture(scope="module")
def case118(data_dir: Path) -> Network:
    return gl.read_network(data_dir / "networks" / "pglib_opf" / "pglib_opf_case118_ieee.m")


def feasible(system: LinearSystem, sides: set[int]) -> bool:
    """Whether these sides alone can hold together; by scipy, apart from the code under test."""
    n, m = len(system.rows), len(system.columns)
    on = np.zeros(2 * (n + m), dtype=bool)
    on[list(sides)] = True
    low, high, left, right = np.split(on, [n, 2 * n, 2 * n + m])
    matrix = csr_array(system.matrix)
    upper = vstack([matrix[high], -matrix[low]])
    limits = np.concatenate([system.row_upper[high], -system.row_lower[low]])
    bounds = np.stack([np.where(left, system.lower, -np.inf), np.where(right, system.upper, np.inf)], axis=1)
    for method in ("highs-ds", "highs-ipm"):  # each of them now and then ends without a word
        found = linprog(np.zeros(m), A_ub=upper, b_ub=limits, bounds=bounds, method=method)
        if found.status in (0, 2):
            return bool(found.status == 0)
    raise AssertionError(found.message)


@pytest.mark.data
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_planted_conflict_is_named(kind: str, case118: Network):
    # The same conflicts in every run: where several minimal sets exist, another than the planted one is no error.
    @settings(max_examples=PER_KIND, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**32 - 1))
    def every_one(seed: int) -> None:
        planted = KINDS[kind](case118, np.random.default_rng(seed))
        started = time.perf_counter()
        diagnosis = dc_conflict(Moment.of(planted.net))
        assert time.perf_counter() - started < 10.0
        assert diagnosis.status == "infeasible"
        assert diagnosis.facts["minimal"]
        named = {member["element"] for member in diagnosis.facts["conflict"] if member["kind"] in LIMITS}
        assert planted.must_name <= named
        assert named <= planted.must_name | planted.may_name
        if not kind.startswith("angle"):  # what power alone explains needs no solver
            assert diagnosis.facts["causes"]
            assert any(planted.must_name & set(cause["elements"]) for cause in diagnosis.facts["causes"])

    every_one()


@pytest.mark.data
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("seed", [1, 2])
def test_each_member_is_needed(kind: str, seed: int, case118: Network):
    """By another door to a solver: the set is infeasible, and without any one member it is feasible."""
    planted = KINDS[kind](case118, np.random.default_rng(seed))
    system = dc_system(Moment.of(planted.net))
    found = minimal_set(system, left_out_first=LEFT_OUT_FIRST)
    sides = set(found.sides.tolist())
    assert found.minimal
    assert not feasible(system, sides)
    for side in sorted(sides)[:: max(1, len(sides) // 12)]:  # of long sets every so many
        assert feasible(system, sides - {side})


@pytest.mark.data
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_door_says_infeasible_and_the_relaxation_is_enough(kind: str, case118: Network):
    planted = KINDS[kind](case118, np.random.default_rng(3))
    flow = optimal_power_flow(planted.net, physics="dc")
    assert flow.status == "infeasible"
    assert flow.diagnosis is not None
    system = dc_system(Moment.of(planted.net))
    excess = least_relaxation(system)
    assert excess
    n, m = len(system.rows), len(system.columns)
    gives = np.zeros(2 * (n + m))
    gives[list(excess)] = [much + 1e-6 for much in excess.values()]  # the solver's tolerance
    low, high, left, right = np.split(gives, [n, 2 * n, 2 * n + m])
    relaxed = LinearSystem(
        system.matrix, system.row_lower - low, system.row_upper + high, system.lower - left, system.upper + right,
        system.rows, system.columns,
    )  # fmt: skip
    assert feasible(relaxed, set(np.flatnonzero(np.isfinite(relaxed.bounds().values)).tolist()))
