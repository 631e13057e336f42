"""`gridloop study hvac`: a small site, its page, and what is said of bad files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridloop.operate.studies.hvac_result import PLANNED
from gridloop.operate.studies.hvac_site import read_site

SITE = """
zone = "UTC"
weather = "weather.csv"
prices = "prices.csv"
days = 1
every_h = 6
[[rooms]]
id = "hall"
use = "storage"
area_m2 = 500.0
[[rooms]]
id = "desk"
use = "office"
area_m2 = 100.0
"""


@pytest.fixture
def site(tmp_path):
    index = pd.date_range("2026-06-20", periods=24 * 20, freq="h", tz="UTC", name="valid_at")
    hour = np.asarray(index.hour)
    outdoor = 26 + 8 * np.sin((hour - 9) / 12 * np.pi)
    pd.DataFrame({"outdoor_c": outdoor, "sun_w_m2": 500.0 * (np.abs(hour - 12) < 6)}, index=index).to_csv(
        tmp_path / "weather.csv"
    )
    pd.DataFrame({"import_eur_per_mwh": 60 + 50 * np.sin(hour / 4)}, index=index).to_csv(tmp_path / "prices.csv")
    (tmp_path / "SITE.toml").write_text(SITE)
    return tmp_path / "SITE.toml"


def test_a_small_site_all_three_ways(gridloop, site):
    page = site.with_suffix(".html")
    said = gridloop("study", "hvac", str(site), "--json", "--plot", str(page))
    assert said.code == 0, said.err
    data = json.loads(said.out)
    week = data["weeks"][0]
    assert week["planned"]["cost"] < week["thermostats"]["cost"]
    assert week["planned"]["violation_share"] <= 0.01
    # The rule alone, without a plan, already saves against thermostats; what the plan adds is told apart.
    assert week["rule_alone"]["cost"] < week["thermostats"]["cost"]
    cost = data["cost"]
    assert cost["plan_adds_share"] == pytest.approx(1 - cost["planned"] / cost["rule_alone"])
    assert (1 - cost["rule_alone_saved_share"]) * (1 - cost["plan_adds_share"]) == pytest.approx(
        1 - cost["saved_share"]
    )
    assert week["thermostats"]["stored_more_mwh"] == 0.0
    assert data["stored_more_mwh"] == week["planned"]["stored_more_mwh"] != 0.0
    assert "synthetic" in data["synthetic"]
    text = page.read_text()
    assert 'id="chart-room"' in text and 'id="chart-days"' in text
    assert "rule alone" in text and "the plan adds" in text and "heat is left in the building" in text


def test_carbon_and_savings_are_told(gridloop, site):
    """A week with the grid's carbon: what was saved is the plain difference, and the year names what it assumes."""
    index = pd.date_range("2026-06-18", periods=24 * 30, freq="h", tz="UTC", name="valid_at")
    kilograms = 300.0 + 200.0 * np.cos(np.asarray(index.hour) / 12 * np.pi)
    pd.DataFrame({"carbon_kg_per_mwh": kilograms}, index=index).to_csv(site.parent / "carbon.csv")
    long = pd.date_range("2026-06-20", periods=24 * 27, freq="h", tz="UTC", name="valid_at")
    for name in ("weather.csv", "prices.csv"):
        table = pd.read_csv(site.parent / name).drop(columns="valid_at")
        table.iloc[np.arange(len(long)) % 24].set_axis(long).to_csv(site.parent / name)
    site.write_text('carbon = "carbon.csv"\ncarbon_eur_per_t = 100.0\n' + SITE.replace("days = 1", "days = 8")
                    .replace("every_h = 6", "every_h = 12"))  # fmt: skip
    page = site.with_suffix(".html")
    said = gridloop("study", "hvac", str(site), "--json", "--plot", str(page))
    assert said.code == 0, said.err
    data = json.loads(said.out)
    saved, week = data["savings"], data["weeks"][0]
    for what in ("energy_mwh", "cost", "carbon_t"):
        assert saved[what]["saved"] == pytest.approx(week["thermostats"][what] - week["planned"][what])
        assert saved["yearly"][what]["saved"] == pytest.approx(saved[what]["saved"] * 365.25 / 8)
        low, high = saved["of_drawn_days"][what]
        assert low <= saved[what]["saved_share"] <= high
    assert any("8 days stand for 365.25" in sentence for sentence in saved["assumptions"])
    assert "a year like it" in page.read_text() and "Carbon: " in page.read_text()


def test_a_plan_knows_no_carbon_that_has_not_come(site):
    """Prices are published a day ahead, what the grid emits is not: carbon from noon on shows nowhere before noon."""
    index = pd.date_range("2026-06-20", periods=24 * 20, freq="h", tz="UTC", name="valid_at")
    kilograms = 300.0 + 250.0 * np.cos(np.asarray(index.hour) / 12 * np.pi)
    pd.DataFrame({"carbon_kg_per_mwh": kilograms}, index=index).to_csv(site.parent / "carbon.csv")
    site.write_text('carbon = "carbon.csv"\ncarbon_eur_per_t = 1000.0\n' + SITE)
    case = read_site(site)
    carbon = case.carbon_t_per_mwh
    assert carbon is not None
    noon = case.first + pd.Timedelta(hours=12)
    other = replace(case, carbon_t_per_mwh=carbon.where(carbon.index < noon, 0.6 - carbon))
    came, turned = (each.run().weeks[0] for each in (case, other))
    for what in ("p_mw", "heat_mw", "cold_mw"):
        before = [week.ways[PLANNED].table[what].loc[: noon - pd.Timedelta(hours=1)] for week in (came, turned)]
        assert before[0].equals(before[1])
    # What was emitted is settled on what came, all day.
    assert came.carbon_t_per_mwh.equals(carbon.reindex(came.carbon_t_per_mwh.index))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace('use = "office"', 'use = "pool"'), "'pool'; known are office, dock, storage, cold"),
        (lambda t: t.replace("days = 1", "days = 0"), "at least 1"),
        (lambda t: t.replace("days = 1", "days = 90"), "Move first, or lower days"),
        (lambda t: "colour = 1\n" + t, "colour is not known"),
        (lambda t: t.replace('weather = "weather.csv"', ""), "weather is missing"),
        (lambda t: t.replace("area_m2 = 100.0", ""), "room 2 lacks area_m2"),
        (lambda t: "carbon_eur_per_t = 80.0\n" + t, "carbon_eur_per_t needs carbon"),
        (lambda t: t.replace("days = 1", 'days = "x"'), "SITE.toml: days is 'x'; a whole number is needed"),
        (lambda t: t.replace("every_h = 6", "every_h = 0.5"), "SITE.toml: every_h is 0.5; a whole number is needed"),
        (lambda t: t.replace('zone = "UTC"', 'zone = "Mars"'), "SITE.toml: zone 'Mars' is unknown"),
        (lambda t: "peak_eur_per_mw_month = []\n" + t, "SITE.toml: peak_eur_per_mw_month is []; a number is needed"),
        (lambda t: "peak_eur_per_mw_month = nan\n" + t, "peak_eur_per_mw_month is nan; a finite number is needed"),
        (lambda t: 'first = "soon"\n' + t, "SITE.toml: first is 'soon'; a day such as 2016-08-22"),
        (lambda t: "weather_start = 0\n" + t, "SITE.toml: weather_start is 0; a day such as 2016-08-22"),
        (lambda t: "workdays = [7]\n" + t, "workdays is [7]; a list of weekdays, Monday 0 to Sunday 6, is needed"),
        (lambda t: t.replace("100.0", '"wide"'), "SITE.toml: room 2: area_m2 is 'wide'; a number is needed"),
        (lambda t: t.replace("100.0", "100.0\nheight_m = 3.0"), "SITE.toml: room 2: height_m is not known"),
        (lambda t: "rooms = 3\n" + t.split("[[rooms]]")[0], "rooms is 3; a section [[rooms]] for each is needed"),
        (lambda t: 'carbon_eur_per_t = -1.0\ncarbon = "carbon.csv"\n' + t, "carbon_eur_per_t is -1"),
    ],
)
def test_bad_sites_are_told(gridloop, site, change, words):
    site.write_text(change(SITE))
    said = gridloop("study", "hvac", str(site))
    assert said.code == 2
    assert words in " ".join(said.err.split())


def test_no_such_site(gridloop, tmp_path):
    said = gridloop("study", "hvac", str(tmp_path / "none.toml"))
    assert said.code == 2 and "There is no site file" in said.err
