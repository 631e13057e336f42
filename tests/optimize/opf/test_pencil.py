"""Optimal power flows that a pencil can check, and the meaning of prices and reasons."""

from __future__ import annotations

import math

import pytest
from opf_grids import bus, generator, grid, line
from pytest import approx

import gridloop as gl
from gridloop.optimize import explain_flow
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.testing import two_bus

# Interior points stop at a complementarity of 1e-8, on costs scaled to a gradient of 100: 1e-6 of a price is generous.
CLOSE = 1e-6


def test_two_buses_with_a_known_loss():
    """source at 1.0 pu ──[ r = 0.1 ]── load 0.9: it takes 1.0 pu at 0.9 pu and 0.1 pu is lost.

    P_a = V_a I and (V_a − 0.1 I) I = 0.9 with V_a = 1: dI/dP = 1 / (1 − 0.2 I) = 1.25, so that the load's price is 12.5
    where the source's is 10.
    """
    net = two_bus(r=0.1, load=0.9)
    limits = {"v_min_pu": 0.5, "v_max_pu": 1.0}
    when = {"author": "test", "time": gl.testing.moment(), "reason": "pencil"}
    net = net.edit("bus", {"a": limits, "b": limits}, **when)
    net = net.edit("source", {"source": {"cost_linear_per_mwh": 10.0}}, **when)
    flow = optimal_power_flow(net)
    assert flow.status == "optimal"
    assert flow.cost == approx(1000.0, rel=CLOSE)
    assert flow.losses_mw == approx(10.0, rel=CLOSE)
    assert flow.bus.v_pu.to_dict() == approx({"a": 1.0, "b": 0.9}, abs=CLOSE)
    assert flow.generator.loc["source:source", "p_mw"] == approx(100.0, rel=CLOSE)
    price = flow.bus.loc["b"]
    assert (price.lmp_per_mwh, price.energy_per_mwh) == approx((12.5, 10.0), abs=1e-4)
    assert (price.loss_per_mwh, price.congestion_per_mwh) == approx((2.5, 0.0), abs=1e-4)


def congested(rate: float = 0.5):
    """cheap (10) at a ──[ x = 0.1, rated ]── load 1.0 and dear (50) at b; no losses."""
    generators = [generator("cheap", "a", 10.0), generator("dear", "b", 50.0)]
    return grid([bus("a"), bus("b")], [line("a", "b", 0.0, 0.1, rate)], generators, {"b": 1.0}, reference="a")


def test_a_full_line_parts_the_prices():
    flow = optimal_power_flow(congested())
    assert flow.bus.lmp_per_mwh.to_dict() == approx({"a": 10.0, "b": 50.0}, abs=1e-4)
    assert flow.bus.congestion_per_mwh.to_dict() == approx({"a": 0.0, "b": 40.0}, abs=1e-4)
    assert flow.bus.loss_per_mwh.abs().max() < 1e-4
    assert flow.line.loc["a-b", "loading_pct"] == approx(100.0, abs=1e-4)
    assert flow.generator.reason.to_dict() == {"cheap": "marginal", "dear": "constrained_up"}


def test_the_shadow_price_of_a_rating_is_what_one_more_mva_saves():
    cost = [optimal_power_flow(congested(rate)).cost for rate in (0.499, 0.501)]
    flow = optimal_power_flow(congested())
    saved = (cost[0] - cost[1]) / 0.2  # 0.2 MVA between the two
    assert flow.line.loc["a-b", "shadow_price_per_mwh"] == approx(saved, rel=1e-4)
    assert saved == approx(40.0, rel=0.01)  # all but the reactive power of the line


def test_the_third_bus_pays_more_than_any_generator_asks():
    """Three equal lines, cheap 10 at 1, dear 30 at 2, load at 3, line 1-3 full: of what 1 sends 2/3 takes that line, of
    what 2 sends 1/3. One more MW at 3 needs +2 from 2 and −1 from 1: 2 · 30 − 10 = 50."""
    x = 1e-3  # angles so small that the AC flow is the DC flow
    lines = [line("1", "2", 0, x), line("1", "3", 0, x, 0.6), line("2", "3", 0, x)]
    generators = [generator("cheap", "1", 10.0), generator("dear", "2", 30.0)]
    flow = optimal_power_flow(grid([bus(b) for b in "123"], lines, generators, {"3": 1.0}, reference="1"))
    assert flow.bus.lmp_per_mwh.to_dict() == approx({"1": 10.0, "2": 30.0, "3": 50.0}, abs=0.05)
    assert flow.generator.p_mw.to_dict() == approx({"cheap": 80.0, "dear": 20.0}, abs=0.1)


@pytest.mark.parametrize("ends", ["ab", "ba"])
def test_an_angle_limit_binds_and_is_paid_for(ends: str):
    """P = V² sin δ / x with both voltages at 1.1 is more than 10° allow, from above or, turned round, from below."""
    lines = [line(*ends, 0.0, 0.5, None, angle_min_deg=-10.0, angle_max_deg=10.0)]
    generators = [generator("cheap", "a", 10.0), generator("dear", "b", 50.0)]
    flow = optimal_power_flow(grid([bus("a"), bus("b")], lines, generators, {"b": 1.0}, reference="a"))
    assert flow.bus.angle_deg["a"] - flow.bus.angle_deg["b"] == approx(10.0, abs=1e-5)
    assert flow.generator.p_mw["cheap"] == approx(100 * 1.21 * math.sin(math.radians(10)) / 0.5, rel=1e-5)
    assert flow.bus.lmp_per_mwh["b"] == approx(50.0, abs=1e-4)
    assert flow.bus.congestion_per_mwh["b"] == approx(40.0, abs=1e-3)


@pytest.mark.parametrize("way", ["fast", "ipopt"])
def test_piecewise_costs_are_those_of_their_lines(way: str, monkeypatch: pytest.MonkeyPatch):
    """0…50 MW at 10, then 30 per MWh; the other costs 20: the curve stops at its corner."""
    if way == "ipopt":
        monkeypatch.setattr("gridloop.optimize.solve.mumps.available", lambda: False)
    curve = generator("curve", "a", 99.0, cost_points="0:100;50:600;100:2100")
    flow = optimal_power_flow(
        grid([bus("a"), bus("b")], [line("a", "b", 0, 0.1)], [curve, generator("plain", "b", 20.0)], {"b": 0.8},
             reference="a")
    )  # fmt: skip
    assert flow.status == "optimal"
    assert flow.generator.p_mw.to_dict() == approx({"curve": 50.0, "plain": 30.0}, abs=1e-3)
    assert flow.cost == approx(600 + 600, rel=1e-6)


def test_sentences_say_why_and_what_a_limit_is_worth():
    flow = optimal_power_flow(congested())
    said = [explain_flow.sentence(row, "EUR") for row in flow.generator.to_dict("records")]
    assert "its cost is the price" in said[0]
    assert "limits of the network" in said[1]
    full = optimal_power_flow(
        grid([bus("a")], [], [generator("small", "a", 10.0, p_max_mw=30.0), generator("large", "a", 50.0)], {"a": 1.0},
             reference="a")
    )  # fmt: skip
    row = full.generator.loc["small"]
    assert (row.reason, row.binding) == ("at_p_max", "p_max:small")
    assert row.shadow_price == approx(40.0, abs=1e-4)
    assert "EUR 40.00 per h" in explain_flow.sentence(row.to_dict(), "EUR")


def test_emissions_count_what_is_known():
    dirty = generator("dirty", "a", 10.0, emissions_t_per_mwh=0.8)
    net = grid([bus("a")], [], [dirty, generator("unknown", "a", 50.0)], {"a": 0.5}, reference="a")
    assert optimal_power_flow(net).emissions_t == approx(40.0, rel=1e-6)
