"""Operating points: tangents of voltages and loadings by injections and taps, against central differences."""

import numpy as np
import pytest
from pytest import approx

from gridloop.optimize.devices.group import TapTerm
from gridloop.optimize.physics.grid_state import GridState
from gridloop.optimize.physics.operating_point import OperatingPoint
from gridloop.testing import moment, village

TAPS = {"T1": np.array([0.0, 3.0, -4.0])}
QUARTER_STEP = 0.25  # of a tap, to either side
SMALL_MW = 0.01


@pytest.fixture(scope="module")
def grid():
    return GridState(
        village().edit("transformer", {"T1": {"s_max_mva": 10.0}}, author="a", time=moment(), reason="test")
    )


@pytest.fixture(scope="module")
def injection(grid):
    """Three steps: as the tables say, turned around, and threefold. [node, step], MW"""
    return grid.arrays.injection(grid.network)[:, None] * 100 * np.array([1.0, -2.0, 3.0])


def point(grid, injection, taps=0.0):
    solved = grid.solve(injection, {name: positions + taps for name, positions in TAPS.items()})
    assert solved.solution.converged.all()
    return OperatingPoint(grid, solved)


def places(count):
    element, step = np.meshgrid(np.arange(count), np.arange(3), indexing="ij")
    return element.ravel(), step.ravel()


@pytest.mark.parametrize("kind", ["voltage", "loading"])
def test_tangents(grid, injection, kind):
    """Also of the transformer's own current, which a tap changes directly, at taps that differ between steps.

    Differences over a quarter of a step are off by its square: (0.015 / 4)² of what the admittances change, some 1e-4
    of the answer, and for the transformer's own current of the two large parts that nearly cancel: 1e-4 of 30 %.
    """
    here = point(grid, injection)
    if kind == "voltage":
        limits, value = here.voltage_limits(places(grid.n_nodes)), lambda p: p.v[limits.element, limits.step]
        tolerance = 1e-6
    else:
        limits = here.loading_limits(places(len(grid.arrays.branches.ids)), 100.0)
        value = lambda p: p.loading[limits.element, limits.end, limits.step]  # noqa: E731
        tolerance = 6e-3
    tangent = limits.tangent([TapTerm(np.zeros((1, 3), dtype=np.int64), [["T1"]])])
    low, high = (value(point(grid, injection, sign * QUARTER_STEP)) for sign in (-1, 1))
    assert tangent.to_tap[0][:, 0] == approx((high - low) / (2 * QUARTER_STEP), abs=tolerance)
    for node in range(1, grid.n_nodes):
        for direction, effect in ((1.0, tangent.to_p), (1j, tangent.to_q)):
            moved = np.zeros_like(injection)
            moved[node] = SMALL_MW * direction
            low, high = (value(point(grid, injection + sign * moved)) for sign in (-1, 1))
            assert effect[:, node] == approx((high - low) / (2 * SMALL_MW), abs=tolerance)
