"""The flow of a SimBench feeder agrees with pandapower: switches, a vector group of 150°, and taps."""

import warnings

import numpy as np
import pytest
from pytest import approx

from gridloop.io.pandapower_net import from_pandapower
from gridloop.powerflow.flow import power_flow
from gridloop.testing import moment

CODE = "1-MV-semiurb--2-sw"
# Both leave mismatches of about 1e-10 pu; what is promised is 1e-8.
PROMISED = 1e-8
TOLERANCE = 1e-10


@pytest.fixture(scope="module")
def peer():
    import simbench

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = simbench.get_simbench_net(CODE)
    net.trafo["tap_changer_type"] = "Ratio"  # SimBench leaves it out, and pandapower then ignores the tap
    return net


@pytest.fixture(scope="module")
def feeder(peer):
    return from_pandapower(peer)


@pytest.mark.parametrize("tap", [-2, 0, 2])
@pytest.mark.parametrize("side", ["tail", "head"])
def test_voltages_and_loading(feeder, peer, tap, side):
    import pandapower

    peer.trafo["tap_pos"] = peer.trafo["tap_neutral"] + tap
    peer.trafo["tap_side"] = {"tail": "hv", "head": "lv"}[side]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandapower.runpp(
            peer, init="dc", trafo_model="pi", calculate_voltage_angles=True, tolerance_mva=1e-9, numba=False
        )
    turned = {t: {"tap_pos": tap, "tap_side": side} for t in feeder.transformer.index}
    net = feeder.edit("transformer", turned, author="ada", time=moment(), reason="test")
    assert (~net.switch["closed"]).sum() == 8 and set(net.transformer["shift_deg"]) == {150.0}
    flow = power_flow(net, tolerance_pu=TOLERANCE)
    assert flow.converged and flow.diagnosis is None
    ours = flow.bus["v_pu"] * np.exp(1j * np.deg2rad(flow.bus["angle_deg"]))
    theirs = peer.res_bus["vm_pu"] * np.exp(1j * np.deg2rad(peer.res_bus["va_degree"]))
    assert np.abs(ours.to_numpy() - theirs.to_numpy()).max() <= PROMISED
    assert flow.bus["angle_deg"].min() < -140
    line, trafo = peer.res_line, peer.res_trafo
    assert flow.line["loading_pct"].to_numpy() == approx(line["loading_percent"].to_numpy(), abs=1e-6)
    assert flow.line["p_tail_mw"].to_numpy() == approx(line["p_from_mw"].to_numpy(), abs=1e-6)
    assert flow.line["q_head_mvar"].to_numpy() == approx(line["q_to_mvar"].to_numpy(), abs=1e-6)
    assert flow.transformer["loading_pct"].to_numpy() == approx(trafo["loading_percent"].to_numpy(), abs=1e-6)
    assert flow.transformer["i_head_ka"].to_numpy() == approx(trafo["i_lv_ka"].to_numpy(), abs=1e-8)
    assert flow.losses_mw == approx(line["pl_mw"].sum() + trafo["pl_mw"].sum(), abs=1e-6)
    assert flow.source["p_mw"].to_numpy() == approx(peer.res_ext_grid["p_mw"].to_numpy(), abs=1e-6)
