"""`gridloop flow`: MATPOWER's cases as pandapower and lightsim2grid solve them; no solution is a diagnosis."""

import json

import numpy as np
import pytest
from case_files import lightsim_voltages, pandapower_net, voltages

from gridloop.io.folder import write_network
from gridloop.testing import chain, moment, two_bus

CASES = ["case9", "case14", "case30", "case57", "case118", "case300", "case1354pegase", "case2869pegase"]
# What is promised. At the command's own tolerance of 1e-8 pu of power the voltages differ by about 1e-10.
PROMISED = 1e-8


@pytest.mark.parametrize("case", CASES)
def test_a_case_file_agrees_with_its_peers(gridloop, matpower_dir, case):
    path = matpower_dir / f"{case}.m"
    said = gridloop("flow", path, "--json")
    assert said.code == 0 and said.err == ""
    flow = json.loads(said.out)
    assert flow["converged"] and flow["diagnosis"] is None
    peer = pandapower_net(path)
    order = peer.bus.index.get_indexer([int(bus["id"]) for bus in flow["bus"]])
    ours = np.array([bus["v_pu"] * np.exp(1j * np.deg2rad(bus["angle_deg"])) for bus in flow["bus"]])
    assert np.abs(ours - voltages(peer)[order]).max() <= PROMISED
    assert np.abs(ours - lightsim_voltages(peer)[order]).max() <= PROMISED


def test_no_solution_is_a_diagnosis_and_code_3(gridloop, tmp_path):
    write_network(two_bus(r=0.1, load=3.0), tmp_path / "net")
    said = gridloop("flow", tmp_path / "net", "--json")
    assert said.code == 3
    flow = json.loads(said.out)
    assert not flow["converged"] and flow["bus"][1]["v_pu"] is None and flow["losses_mw"] is None
    assert "not_converged" in flow["diagnosis"] and "scaled by 0.833 still solve" in flow["diagnosis"]
    shown = gridloop("flow", tmp_path / "net")
    assert shown.code == 3 and "give way first are b" in " ".join(shown.out.split())


def test_dark_buses_are_named_and_the_rest_is_solved(gridloop, tmp_path):
    net = chain(4).edit("line", {"2-3": {"in_service": False}}, author="ada", time=moment(), reason="test")
    write_network(net, tmp_path / "net")
    flow = json.loads(gridloop("flow", tmp_path / "net", "--json").out)
    assert flow["converged"] and "1 bus has no path to a source (3)" in flow["diagnosis"]
    assert [bus["supplied"] for bus in flow["bus"]] == [True, True, True, False]


def test_lines_stay_whole_however_long_the_path(gridloop, matpower_dir, tmp_path):
    """What goes to a pipe is searched and copied: no line of it breaks at a width that nobody sees."""
    case = tmp_path / ("a-long-name-" * 12) / "[case] 9.m"
    case.parent.mkdir()
    case.write_text((matpower_dir / "case9.m").read_text())
    said = gridloop("flow", case)
    assert said.out.splitlines()[0] == f"{case}: 9 buses, 9 lines, 0 transformers"


def test_for_people(gridloop, matpower_dir):
    said = gridloop("flow", matpower_dir / "case9.m")
    peer = pandapower_net(matpower_dir / "case9.m")
    assert said.code == 0 and "9 buses" in said.out
    assert f"Losses {peer.res_line['pl_mw'].sum():.3f} MW" in said.out
