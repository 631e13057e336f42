"""`gridloop bench`: one JSON object, a report that is kept, one line of error, and no wrong answer unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import Command

from gridloop.cli import bench

ASKED = {"case", "ours_per_s", "peers", "ratio", "max_dv_pu", "cores"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark of flows, with one case of a few scenarios."""
    door = bench._checkout()
    monkeypatch.setattr(door.powerflow, "CASES", {"case118": (60, 60)})
    return door


def test_json_is_one_object_and_the_report_is_kept(small: Any, tmp_path: Path, gridloop: Command):
    kept = tmp_path / "kept.json"
    said = gridloop("bench", "powerflow", "--no-peers", "--quick", "--runs", 2, "--out", kept, "--json")
    assert (said.code, said.err) == (0, "")
    assert len(said.out.splitlines()) == 1
    data = json.loads(said.out)
    assert data == json.loads(kept.read_text("utf-8"))
    (row,) = data["results"]
    assert row.keys() >= ASKED
    assert row["case"] == "case118" and row["ours_per_s"] > 0 and row["peers"] == {} and row["ratio"] is None
    assert 0 <= row["mismatch_pu"] <= 1e-8
    assert data["machine"].keys() >= {"cpu", "cores", "busy"} and "numba" in data["versions"]


def test_a_person_reads_what_stands_behind_the_figures(small: Any, tmp_path: Path, gridloop: Command):
    said = gridloop("bench", "powerflow", "--no-peers", "--quick", "--runs", 1, "--out", tmp_path / "x.json")
    assert said.code == 0
    assert all(word in said.out for word in ("case118", "Not measured", "promised", "converge", "Kept in"))


def test_a_planted_wrong_answer_ends_with_3(
    small: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gridloop: Command
):
    grid = small.powerflow.ours.Grid
    honest = grid.solve

    def planted(self: Any, *given: Any, **options: Any) -> Any:
        solved = honest(self, *given, **options)
        solved.v[17, -1] += 1e-7
        return solved

    monkeypatch.setattr(grid, "solve", planted)
    said = gridloop("bench", "powerflow", "--no-peers", "--quick", "--runs", 1, "--out", tmp_path / "x.json")
    assert said.code == 3 and "WRONG: our answer leaves a mismatch" in said.out


def test_outside_a_checkout_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gridloop: Command):
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    said = gridloop("bench", "feeder")
    assert said.code == 2 and "MissingFile" in said.line and "make bench" in said.line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], ["nosuch", "powerflow"]),
        (["powerflow", "--case", "case999", "--no-peers"], ["case999", "--case"]),
        (["powerflow", "--runs", "0"], ["--runs"]),
        (["131m", "--fraction", "2"], ["--fraction"]),
    ],
)
def test_a_slip_is_one_line(arguments: list[str], words: list[str], gridloop: Command):
    said = gridloop("bench", *arguments)
    assert said.code == 2 and all(word in said.line for word in words)


def test_a_feeder_without_data_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gridloop: Command):
    monkeypatch.setenv("GRIDLOOP_DATA", str(tmp_path))
    said = gridloop("bench", "feeder", "--no-peers")
    assert said.code == 2 and "MissingFile" in said.line and "GRIDLOOP_DATA" in said.line


def test_a_table_of_answers_goes_on_where_it_stopped(tmp_path: Path, gridloop: Command):
    """Each case is told as it is done, the sum at the end, and a second run solves nothing again."""
    given = ("bench", "opf-table", "--no-peers", "--case", "5_pjm", "--case", "5_pjm__sad", "--physics", "dc")
    files = ("--resume", tmp_path / "cases.jsonl", "--out", tmp_path / "x.json")
    said = gridloop(*given, *files)
    assert said.code == 0 and "5_pjm dc: 17479.9, -0.0006 %" in said.out and "per second" not in said.out
    assert "5_pjm__sad dc: infeasible, conflict of 5" in said.out and "Nothing is promised" not in said.out
    assert "all of sad dc:\n  1 of 1 right: 0 with a solution" in said.out
    again = gridloop(*given, *files, "--json")
    assert again.code == 0 and "2 answers from" in again.err
    rows = {row["case"]: row for row in json.loads(again.out)["results"]}
    assert rows["5_pjm dc"]["published"] == 17480.0 and rows["all of typical dc"]["right"] == 1
