"""The commitment against the plain reference model of PGLib-UC, and the bounds against both."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from plain_commitment import random_case, solve_reference

from gridloop.io.pglib_uc import read_units
from gridloop.optimize.check import check_solution
from gridloop.optimize.problems.commitment import commit_units

# Both solve to a gap of zero with tolerances of 1e-6 on whole numbers and 1e-7 on rows.
SAME = 1e-6


@pytest.mark.parametrize("seed", range(40))
def test_optimum_is_that_of_the_plain_model(seed, tmp_path):
    rng = np.random.default_rng(seed)
    data = random_case(rng, units=3 + seed % 3, hours=6 + seed % 5, reserve=seed % 4 != 0)
    file = tmp_path / "case.json"
    file.write_text(json.dumps(data))
    expected = solve_reference(data)
    system = read_units(file)
    found = commit_units(system, gap=0.0, time_limit_s=60.0)
    if math.isinf(expected):
        assert found.status == "infeasible"
        return
    assert found.status == "optimal"
    assert found.objective == pytest.approx(expected, rel=SAME)
    assert found.bound == pytest.approx(expected, rel=SAME)
    checked = check_solution(system, found)
    assert checked.ok, checked.sentences()
    assert checked.cost == pytest.approx(found.objective, rel=SAME)
