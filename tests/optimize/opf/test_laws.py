"""What holds for every optimal power flow, on random grids."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opf_grids import random_grid
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.check import check_solution
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.testing import moment

SEEDS = st.integers(0, 10_000)
# Costs agree to the complementarity at which the solvers stop.
SAME_COST = 1e-6


def changed(net: Network, table: str, **columns: pd.Series) -> Network:
    return net.edit(table, pd.DataFrame(columns), author="test", time=moment(), reason="law")


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_prices_are_the_sum_of_their_parts_and_the_checker_agrees(seed: int):
    net = random_grid(seed)
    flow = optimal_power_flow(net)
    assert flow.status in ("optimal", "infeasible"), flow.diagnosis
    if flow.solved:
        b = flow.bus
        parts = b.energy_per_mwh + b.loss_per_mwh + b.congestion_per_mwh
        np.testing.assert_allclose(parts, b.lmp_per_mwh, rtol=1e-12)
        found = check_solution(net, flow)
        assert found.ok, found.sentences()
        assert found.cost == approx(flow.cost, rel=1e-9)


@given(seed=SEEDS, degrees=st.floats(-170, 170))
@settings(max_examples=10, deadline=None)
def test_turning_every_angle_changes_nothing_else(seed: int, degrees: float):
    net = random_grid(seed, tight=False)
    turned = changed(net, "source", angle_deg=net.source.angle_deg + degrees)
    one, other = optimal_power_flow(net), optimal_power_flow(turned)
    assert other.cost == approx(one.cost, rel=SAME_COST)
    np.testing.assert_allclose(other.bus.angle_deg - one.bus.angle_deg, degrees, atol=1e-3)


@given(seed=SEEDS, factor=st.floats(0.1, 50.0))
@settings(max_examples=10, deadline=None)
def test_prices_scale_with_costs(seed: int, factor: float):
    net = random_grid(seed, tight=False)
    g = net.generator
    dearer = changed(
        net, "generator", cost_linear_per_mwh=g.cost_linear_per_mwh * factor,
        cost_quadratic_per_mw2h=g.cost_quadratic_per_mw2h * factor,
    )  # fmt: skip
    one, other = optimal_power_flow(net), optimal_power_flow(dearer)
    assert other.cost == approx(factor * one.cost, rel=SAME_COST)
    np.testing.assert_allclose(other.lmp, factor * one.lmp, rtol=1e-4)


@given(seed=SEEDS, more=st.floats(1.05, 3.0))
@settings(max_examples=15, deadline=None)
def test_relaxing_ratings_never_costs(seed: int, more: float):
    net = random_grid(seed)
    one = optimal_power_flow(net)
    other = optimal_power_flow(changed(net, "line", i_max_ka=net.line.i_max_ka * more))
    if one.solved:
        assert other.cost <= one.cost * (1 + SAME_COST)


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_a_price_is_what_one_more_megawatt_costs(seed: int):
    """Difference quotient over ±0.05 MW: its own error is of the size of the cost's third derivative."""
    net = random_grid(seed, tight=False)
    flow, at = optimal_power_flow(net), net.load.index[0]
    cost = []
    for step in (-0.05, 0.05):
        p = net.load.p_mw.copy()
        p[at] += step
        cost.append(optimal_power_flow(changed(net, "load", p_mw=p)).cost)
    assert (cost[1] - cost[0]) / 0.1 == approx(flow.lmp[net.load.bus[at]], rel=2e-3)


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_find_the_same(seed: int, monkeypatch: pytest.MonkeyPatch):
    """Our interior point and Ipopt: costs, prices, and ratings' prices."""
    net = random_grid(seed)
    ours = optimal_power_flow(net)
    monkeypatch.setattr("gridloop.optimize.solve.mumps.available", lambda: False)
    ipopt = optimal_power_flow(net)
    assert ours.status == ipopt.status
    if ours.solved:
        assert ours.cost == approx(ipopt.cost, rel=SAME_COST)
        np.testing.assert_allclose(ours.lmp, ipopt.lmp, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(ours.line.shadow_price_per_mwh, ipopt.line.shadow_price_per_mwh, atol=1e-2)


def test_the_same_twice_bit_for_bit():
    one, other = (optimal_power_flow(random_grid(3)) for _ in range(2))
    pd.testing.assert_frame_equal(one.generator, other.generator, check_exact=True)
    pd.testing.assert_frame_equal(one.bus, other.bus, check_exact=True)
