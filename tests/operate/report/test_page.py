"""The page as text: whole, self-contained, small, the same twice, and safe whatever a name holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from gridloop.operate.report import RunTables, build_page
from gridloop.operate.report.chart import Chart
from gridloop.operate.report.page import placed
from gridloop.operate.report.words import number, split_unit

CHARTS = ["expected", "voltage", "loading", "feeder", "flexibility", "prices", "setpoints", "scores", "timing"]


@pytest.fixture(scope="module")
def page(day: RunTables) -> str:
    return build_page(day)


def own(page: str) -> str:
    """The page without plotly's code."""
    return re.sub(r"<script>/\*\*\s+\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)


def specs(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="chart-(\w+)-spec">(.*?)</script>', page, flags=re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def test_every_chart_is_there_and_plotly_knows_all_of_its_words(page: str) -> None:
    """plotly's JavaScript passes over a misspelt attribute in silence; its Python class does not."""
    assert list(specs(page)) == CHARTS
    for spec in specs(page).values():
        go.Figure(data=spec["data"], layout=spec["layout"])


def test_every_trace_of_a_whole_run_has_values(page: str) -> None:
    """But for the classes of loading that no line falls in, which stand in the map's legend."""
    for name, spec in specs(page).items():
        for trace in spec["data"]:
            values = [v for row in trace["z"] for v in row] if "z" in trace else trace["y"]
            there = any(value is not None for value in values)
            assert there or (name == "feeder" and trace["mode"] == "lines"), (name, trace["name"])


def test_every_axis_has_a_unit(page: str) -> None:
    for name, spec in specs(page).items():
        for key, axis in spec["layout"].items():
            named = axis["title"]["text"] if re.match(r"[xy]axis", key) else "-"
            # Rows of names carry no unit; the second map shares the first one's axis.
            assert named or (name, key) in {("loading", "yaxis"), ("scores", "yaxis"), ("feeder", "yaxis2")}, (
                name,
                key,
            )


def test_nothing_comes_from_elsewhere(page: str) -> None:
    rest = own(page)
    assert len(rest) < len(page) - 1_000_000
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?\s*(?:https?:)?//", rest)
    assert "default-src 'none'" in rest


def test_the_contents_lead_somewhere(page: str) -> None:
    links = re.findall(r'<a href="#([\w-]+)"', own(page))
    assert len(links) == 11
    assert all(f'<section id="{link}">' in page for link in links)


def test_the_page_is_small(page: str) -> None:
    assert len(page.encode()) < 8_000_000
    assert len(own(page).encode()) < 1_500_000


def test_the_same_run_gives_the_same_page(page: str, day: RunTables) -> None:
    assert build_page(replace(day)) == page


def test_a_name_cannot_break_out(changed: Callable[..., RunTables], day: RunTables) -> None:
    """An id with markup in it stays text, in HTML and inside the data of the plots."""
    evil = "</script><script>alert(1)</script>"
    flows = day.flows.assign(id=day.flows["id"].replace("MV1.101 Line 21", evil))
    line = day.line.rename(index={"MV1.101 Line 21": evil})
    run = {**day.run, "site": {**day.run["site"], "name": evil}}
    page = build_page(changed(flows=flows, line=line, run=run))
    assert "<script>alert(1)" not in page
    assert set(specs(page)) == set(CHARTS)


EMPTY = {
    "ticks": "The run stopped before its first tick was stored.",
    "flows": "No flow was stored.",
    "forecasts": "No forecast of a group was stored",
    "plans": "No set-point with a reason was stored.",
    "commands": "0 commands sent",
    "events": "0 events recorded",
    "timings": "No timing was stored.",
}


def test_data_cannot_end_its_script_early() -> None:
    text = placed(Chart("c", [{"name": "</script><!-- x"}], {"height": 100}, ""))
    assert text.count("</script>") == 1 and "<!--" not in text
    assert json.loads(text.split('-spec">')[1].removesuffix("</script>"))["data"] == [{"name": "</script><!-- x"}]


@pytest.mark.parametrize("table", EMPTY)
def test_a_table_without_a_row_is_said_so(table: str, changed: Callable[..., RunTables], day: RunTables) -> None:
    assert EMPTY[table] in build_page(changed(**{table: getattr(day, table).head(0)}))


def test_a_run_that_stored_nothing_still_has_a_page(day: RunTables) -> None:
    nothing = RunTables({"id": "r", "site": {"name": "S"}}, day.bus, day.line, day.transformer)
    assert "stopped before its first tick" in build_page(nothing)


def test_one_tick_is_a_page(changed: Callable[..., RunTables], day: RunTables) -> None:
    first = {
        name: getattr(day, name) for name in ("ticks", "flows", "forecasts", "plans", "commands", "events", "timings")
    }
    page = build_page(changed(**{name: table[table["tick"] == 0] for name, table in first.items()}))
    assert set(specs(page)) == set(CHARTS)


def test_missing_values_are_gaps(changed: Callable[..., RunTables], day: RunTables) -> None:
    """A bus without supply and a tick without a solution have no number; nothing is invented."""
    dark = (day.flows["id"] == "MV1.101 Bus 30") | (day.flows["tick"] == 40)
    flows = day.flows.assign(value=day.flows["value"].mask(dark))
    lost = changed(flows=flows)
    heat = specs(build_page(lost))["loading"]["data"][0]
    assert all(row[40] is None for row in heat["z"])


def test_a_day_of_25_hours(another_day: Callable[..., RunTables]) -> None:
    long = specs(build_page(another_day(day="2026-10-25")))["voltage"]["layout"]["xaxis"]
    assert long["tickmode"] == "array"


def test_a_network_without_places_has_no_map(changed: Callable[..., RunTables], day: RunTables) -> None:
    page = build_page(changed(bus=day.bus.assign(longitude_deg=float("nan"))))
    assert "feeder" not in specs(page)
    assert "No two buses have different coordinates" in page


def test_buses_at_one_place_share_a_marker(page: str, day: RunTables) -> None:
    """The busbars of both levels stand at the substation."""
    marks = next(trace for trace in specs(page)["feeder"]["data"] if trace["name"] == "buses")
    assert len(marks["x"]) == len(day.bus) - 1
    assert any("HV 1" in text and "MV busbar" in text for text in marks["text"])


def test_a_kilometre_is_as_long_east_as_north(changed: Callable[..., RunTables], day: RunTables) -> None:
    """At 60° north a degree of longitude is half as long as one of latitude."""
    bus = day.bus.assign(longitude_deg=11.0, latitude_deg=60.0)
    bus.loc["HV 1", "longitude_deg"], bus.loc["MV busbar", "latitude_deg"] = 12.0, 60.0
    layout = specs(build_page(changed(bus=bus)))["feeder"]["layout"]
    assert layout["yaxis"]["scaleratio"] == 1 and layout["yaxis"]["scaleanchor"] == "x"
    east = layout["xaxis"]["range"][1] - layout["xaxis"]["range"][0]
    assert east / 1.14 == pytest.approx(111.32 / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (-12345.67, 1, False, "\u221212\u202f345.7"),
        (0.0, 2, True, "0.00"),
        (-0.001, 1, True, "0.0"),
        (3.0, 0, True, "+3"),
        (float("nan"), 1, False, "–"),
        (None, 1, False, "–"),
    ],
)
def test_numbers_read_well(value: float | None, digits: int, sign: bool, text: str) -> None:
    assert number(value, digits, sign) == text


def test_units_stand_in_names() -> None:
    assert split_unit("price_import_eur_per_mwh") == ("price import", "EUR/MWh")
    assert split_unit("q_mvar") == ("reactive power", "Mvar")
    assert split_unit("reason") == ("reason", "")


def test_every_time_column_is_known() -> None:
    empty = RunTables({}, pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    assert str(empty.ticks["valid_at"].dtype) == "datetime64[ns, UTC]"
