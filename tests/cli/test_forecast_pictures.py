"""Figures of forecasts: axes through changes of the clock, names for people, and the same chart as a picture."""

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from gridloop.forecast.tested.backtest_scores import Backtest
from gridloop.forecast.tested.reliability import bins, reliability
from gridloop.operate.plots.backtest_errors import Measure, month_chart, said
from gridloop.operate.plots.backtest_importance import importance_chart, words
from gridloop.operate.plots.backtest_page import BacktestFigures, backtest_parts, build_backtest_page, named_charts
from gridloop.operate.plots.backtest_reliability import reliability_chart, reliability_said
from gridloop.operate.plots.forecast_axis import Days
from gridloop.operate.plots.forecast_fan import fan
from gridloop.operate.plots.forecast_page import PageTitle
from gridloop.operate.plots.png import write_png

MADRID = "Europe/Madrid"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --virtual-time-budget=30000"


def rows(days=12, first="2020-03-22"):
    """Hourly rows of whole local days, the change of the clock among them."""
    start, end = (pd.Timestamp(first, tz=MADRID) + pd.Timedelta(days=d) for d in (0, days))
    valid = pd.date_range(start, end.tz_localize(None).tz_localize(MADRID), freq="h", inclusive="left").tz_convert(
        "UTC"
    )
    rng = np.random.default_rng(0)
    shape = 500 + 200 * np.sin(2 * np.pi * valid.tz_convert(MADRID).hour / 24).to_numpy()
    table = pd.DataFrame({"issued_at": valid.tz_convert(MADRID).normalize().tz_convert("UTC"), "valid_at": valid})
    actual = shape * (1 + 0.05 * rng.standard_normal(len(valid)))
    values = {"actual": actual, "p10": 0.94 * shape, "p50": shape, "p90": 1.06 * shape, "day": 1.1 * shape,
              "week": 0.9 * shape, "week_p10": 0.8 * shape, "week_p90": shape}  # fmt: skip
    return table.assign(point="town", model="experts", **values)


def figures(**more):
    weights = pd.DataFrame({"linear": 0.4, "trees": 0.6}, index=pd.DatetimeIndex(rows()["issued_at"].unique()))
    shares = pd.DataFrame({"linear": [0.7, 0.3], "boosting": [0.5, 0.5]}, index=["air", "slow_6h"])
    return BacktestFigures(Backtest(rows(), MADRID), "MW", pd.Timedelta("1h"), "mape_pct", importance={"town": shares},
                           weights={"town": weights}, **more)  # fmt: skip


def test_midnights_are_labelled_right_on_both_sides_of_a_change():
    """28 to 30 March 2020: the 29th has 23 hours; its midnight after stands 23 hours after the one before."""
    days = Days(MADRID, pd.Timestamp("2020-03-28", tz=MADRID), pd.Timestamp("2020-04-05", tz=MADRID))
    axis = days.axis()
    at = pd.to_datetime(axis["tickvals"])
    assert axis["ticktext"][:3] == ["Sat 28 Mar", "Sun 29 Mar", "Mon 30 Mar"]
    assert ((at[1:] - at[:-1]) / pd.Timedelta("1h")).tolist()[:2] == [24, 23]


@pytest.mark.parametrize(("days", "few"), [(2, "06:00"), (9, "Sun 5 Jan"), (200, "Jan 2020")])
def test_labels_fit_the_length(days, few):
    start = pd.Timestamp("2020-01-01", tz="UTC")
    texts = Days("UTC", start, start + pd.Timedelta(days=days)).axis()["ticktext"]
    assert few in texts and len(texts) <= 14


def test_the_fan_marks_its_issue_and_leaves_gaps_open():
    table = rows(1)
    past = pd.Series(1.0, index=table["valid_at"] - pd.Timedelta("1D")).drop(
        index=table["valid_at"].iloc[5] - pd.Timedelta("1D")
    )
    chart = fan("a/b", table, past, zone=MADRID, step=pd.Timedelta("1h"), unit="kW")
    assert chart.id == "chart-fan-a-b" and chart.layout["annotations"][0]["text"] == "issued"
    actual = next(t for t in chart.data if t["name"] == "actual")
    assert actual["y"][5] is None and chart.layout["yaxis"]["title"]["text"] == "kW"


def test_errors_in_words():
    table = figures().table("month")
    measure = Measure.of("mape_pct", "MW")
    text = said(table, measure, "in {}")
    assert text.startswith("From ") and "Better than persistence throughout." in text
    worse = table.assign(week_mape_pct=0.1)
    assert "Persistence was better in 2020-03, in 2020-04." in said(worse, measure, "in {}")
    assert [t["name"] for t in month_chart(table, measure).data] == ["last day", "last week", "forecast"]


def test_reliability_in_words_and_without_a_band_where_issues_are_few():
    many, few = rows(12), rows(3)
    assert "fell between P10 and P90, where 80 % should" in reliability_said(reliability(many))
    names = [t["name"] for t in reliability_chart(reliability(few), bins(few)).data]
    assert "chance alone, 9 times in 10" not in names and "observed" in names


def test_features_have_names_for_people():
    assert (
        words("log day") == "log of same time on the newest day" and words("slow_6h") == "temperature smoothed over 6 h"
    )
    assert words("air_above_2") == "temperature above bend 3" and words("something_new") == "something new"
    chart = importance_chart(pd.DataFrame({"m": np.linspace(0, 0.1, 40)}, index=[f"f{k}" for k in range(40)]))
    assert len(chart.data[0]["y"]) == 12 and chart.data[0]["y"][-1] == "f39"


def test_every_chart_of_the_page_has_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    charts = named_charts(backtest_parts(figures()))
    assert len({chart.id for chart, _, _ in charts}) == len(charts) == 7
    for chart, heading, text in charts:
        file = tmp_path / f"{chart.id}.png"
        write_png(chart, file, heading=heading, says=text)
        picture = imread(file)[:, :, :3]
        ink = (picture < 0.97).any(axis=2)
        assert 0.01 < ink.mean() < 0.9, chart.id
        # nothing runs over the edges of the sheet
        assert not (ink[:, :6].any() or ink[:, -6:].any() or ink[:6].any() or ink[-6:].any()), chart.id


def test_long_numbers_leave_room_for_the_title_of_their_axis(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    large = rows(2).assign(**{c: 60 * rows(2)[c] for c in ("p10", "p50", "p90", "actual")})
    chart = fan("x", large, large.set_index("valid_at")["actual"], zone=MADRID, step=pd.Timedelta("1h"), unit="MW")
    write_png(chart, tmp_path / "x.png")
    assert (imread(tmp_path / "x.png")[:, :6, :3] > 0.97).all()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="no chromium on the path")
def test_the_page_draws_all_its_charts(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        build_backtest_page(figures(), PageTitle("town", "backtest", "a story"), ["a note"]), encoding="utf-8"
    )
    dump = subprocess.run(
        [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    ).stdout  # fmt: skip
    body = dump[dump.index("<body") :][:400]
    assert 'data-plots="7"' in body and 'data-drawn="7"' in body and "data-errors" not in body, body


def test_charts_are_plain_json():
    for chart, _, _ in named_charts(backtest_parts(figures())):
        json.dumps({"data": chart.data, "layout": chart.layout}, allow_nan=False)
