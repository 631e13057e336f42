"""Plans on three-phase feeders: laws, what is refused and what gives way, and flows that know nothing of the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from three_phase_street import V_KV, street

from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.heat_pump import HeatPump
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.powerflow.doors import power_flow
from gridloop.testing import moment

N = 8
STARTS = pd.date_range(moment(), periods=N, freq="1h")
WAVE = np.sin(np.arange(N) / N * 2 * np.pi)
PRICES = pd.DataFrame({"import_eur_per_mwh": 60 + 30 * WAVE, "export_eur_per_mwh": 30 + 15 * WAVE}, index=STARTS)
EXACT = {"loss_gap_share": 1e-4, "loss_gap_mw": 1e-6, "limit_gap": {"voltage": 1e-6, "loading": 1e-3}}


def mixed(at: Any = lambda home, phase: f"{home}.{phase}") -> list[Any]:
    """Every kind of device that moves power, on different phases; `at` says where a device of (bus, phase) stands."""
    cars = pd.DataFrame(
        {
            "bus": [at("home", 3)], "arrival": [STARTS[1]], "departure": [STARTS[6]], "energy_mwh": [1.5],
            "max_charge_mw": [0.7],
        },
        index=["car"],
    )  # fmt: skip
    return [
        Load(1.2 + 0.3 * WAVE, 0.3, id="load 1", bus=at("home", 1)),
        Load(0.5 - 0.2 * WAVE, 0.1, id="load 2", bus=at("neighbour", 2)),
        Renewable(np.clip(3.5 * np.sin(np.arange(N) / (N - 1) * np.pi), 0, None), 0.0, 0.5, id="sun",
                  bus=at("neighbour", 1)),
        Battery(2.0, 0.8, 0.8, id="box", bus=at("home", 1)),
        EVFleet(cars),
        Shiftable(0.8, 0.4, id="wash", bus=at("neighbour", 3)),
        Reducible(np.full(N, 0.4), id="shop", bus=at("home", 2)),
        HeatPump(0.3, 0.05, 0.01, 2.0, id="warm", bus=at("home", 2)),
    ]  # fmt: skip


def flows_of(plan: Plan, feeder: Feeder, devices: list[Any], step: int) -> Any:
    """The three-phase flow of one interval: the plan's own table, as loads of the feeder."""
    now = plan.table[plan.table["valid_at"] == plan.horizon.starts[step]].set_index(["device", "quantity"])["value"]
    bus = plan.table.drop_duplicates("device").set_index("device")["bus"]
    takes: dict[str, complex] = {}
    for d in devices:
        if isinstance(d, Load):
            share = 1.0 - now[d.id, "unserved_mw"] / d.p_mw[step]
            takes[d.id] = share * (d.p_mw[step] + 1j * np.broadcast_to(d.q_mvar, d.p_mw.shape)[step])
        elif isinstance(d, Renewable):
            takes[d.id] = -(now[d.id, "p_mw"] + 1j * now[d.id, "q_mvar"])
        elif isinstance(d, Reducible):
            takes[d.id] = d.p_mw[step] - now[d.id, "reduced_mw"]
        elif isinstance(d, EVFleet):
            takes |= {str(i): now[str(i), "p_mw"] for i in d.sessions.index}
        else:
            takes[d.id] = now[d.id, "p_mw"]
    rows = []
    for name, s in takes.items():
        at, _, phase = str(bus[name]).partition(".")
        rows.append(
            {
                "id": name, "bus": at, "phases": phase, "connection": "wye", "v_rated_kv": V_KV / np.sqrt(3.0),
                "p_mw": float(np.real(s)), "q_mvar": float(np.imag(s)), "v_low_pu": 0.1, "v_high_pu": 2.0,
            }
        )  # fmt: skip
    tables = {name: table.reset_index() for name, table in feeder.tables.items()}
    return power_flow(Feeder.from_tables(tables | {"load": rows}))


@pytest.fixture(scope="module")
def tight() -> Feeder:
    return street(1.5, 1.0, rating_ka=0.16, band=(0.97, 1.015), mutual=0.4)


@pytest.fixture(scope="module")
def made(tight: Feeder) -> Plan:
    return schedule(mixed(), PRICES, network=tight)


def test_the_plan_is_what_an_independent_three_phase_flow_finds(tight: Feeder, made: Plan):
    assert made.settled and made.diagnosis is None
    traded = (made.wide("import_mw") - made.wide("export_mw"))["connection"].to_numpy()
    for step, check in enumerate(made.check.itertuples()):
        flow = flows_of(made, tight, mixed(), step)
        assert flow.converged and flow.violations().empty
        v = flow.bus["v_pu"]
        assert (v.min(), v.max()) == approx((check.v_min_pu, check.v_max_pu), abs=1e-8)
        assert flow.line["loading_pct"].max() == approx(check.loading_max_pct, abs=1e-4)
        assert flow.losses_mw == approx(check.losses_mw, abs=1e-7)
        assert flow.source["p_mw"].sum() == approx(traded[step], abs=0.05 * flow.losses_mw + 0.01 * 0.1)


def test_limits_are_what_made_it_dear(tight: Feeder, made: Plan):
    """The copper plate of the same devices breaks the band; holding it costs money."""
    copper = schedule(mixed(), PRICES)
    broken = sum(len(flows_of(copper, tight, mixed(), step).violations()) for step in range(N))
    assert broken > 0
    assert made.cost > copper.cost
    assert len(made.limits) > 0


def test_the_checker_agrees_by_a_flow_of_its_own_and_refuses_a_plan_that_breaks_the_band(tight: Feeder, made: Plan):
    case = ScheduleCase(mixed(), PRICES, network=tight)
    assert check_solution(case, made).ok, check_solution(case, made).sentences()
    copper = schedule(mixed(), PRICES)
    said = check_solution(case, replace(copper, check=made.check)).sentences(50)
    assert any(text.startswith(("voltage_high of neighbour", "voltage_low of", "loading beyond")) for text in said)
    assert any(text.startswith("losses of AC flow") for text in said)


def test_on_all_phases_alike_it_is_the_balanced_network():
    """Three phases that do not see each other, devices on all of them: cost, set-points and prices of one phase for
    three, to the accuracy of the losses."""
    z = {"length_km": 1.0, "x_ohm_per_km": 1.0}
    bus = {"v_nom_kv": V_KV, "v_min_pu": 0.99, "v_max_pu": 1.004}
    balanced = Network.from_tables(
        {
            "bus": [{"id": name, **bus} for name in ("grid", "home", "neighbour")],
            "line": [
                {"id": "long", "tail_bus": "grid", "head_bus": "home", "r_ohm_per_km": 1.5, **z},
                {"id": "short", "tail_bus": "home", "head_bus": "neighbour", "r_ohm_per_km": 1e-3, "length_km": 1.0,
                 "x_ohm_per_km": 0.0},
            ],
            "source": [{"id": "source", "bus": "grid"}],
        },
        owner="operator",
    )  # fmt: skip
    devices = mixed(lambda home, _: home)
    three = schedule(devices, PRICES, physics=AcTangent(street(1.5, 1.0, band=(0.99, 1.004)), **EXACT))
    one = schedule(devices, PRICES, physics=AcTangent(balanced, **EXACT))
    assert three.settled and one.settled
    assert three.cost == approx(one.cost, rel=1e-5)
    assert set(three.limits["limit"].str.rpartition(".")[0]) == set(one.limits["limit"])
    for name in ("home", "neighbour"):
        assert three.local_price[name].to_numpy() == approx(one.local_price[name].to_numpy(), abs=0.05)


def test_turning_the_phases_turns_the_plan():
    """Phases are alike where the line is: 1 → 2 → 3 → 1 changes names and nothing else."""
    first = schedule(mixed(), PRICES, physics=AcTangent(street(1.5, 1.0, mutual=0.4, band=(0.9, 1.02)), **EXACT))
    turned = schedule(
        mixed(lambda home, phase: f"{home}.{phase % 3 + 1}"),
        PRICES,
        physics=AcTangent(street(1.5, 1.0, mutual=0.4, band=(0.9, 1.02)), **EXACT),
    )
    assert turned.cost == approx(first.cost, rel=1e-6)
    for phase in (1, 2, 3):
        there = turned.local_price[f"home.{phase % 3 + 1}"].to_numpy()
        assert there == approx(first.local_price[f"home.{phase}"].to_numpy(), abs=0.05)


def test_homes_alike_on_three_phases_are_treated_alike():
    devices: list[Any] = []
    for phase in (1, 2, 3):
        at = f"home.{phase}"
        devices += [
            Load(1.0 + 0.4 * WAVE, id=f"load {phase}", bus=at),
            Renewable(np.clip(-4.0 * WAVE, 0, None), id=f"sun {phase}", bus=at),
        ]
    plan = schedule(devices, PRICES, network=street(1.5, 1.0, mutual=0.4, band=(0.95, 1.01)))
    sun = plan.wide("p_mw", "renewable")
    assert sun.min(axis=1).to_numpy() == approx(sun.max(axis=1).to_numpy(), abs=1e-3)
    prices = plan.local_price[[f"home.{k}" for k in (1, 2, 3)]]
    assert prices.min(axis=1).to_numpy() == approx(prices.max(axis=1).to_numpy(), abs=0.3)


@settings(max_examples=6, deadline=None)
@given(
    st.floats(0.2, 2.0), st.floats(0.0, 1.0), st.floats(1.03, 1.05), st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(1, 3), st.sampled_from(["home", "neighbour"]),
)  # fmt: skip
def test_copper_plate_is_never_dearer_and_more_flexibility_never_costs_more(
    r: float, x: float, v_max: float, export: float, phase: int, bus: str
):
    feeder = street(r, x, band=(2 - v_max, v_max), mutual=0.3)
    prices = PRICES.assign(export_eur_per_mwh=export * PRICES["import_eur_per_mwh"])
    devices = mixed()
    with_network = schedule(devices, prices, network=feeder)
    assert with_network.settled
    assert schedule(devices, prices).cost <= with_network.cost + 1e-6
    more = [*devices, Battery(1.0, 0.5, 0.5, id="more", bus=f"{bus}.{phase}")]
    # A plan may believe losses to be 5 % and a hundredth of the highest lower: so much, and no more, can hide what a
    # battery is worth; where limits gave way also 1e-4 of a percent's price of each.
    hidden = 0.1 * float(with_network.check["losses_mw"] @ prices["import_eur_per_mwh"])
    slack = hidden + 1e-3 * with_network.parts.get("grid_limit", 0.0) + 1e-6
    assert schedule(more, prices, network=feeder).cost <= with_network.cost + slack


def test_the_same_input_gives_the_same_plan_bit_for_bit(tight: Feeder, made: Plan):
    again = schedule(mixed(), PRICES, network=tight)
    pd.testing.assert_frame_equal(again.table, made.table, check_exact=True)
    assert again.cost == made.cost


def test_what_cannot_be_kept_gives_way_by_name_and_phase():
    """12 MW on phase 2 alone, not to be shed: u (1 − u) = 0.12 per unit leaves 0.8606."""
    load = Load(np.array([12.0]), sheddable=0.0, id="load", bus="home.2")
    plan = schedule([load], PRICES.iloc[:1], network=street(band=(0.9, 1.1)))
    name = f"voltage_low:home.2 at {STARTS[0]:%Y-%m-%d %H:%M} UTC"
    assert set(plan.gave_way) == {name, name.replace("home", "neighbour")}
    assert plan.gave_way[name] == approx(100 * (0.9 - (1 + np.sqrt(1 - 4 * 0.12)) / 2), abs=0.02)
    assert "the lowest voltage allowed at home.2" in str(plan.diagnosis)
    assert check_solution(ScheduleCase([load], PRICES.iloc[:1], network=street(band=(0.9, 1.1))), plan).ok


def test_more_than_a_line_can_carry_has_no_solution():
    load = Load(np.array([50.0]), sheddable=0.0, id="load", bus="home.2")
    plan = schedule([load], PRICES.iloc[:1], network=street())
    assert plan.status == "no_ac_solution"
    assert "scaled by 0.500 still solve" in str(plan.diagnosis) and "home.2" in str(plan.diagnosis)


def test_a_device_on_a_phase_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match=r"home\.4.*terminals 1\.2\.3"):
        schedule([Load(np.array([1.0]), bus="home.4")], PRICES.iloc[:1], network=street())


@pytest.mark.data
@pytest.mark.parametrize(("file", "moved"), [("13Bus/IEEE13Nodeckt.dss", True), ("123Bus/IEEE123Master.dss", False)])
def test_feeders_with_regulators(data_dir: Path, file: str, moved: bool):
    """Regulators that follow their own control rest where the check says; those a plan moves stay where it says."""
    feeder = read_network(data_dir / "feeders" / file)
    assert isinstance(feeder, Feeder)
    feeder = feeder.edit("bus", {bus: {"v_min_pu": 0.95, "v_max_pu": 1.05} for bus in feeder.bus.index})
    shape = 0.6 + 0.3 * np.sin(np.arange(4))
    devices: list[Any] = []
    for name, row in feeder.load.iterrows():
        phases = [p for p in row["phases"].split(".") if p != "0"]
        ends = [f"{a}-{b}" for a, b in zip(phases, phases[1:] + phases[:1], strict=True)]
        wye = row["connection"] == "wye" or len(phases) == 1
        parts = phases if wye else (ends if len(phases) > 2 else ends[:1])
        at = ".".join([row["bus"], *parts])
        devices.append(Load(0.8 * row["p_mw"] * shape, 0.8 * row["q_mvar"] * shape, id=f"load {name}", bus=at))
        if len(devices) % 4 == 0:
            devices.append(Battery(row["p_mw"], row["p_mw"], row["p_mw"], id=f"box {name}", bus=at))
    if moved:
        devices += [TapChanger((f"reg{k}",), 8, -16, 16, id=f"tap {k}", moves_per_plan=8) for k in (1, 2, 3)]
    plan = schedule(devices, PRICES.iloc[:4], network=feeder)
    assert plan.settled
    found = check_solution(ScheduleCase(devices, PRICES.iloc[:4], network=feeder), plan)
    assert found.ok, found.sentences()
