"""Proximity in effect: what is near is used before what is far exactly when losses and limits say so.

    grid (100 per MWh) ──[ 1 Ω, 10 kV ]── home: a load of 1 MW, and a full battery whose use costs `wear` per MWh

A line of resistance R that takes S at its sending end, at 1 pu and without reactive power, loses S² R / V²: here, in
MW, S² / 100. Of one MW more 1 − 2 S / 100 arrive: at the home the grid's energy costs 100 / (1 − S / 50).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

PRICE = 100.0
# Gaps so small that a plan is an optimum and not only good.
EXACT = {"loss_gap_share": 1e-5, "loss_gap_mw": 1e-6, "limit_gap": {"voltage": 1e-7, "loading": 1e-4}}
# Losses of S² / 100 that are off by 1e-6 MW move the cheapest S by its root, 0.01 MW.
NEAR_MW = 0.015
HOUR = pd.date_range(moment(), periods=1, freq="1h")


def line(rating_ka: float | None = None, r_ohm: float = 1.0, v_max_pu: float = 1.2) -> Network:
    """grid ── home ── neighbour; the first line has the resistance, the second hardly any."""
    bus = {"v_nom_kv": 10.0, "v_min_pu": 0.5, "v_max_pu": v_max_pu}
    wire: dict[str, Any] = {"length_km": 1.0, "x_ohm_per_km": 0.0}
    limit = {} if rating_ka is None else {"i_max_ka": rating_ka}
    return Network.from_tables(
        {
            "bus": [{"id": name, **bus} for name in ("grid", "home", "neighbour")],
            "line": [
                {"id": "long", "tail_bus": "grid", "head_bus": "home", "r_ohm_per_km": r_ohm, **wire, **limit},
                {"id": "short", "tail_bus": "home", "head_bus": "neighbour", "r_ohm_per_km": 1e-3, **wire},
            ],
            "source": [{"id": "source", "bus": "grid"}],
        },
        owner="operator",
    )


def seller(wear: float, bus: str, name: str = "near") -> Battery:
    """4 MWh, full, 1 MW; what it keeps is worth nothing."""
    return Battery(
        4.0, 1.0, 1.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=wear, end_value_per_mwh=0.0, early_cost=0.0,
        id=name, bus=bus,
    )  # fmt: skip


def plan(devices: list[Any], net: Network | None, price: float = PRICE, export: float = 50.0) -> Plan:
    prices = pd.DataFrame({"import_eur_per_mwh": [price], "export_eur_per_mwh": [export]}, index=HOUR)
    made = schedule(devices, prices, physics=None if net is None else AcTangent(net, **EXACT))
    assert made.status == "optimal"
    return made


def given_mw(made: Plan, name: str = "near") -> float:
    return -float(made.of(name, "p_mw").iloc[0])


LOAD = Load(np.array([1.0]), sheddable=0.0, id="home", bus="home")


def test_dearer_than_the_market_and_still_used_for_the_losses_it_saves():
    """At 101 the battery takes over until the grid's energy costs 101 here too: S = 50 (1 − 100 / 101)."""
    s = 50 * (1 - 100 / 101)
    made = plan([LOAD, seller(101.0, "home")], line())
    assert given_mw(made) == approx(1.0 - (s - s**2 / 100), abs=NEAR_MW)
    assert made.local_price.iloc[0]["home"] == approx(101.0, abs=1e-3)
    assert made.local_price.iloc[0]["grid"] == approx(100.0)
    assert given_mw(plan([LOAD, seller(101.0, "home")], None)) == approx(0.0, abs=1e-6)


def test_dearer_than_market_and_losses_it_is_left_alone():
    made = plan([LOAD, seller(103.0, "home")], line())
    assert given_mw(made) == approx(0.0, abs=1e-6)
    assert made.local_price.iloc[0]["home"] < 103.0


def test_where_it_stands_decides():
    """The same battery at the source saves no losses: at 101 it is of no use there."""
    assert given_mw(plan([LOAD, seller(101.0, "grid")], line())) == approx(0.0, abs=1e-6)
    near_and_far = plan([LOAD, seller(99.5, "home"), seller(99.5, "grid", "far")], line())
    assert given_mw(near_and_far) == approx(1.0, abs=NEAR_MW)
    assert given_mw(near_and_far, "far") == approx(0.0, abs=NEAR_MW)


def test_a_limit_makes_the_dear_neighbour_the_cheapest():
    """The line carries 0.6 MW: the rest comes from next door, at whatever it costs, and for that reason."""
    made = plan([LOAD, seller(150.0, "neighbour")], line(rating_ka=0.6 / (np.sqrt(3) * 10.0)))
    assert given_mw(made) == approx(1.0 - (0.6 - 0.0036), abs=2e-4)
    assert made.local_price.iloc[0]["home"] == approx(150.0, abs=0.1)
    row = made.setpoints().set_index("device").loc["near"]
    assert (row["reason"], row["binding"]) == ("relieve_limit", "loading:long")


def test_a_surplus_next_door_is_used_before_the_grid_and_the_rest_is_sold():
    """0.7 MW of sun next door: nothing of it leaves the street before the home has it, and nothing is bought for it."""
    sun = Renewable(np.array([0.7]), id="sun", bus="neighbour")
    made = plan([LOAD, sun], line(), export=60.0)
    assert made.of("connection", "import_mw").iloc[0] == approx(0.3, abs=2e-3)
    assert made.of("connection", "export_mw").iloc[0] == 0.0


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 30), st.integers(2, 10), st.integers(90, 140))
def test_near_is_used_exactly_when_it_is_cheaper_than_what_arrives(tenths_ohm: int, tenths_mw: int, wear: int):
    """Before anybody moves, the grid\'s energy costs 100 / (1 − 2 S R / V²) here: that is to beat."""
    r, load = tenths_ohm / 10, tenths_mw / 10
    loss = r / 100.0  # per MW²
    s = (1 - np.sqrt(1 - 4 * loss * load)) / (2 * loss)
    arrives = PRICE / (1 - 2 * loss * s)
    if abs(arrives - wear) < 0.2:
        return  # a tie: either is right
    demand = Load(np.array([load]), sheddable=0.0, id="home", bus="home")
    made = plan([demand, seller(float(wear), "home")], line(r_ohm=r))
    assert (given_mw(made) > NEAR_MW) == (wear < arrives)


@pytest.mark.parametrize("wear", [99.0, 101.0, 150.0])
def test_without_a_network_only_the_price_decides(wear: float):
    made = plan([LOAD, seller(wear, "home")], None)
    assert (given_mw(made) > 0.5) == (wear < PRICE)
