"""`gridloop backtest`: scores beside persistence by month and lead, a page and pictures with every figure, errors."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forecast_files import ZONE, priced, sunny, town, written

from gridloop.cli import backtest_run
from gridloop.cli.forecast_given import Options
from gridloop.cli.forecast_kinds import KINDS
from gridloop.cli.forecast_models import Task
from gridloop.cli.forecast_options import asked_for, with_capacity
from gridloop.errors import OutOfRange
from gridloop.forecast.known.record import Record

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
    "a forecast of others for several days": (
        ["town.csv", "--column", "load", "--outside", "operator", "--days", "2"],
        "--days 2 need more",
    ),
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


def asked(file, *, kind="load", days=1, **options):
    longest = pd.Timedelta(hours=12 + 25 * days)
    before = pd.Timedelta("12h")
    return asked_for(Options(file=str(file), **options), KINDS[kind], before=before, longest=longest, days=days)


def test_several_days_end_where_their_weather_does(gridloop, folder, tmp_path):
    """The file and its weather end on 29 February: three days from the 27th are the last."""
    here = folder / "town.csv"
    given = {"column": ["load"], "weather_column": ["temperature"], "zone": ZONE}
    assert backtest_run.tested_days(asked(here, days=3, **given), None, None)[1] == "2020-02-27"
    assert backtest_run.tested_days(asked(here, **given), None, None)[1] == "2020-02-29"
    assert backtest_run.tested_days(asked(here, days=3, column=["load"], zone=ZONE), None, None)[1] == "2020-02-29"
    said = gridloop("backtest", here, "--column", "load", "--weather-column", "temperature", "--zone", ZONE, "--days",
                    "3", "--last", "2020-02-28")  # fmt: skip
    assert said.code == 2 and "can be tested is 2020-02-27" in said.line, said.err


def test_a_capacity_that_is_not_given_is_no_look_ahead(gridloop, tmp_path):
    """The highest value comes on a day that is tested: the capacity is that of the days before."""
    table = sunny(40)
    table.iloc[: 24 * 36] = table.iloc[: 24 * 36].clip(upper=500.0)
    found = asked(written(table, tmp_path / "sun.csv"), kind="wind", column=["p"], unit="kW")
    assert found.task.capacity == {}
    assert with_capacity(found, pd.Timestamp("2020-05-06 12:00", tz="UTC")).task.capacity == {"p": 0.5}
    assert with_capacity(found, None).task.capacity["p"] > 0.5
    with pytest.raises(OutOfRange, match="p: no value above zero before the first issue"):
        with_capacity(found, pd.Timestamp("2020-04-01 02:00", tz="UTC"))
    said = gridloop("backtest", tmp_path / "sun.csv", "--kind", "wind", "--unit", "kW", "--model", "persistence",
                    "--first", "2020-05-07", "--last", "2020-05-09", "--json")  # fmt: skip
    assert "before the first issue, 500" in " ".join(json.loads(said.out)["notes"])


def test_days_that_begin_within_an_interval_are_refused(gridloop, folder):
    said = gridloop("backtest", folder / "load.csv", "--zone", "Asia/Kolkata", "--model", "persistence")
    assert said.code == 2 and "Give values every 30min or 15min" in said.line, said.err


def test_models_are_made_for_what_they_are_asked():
    """Wind learns from the times at which weather was known; a week reaches over a longer night; prices go below 0."""
    half = pd.Timedelta("12h")
    weather = Record.foreseen(town(3)[["temperature"]], "37h")
    task = Task(("a",), ZONE, half, capacity={"a": 1.0}, weather=weather)
    given = []
    model = KINDS["wind"].models["boosting"].make(task)
    model.inner.fit = lambda history, *, until, weather: given.append(weather)
    model.fit(town(3)[["load"]], until=weather.known_at[5], weather=weather.values)
    assert isinstance(given[0], Record) and len(given[0].values) == 6
    assert KINDS["load"].models["experts"].make(replace(task, days=2)).horizon == half + pd.Timedelta("49h")
    for days in range(2, 8):
        KINDS["load"].models["experts"].make(replace(task, days=days, before=pd.Timedelta("24h")))
    corrected = KINDS["price"].models["corrected"].make
    assert corrected(replace(task, published_before=pd.Timedelta("11h"))).least == -np.inf
    assert corrected(task).least is None
