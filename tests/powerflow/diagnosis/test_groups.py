"""Failures of a batch become a few groups, each with a place, a count and examples."""

import numpy as np
import pytest

from gridloop.network.arrays import build_arrays
from gridloop.powerflow.diagnosis import group_causes
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.solve import solve
from gridloop.testing import chain, ring, two_bus


def test_two_places_of_a_ring():
    """380 are worst at one of three neighbours, 32 on the other side."""
    status, worst = np.zeros(10_000, dtype=np.int64), np.full(10_000, -1)
    rows = np.random.default_rng(1).permutation(10_000)[:412]
    status[rows], worst[rows] = 1, np.r_[np.full(32, 3), np.full(100, 14), np.full(200, 15), np.full(80, 16)]
    causes = group_causes(ring(30), status, worst, np.where(status, 0.3, 0.0))
    assert (causes.scenarios, causes.failed) == (10_000, 412)
    assert [(g.bus, g.count) for g in causes.groups] == [("15", 380), ("3", 32)]
    assert causes.groups[0].examples == tuple(sorted(rows[32:])[:5]) and causes.groups[0].mismatch_pu == 0.3
    first = min(rows[32:])
    assert str(causes).startswith(
        f"412 of 10,000 scenarios failed: 380 find no solution near bus 15, such as scenario {first};"
    )
    diagnosis = causes.diagnosis()
    assert diagnosis.status == "scenarios_failed" and diagnosis.facts["failed"] == 412


def test_every_failure_is_counted_once():
    rng = np.random.default_rng(2)
    status = rng.choice(np.array(["converged", "not_converged", "unsupplied"], dtype=object), 500)
    worst = rng.integers(-1, 60, 500)
    for most in (3, 8, 100):
        causes = group_causes(chain(60), status, worst, most_groups=most)
        assert sum(g.count for g in causes.groups) == causes.failed == (status != "converged").sum()
        assert len(causes.groups) <= most
    assert causes.groups[0].count >= causes.groups[-1].count


def test_words_for_numbers_and_no_place():
    causes = group_causes(chain(3), [0, 2, 2, 7], words={0: "converged", 2: "unsupplied"})
    assert [(g.status, g.bus, g.count, g.examples) for g in causes.groups] == [
        ("unsupplied", "", 2, (1, 2)),
        ("status_7", "", 1, (3,)),
    ]
    assert "2 leave buses without supply" in str(causes)


def test_nothing_failed():
    causes = group_causes(chain(3), [0, 0])
    assert causes.diagnosis() is None and str(causes) == "All 2 scenarios converged."


@pytest.mark.parametrize("factor", [3.0])
def test_with_the_margin_of_an_example(factor):
    """A real batch of 20: loads of 0.9 and 3 pu behind 0.1 pu, whose nose is 2.5 pu."""
    net = two_bus(r=0.1, load=1.0)
    arrays = build_arrays(net)
    loads = np.where(np.arange(20) % 4 == 3, factor, 0.9)
    solution = solve(arrays, arrays.injection(net)[:, None] * loads)
    worst = np.array([solution.lit[solution.mismatch_at(k).argmax()] for k in range(20)])
    causes = group_causes(
        net,
        np.where(solution.converged, 0, 1),
        worst,
        solution.mismatch,
        diagnose=lambda k: power_flow(two_bus(r=0.1, load=float(loads[k]))).diagnosis,
    )
    (group,) = causes.groups
    assert (group.bus, group.count, group.examples) == ("b", 5, (3, 7, 11, 15, 19))
    assert str(causes) == "5 of 20 scenarios failed: 5 collapse near bus b (margin 0.83), such as scenario 3."
