"""`gridloop study process`: a plant by pencil, what is said to people, and what is said of bad questions."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pytest import approx


@pytest.fixture
def plant(tmp_path):
    """Three days idle at 100 kW; from 8 to 10 a megawatt more. Nights cost 20, days 100."""
    index = pd.date_range("2026-01-05", periods=288, freq="15min", tz="UTC", name="valid_at")
    load = pd.DataFrame({"valid_at": index, "kw": np.where((index.hour >= 8) & (index.hour < 10), 1100.0, 100.0)})
    price = pd.DataFrame({"valid_at": index, "import_eur_per_mwh": np.where(index.hour < 6, 20.0, 100.0)})
    load.to_csv(tmp_path / "load.csv", index=False)
    price.to_csv(tmp_path / "prices.csv", index=False)
    return tmp_path / "load.csv", tmp_path / "prices.csv"


QUICK = ("--first", "2026-01-06", "--days", "2", "--lines", "1", "--day-limit-s", "1")


def test_a_plant_by_pencil(gridloop, plant, tmp_path):
    """Two MWh a day move from 100 to 20: 320 less for energy, and no lower peak with one line."""
    load, prices = plant
    page = tmp_path / "p.html"
    said = gridloop("study", "process", load, "--prices", prices, *QUICK, "--json", "--plot", page)
    assert said.code == 0 and said.err == ""
    data = json.loads(said.out)
    assert data["saved"]["energy_cost"] == approx(320.0) and data["late"] == 0 and not data["synthetic"]
    assert data["recorded"]["peak_mw"] == approx(1.1) and data["planned"]["peak_mw"] == approx(1.1)
    assert data["savings"]["cost"]["saved"] == approx(320.0) and data["batches"] == 2
    text = page.read_text()
    assert all(f'id="chart-{name}"' in text for name in ("gantt", "load", "days"))
    assert "Every batch meets its due time" in text


def test_a_shift_is_kept(gridloop, plant):
    load, prices = plant
    said = gridloop("study", "process", load, "--prices", prices, *QUICK, "--shift", "6-22", "--json")
    assert json.loads(said.out)["saved"]["energy_cost"] == approx(0.0, abs=1e-6)


def test_for_people_and_what_is_synthetic_says_so(gridloop, plant):
    load, prices = plant
    said = gridloop("study", "process", load, "--prices", prices, *QUICK)
    assert said.code == 0 and "Planning 2 batches of 2 days" in said.out and "read off one meter" in said.out
    assert "not this plant's tariff" in said.out
    demo = gridloop("study", "process", "--days", "1", "--day-limit-s", "1")
    assert demo.code == 0 and "All of it is synthetic" in demo.out and "synthetic plant" in demo.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Give --prices or --tariff"),
        (("--tariff", "korea-2012", "--shift", "22-6"), "hours must rise"),
        (("--tariff", "korea-2012", "--shift", "night"), "write it as 6-22"),
        (("--tariff", "korea-2012", "--days", "9"), "Lower --days"),
        (("--tariff", "korea-2012", "--zone", "Mars"), "unknown"),
    ],
)
def test_bad_questions(gridloop, plant, options, said):
    load, _ = plant
    answer = gridloop("study", "process", load, *options)
    assert answer.code == 2 and said in answer.err
