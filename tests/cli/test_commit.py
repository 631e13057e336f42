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
