"""Local prices and shadow prices against finite differences: perturb, solve again, compare the cost.

The gaps of the AC tangents are set so small here that the plans are optima, not only good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule

STEP_MW = 0.01
EXACT = {"loss_gap_share": 1e-5, "loss_gap_mw": 1e-6, "limit_gap": {"voltage": 1e-7, "loading": 1e-4}}
CONNECTIONS = {
    "free": Connection(),
    "tight": Connection(import_limit_mw=1.2, export_limit_mw=1.0),
    "peak": Connection(contracted_peak_mw=0.5, peak_price_per_mw=50.0),
}

Solve = Callable[..., Plan]


@pytest.fixture(scope="module")
def solve(sunny_devices: list[Device], sunny_prices: pd.DataFrame, sunny_village: Network) -> Solve:
    def plan(extra: Sequence[Device] = (), *, ac: bool, connection: Connection, net: Network = sunny_village) -> Plan:
        physics = AcTangent(net, **EXACT) if ac else None
        return schedule([*sunny_devices, *extra], sunny_prices, physics=physics, connection=connection)

    return plan


@pytest.mark.parametrize("connection", CONNECTIONS.values(), ids=CONNECTIONS)
@pytest.mark.parametrize("ac", [False, True], ids=["copper plate", "ac"])
def test_a_local_price_is_what_one_more_mwh_saves(solve: Solve, ac: bool, connection: Connection):
    """Left and right difference of the cost bracket the price; at noon limits make the farm's lower than the mill's."""
    base = solve(ac=ac, connection=connection)
    for bus in ("mill", "farm"):
        for t in (0, 2, 3, 5):
            pulse = np.zeros(6)
            pulse[t] = STEP_MW
            more = solve([Renewable(pulse, curtailable=False, id="x", bus=bus)], ac=ac, connection=connection)
            less = solve([Load(pulse, sheddable=0.0, id="x", bus=bus)], ac=ac, connection=connection)
            saved = sorted([(base.cost - more.cost) / STEP_MW, (less.cost - base.cost) / STEP_MW])
            price = base.local_price[bus].iloc[t]
            # Curvature of losses and limits: 0.01 MW change a price of this size by less than 0.02.
            assert saved[0] - 0.02 <= price <= saved[1] + 0.02


def test_at_noon_the_limit_makes_energy_cheap_where_the_sun_is(solve: Solve):
    plan = solve(ac=True, connection=Connection())
    noon = plan.local_price.iloc[3]
    assert noon["farm"] == approx(-20.0)
    assert -20.0 < noon["mill"] < 20.0 < noon["busbar"] < 30.0
    assert noon["grid"] == approx(30.0)
    assert plan.local_price.iloc[0][["farm", "mill"]].to_numpy() == approx(60.0, abs=0.3)


def test_the_shadow_price_of_a_voltage_limit_is_what_more_room_saves(solve: Solve, sunny_village, with_values):
    base = solve(ac=True, connection=Connection())
    found = base.limits[base.limits["limit"] == "voltage_high:farm"].set_index("valid_at")["shadow_price"]
    assert len(found) >= 2
    room = 0.01  # % of nominal voltage, in all intervals of an hour
    wider = with_values(sunny_village, "bus", {"farm": {"v_max_pu": 1.025 + room / 100}})
    saved = (base.cost - solve(ac=True, connection=Connection(), net=wider).cost) / room
    assert saved == approx(found.sum(), rel=0.01)


def test_the_shadow_price_of_a_rating_is_what_more_room_saves(solve: Solve, sunny_village, with_values):
    """The line to the farm carries 2.4 MW of the sun's 5."""
    thin = with_values(sunny_village, "line", {"L2": {"i_max_ka": 0.07}})
    base = solve(ac=True, connection=Connection(), net=thin)
    price = base.limits.loc[base.limits["limit"] == "loading:L2", "shadow_price"].sum()
    assert price > 1.0
    wider = with_values(thin, "line", {"L2": {"i_max_ka": 0.07 * 1.001}})
    saved = (base.cost - solve(ac=True, connection=Connection(), net=wider).cost) / 0.1
    assert saved == approx(price, rel=0.01)


def test_reactive_power_has_its_price_too(solve: Solve, sunny_village):
    """A set-point of reactive power carries what one more Mvarh is worth at its bus: perturb it by a load's."""
    devices = {"sun": "farm"}
    connection = Connection()
    plan = solve(ac=True, connection=connection)
    rows = plan.setpoints()
    price = rows[(rows["device"] == "sun") & (rows["quantity"] == "q_mvar")]["shadow_price"].iloc[0]
    pulse = np.zeros(6)
    pulse[0] = 0.1
    takes = Load(np.zeros(6), pulse, id="coil", bus=devices["sun"])
    gives = Load(np.zeros(6), -pulse, id="capacitor", bus=devices["sun"])
    costs = [solve([extra], ac=True, connection=connection).cost for extra in (takes, gives)]
    assert (costs[0] - costs[1]) / 0.2 == approx(price, abs=0.01)
