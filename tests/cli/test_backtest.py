"""`gridloop backtest`: scores beside persistence by month and lead, a page and pictures with every figure, errors."""

import json

import numpy as np
import pandas as pd
import pytest
from forecast_files import ZONE, priced, town, written

SPAN = ("--first", "2020-06-20", "--last", "2020-07-02")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """load.csv of half a year, town.csv of some weeks with weather and a forecast made elsewhere, price.csv."""
    here = tmp_path_factory.mktemp("files")
    written(town(190)[["load"]], here / "load.csv")
    short = town(60)
    said = short["load"] * (1 + 0.03 * np.random.default_rng(5).standard_normal(len(short)))
    written(short.assign(operator=said), here / "town.csv")
    written(priced(), here / "price.csv")
    return here


def test_json_has_what_is_promised(gridloop, folder):
    said = gridloop("backtest", folder / "load.csv", "--zone", ZONE, "--model", "persistence", *SPAN, "--json")
    assert said.code == 0, said.err
    data = json.loads(said.out)
    assert set(data) == {
        "file", "kind", "model", "answered_by", "unit", "zone", "first", "last", "before_h", "days", "retrain_days",
        "fits", "issues", "rows", "scores", "by_month", "by_lead_h", "by_day_ahead", "by_hour", "by_point",
        "reliability", "parts_of_the_band", "importance", "weights_at_the_end", "took", "notes", "files",
    }  # fmt: skip
    assert (data["issues"], data["rows"], data["fits"]) == (13, 13 * 24, 1)
    assert list(data["by_month"]) == ["2020-06", "2020-07"] and list(data["by_lead_h"]) == [
        str(h) for h in range(12, 36)
    ]
    scores = data["scores"]
    assert {
        "mape_pct",
        "mae_mw",
        "rmse_mw",
        "bias_mw",
        "pinball_mw",
        "coverage",
        "week_mape_pct",
        "day_mae_mw",
        "skill",
    } <= set(scores)
    assert scores["mae_mw"] == pytest.approx(scores["week_mae_mw"]) and scores["skill"] == pytest.approx(0.0)
    assert sum(data["parts_of_the_band"].values()) == pytest.approx(1.0)


def test_rows_hold_what_the_scores_are_made_of(gridloop, folder, tmp_path):
    out = tmp_path / "rows.csv"
    said = gridloop(
        "backtest", folder / "load.csv", "--zone", ZONE, "--model", "persistence", *SPAN, "--out", out, "--json"
    )
    scores = json.loads(said.out)["scores"]
    rows = pd.read_csv(out)
    off = rows["p50_mw"] - rows["actual_mw"]
    assert off.abs().mean() == pytest.approx(scores["mae_mw"]) and off.mean() == pytest.approx(scores["bias_mw"])
    assert (100 * off.abs() / rows["actual_mw"]).mean() == pytest.approx(scores["mape_pct"])
    actual = pd.read_csv(folder / "load.csv", parse_dates=["time"], index_col="time")["load"]
    assert rows["actual_mw"].to_numpy() == pytest.approx(actual[pd.to_datetime(rows["valid_at"])].to_numpy())


def test_experts_with_all_figures(gridloop, folder, tmp_path):
    """One browser-free look at the page: every figure that is promised is in it."""
    page = tmp_path / "page.html"
    said = gridloop(
        "backtest", folder / "town.csv", "--column", "load", "--weather-column", "temperature", "--outside", "operator",
        "--zone", ZONE, "--trees", "3", "--first", "2020-02-18", "--last", "2020-02-27", "--plot", page,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "10 local days" in said.out and "below the better persistence" in said.out and "hours ahead" in said.out
    assert "weather: observed values" in said.out
    text = page.read_text()
    for chart in ("month", "hour", "fan-last", "fan-worst", "reliability", "importance", "weights"):
        assert f'id="chart-{chart}"' in text and f'id="chart-{chart}-spec"' in text
    assert "Key figures" in text and "operator" in text and "default-src 'none'" in text


def test_pictures_of_all_figures(gridloop, folder, tmp_path):
    pytest.importorskip("matplotlib")
    png = tmp_path / "new" / "png"
    said = gridloop("backtest", folder / "load.csv", "--zone", ZONE, "--model", "persistence", *SPAN, "--png", png)
    assert said.code == 0, said.err
    names = {"fan-last.png", "fan-worst.png", "hour.png", "month.png", "reliability.png"}
    assert {f.name for f in png.iterdir()} == names
    assert all(f.read_bytes().startswith(b"\x89PNG") and f.stat().st_size > 20_000 for f in png.iterdir())


def test_several_days_ahead(gridloop, folder, tmp_path):
    page = tmp_path / "page.html"
    said = gridloop("backtest", folder / "load.csv", "--zone", ZONE, "--model", "persistence", "--days", "3", *SPAN,
                    "--json", "--plot", page)  # fmt: skip
    data = json.loads(said.out)
    assert data["rows"] == 13 * 72 and list(data["by_day_ahead"]) == ["1", "2", "3"]
    assert 'id="chart-lead"' in page.read_text()


def test_prices_are_known_the_day_before(gridloop, folder):
    said = gridloop(
        "backtest", folder / "price.csv", "--kind", "price", "--zone", ZONE, "--trees", "3", "--before", "14h",
        "--first", "2020-06-12", "--last", "2020-06-14", "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    data = json.loads(said.out)
    assert data["unit"] == "EUR/MWh" and "mae_eur_per_mwh" in data["scores"] and data["weights_at_the_end"]["price"]


def test_the_newest_quarter_is_tested_where_nobody_says_which(gridloop, folder):
    data = json.loads(gridloop("backtest", folder / "load.csv", "--zone", ZONE, "--model", "persistence", "--json").out)
    assert data["issues"] == 47 and data["last"] == "2020-07-08" and "47 days; --first" in " ".join(data["notes"])


def test_again_learned_every_so_many_days(gridloop, folder):
    said = gridloop("backtest", folder / "load.csv", "--zone", ZONE, "--model", "persistence", *SPAN,
                    "--retrain-days", "5", "--json")  # fmt: skip
    assert json.loads(said.out)["fits"] == 3


def test_a_few_days_on_a_half_hourly_clock_with_a_change_of_the_clock(gridloop, tmp_path):
    file = written(town(40, step="30min", first="2020-03-01")[["load"]], tmp_path / "x.csv")
    said = gridloop("backtest", file, "--zone", ZONE, "--model", "persistence", "--first", "2020-03-28", "--last",
                    "2020-03-30", "--json")  # fmt: skip
    assert json.loads(said.out)["rows"] == 48 + 46 + 48


ERRORS = {
    "no day": (["load.csv", "--first", "soon"], "--first 'soon' is no day"),
    "turned round": (["load.csv", "--first", "2020-07-01", "--last", "2020-06-01"], "is after --last"),
    "outside the file": (
        ["load.csv", "--first", "2021-01-01", "--last", "2021-01-05"],
        "whole days in UTC are 2020-01-01 to 2020-07-07",
    ),
    "from the first day on": (["load.csv", "--first", "2020-01-01", "--last", "2020-01-05"], "to learn from"),
    "no length": (["load.csv", "--before", "soon"], "--before 'soon' is no length of time"),
    "too early": (["load.csv", "--model", "persistence", "--before", "9d"], "OutOfRange: before"),
    "no page": (["load.csv", "--plot", "x.png"], "ends in .html"),
    "no folder of pictures": (["load.csv", "--png", "load.csv"], "no folder that can be made"),
    "too far": (["load.csv", "--model", "boosting", "--days", "2"], "sees 1 whole days ahead, not 2"),
    "no such model": (["load.csv", "--model", "x"], "no model 'x' for load"),
    "no such kind": (["load.csv", "--kind", "snow"], "`gridloop backtest --help`"),
    "too little history": (
        ["town.csv", "--column", "load", "--first", "2020-01-10", "--last", "2020-01-12"],
        "days; a day-ahead",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_input_is_one_line_and_exit_2(gridloop, folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    arguments, words = ERRORS[name]
    said = gridloop("backtest", *arguments)
    assert said.code == 2 and words in said.line, said.err
