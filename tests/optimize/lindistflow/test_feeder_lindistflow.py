"""Multiphase LinDistFlow: pencil, prices against differences, and the IEEE feeders beside their AC power flow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from small_feeders import constant, ladder, load, three_phase

from gridloop.errors import BadInput, InvalidNetwork, OutOfRange
from gridloop.io.opendss import read_opendss
from gridloop.network.feeder.model import Feeder
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.optimize.problems.opf_feeder import optimal_feeder_flow
from gridloop.powerflow.feeder.flow import feeder_power_flow

# Outputs settle within 1e-7 of 100 MVA, 1e-5 MW; voltages follow at about an ohm per unit.
CLOSE = 1e-6
SELF, MUTUAL = complex(0.1, 0.2), complex(0.02, 0.05)
Z = np.full((3, 3), MUTUAL) + np.eye(3) * (SELF - MUTUAL)


def with_sun(feeder: Feeder, where: dict[str, float], *, v_max: float, price: float = 40.0, **more: Any) -> Feeder:
    """The feeder with three-phase PV (MW by bus) that costs 1 per MWh, a source that costs more, and a limit."""
    rows = [
        {
            "id": f"sun {bus}", "bus": bus, "phases": "1.2.3", "p_mw": mw, "p_min_mw": 0.0, "p_max_mw": mw,
            "v_rated_kv": feeder.bus.v_nom_kv[bus], "cost_linear_per_mwh": 1.0, "kind": "solar", **more,
        }
        for bus, mw in where.items()
    ]  # fmt: skip
    tables = {name: table.reset_index() for name, table in feeder.tables.items()}
    tables["generator"] = pd.DataFrame(rows)
    tables["source"] = tables["source"].assign(cost_linear_per_mwh=price)
    tables["bus"] = tables["bus"].assign(v_max_pu=v_max)
    return Feeder.from_tables(tables, name=feeder.name, owner="operator", frequency_hz=feeder.frequency_hz)


def test_phases_couple_by_their_rotation():
    """0.1 + j0.05 on phase 1: w_i = 1 − 2 Re(conj(Z_i1) γ_i1 s), γ = 1, e^−j120°, e^+j120°."""
    flow = optimal_power_flow(three_phase(Z, [load("d", "b", 0.1, 0.05)]), physics="lindistflow")
    s, turn = complex(0.1, 0.05), np.exp(np.deg2rad([0.0, -120.0, 120.0]) * 1j)
    w = 1 - 2 * np.real(np.conj(Z[:, 0]) * turn * s)
    assert flow.bus.v_pu["b"].tolist() == approx(np.sqrt(w).tolist(), abs=CLOSE)
    # Lossless, so that the source gives what is drawn.
    source = flow.generator.loc["source:s"]
    assert (source.p_mw, source.q_mvar) == approx((0.1, 0.05), abs=CLOSE)


def test_a_voltage_limit_curtails():
    """Sun p in equal parts on all phases: Z₁ = Z_self − Z_mutual, w = 1 + 2 · 0.08 p / 3 = 1.05² at p = 1.921875 MW."""
    feeder = with_sun(three_phase(Z, []), {"b": 5.0}, v_max=1.05)
    flow = optimal_power_flow(feeder, physics="lindistflow")
    assert flow.generator.p_mw["sun b"] == approx(3 * 0.1025 / (2 * 0.08), abs=1e-4)
    assert flow.generator.reason["sun b"] == "constrained_down"
    assert flow.generator.binding["sun b"].startswith("voltage_high:b.")
    assert flow.bus.v_pu["b"].tolist() == approx([1.05] * 3, abs=CLOSE)
    # Around the AC voltages again and again, the limit holds in the AC flow too.
    exact = optimal_feeder_flow(feeder, rounds=8)
    assert exact.ac_check is not None
    assert exact.ac_check.v_pu.max() == approx(1.05, abs=1e-5)


def test_an_inverter_and_a_conductor_have_ratings():
    """5 MVA of inverter with 3 Mvar gives 4 MW; a conductor of 0.5 kA at 1 kV takes 0.5 MVA a phase."""
    open_ended = {"q_mvar": 3.0, "s_rated_mva": 5.0, "phases": "1.2.3"}
    feeder = with_sun(three_phase(0.001 * Z, []), {"b": 9.0}, v_max=1.5, **open_ended)
    flow = optimal_power_flow(feeder, physics="lindistflow")
    assert flow.generator.loc["sun b", ["p_mw", "q_mvar"]].tolist() == approx([4.0, 3.0], abs=1e-4)
    narrow = with_sun(three_phase(0.001 * Z, []), {"b": 9.0}, v_max=1.5).edit("line", {"ab": {"i_max_ka": 0.5}})
    flow = optimal_power_flow(narrow, physics="lindistflow")
    assert flow.generator.p_mw["sun b"] == approx(1.5, abs=1e-4)
    assert flow.generator.binding["sun b"] == "loading:ab"
    # 1 kA more on three conductors is 3 MW more; only one of the three equal limits may carry the price.
    assert flow.line.shadow_price_per_ka["ab"] == approx(3 * 39.0, rel=1e-3)


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize("limit", ["voltage", "current"])
def test_prices_are_what_one_more_load_costs(phase: int, limit: str):
    feeder = with_sun(three_phase(Z, [load("d", "b", 0.1, 0.05)]), {"b": 5.0}, v_max=1.04)
    if limit == "current":
        # Phase 2 carries most of the sun back, beside some reactive power.
        uneven = [load("d", "b", 0.1, 0.2), load("e", "b", 0.0, 0.1, phases="2"), load("f", "b", 0.1, phases="3")]
        feeder = with_sun(three_phase(Z, uneven), {"b": 5.0}, v_max=2.0)
        feeder = feeder.edit("line", {"ab": {"i_max_ka": 0.5}})
    flow = optimal_power_flow(feeder, physics="lindistflow")
    # MW. Voltages are linear; circles bend (39 · 0.001 / 2), and are kept to 2e-7 kA.
    step = 1e-3
    for column, size in (("lmp_per_mwh", (step, 0.0)), ("lmq_per_mvarh", (0.0, step))):
        tables = {name: table.reset_index() for name, table in feeder.tables.items()}
        more = {"id": "more", "bus": "b", "phases": str(phase), "v_rated_kv": 1.0, **constant("power")}
        more |= {"p_mw": size[0], "q_mvar": size[1]}
        tables["load"] = pd.concat([tables["load"], pd.DataFrame([more])])
        other = optimal_power_flow(Feeder.from_tables(tables, owner="operator"), physics="lindistflow")
        assert (other.cost - flow.cost) / step == approx(flow.bus.loc[("b", phase), column], abs=0.15)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_random_feeders_are_near_their_ac_flow(seed: int):
    """The linear voltage leaves out what is of second order in the drop: within 3 times its square."""
    feeder = ladder(np.random.default_rng(seed))
    flow = optimal_power_flow(feeder, physics="lindistflow")
    assert flow.status == "optimal" and flow.ac_check is not None and flow.ac_check.converged
    nominal = -120.0 * (flow.bus.index.get_level_values("phase").to_numpy() - 1)
    turned = flow.bus.v_pu * np.exp(1j * np.deg2rad(flow.bus.angle_deg - nominal))
    drop = np.abs(turned - 1.0).max()  # a drop across a reactance shows in the angle alone
    assert flow.ac_check.v_difference_pu <= 3 * drop**2 + 1e-4


# Case, sun in MW by bus, how it is connected, taps. With the taps of the evening peak the first two are above 1.05 pu
# at their regulators whatever the sun does.
SUNNY: dict[str, tuple[str, dict[str, float], str, list[int]]] = {
    "13": ("13Bus/IEEE13Nodeckt.dss", {"675": 6.0}, "wye", [6, 3, 6]),
    "37": ("37Bus/ieee37.dss", {"740": 2.0, "711": 1.0, "725": 1.0}, "delta", [6, 6]),
    "123": ("123Bus/IEEE123Master.dss", {"83": 2.0, "66": 2.0, "48": 1.5, "101": 2.0}, "wye", [0] * 7),
}
LIMIT = 1.05
# Largest |linear − AC| voltage measured here: 0.0073 (13), 0.0094 (37), 0.0054 (123); of second order in the drop.
APART = 0.01
# After six rounds what is left is the last step: 2e-6 were measured.
SETTLED = 1e-4


@pytest.mark.data
@pytest.mark.parametrize("case", SUNNY)
def test_ieee_feeders_keep_their_limit_in_the_ac_flow(case: str, data_dir: Path):
    """Sun is curtailed to keep the limit; then the AC flow agrees."""
    file, where, connection, position = SUNNY[case]
    feeder = with_sun(read_opendss(data_dir / "feeders" / file), where, v_max=LIMIT, connection=connection)
    taps = np.array(position)
    flow = optimal_feeder_flow(feeder, taps=taps)
    assert flow.status == "optimal" and flow.ac_check is not None
    assert "constrained_down" in set(flow.generator.reason)
    assert flow.bus.v_pu.max() <= LIMIT + CLOSE
    assert flow.ac_check.v_difference_pu < APART
    again = optimal_feeder_flow(feeder, taps=taps, rounds=6)
    assert again.ac_check is not None and again.ac_check.v_difference_pu < SETTLED
    assert again.ac_check.v_pu.max() <= LIMIT + SETTLED


@pytest.mark.data
@pytest.mark.parametrize("file", ["13Bus/IEEE13Nodeckt.dss", "37Bus/ieee37.dss", "123Bus/IEEE123Master.dss"])
def test_ieee_feeders_without_decisions(file: str, data_dir: Path):
    feeder = read_opendss(data_dir / "feeders" / file)
    flow = optimal_feeder_flow(feeder, taps=feeder_power_flow(feeder).taps)
    assert flow.ac_check is not None and flow.ac_check.v_difference_pu < APART


def test_limits_that_cannot_hold_are_named():
    low = three_phase(Z, [load("d", "b", 0.2, 0.1)]).edit("bus", {"b": {"v_min_pu": 0.99}})
    flow = optimal_power_flow(low, physics="lindistflow")
    assert flow.status == "infeasible" and flow.diagnosis is not None
    assert any(fact["element"] == "b.1" for fact in flow.diagnosis.facts["conflict"])
    assert math.isnan(flow.cost) and flow.bus.v_pu.isna().all()


def test_bad_input():
    feeder = with_sun(three_phase(Z, []), {"b": 1.0}, v_max=1.05)
    with pytest.raises(BadInput, match="lindistflow"):
        optimal_power_flow(feeder, physics="ac")
    with pytest.raises(OutOfRange):
        optimal_feeder_flow(feeder, rounds=0)
    with pytest.raises(InvalidNetwork, match="p_min_mw"):
        optimal_power_flow(feeder.edit("generator", {"sun b": {"p_min_mw": 2.0}}), physics="lindistflow")
    with pytest.raises(InvalidNetwork, match="quadratic"):
        worse = {"cost_quadratic_per_mw2h": -1.0}
        optimal_power_flow(feeder.edit("generator", {"sun b": worse}), physics="lindistflow")


def test_sun_between_phases():
    """Balanced sun in delta is the same as in wye: lossless, all of it arrives at the source."""
    flows = [
        optimal_power_flow(with_sun(three_phase(Z, []), {"b": 0.3}, v_max=1.05, connection=c), physics="lindistflow")
        for c in ("wye", "delta")
    ]
    for flow in flows:
        assert flow.generator.p_mw["source:s"] == approx(-0.3, abs=1e-4)
    assert flows[0].bus.v_pu.tolist() == approx(flows[1].bus.v_pu.tolist(), abs=CLOSE)
