"""`gridloop study microgrid`: what it says to people and programs, its page, and what is said of bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def homes(tmp_path):
    """Two homes for 31 days, all alike: an evening of 300, a noon with sun."""
    index = pd.date_range("2026-01-01", periods=24 * 31, freq="h", tz="UTC", name="valid_at")
    hour = np.asarray(index.hour)
    load = pd.DataFrame({"h1": 2.0 + 1.0 * (hour >= 17), "h2": 1.0 + 1.0 * (hour >= 17)}, index=index)
    sun = pd.DataFrame({name: np.clip(4 * np.sin((hour - 6) / 12 * np.pi), 0, None) for name in load}, index=index)
    price = pd.DataFrame({"import_eur_per_mwh": np.where((hour >= 17) & (hour < 21), 300.0, 100.0)}, index=index)
    files = {"load": load, "sun": sun, "price": price}
    for name, table in files.items():
        table.to_csv(tmp_path / f"{name}.csv")
    return [str(tmp_path / f"{name}.csv") for name in files]


def asked(homes, *more):
    load, sun, price = homes
    size = ("--battery-kwh", "20", "--battery-kw", "8")
    return ("study", "microgrid", load, "--solar", sun, "--prices", price, "--days", "1", *size, *more)


def test_for_programs_and_its_page(gridloop, homes, tmp_path):
    page = tmp_path / "page.html"
    said = gridloop(*asked(homes, "--survive-h", "3", "--json", "--plot", str(page)))
    assert said.code == 0, said.err
    data = json.loads(said.out)
    ways = data["ways"]
    assert set(ways) == {"rests full", "trades", "trades and keeps"}
    assert ways["trades"]["lived_share"] < ways["trades and keeps"]["lived_share"] <= 1.0
    assert ways["trades"]["cost"] <= ways["trades and keeps"]["cost"] + 1e-9
    assert data["black_start"]["steps"] + len(data["black_start"]["left"]) == 4
    text = page.read_text(encoding="utf-8")
    assert 'id="chart-microgrid"' in text
    assert "Black start" in text


def test_for_people(gridloop, homes):
    said = gridloop(*asked(homes, "--priority-share", "0.3"))
    assert said.code == 0
    assert "trades and keeps" in said.out
    assert "islands of 4 h, one in every hour" in said.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--survive-h", "0"), "survive_h is 0"),
        (("--priority-share", "2"), "priority_share is 2"),
        (("--days", "9"), "28 are learned from before the first"),
        (("--droop-pct", "0"), "droop is 0"),
        (("--efficiency", "0"), "efficiency"),
        (("--zone", "Mars/Base"), "--zone 'Mars/Base' is unknown"),
    ],
)
def test_one_line_for_what_is_wrong(gridloop, homes, more, words):
    said = gridloop(*asked(homes, *more))
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err
