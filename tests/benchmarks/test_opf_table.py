"""The table of optimal power flows: what PGLib publishes, what counts as right, and going on where one stopped."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.harness import Bench
from benchmarks.opf_cases import matrices, published
from benchmarks.opf_check import cost_and_violation
from benchmarks.opf_turned import antiparallel, turned_apart, write_turned
from pytest import approx

import gridloop as gl
from benchmarks import opf_table
from gridloop.errors import BadInput

CASES = {case.name: case for case in published()}


def test_the_published_table_is_read_whole():
    kinds = [case.kind for case in CASES.values()]
    assert {kind: kinds.count(kind) for kind in ("typical", "api", "sad")} == {"typical": 66, "api": 66, "sad": 66}
    assert all(case.path.is_file() for case in CASES.values())
    pjm = CASES["5_pjm__sad"]
    assert (pjm.kind, pjm.buses, pjm.objective) == ("sad", 5, {"dc": np.inf, "ac": 26109.0})
    # 2.6109e+04: half of 0.0001 in 2.6109.
    assert pjm.apart["ac"] == approx(0.00005 / 2.6109) and pjm.apart["dc"] == 0.0


@pytest.mark.parametrize("physics", ["ac", "dc"])
def test_cost_and_violation_come_from_the_file_alone(physics):
    """One MW more from one generator is 0.01 per unit too much at its bus, and costs what its row says."""
    case = CASES["14_ieee"]
    file = dict(matrices(case.path))
    flow = gl.optimal_power_flow(gl.read_network(case.path), physics=physics)
    cost, worst = cost_and_violation(file, physics, flow.bus, flow.generator)
    assert cost == approx(flow.cost, rel=1e-12) and worst < 1e-9
    more = flow.generator.copy()
    more.loc["gen-1", "p_mw"] += 1.0
    dearer, broken = cost_and_violation(file, physics, flow.bus, more)
    assert dearer - cost == approx(file["gencost"][0, 5], rel=1e-9) and broken == approx(0.01, abs=1e-9)
    lost = flow.generator.assign(p_mw=np.nan)
    assert np.isnan(cost_and_violation(file, physics, flow.bus, lost)[1])


def record(**other):
    right = {"published": 100.0, "status": "optimal", "same_sum": True, "violation_pu": 1e-9, "apart": 1e-4}
    return {**right, "allowed": 1.05e-4, "conflict": 0, **other}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"apart": -1.1e-4}, "-0.0110 %"),
        ({"apart": np.nan}, "nan %"),
        ({"apart": 2e-4, "turned": 1e-5}, ""),
        ({"apart": 2e-4, "turned": 2e-4}, "+0.0200 %"),
        ({"violation_pu": 2e-6}, "2.0e-06 pu"),
        ({"violation_pu": np.nan}, "nan pu"),
        ({"same_sum": False}, "not the sum"),
        ({"status": "infeasible", "conflict": 3}, "infeasible, where"),
        ({"published": np.inf}, "optimal, where PGLib's table has no solution"),
        ({"published": np.inf, "status": "time_limit"}, "time_limit"),
        ({"published": np.inf, "status": "infeasible"}, "without a conflict"),
        ({"published": np.inf, "status": "infeasible", "conflict": 2}, ""),
    ],
)
def test_what_counts_as_right(changed, words):
    said = opf_table.wrong(record(**changed))
    assert words in said and bool(said) == bool(words)


def test_a_table_of_small_cases_goes_on_where_it_stopped(tmp_path, monkeypatch):
    journal, said = tmp_path / "cases.jsonl", []
    names = ("5_pjm", "5_pjm__sad")
    settings = {"cases": names, "physics": ("dc",), "journal": journal, "line": said.append}
    rows = opf_table.run(Bench(**settings))
    assert [row.case for row in rows] == ["5_pjm dc", "5_pjm__sad dc", "all of typical dc", "all of sad dc"]
    assert not [row.case for row in rows if row.wrong] and rows[1].facts["conflict"] > 0
    assert rows[3].facts["right"] == rows[3].facts["infeasible_with_conflict"] == 1
    assert len(said) == 2 and "infeasible, conflict of" in said[1]

    monkeypatch.setattr(opf_table, "solve", lambda *_: pytest.fail("it was solved before"))
    again = opf_table.run(Bench(**settings))
    assert [repr(row.facts) for row in again[:2]] == [repr(row.facts) for row in rows[:2]]  # NaN is not itself
    kept = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    journal.write_text(json.dumps({**kept[0], "apart": 1e-3}), "utf-8")
    wrong = opf_table.run(Bench(**{**settings, "cases": names[:1]}))
    assert wrong[0].wrong and wrong[1].facts["right"] == 0


def kept_record(name="5_pjm"):
    of = {
        "case": name,
        "set": "typical",
        "buses": 5,
        "physics": "dc",
        "objective": 100.0,
        "seconds": 1.0,
        "why_wrong": "",
    }
    return json.dumps({**of, **record()})


@pytest.mark.parametrize("cut", [1, 8, 30, -1])
def test_half_a_last_line_is_run_again(tmp_path, monkeypatch, cut):
    """Killed while it appended: the lines before stay as they are, and the new one is a line of its own."""
    journal, whole = tmp_path / "cases.jsonl", kept_record()
    journal.write_text(whole + "\n" + kept_record("14_ieee")[:cut], "utf-8")
    monkeypatch.setattr(opf_table, "solve", lambda case, _: json.loads(kept_record(case.name)))
    settings = {"cases": ("5_pjm", "14_ieee"), "physics": ("dc",), "journal": journal}
    for _ in range(2):
        assert [row.case for row in opf_table.run(Bench(**settings))][:2] == ["5_pjm dc", "14_ieee dc"]
        assert journal.read_text("utf-8") == f"{whole}\n{kept_record('14_ieee')}\n"


def test_a_last_line_without_its_end_is_kept(tmp_path):
    journal = tmp_path / "cases.jsonl"
    journal.write_text(kept_record(), "utf-8")
    assert [r["case"] for r in opf_table._kept(journal)] == ["5_pjm"]
    assert journal.read_text("utf-8") == kept_record() + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,load\n0,1\n", "line 1 of .* no JSON object"),
        ("time,load", "line 1 of .* no JSON object"),
        ("[1, 2]\n", "line 1 of .* no JSON object"),
        ('{"load": 1}\n', "line 1 of .* no 'case'"),
        (f"{kept_record()}\n{kept_record()[:30]}\n{kept_record()}\n", "line 2 of .* no JSON object"),
        (kept_record().replace("100.0", "null"), "no value for published, objective"),
        (kept_record().replace('"same_sum": true', '"same_sum": 0'), "no value for same_sum"),
        (b"\xff\xfe\x00", "no JSON object"),
    ],
)
def test_another_file_is_no_journal_and_stays_as_it_is(tmp_path, text, words):
    journal, data = tmp_path / "cases.jsonl", text if isinstance(text, bytes) else text.encode()
    journal.write_bytes(data)
    with pytest.raises(BadInput, match=words):
        opf_table.run(Bench(cases=("5_pjm",), journal=journal))
    assert journal.read_bytes() == data


@pytest.mark.parametrize("where", ["missing/cases.jsonl", "."])
def test_a_journal_that_cannot_be_written_is_told_before_the_first_case(tmp_path, monkeypatch, where):
    monkeypatch.setattr(opf_table, "solve", lambda *_: pytest.fail("it was solved for nothing"))
    with pytest.raises(BadInput, match="cannot be opened for writing"):
        opf_table.run(Bench(cases=("5_pjm",), journal=tmp_path / where))


def test_what_is_promised_runs_unless_less_is_asked_for():
    assert {case.name for case in opf_table.chosen(Bench(quick=True))} == {
        case.name for case in CASES.values() if case.buses <= 300
    }
    whole = opf_table.chosen(Bench())
    assert max(case.buses for case in whole if case.kind == "typical") == 10_480
    assert max(case.buses for case in whole if case.kind == "sad") == 2869
    assert {case.kind for case in opf_table.chosen(Bench(sets=("api",), buses=100))} == {"api"}


def test_transformers_that_lie_against_most():
    """Two along and one against: the one is turned. On a tie those against the first. Lines and taps of 1 are left."""
    branch = np.zeros((12, 13))
    ends = [(1, 2), (2, 1), (1, 2), (3, 4), (4, 3), (5, 6), (6, 5), (7, 8), (8, 7), (9, 10), (10, 9), (10, 9)]
    branch[:, :2] = ends
    branch[:, 8] = [0.9, 1.1, 0.9, 0.9, 1.1, 0, 1, 0.9, 1.1, 1.1, 0.9, 0.9]
    branch[:, 10], branch[8, 10] = 1, 0  # that one is out of service
    assert antiparallel(branch).tolist() == [1, 4, 9]


def test_a_turned_case_is_the_same_network_and_another_dc_model(tmp_path):
    """1803 buses: AC powers through all turned ends are the same; DC gives the published number, as ours does not."""
    case = CASES["1803_snem"]
    assert write_turned(case.path, tmp_path / "turned.m") and not write_turned(
        CASES["118_ieee"].path, tmp_path / "no.m"
    )
    assert not (tmp_path / "no.m").exists()
    turned, file = dict(matrices(tmp_path / "turned.m")), dict(matrices(case.path))
    rows = antiparallel(file["branch"])
    assert rows.size == 9 and (turned["branch"][rows, :2] == file["branch"][rows, 1::-1]).all()
    before, after = (two_port(m["branch"][rows]) for m in (file, turned))
    # Nine branches of up to 1e4 per unit; the file is written with all digits.
    assert after[:, ::-1, ::-1] == approx(before, rel=1e-12)
    apart = turned_apart(case)
    assert apart is not None and abs(apart) < 2e-5


def two_port(branch: np.ndarray) -> np.ndarray:
    """Admittance between tail and head. [branch, 2, 2]"""
    y = 1 / (branch[:, 2] + 1j * branch[:, 3])
    tap = np.where(branch[:, 8] == 0, 1, branch[:, 8]) * np.exp(1j * np.deg2rad(branch[:, 9]))
    own = y + 0.5j * branch[:, 4]
    rows = [[own / np.abs(tap) ** 2, -y / tap.conj()], [-y / tap, own]]
    return np.moveaxis(np.array(rows), 2, 0)
