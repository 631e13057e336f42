"""Reports: what they hold, what they say of a promise, and that a wrong answer cannot hide in them."""

from __future__ import annotations

import json

import pytest
from benchmarks.harness import alternate
from benchmarks.peers import PeerFailed
from benchmarks.promises import PROMISES, judge
from benchmarks.result import Machine, Rates, Row, report, store, this_machine
from pytest import approx

from benchmarks import commitment, contingencies, feeder, flexibility, opf, powerflow, study_131m

ASKED = {"case", "ours_per_s", "peers", "ratio", "max_dv_pu", "cores"}
IDLE = Machine("a processor", 2, 8.0, "a system", "3.11", 0.0)


def row(**changes: object) -> Row:
    given = {
        "ours": Rates((900.0, 1000.0, 5000.0)),
        "peers": {"fast": Rates((100.0, 90.0, 110.0)), "slow": Rates((1.0,))},
        "others": {"another question": Rates((9999.0,))},
        "max_dv_pu": 1e-10,
        "exact_dv_pu": 1e-12,
        "mismatch_pu": 1e-9,
        "allowed_dv_pu": 1e-8,
        "allowed_mismatch_pu": 1e-8,
    }
    return Row("powerflow", "case118", 2, **(given | changes))  # type: ignore[arg-type]


def test_a_row_holds_what_was_asked_for():
    data = row().as_json()
    assert data.keys() >= ASKED
    assert (data["ours_per_s"], data["peers"]) == (1000.0, {"fast": 100.0, "slow": 1.0})
    assert data["ratio"] == approx(10.0)  # the fastest peer counts; what answers another question does not
    assert data["runs"]["gridloop"] == {"median": 1000.0, "min": 900.0, "max": 5000.0, "runs": 3, "method": ""}
    assert data["promise"]["kept"] is True and data["wrong"] == []


@pytest.mark.parametrize(
    ("planted", "word"),
    [
        ({"exact_dv_pu": 2e-8}, "differs"),
        ({"mismatch_pu": 1e-7}, "mismatch"),
        ({"exact_dv_pu": float("nan")}, "differs"),
    ],
)
def test_a_wrong_answer_is_named(planted, word):
    wrong = row(**planted).wrong
    assert len(wrong) == 1 and word in wrong[0]


def test_an_answer_that_stops_short_misses_its_promise_and_is_not_wrong():
    data = row(max_dv_pu=4e-8).as_json()
    assert data["wrong"] == [] and data["promise"]["kept"] is False
    assert data["promise"]["words"].startswith("Kept: 10.0") and "MISSED: as timed" in data["promise"]["words"]


def test_nothing_measured_is_no_ratio_and_keeps_no_promise():
    data = row(ours=None, max_dv_pu=None, exact_dv_pu=None, mismatch_pu=None).as_json()
    assert (data["ours_per_s"], data["ratio"], data["max_dv_pu"]) == (None, None, None)
    assert data["promise"]["kept"] is None and "Not measured" in data["promise"]["words"]


@pytest.mark.parametrize(
    ("ratio", "kept", "words"),
    [(9.9, False, "MISSED: 9.9"), (10.0, True, "Kept: 10.0"), (15.2, True, "stretch is reached")],
)
def test_a_promise_is_judged_in_words(ratio, kept, words):
    verdict = judge("powerflow", "case118", 1.0, ratio)
    assert verdict.kept is kept and words in verdict.words


def test_every_promise_has_a_case_that_is_measured():
    cases = {
        powerflow.NAME: powerflow.CASES,
        contingencies.NAME: contingencies.CASES,
        feeder.NAME: (feeder.CASE, feeder.WITH_REGULATORS),
        opf.NAME: tuple(name + physics for name in opf.baseline() for physics in ("", " dc")),
        commitment.NAME: (*commitment.QUICK, commitment.CUT),
        flexibility.NAME: tuple(case for part in flexibility.PARTS for case in getattr(part, "CASES", ())),
        study_131m.NAME: (study_131m.CASE,),
    }
    assert not [(name, case) for name, case in PROMISES if case not in cases[name]]


def test_a_busy_machine_makes_no_claim(tmp_path):
    busy = Machine("a processor", 2, 8.0, "a system", "3.11", 0.9)
    assert report("powerflow", [row()], IDLE, {})["notes"] == []
    assert "no claim" in report("powerflow", [row()], busy, {})["notes"][0]


def test_a_report_is_kept_as_json(tmp_path):
    data = report("powerflow", [row(max_dv_pu=float("inf"), exact_dv_pu=float("inf"))], this_machine(), {"peer": "1.0"})
    file = store(data, tmp_path / "bench" / "x.json")
    kept = json.loads(file.read_text("utf-8"))
    assert kept["results"][0]["exact_dv_pu"] is None and kept["results"][0]["wrong"]
    assert kept["versions"]["peer"] == "1.0" and kept["machine"]["cores"] >= 1
    assert [path.name for path in file.parent.iterdir()] == ["x.json"]


def test_contestants_take_turns_and_one_that_fails_is_out():
    called, said = [], []

    def turn(name: str, fails_at: int = 99):
        def once() -> float:
            called.append(name)
            if called.count(name) == fails_at:
                raise PeerFailed("it broke")
            return float(len(called))

        return once

    rates = alternate({"a": turn("a"), "b": turn("b", fails_at=2), "c": turn("c")}, 3, said.append)
    assert called == ["a", "b", "c", "a", "b", "c", "a", "c"]
    assert rates == {"a": [1.0, 4.0, 7.0], "c": [3.0, 6.0, 8.0]}
    assert "PeerFailed: it broke" in said


@pytest.mark.parametrize(("took_s", "kept", "words"), [(9.0, True, "Kept: 9 s"), (12.0, False, "MISSED: 12 s")])
def test_a_promise_of_seconds_alone_is_judged(took_s, kept, words):
    verdict = judge("commitment", "rts_gmlc/2020-02-09 cut to 50 units and 24 hours", 1 / took_s, None)
    assert verdict.kept is kept and verdict.words == f"{words}, promised 10 s."
