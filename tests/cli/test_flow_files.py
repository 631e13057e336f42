"""`gridloop flow` on files: the JSON holds what the library computes, and a file that is no case is one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import Command
from small_site import small_network

from gridloop.io.folder import write_network
from gridloop.io.read import read_network
from gridloop.powerflow.flow import power_flow

CASES = ["case9", "case14", "case30", "case57", "case118", "case300", "case1354pegase", "case2869pegase"]
TOLERANCE = 1e-12  # a number goes through JSON with 15 decimals


@pytest.mark.parametrize("case", CASES)
def test_json_holds_the_flow_of_the_library(case: str, matpower_dir: Path, gridloop: Command):
    file = matpower_dir / f"{case}.m"
    said = gridloop("flow", file, "--json")
    assert (said.code, said.err) == (0, "")
    data = json.loads(said.out)
    flow = power_flow(read_network(file))
    assert data["iterations"] == flow.iterations
    for name in ("bus", "line", "transformer", "source", "generator"):
        wanted = getattr(flow, name)
        told = pd.DataFrame(data[name], columns=["id", *wanted.columns]).set_index("id")
        assert list(told.index) == list(wanted.index)
        numbers = wanted.select_dtypes("number")
        gap = np.abs(told[numbers.columns].to_numpy(dtype=float) - numbers.to_numpy(dtype=float))
        assert np.isnan(gap).sum() == numbers.isna().to_numpy().sum()
        scale = np.maximum(1.0, np.abs(numbers.to_numpy(dtype=float)))
        assert np.nanmax(gap / scale, initial=0.0) <= TOLERANCE
    assert data["losses_mw"] == pytest.approx(flow.losses_mw, rel=TOLERANCE)
    found = flow.violations()
    assert [row["id"] for row in data["violations"]] == list(found["id"])
    assert all(isinstance(row["value"], float) for row in data["violations"])


def test_limits_that_do_not_hold_are_counted_for_people(matpower_dir: Path, gridloop: Command):
    said = gridloop("flow", matpower_dir / "case300.m")
    count = len(power_flow(read_network(matpower_dir / "case300.m")).violations())
    assert count > 0 and f"{count} limits do not hold" in said.out


def test_reactive_limits_are_held_where_asked(matpower_dir: Path, gridloop: Command):
    file = matpower_dir / "case118.m"
    free, held = (json.loads(gridloop("flow", file, "--json", *extra).out) for extra in ([], ["--reactive-limits"]))
    assert free["bus"] != held["bus"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cut.m", b"function mpc = cut\nmpc.bus = [1 2 3", ["UnknownFormat", "cut.m", "not readable", "baseMVA"]),
        ("words.m", b"hello", ["UnknownFormat", "words.m"]),
        ("bytes.m", bytes(range(256)), ["UnknownFormat", "bytes.m", "UTF-8"]),
        ("empty.m", b"", ["UnknownFormat", "empty.m"]),
        ("cut.raw", b"0, 100.0 / x", ["UnknownFormat", "cut.raw"]),
        ("list.json", b"[1, 2]", ["UnknownFormat", "list.json"]),
        ("cut.json", b"{", ["UnknownFormat", "cut.json"]),
        ("case.xyz", b"", ["UnknownFormat", "case.xyz", "Readable are .m (MATPOWER)"]),
    ],
)
def test_a_file_that_is_no_case_is_one_line(
    name: str, content: bytes, words: list[str], tmp_path: Path, gridloop: Command
):
    (tmp_path / name).write_bytes(content)
    said = gridloop("flow", tmp_path / name)
    assert (said.code, said.out) == (2, "")
    assert not [word for word in words if word not in said.line], said.line


def test_what_is_not_there_is_one_line(tmp_path: Path, gridloop: Command):
    for what, words in (
        (str(tmp_path / "none.m"), ["MissingFile", "none.m", "Check the path"]),
        (str(tmp_path), ["UnknownFormat", "no reader", "a folder written by gridloop"]),
        ("simbench:nope", ["UnknownFormat", "no SimBench grid 'nope'", "near it are"]),
    ):
        said = gridloop("flow", what)
        assert said.code == 2
        assert not [word for word in words if word not in said.line], said.line


def test_a_network_in_volt_is_one_line(tmp_path: Path, gridloop: Command):
    net = small_network()
    change = {str(i): {"v_nom_kv": 1000.0 * kv} for i, kv in net.bus["v_nom_kv"].items()}
    wrong = net.edit("bus", change, author="t", time=pd.Timestamp(0, tz="UTC"), reason="t")
    said = gridloop("flow", write_network(wrong, tmp_path / "net"))
    assert said.code == 2
    assert "InvalidNetwork" in said.line and "looks like V" in said.line and "HV, B1, B2, B3" in said.line
