"""`gridloop commit`: one JSON object, words for a person, a page, and exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from plain_commitment import random_case


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "case.json"
    path.write_text(json.dumps(random_case(np.random.default_rng(3), units=4, hours=8)))
    return path


def test_json_has_what_is_promised(gridloop, file):
    answer = gridloop("commit", file, "--json")
    assert answer.code == 0
    said = json.loads(answer.out)
    assert {"objective", "bound", "gap", "solve_s", "status"} <= set(said)
    assert said["status"] == "optimal" and said["gap"] <= 1e-3
    assert said["bound"] <= said["objective"] + 1e-6
    assert sum(said["parts"].values()) == pytest.approx(said["objective"])


def test_words_and_page(gridloop, file, tmp_path):
    page = tmp_path / "plan.html"
    answer = gridloop("commit", file, "--plot", page)
    assert answer.code == 0
    text = answer.out
    assert "no plan below" in text and "gap" in text and str(page) in text
    html = page.read_text()
    for part in ("chart-stack", "chart-prices", "chart-units", "hours of units"):
        assert part in html


def test_infeasible_is_exit_3_with_the_hour(gridloop, file):
    data = json.loads(file.read_text())
    data["demand"][2] += 10_000
    file.write_text(json.dumps(data))
    answer = gridloop("commit", file, "--json")
    assert answer.code == 3
    said = json.loads(answer.out)
    assert said["status"] == "infeasible" and said["objective"] is None
    assert "hour 2" in said["diagnosis"]


@pytest.mark.parametrize("arguments", [["--gap", "2"], ["--time-limit-s", "0"], ["--plot", "plan.png"]])
def test_bad_options_are_exit_2(gridloop, file, arguments):
    answer = gridloop("commit", file, *arguments)
    assert answer.code == 2 and "BadInput" in answer.line


def test_no_file_is_exit_2(gridloop, tmp_path):
    answer = gridloop("commit", tmp_path / "no.json")
    assert answer.code == 2 and "MissingFile" in answer.line


def test_a_network_commits_its_own_generators(gridloop, matpower_dir, tmp_path):
    """case30 over four hours: its lines are narrow for the last one."""
    demand = tmp_path / "demand.csv"
    demand.write_text("time,demand_mw\n0,120\n1,150\n2,180\n3,260\n")
    page = tmp_path / "plan.html"
    file = matpower_dir / "case30.m"
    answer = gridloop("commit", file, "--demand", demand, "--json", "--plot", page)
    assert answer.code == 0, answer.out
    said = json.loads(answer.out)
    assert said["hours"] == 4 and said["gap"] <= 1e-3
    assert said["congestion"] and set(said["congestion"][0]) == {"branch", "hours", "shadow_price_per_mwh"}
    assert said["bus_price_min_per_mwh"] < said["bus_price_max_per_mwh"]
    html = page.read_text()
    assert "chart-bus-prices" in html and "chart-branches" in html and said["congestion"][0]["branch"] in html
    words = gridloop("commit", file, "--demand", demand)
    assert "full where it costs money" in words.out and said["congestion"][0]["branch"] in words.out


def test_units_of_a_file_are_carried_by_a_network(gridloop, file, tmp_path):
    """G0 … G3 of the case find their buses in a network whose generators have these names; one line is too narrow."""
    import gridloop as gl
    from gridloop.testing import V_NOM_KV

    net = gl.Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": V_NOM_KV} for b in "ab"],
            "line": [
                {"id": "a-b", "tail_bus": "a", "head_bus": "b", "length_km": 1, "r_ohm_per_km": 0, "x_ohm_per_km": 0.1,
                 "i_max_ka": 0.5}
            ],
            "load": [{"id": "town", "bus": "b", "p_mw": 50.0}],
            "generator": [{"id": f"G{k}", "bus": "ab"[k % 2], "p_max_mw": 100.0} for k in range(4)]
            + [{"id": "wind", "bus": "a", "p_max_mw": 50.0, "kind": "wind"}],
            "source": [{"id": "angle", "bus": "a"}],
        },
        owner="test",
    )  # fmt: skip
    folder = tmp_path / "grid"
    gl.write_network(net, folder)
    answer = gridloop("commit", file, "--network", folder, "--json")
    said = json.loads(answer.out)
    assert answer.code in (0, 3)
    assert "congestion" in said or "a-b" in said["diagnosis"]


def test_series_belong_to_a_network(gridloop, file, matpower_dir):
    answer = gridloop("commit", file, "--reserve-mw", "5")
    assert answer.code == 2 and "--reserve-mw" in answer.line
    answer = gridloop("commit", matpower_dir / "case30.m", "--network", matpower_dir / "case30.m")
    assert answer.code == 2 and "--network" in answer.line
    answer = gridloop("commit", matpower_dir / "case30.m", "--demand", "no.csv")
    assert answer.code == 2 and "no.csv" in answer.line
