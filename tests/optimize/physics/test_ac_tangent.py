"""Plans on a network, checked by a power flow that knows nothing of the plan's own check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.physics.ac_tangent import LIMIT_GAP, AcTangent, Spread
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.powerflow.flow import Flow, power_flow
from gridloop.testing import moment, village


def flow_of(plan: Plan, net: Network, devices: list[Device], step: int) -> Flow:
    """AC flow of one interval of a plan: every device becomes one load at its bus, from the plan's table alone."""
    at = plan.horizon.starts[step]
    now = plan.table[plan.table["valid_at"] == at].set_index(["device", "quantity"])["value"]
    bus = plan.table.drop_duplicates("device").set_index("device")["bus"]
    takes: dict[str, tuple[float, float]] = {}
    for d in devices:
        if isinstance(d, Load):
            served = 1.0 - (now[d.id, "unserved_mw"] / d.p_mw[step] if d.p_mw[step] else 0.0)
            q = np.broadcast_to(d.q_mvar, d.p_mw.shape)[step]
            takes[d.id] = (served * d.p_mw[step], served * q)
        elif isinstance(d, Renewable):
            takes[d.id] = (-now[d.id, "p_mw"], -now[d.id, "q_mvar"])
        elif isinstance(d, Battery):
            takes[d.id] = (now[d.id, "p_mw"], 0.0)
        elif isinstance(d, EVFleet):
            takes |= {str(car): (now[car, "p_mw"], 0.0) for car in d.sessions.index}
    rows = [{"id": f"of {name}", "bus": bus[name], "p_mw": p, "q_mvar": q} for name, (p, q) in takes.items()]
    tables = {name: table for name, table in net.tables.items() if name not in ("load", "generator", "storage")}
    state = Network.from_tables({**{k: t.reset_index() for k, t in tables.items()}, "load": rows}, owner="test")
    for d in devices:
        if isinstance(d, TapChanger):
            moved = {name: {"tap_pos": round(now[d.id, "tap_pos"])} for name in d.transformers}
            state = state.edit("transformer", moved, author="test", time=moment(), reason="")
    return power_flow(state)


def everything(sunny_devices: list[Device]) -> list[Device]:
    cars = pd.DataFrame(
        {
            "bus": ["mill", "farm"],
            "arrival": [moment(), moment() + pd.Timedelta(minutes=90)],
            "departure": [moment(5), moment(5)],
            "energy_mwh": [0.3, 0.2],
            "max_charge_mw": [0.2, 0.1],
        },
        index=["car 1", "car 2"],
    )
    return [*sunny_devices, EVFleet(cars), TapChanger(("T1",), 0, -9, 9, id="tap", bus="busbar")]


def test_the_plan_is_what_an_independent_power_flow_finds(sunny_village, sunny_devices, sunny_prices):
    devices = everything(sunny_devices)
    plan = schedule(devices, sunny_prices, network=sunny_village)
    assert plan.diagnosis is None
    traded = (plan.wide("import_mw") - plan.wide("export_mw"))["connection"].to_numpy()
    for step, check in enumerate(plan.check.itertuples()):
        flow = flow_of(plan, sunny_village, devices, step)
        v = flow.bus["v_pu"]
        assert (v.min(), v.max()) == approx((check.v_min_pu, check.v_max_pu), abs=1e-7)
        loading = pd.concat([flow.line["loading_pct"], flow.transformer["loading_pct"]])
        assert loading.max() == approx(check.loading_max_pct, abs=1e-4)
        assert loading.idxmax() == check.worst_branch
        assert flow.losses_mw == approx(check.losses_mw, abs=1e-5)
        assert len(flow.violations()) == check.voltage_violations + check.overloads == 0
        # What the connection trades is the power of the source, up to what the plan may believe of the losses.
        assert flow.source["p_mw"].sum() == approx(traded[step], abs=0.005 + 0.05 * check.losses_mw)


def test_without_a_plan_the_same_day_breaks_the_limit(sunny_village, sunny_devices, sunny_prices):
    """The sun alone would lift the farm above 1.025: the test above is not about nothing."""
    fixed = [
        Renewable(d.available_mw, curtailable=False, id=d.id, bus=d.bus) if isinstance(d, Renewable) else d
        for d in sunny_devices
        if not isinstance(d, Battery)
    ]
    plan = schedule(fixed, sunny_prices, network=sunny_village)
    assert plan.check["v_max_pu"].max() > 1.03
    assert any(name.startswith("voltage_high:farm") for name in plan.gave_way)


def test_local_use_is_preferred_where_the_network_makes_it_cheaper(prices):
    """Two equal batteries, one beside the load at the end of the line: that one serves it, for losses are priced."""
    near = Battery(1.0, 0.5, 0.5, id="near", bus="farm", end_value_per_mwh=49.0)
    far = Battery(1.0, 0.5, 0.5, id="far", bus="grid", end_value_per_mwh=49.0)
    load = Load(np.array([3.0]), np.array([1.0]), id="load", bus="farm")
    plan = schedule([near, far, load], prices([51.55]), network=village())
    assert plan.of("near", "p_mw").tolist() == approx([-0.475], abs=0.03)
    assert plan.of("far", "p_mw").tolist() == approx([0.0], abs=1e-6)


def test_a_rating_is_kept_and_named(prices, with_values):
    """The line to the farm carries 70 A: a little more than 2.4 MW at 20 kV."""
    thin = with_values(village(), "line", {"L2": {"i_max_ka": 0.07}})
    sun = Renewable(np.full(2, 5.0), 20.0, id="sun", bus="farm")
    plan = schedule([sun], prices([50, 50]), network=thin)
    assert plan.check["loading_max_pct"].max() == approx(100.0, abs=LIMIT_GAP["loading"])
    assert plan.check["loading_max_pct"].max() <= 100.0
    row = plan.setpoints().set_index("quantity").loc["p_mw"]
    assert (row["reason"], row["binding"]) == ("curtail_limit", "loading:L2")
    assert row["value"] == approx(np.sqrt(3) * 20 * 0.07 * 1.02, rel=0.02)


def test_a_lower_loading_limit_leaves_room(prices):
    sun = Renewable(np.full(1, 9.0), 20.0, id="sun", bus="farm")
    physics = AcTangent(village(), loading_limit_pct=60.0)
    plan = schedule([sun], prices([50]), physics=physics)
    assert plan.check["loading_max_pct"].max() == approx(60.0, abs=LIMIT_GAP["loading"])
    assert plan.check["overloads"].tolist() == [0]


def test_room_for_the_forecasts_spread_is_kept_where_it_has_weight(sunny_village, prices):
    """1 MW more at the farm lifts its voltage by what the margin keeps free, in the first interval only."""
    sun = Renewable(np.full(2, 5.0), 20.0, id="sun", bus="farm")
    spread = Spread(["farm"], np.ones(1), np.full(2, 1.0))
    physics = AcTangent(sunny_village, spreads=[spread], spread_weight=np.array([1.0, 0.0]))
    plan = schedule([sun], prices([50, 50]), physics=physics)
    v_max = plan.check["v_max_pu"].to_numpy()
    assert v_max[1] == approx(1.025, abs=LIMIT_GAP["voltage"])
    surprised = Renewable(
        plan.of("sun", "p_mw").to_numpy() + np.array([1.0, 0.0]), curtailable=False, id="sun", bus="farm"
    )
    after = schedule([surprised], prices([50, 50]), network=sunny_village).check["v_max_pu"].to_numpy()
    assert after[0] == approx(1.025, abs=LIMIT_GAP["voltage"])


def test_spreads_of_one_cause_add_up_and_of_different_ones_as_squares(sunny_village, prices):
    """Two spreads of 0.3 MW at the farm: 0.6 MW if they come together, 0.3 · √2 if not."""
    sun = Renewable(np.full(1, 5.0), 20.0, id="sun", bus="farm")
    room = {}
    for causes in (("weather", "weather"), ("weather", "habit"), ("", "")):
        spreads = [Spread(["farm"], np.ones(1), np.full(1, 0.3), cause) for cause in causes]
        exact = {"voltage": 1e-6, "loading": 1e-3}
        physics = AcTangent(sunny_village, spreads=spreads, spread_weight=np.ones(1), limit_gap=exact)
        room[causes] = 1.025 - schedule([sun], prices([50]), physics=physics).check["v_max_pu"].iloc[0]
    assert room["weather", "habit"] == approx(room["", ""])
    # Up to the curvature of the voltage, and the 1e-5 pu that are kept inside anyway.
    assert room["weather", "weather"] / room["weather", "habit"] == approx(np.sqrt(2), rel=0.01)


def test_where_an_export_limit_makes_energy_worthless_no_losses_are_invented(sunny_village, prices):
    """5 MW of sun, 1 MW may leave: the rest is curtailed at 20, though losing it in the lines would cost nothing."""
    sun = Renewable(np.full(2, 5.0), 20.0, id="sun", bus="mill")
    plan = schedule([sun], prices([50, 50]), network=sunny_village, connection=Connection(export_limit_mw=1.0))
    sent = plan.of("sun", "p_mw").to_numpy()
    assert sent == approx(1.0 + plan.check["losses_mw"].to_numpy(), abs=0.01)
    assert plan.diagnosis is None


@pytest.mark.parametrize("money", [-40.0, 0.0])
def test_negative_prices_burn_nothing_in_lines_or_batteries(sunny_village, sunny_devices, prices, money):
    plan = schedule(sunny_devices, prices([money] * 6), network=sunny_village)
    assert plan.status == "optimal"
    traded = (plan.wide("import_mw") - plan.wide("export_mw"))["connection"].to_numpy()
    for step, check in enumerate(plan.check.itertuples()):
        flow = flow_of(plan, sunny_village, sunny_devices, step)
        assert flow.source["p_mw"].sum() == approx(traded[step], abs=0.005 + 0.05 * check.losses_mw)
