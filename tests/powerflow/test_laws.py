"""Laws that every power flow obeys, on random grids."""

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from random_grids import random_grids

from gridloop.network.model import Network
from gridloop.powerflow.flow import power_flow
from gridloop.testing import two_bus
from gridloop.units import BASE_MVA

# Solved far beyond what is compared, so that only rounding is left.
TIGHT = 1e-11
SAME_PU = 1e-9
SAME_MW = 1e-6

quick = settings(max_examples=25, deadline=None)


def solved(net):
    flow = power_flow(net, tolerance_pu=TIGHT)
    assert flow.converged
    return flow


def voltages(flow):
    return flow.bus["v_pu"].to_numpy() * np.exp(1j * np.deg2rad(flow.bus["angle_deg"].to_numpy()))


def rebuilt(net, **changes):
    """The same network with some columns of some tables replaced: table={column: values}."""
    tables = {name: frame.assign(**changes.get(name, {})) for name, frame in net.tables.items()}
    return Network.from_tables(tables)


def assert_same_powers(one, other):
    for name in ("line", "transformer"):
        columns = ["p_tail_mw", "q_tail_mvar", "p_head_mw", "q_head_mvar", "i_tail_ka", "i_head_ka"]
        theirs = getattr(other, name).loc[getattr(one, name).index, columns].to_numpy()
        assert getattr(one, name)[columns].to_numpy() == approx(theirs, abs=SAME_MW)


@quick
@given(net=random_grids, degrees=st.floats(-180, 180))
def test_turning_every_source_changes_no_flow(net, degrees):
    turned = rebuilt(net, source={"angle_deg": net.source["angle_deg"] + degrees})
    one, other = solved(net), solved(turned)
    assert voltages(other) == approx(voltages(one) * np.exp(1j * math.radians(degrees)), abs=SAME_PU)
    assert_same_powers(one, other)


@quick
@given(net=random_grids)
def test_power_is_balanced(net):
    """What goes in is what is lost; and at every node what is injected leaves by branches and shunts."""
    flow = solved(net)
    shunt = net.shunt[net.shunt["in_service"]].iloc[0]
    v_shunt = flow.bus.loc[shunt["bus"], "v_pu"]
    taken = v_shunt**2 * (shunt["g_mw"] - 1j * shunt["b_mvar"])
    generation, consumption = flow.source["p_mw"].sum() + flow.generator["p_mw"].sum(), net.load["p_mw"].sum()
    consumption += net.storage["p_mw"].sum()
    assert flow.losses_mw == approx(generation - consumption, abs=SAME_MW)
    assert flow.losses_mw == approx(
        flow.line["losses_mw"].sum() + flow.transformer["losses_mw"].sum() + taken.real, abs=SAME_MW
    )
    out = pd.Series(0j, index=net.bus.index)
    out[shunt["bus"]] += taken
    opened = set(net.switch.loc[~net.switch["closed"], ["bus", "element"]].itertuples(index=False, name=None))
    for name in ("line", "transformer"):
        for branch, row in getattr(flow, name).iterrows():
            for end in ("tail", "head"):
                bus = net.tables[name].loc[branch, f"{end}_bus"]
                entering = row[f"p_{end}_mw"] + 1j * row[f"q_{end}_mvar"]
                if (bus, branch) in opened:
                    assert entering == 0
                else:
                    out[bus] += entering
    coupled = net.switch.loc["coupler", "element"]
    out["0"], out[coupled] = [out["0"] + out[coupled]] * 2  # one node, told at both of its buses
    injected = flow.bus["p_mw"] + 1j * flow.bus["q_mvar"]
    assert injected.to_numpy() == approx(out.to_numpy(), abs=SAME_MW)


@quick
@given(net=random_grids, factor=st.floats(0.01, 20))
def test_twice_the_power_through_half_the_impedance(net, factor):
    """All powers and admittances scaled together leave every voltage where it is."""
    scaled = rebuilt(
        net,
        line={
            **{c: net.line[c] / factor for c in ("r_ohm_per_km", "x_ohm_per_km")},
            **{c: net.line[c] * factor for c in ("g_us_per_km", "b_us_per_km")},
        },
        transformer={"s_rated_mva": net.transformer["s_rated_mva"] * factor},
        shunt={c: net.shunt[c] * factor for c in ("g_mw", "b_mvar")},
        **{
            name: {c: net.tables[name][c] * factor for c in ("p_mw", "q_mvar")}
            for name in ("load", "generator", "storage")
        },
    )
    assert voltages(solved(scaled)) == approx(voltages(solved(net)), abs=SAME_PU)


@quick
@given(net=random_grids, factor=st.floats(0.1, 10))
def test_another_voltage_level_is_the_same_grid_per_unit(net, factor):
    kv = {c: net.transformer[c] * factor for c in ("v_tail_kv", "v_head_kv")}
    ohm = {c: net.line[c] * factor**2 for c in ("r_ohm_per_km", "x_ohm_per_km")}
    siemens = {c: net.line[c] / factor**2 for c in ("g_us_per_km", "b_us_per_km")}
    lifted = rebuilt(net, bus={"v_nom_kv": net.bus["v_nom_kv"] * factor}, transformer=kv, line=ohm | siemens)
    one, other = solved(net), solved(lifted)
    assert voltages(other) == approx(voltages(one), abs=SAME_PU)
    assert other.line["i_tail_ka"].to_numpy() == approx(one.line["i_tail_ka"].to_numpy() / factor, abs=SAME_MW)


@quick
@given(net=random_grids, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_count(net, seed):
    rng = np.random.default_rng(seed)
    shuffled = Network.from_tables(
        {name: frame.iloc[rng.permutation(len(frame))] for name, frame in net.tables.items()}
    )
    one, other = solved(net), solved(shuffled)
    assert voltages(other) == approx(voltages(one)[net.bus.index.get_indexer(other.bus.index)], abs=SAME_PU)
    assert_same_powers(one, other)


@quick
@given(net=random_grids)
def test_a_line_has_no_direction(net):
    turned = rebuilt(net, line={"tail_bus": net.line["head_bus"], "head_bus": net.line["tail_bus"]})
    one, other = solved(net), solved(turned)
    assert voltages(other) == approx(voltages(one), abs=SAME_PU)
    assert other.line["p_head_mw"].to_numpy() == approx(one.line["p_tail_mw"].to_numpy(), abs=SAME_MW)


@settings(max_examples=60, deadline=None)
@given(
    r=st.floats(0.001, 0.2), x=st.floats(0.001, 0.2), p=st.floats(-2, 2), q=st.floats(-1, 1), v=st.floats(0.9, 1.1)
)  # fmt: skip
def test_two_buses_in_closed_form(r, x, p, q, v):
    """With u = v² at the load: u² + (2 (r p + x q) − v₀²) u + (r² + x²)(p² + q²) = 0; the larger root is the grid's."""
    half = (v**2 - 2 * (r * p + x * q)) / 2
    root = half**2 - (r**2 + x**2) * (p**2 + q**2)
    flow = power_flow(two_bus(r=r, x=x, load=p, load_q=q, v_source=v), tolerance_pu=TIGHT)
    if root > 1e-6 and half > 0:
        assert flow.bus.loc["b", "v_pu"] == approx(math.sqrt(half + math.sqrt(root)), abs=1e-8)
    elif root < -1e-6:
        assert not flow.converged
        scale = flow.diagnosis.facts["load_scale"]
        # Scaled by k the root is (v²/2 − k a)² − k² b: zero at the nose.
        a, b = r * p + x * q, (r**2 + x**2) * (p**2 + q**2)
        assert scale == approx(v**2 / 2 / (a + math.sqrt(b)), rel=0.01)
    assert flow.mismatch_mva < TIGHT * BASE_MVA or not flow.converged
