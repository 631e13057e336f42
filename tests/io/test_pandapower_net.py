"""pandapower's own power flow is solved by our equations: that is what a faithful conversion means."""

import copy
import warnings

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

from gridloop.errors import BadInput
from gridloop.io.pandapower_net import from_pandapower, generator_kind
from gridloop.network.arrays import build_arrays
from gridloop.network.validation import validate


def solved(net):
    """The net, solved by pandapower in the same model (π transformers, angles) as tightly as it can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pp.runpp(net, trafo_model="pi", calculate_voltage_angles=True, tolerance_mva=1e-10, numba=False)
    return net


def mismatch_mva(net):
    """Power missing at the worst node, sources and voltage-holding generators apart, at pandapower's voltages. [MVA]"""
    ours = from_pandapower(net)
    arrays = build_arrays(ours)
    v = net.res_bus["vm_pu"].to_numpy() * np.exp(1j * np.deg2rad(net.res_bus["va_degree"].to_numpy()))
    v = v[arrays.topology.first_bus]
    rest = v * np.conj(arrays.admittance() @ v) - arrays.injection(ours)
    rest[arrays.regulated] = rest[arrays.regulated].real
    rest[arrays.source] = 0
    dark = ~arrays.topology.supplied
    rest[dark] = 0
    return 100 * np.abs(rest).max()


def everything():
    """Each supported element once, none at its default."""
    net = pp.create_empty_network(name="all", f_hz=60)
    bus = [pp.create_bus(net, kv, name=f"b{i}") for i, kv in enumerate([110, 20, 20, 20, 20, 20])]
    pp.create_ext_grid(net, bus[0], vm_pu=1.01, va_degree=10, name="grid")
    pp.create_transformer_from_parameters(
        net, bus[0], bus[1], sn_mva=25, vn_hv_kv=115, vn_lv_kv=20.5, vk_percent=12, vkr_percent=0.4, pfe_kw=14,
        i0_percent=0.07, shift_degree=150, tap_side="hv", tap_neutral=1, tap_min=-9, tap_max=9, tap_pos=-3,
        tap_step_percent=1.5, tap_changer_type="Ratio", parallel=2, df=0.9, name="t",
    )  # fmt: skip
    for a, b in ((1, 2), (2, 3), (3, 1)):
        pp.create_line_from_parameters(
            net, bus[a], bus[b], length_km=2.5, r_ohm_per_km=0.2, x_ohm_per_km=0.12, c_nf_per_km=250, g_us_per_km=3,
            max_i_ka=0.3, df=0.8, parallel=2, name=f"l{a}{b}",
        )  # fmt: skip
    pp.create_switch(net, bus[3], 2, et="l", closed=False, type="LBS", name="open")
    pp.create_switch(net, bus[3], bus[4], et="b", closed=True, type="CB", name="coupler")
    pp.create_load(net, bus[2], 2.0, 0.5, scaling=1.5, name="load")
    pp.create_sgen(net, bus[3], 1.2, -0.1, sn_mva=1.5, scaling=0.5, type="PV", name="roof")
    pp.create_gen(net, bus[4], 0.7, vm_pu=1.005, name="engine", min_q_mvar=-1, max_q_mvar=1)
    pp.create_storage(
        net, bus[2], 0.3, max_e_mwh=2, q_mvar=0.05, sn_mva=0.5, soc_percent=40, min_e_mwh=0.2, min_p_mw=-0.4,
        max_p_mw=0.45, scaling=2, name="battery",
    )  # fmt: skip
    pp.create_shunt(net, bus[2], q_mvar=-0.3, p_mw=0.02, vn_kv=21, step=2, name="capacitor")
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=30, cp0_eur=2, cp2_eur_per_mw2=0.1)
    return net


def test_every_element_by_pandapowers_own_flow():
    assert mismatch_mva(solved(everything())) < 1e-8


def test_values_of_every_element():
    net = from_pandapower(everything())
    assert not validate(net).errors
    assert net.name == "all"
    assert net.line.loc["l12", "b_us_per_km"] == pytest.approx(2 * np.pi * 60 * 250e-9 * 1e6)
    assert net.line.loc["l12", "i_max_ka"] == pytest.approx(0.24)
    t = net.transformer.loc["t"]
    assert (t["tail_bus"], t["head_bus"], t["s_max_mva"], t["tap_pos"], t["tap_neutral"]) == ("b0", "b1", 22.5, -3, 1)
    assert np.hypot(t["r_pu"], t["x_pu"]) == pytest.approx(0.12)
    assert np.hypot(t["g_pu"], t["b_pu"]) == pytest.approx(0.0007) and t["b_pu"] < 0
    assert net.switch.loc["open", ["element_kind", "element", "closed", "kind"]].tolist() == [
        "line", "l31", False, "load_break",
    ]  # fmt: skip
    roof = net.generator.loc["roof"]
    assert (roof["p_mw"], roof["kind"], roof["p_max_mw"], roof["regulates_voltage"]) == (0.6, "solar", 0.75, False)
    assert np.isnan(roof["q_max_mvar"])
    engine = net.generator.loc["engine"]
    assert engine["regulates_voltage"] and engine["v_set_pu"] == 1.005 and engine["cost_linear_per_mwh"] == 30
    s = net.storage.loc["battery"]
    assert (s["p_mw"], s["max_charge_mw"], s["max_discharge_mw"], s["soc"], s["min_soc"]) == (0.6, 0.45, 0.4, 0.4, 0.1)
    assert net.source.loc["grid", ["v_set_pu", "angle_deg"]].tolist() == [1.01, 10]


@pytest.mark.parametrize("make", [pn.create_cigre_network_mv, pn.mv_oberrhein, pn.example_simple, pn.case145])
def test_pandapowers_networks(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = solved(make())
    assert mismatch_mva(net) < 1e-6


@pytest.mark.parametrize(("side", "kind"), [("hv", "Ratio"), ("hv", "Ideal"), ("lv", "Ideal")])
def test_taps_on_either_side(side, kind):
    """A ratio changer on the lv side is left out: there pandapower scales the impedance with the tap, and we do not."""
    net = everything()
    net.trafo["tap_side"] = side
    net.trafo["tap_changer_type"] = kind
    if kind == "Ideal":
        net.trafo[["tap_step_percent", "tap_step_degree"]] = [0.0, 2.0]
    assert mismatch_mva(solved(net)) < 1e-8


def test_a_missing_tap_position_is_neutral():
    net = everything()
    net.trafo["tap_pos"] = np.nan
    assert from_pandapower(net).transformer.loc["t", "tap_pos"] == 1


def test_names_that_do_not_tell_apart_become_numbers():
    net = everything()
    net.load["name"] = "b1"  # also a bus's name
    ours = from_pandapower(net)
    assert ours.load.index.tolist() == ["load-0"] and ours.load["name"].tolist() == ["b1"]
    assert ours.bus.index.tolist() == ["b0", "bus-1", "b2", "b3", "b4", "b5"]


def test_a_slack_generator_is_a_source_too():
    net = everything()
    net.gen["slack"] = True
    ours = from_pandapower(net)
    assert ours.source.loc["source-engine", ["bus", "v_set_pu"]].tolist() == ["b4", 1.005]


def test_coordinates():
    net = everything()
    net.bus["geo"] = None
    net.bus.loc[0, "geo"] = '{"type": "Point", "coordinates": [11.8, 53.4]}'
    net.bus.loc[1, "geo"] = '{"type": "Point", "coordinates": [3000, 4000]}'
    bus = from_pandapower(net).bus
    assert bus.loc["b0", ["longitude_deg", "latitude_deg"]].tolist() == [11.8, 53.4]
    assert bus.loc["b1":, ["longitude_deg", "latitude_deg"]].isna().all(axis=None)


def test_what_has_no_counterpart_is_named():
    net = everything()
    pp.create_impedance(net, 1, 2, 0.01, 0.01, 10)
    pp.create_ward(net, 2, 0.1, 0, 0.1, 0)
    net.load["const_z_p_percent"] = 20.0
    net.switch["z_ohm"] = 0.1
    with pytest.raises(BadInput) as caught:
        from_pandapower(net)
    assert caught.value.facts["lost"] == [
        "1 in impedance", "1 in ward", "1 loads with const_z_p_percent", "1 bus switches with z_ohm",
    ]  # fmt: skip
    skewed = everything()
    skewed.trafo["tap_step_degree"] = 90.0
    with pytest.raises(BadInput, match="turn and stretch at once"):
        from_pandapower(skewed)


def test_the_net_is_left_as_it_was():
    net = everything()
    before = copy.deepcopy(net)
    from_pandapower(net)
    for table in net:
        if isinstance(net[table], pd.DataFrame):
            pd.testing.assert_frame_equal(net[table], before[table])


@pytest.mark.parametrize(
    ("kind", "ours"),
    [("PV", "solar"), ("PV_MV", "solar"), ("Wind_MV", "wind"), ("wind offshore", "wind"), ("Hydro_MV", "hydro"),
     ("run of river", "hydro"), ("Biomass_MV", "biomass"), ("lv_RES", "mixed"), ("hard coal", "thermal"),
     ("", "other")],
)  # fmt: skip
def test_generator_kinds(kind, ours):
    assert generator_kind(kind) == ours
