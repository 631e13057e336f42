"""Laws of every plan: energy balances, limits hold, more choice never costs more, prices scale the cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

# The solver keeps bounds and rows to 1e-7; sums of a few of them stay below this.
MW = 1e-6
N = 4
STARTS = pd.date_range(moment(), periods=N, freq="1h")
HORIZON = Horizon.regular(STARTS)
# What the plan believes of the losses may differ from AC by this share and power; see `AcTangent`.
GAP_SHARE, GAP_MW = 0.01, 1e-4

shares = st.integers(0, 10).map(lambda tenths: tenths / 10)


def series(most: float) -> st.SearchStrategy[np.ndarray]:
    return st.lists(shares, min_size=N, max_size=N).map(lambda values: most * np.array(values))


def batteries(name: str, bus: str) -> st.SearchStrategy[Battery]:
    return st.builds(
        Battery,
        capacity_mwh=st.sampled_from([0.5, 2.0]),
        max_charge_mw=shares,
        max_discharge_mw=shares,
        charge_efficiency=st.sampled_from([0.8, 0.95]),
        min_soc=st.sampled_from([0.0, 0.2]),
        initial_soc=st.sampled_from([0.1, 0.5, 1.0]),
        self_discharge_per_day=st.sampled_from([0.0, 0.1]),
        id=st.just(name),
        bus=st.just(bus),
    )


@st.composite
def fleets(draw: st.DrawFn) -> EVFleet:
    rows = draw(
        st.lists(
            st.tuples(st.integers(-60, 120), st.integers(30, 400), shares, st.sampled_from([0.2, 1.0])), max_size=3
        )
    )
    minute = pd.Timedelta(minutes=1)
    table = pd.DataFrame(
        [("mill", moment() + a * minute, moment() + (a + d) * minute, e, p) for a, d, e, p in rows],
        columns=["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"],
        index=[f"car {k}" for k in range(len(rows))],
    )
    return EVFleet(table)


@st.composite
def price_tables(draw: st.DrawFn, least: int = 1) -> pd.DataFrame:
    money = np.array(draw(st.lists(st.integers(least, 150), min_size=N, max_size=N)), dtype=float)
    fee = draw(st.integers(0, 20))
    return pd.DataFrame({"import_eur_per_mwh": money + fee, "export_eur_per_mwh": money}, index=STARTS)


@st.composite
def villages(draw: st.DrawFn) -> list[Device]:
    return [
        Load(draw(series(3.0)), draw(series(1.0)), id="mill load", bus="mill"),
        Load(draw(series(1.0)), id="farm load", bus="farm"),
        Renewable(draw(series(6.0)), 20.0, draw(st.sampled_from([0.0, 0.5])), id="sun", bus="farm"),
        draw(batteries("battery", "mill")),
        draw(fleets()),
    ]


# One that is outside its band has to come back, at a price: a further duty, not a further choice.
more_batteries = batteries("another", "farm").filter(
    lambda b: b.initial_soc >= b.min_soc and not b.self_discharge_per_day
)

connections = st.builds(
    Connection,
    import_limit_mw=st.sampled_from([np.inf, 1.0]),
    export_limit_mw=st.sampled_from([np.inf, 1.0]),
    contracted_peak_mw=st.sampled_from([0.0, 2.0]),
    peak_price_per_mw=st.sampled_from([0.0, 100.0]),
)


def surplus_mw(plan: Plan) -> np.ndarray:
    """import − export + what devices inject: on a copper plate nothing, on a network the losses. [step]"""
    value = plan.table.assign(
        signed=plan.table["value"] * plan.table["quantity"].map(_sign) * plan.table["kind"].map(_side)
    )
    return value.groupby("valid_at")["signed"].sum().to_numpy()


_sign = {
    "import_mw": 1.0,
    "export_mw": -1.0,
    "p_mw": 1.0,
    "unserved_mw": 1.0,
    "soc": 0.0,
    "q_mvar": 0.0,
    "tap_pos": 0.0,
}
_side = {"battery": -1.0, "ev": -1.0, "renewable": 1.0, "load": 1.0, "connection": 1.0, "tap": 0.0}


def assert_devices_keep_their_limits(plan: Plan, devices: list[Device]) -> None:
    for d in devices:
        if isinstance(d, Battery):
            power, soc = plan.of(d.id, "p_mw").to_numpy(), plan.of(d.id, "soc").to_numpy()
            assert (power <= d.max_charge_mw + MW).all()
            assert (power >= -d.max_discharge_mw - MW).all()
            kept = (1 - d.self_discharge_per_day) ** (1 / 24)
            before = np.append(d.initial_soc, soc[:-1])
            energy = np.where(power > 0, d.charge_efficiency * power, power / d.discharge_efficiency)
            assert soc * d.capacity_mwh == approx(kept * before * d.capacity_mwh + energy, abs=2 * MW)
            # Outside its band it may be as far as idling from the start leaves it, and no further.
            idle = d.initial_soc * kept ** np.arange(1, N + 1)
            assert (soc <= np.maximum(d.max_soc, idle) + MW).all()
            assert (soc >= np.minimum(d.min_soc, idle) - MW).all()
        elif isinstance(d, Renewable):
            power, q = plan.of(d.id, "p_mw").to_numpy(), plan.of(d.id, "q_mvar").to_numpy()
            assert (power >= -MW).all()
            assert (power <= d.available_mw + MW).all()
            assert (np.abs(q) <= d.q_limit_mvar + MW).all()
        elif isinstance(d, Load):
            unserved = plan.of(d.id, "unserved_mw").to_numpy()
            assert (unserved >= -MW).all()
            assert (unserved <= d.p_mw + MW).all()
        elif isinstance(d, EVFleet):
            for car in d.sessions.itertuples():
                power = plan.of(car.Index, "p_mw").to_numpy()
                here = HORIZON.overlap(pd.Series([car.arrival]), pd.Series([car.departure]))[0]
                assert (power >= -MW).all()
                assert (power <= car.max_charge_mw * here + MW).all()
                assert power.sum() <= car.energy_mwh + N * MW
                if car.departure <= HORIZON.ends[-1] and plan.parts["ev_unserved"] < 1e-3:
                    assert power.sum() == approx(car.energy_mwh, abs=N * MW)


def with_loads(devices: list[Device], plan: Plan) -> np.ndarray:
    """Surplus after the loads, which the table does not hold. [step]"""
    return surplus_mw(plan) - sum(np.asarray(d.p_mw) for d in devices if isinstance(d, Load))


@settings(max_examples=30, deadline=None)
@given(villages(), price_tables(least=-60), connections)
def test_on_a_copper_plate_energy_balances_and_limits_hold(devices, prices, connection):
    plan = schedule(devices, prices, connection=connection)
    assert plan.status == "optimal"
    assert with_loads(devices, plan) == approx(np.zeros(N), abs=10 * MW)
    assert_devices_keep_their_limits(plan, devices)
    if not plan.gave_way:
        assert (plan.wide("import_mw") <= connection.import_limit_mw + MW).all(axis=None)
        assert (plan.wide("export_mw") <= connection.export_limit_mw + MW).all(axis=None)
    assert sum(plan.parts.values()) == approx(plan.cost, abs=1e-6)


@pytest.fixture(scope="module")
def tight(with_values) -> Network:
    return with_values(village(), "bus", {"farm": {"v_max_pu": 1.025, "v_min_pu": 0.99}})


def on_network(devices: list[Device], prices: pd.DataFrame, net: Network) -> Plan:
    return schedule(devices, prices, physics=AcTangent(net, loss_gap_share=GAP_SHARE, loss_gap_mw=GAP_MW))


@settings(max_examples=20, deadline=None)
@given(villages(), price_tables())
def test_on_a_network_energy_balances_with_its_losses_and_limits_hold(tight, devices, prices):
    plan = on_network(devices, prices, tight)
    assert plan.status == "optimal"
    assert plan.diagnosis is None or plan.diagnosis.status == "limit_gave_way"
    losses = plan.check["losses_mw"].to_numpy()
    assert (np.abs(with_loads(devices, plan) - losses) <= GAP_SHARE * losses + GAP_MW + 10 * MW).all()
    assert_devices_keep_their_limits(plan, devices)
    if not plan.gave_way:
        assert (plan.check[["voltage_violations", "overloads"]] == 0).all(axis=None)


@settings(max_examples=15, deadline=None)
@given(villages(), price_tables(), connections, more_batteries)
def test_more_choice_never_costs_more(devices, prices, connection, battery):
    cost = schedule(devices, prices, connection=connection).cost
    # 1e-7 MW of the solver's tolerance at the dearest price, 20 000 money per MWh, over four hours and some devices.
    tolerance = 0.05
    # A battery brings the energy it holds: without moving it is worth that, and never less than nothing.
    assert schedule([*devices, battery], prices, connection=connection).cost <= cost + tolerance
    wider = replace(connection, import_limit_mw=connection.import_limit_mw + 1.0, contracted_peak_mw=3.0)
    assert schedule(devices, prices, connection=wider).cost <= cost + tolerance
    fleet = devices[-1]
    assert isinstance(fleet, EVFleet)
    if len(fleet.sessions):
        sooner = fleet.sessions.assign(arrival=fleet.sessions["arrival"] - pd.Timedelta(hours=1))
        assert schedule([*devices[:-1], EVFleet(sooner)], prices, connection=connection).cost <= cost + tolerance


@settings(max_examples=8, deadline=None)
@given(villages(), price_tables(), more_batteries)
def test_more_choice_never_costs_more_on_a_network_either(tight, devices, prices, battery):
    plan = on_network(devices, prices, tight)
    more = on_network([*devices, battery], prices, tight)
    # Each plan's cost is off by what it may believe of the losses; where limits give way by their curvature as well.
    gap = float((GAP_SHARE * plan.check["losses_mw"] + GAP_MW).to_numpy() @ prices["import_eur_per_mwh"].to_numpy())
    assert more.cost <= plan.cost + 2 * gap + 0.01 * abs(plan.cost) * bool(plan.gave_way) + 0.05


@settings(max_examples=15, deadline=None)
@given(villages(), price_tables(), connections, st.sampled_from([0.25, 3.0]))
def test_prices_of_everything_times_k_cost_k_times_as_much(devices, prices, connection, k):
    def dearer(d: Device) -> Device:
        if isinstance(d, Battery):
            return replace(d, degradation_cost=k * d.degradation_cost, early_cost=k * d.early_cost)
        if isinstance(d, Renewable):
            return replace(d, curtailment_cost=k * d.curtailment_cost, reactive_cost=k * d.reactive_cost)
        if isinstance(d, Load):
            return replace(d, value_of_lost_load=k * d.value_of_lost_load)
        assert isinstance(d, EVFleet)
        return replace(d, value_of_lost_charge=k * d.value_of_lost_charge, early_cost=k * d.early_cost)

    devices = [
        d for d in devices if not (isinstance(d, Battery) and d.initial_soc < d.min_soc)
    ]  # the band has its own price
    scaled = replace(
        connection, limit_price=k * connection.limit_price, peak_price_per_mw=k * connection.peak_price_per_mw
    )
    cost = schedule(devices, prices, connection=connection).cost
    assert schedule([dearer(d) for d in devices], k * prices, connection=scaled).cost == approx(
        k * cost, rel=1e-6, abs=0.05
    )
