"""What the report says about a day, on three half hours and two buses that a pencil can follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from gridloop.operate.report import facts
from gridloop.operate.report.clock import day_clock
from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.story import kpi_table, summary, trouble
from gridloop.operate.report.tables import RunTables

TIMES = pd.date_range("2016-07-25 10:00", periods=3, freq="30min", tz="UTC")
# run → id → value per half hour; the band of A and B is 0.9 to 1.1 pu, the line's rating 100 %.
VOLTAGES = {"baseline": {"A": [1.0, 1.12, 1.11], "B": [1.0, 1.0, 0.85]}, "controlled": {"A": [1.0] * 3, "B": [1.1] * 3}}
LOADINGS = {"baseline": {"AB": [50.0, 90.0, 120.0]}, "controlled": {"AB": [50.0, 80.0, 100.0]}}


def small(**more: Any) -> RunTables:
    """Two runs of three half hours."""
    bus = pd.DataFrame(
        {"v_nom_kv": 20.0, "v_min_pu": 0.9, "v_max_pu": 1.1, "longitude_deg": [11.0, 11.1], "latitude_deg": 53.0},
        index=["A", "B"],
    )
    line = pd.DataFrame({"tail_bus": ["A"], "head_bus": ["B"]}, index=["AB"])
    flows = [
        {"run": run, "tick": k, "valid_at": at, "kind": kind, "id": name, "quantity": quantity, "value": values[k]}
        for kind, quantity, table in (("bus", "v_pu", VOLTAGES), ("line", "loading_pct", LOADINGS))
        for run, by_id in table.items()
        for name, values in by_id.items()
        for k, at in enumerate(TIMES)
    ]
    ticks = pd.concat(
        pd.DataFrame(
            {
                "run": run,
                "tick": range(3),
                "valid_at": TIMES,
                "hours": 0.5,
                "battery_mw": battery,
                "ev_mw": ev,
                "rung": "incumbent",
                "gave_way": "",
            }
        )
        for run, battery, ev in (("baseline", 0.0, [1.0, 0.0, 0.0]), ("controlled", [2.0, 0.0, -2.0], [0.0, 0.0, 1.0]))
    )
    result = {
        "controlled": {"cost_eur": 80.0, "unserved_mwh": 0.0},
        "baseline": {"cost_eur": 100.0, "unserved_mwh": 0.0},
    }
    run = {"id": "r", "site": {"name": "S", "timezone": "UTC", "day": "2016-07-25"}, "result": result}
    known = {
        "run": run,
        "bus": bus,
        "line": line,
        "transformer": line.head(0),
        "ticks": ticks,
        "flows": pd.DataFrame(flows),
    }
    return RunTables(**(known | more))


def test_breaches_of_the_uncontrolled_day() -> None:
    """A is high in two half hours, B low in one of them: 1 h in all; the line is over its rating for one half hour."""
    assert facts.breaches(small(), "baseline") == facts.Breaches(("A", "B"), ("AB",), 1.0, 0.5)


def test_a_value_at_its_limit_is_no_breach() -> None:
    """B sits at exactly 1.1 pu and the line at exactly 100 %."""
    assert facts.breaches(small(), "controlled").none


def test_the_worst_moment_is_the_uncontrolled_runs() -> None:
    """B at 0.85 pu is 1.5 half bands from the middle; A at 1.12 pu only 1.2, the line at 120 % too."""
    assert facts.worst_moment(small()) == TIMES[2]
    assert facts.extreme_voltage(small(), "baseline") == facts.Extreme("B", TIMES[2], 0.85)
    assert facts.extreme_loading(small(), "baseline") == facts.Extreme("AB", TIMES[2], 120.0)


def test_moved_power_counts_batteries_and_vehicles() -> None:
    """Battery +2, 0, −2 and charging −1, 0, +1 against the uncontrolled run."""
    assert facts.moved_power(small()).tolist() == [1.0, 0.0, -1.0]


def test_a_run_alone_moved_nothing() -> None:
    tables = small()
    alone = replace(tables, ticks=tables.ticks[tables.ticks["run"] == "controlled"])
    assert facts.moved_power(alone).empty


def test_the_day_in_two_sentences() -> None:
    tables = small()
    text = summary(tables, RunInfo.read(tables.run), day_clock(tables.ticks, "UTC"))
    assert text == (
        "Without control the feeder would have left its voltage band at 2 buses for 1.0 h and overloaded 1 line or "
        "transformer for 0.5 h (worst: 0.850 pu at B, 11:00). With control no limit was exceeded, and these "
        "1.5 h cost 20 EUR less; all load was served."
    )


def test_the_table_of_key_figures_shows_the_difference() -> None:
    page = kpi_table(RunInfo.read(small().run))
    assert '<span class="better">\u221220</span>' in page
    assert "\u221220 %" in page


def test_a_quiet_day_is_one_line() -> None:
    assert "3 ticks decided, none missed" in trouble(small(), day_clock(small().ticks, "UTC"))


def test_what_went_wrong_is_called_out() -> None:
    """One fallback, one limit that gave way, one event, two ticks missed."""
    tables = small()
    ticks = tables.ticks.copy()
    ours = ticks["run"] == "controlled"
    ticks.loc[ours & (ticks["tick"] == 1), "rung"] = "last_good"
    ticks.loc[ours & (ticks["tick"] == 2), "gave_way"] = "v_max B"
    event = {
        "number": 0,
        "tick": 1,
        "at": TIMES[1],
        "kind": "degraded",
        "subject": "forecast",
        "text": "persistence <b>",
    }
    run = {**tables.run, "result": {**tables.run["result"], "missed_ticks": 2}}
    hurt = replace(tables, ticks=ticks, events=pd.DataFrame([event]), run=run)
    assert [(one.tick, one.mode) for one in facts.degraded(hurt)] == [
        (1, "degraded"),
        (1, "fallback"),
        (2, "limit gave way"),
    ]
    box = trouble(hurt, day_clock(hurt.ticks, "UTC"))
    assert "2 ticks missed, 2 of 3 ticks in a degraded mode" in box
    assert "last_good" in box and "v_max B" in box and "persistence &lt;b&gt;" in box


def test_a_limit_that_gave_way_is_told_once_in_the_words_of_its_event() -> None:
    tables = small()
    ticks = tables.ticks.assign(gave_way=["", "", "", "v_max B", "", ""])
    event = {"number": 0, "tick": 0, "at": TIMES[0], "kind": "limit_gave_way", "subject": "v_max B", "text": "by 0.01"}
    told = facts.degraded(replace(tables, ticks=ticks, events=pd.DataFrame([event])))
    assert [(one.mode, one.text) for one in told] == [("limit gave way", "v_max B: by 0.01")]


def test_a_breach_of_the_first_tick_alone_is_said_so() -> None:
    tables = small()
    first = (tables.flows["run"] == "controlled") & (tables.flows["id"] == "A") & (tables.flows["tick"] == 0)
    late = replace(tables, flows=tables.flows.assign(value=tables.flows["value"].mask(first, 1.2)))
    text = summary(late, RunInfo.read(late.run), day_clock(late.ticks, "UTC"))
    assert "it left its voltage band at 1 bus for 0.5 h, in the first tick only" in text


@pytest.mark.parametrize("limit", [100.0, 130.0])
def test_the_rating_is_the_sites(limit: float) -> None:
    """A site that allows 130 % has no overload at 120 %."""
    tables = small()
    run = {**tables.run, "site": {**tables.run["site"], "limits": {"loading_pct": limit}}}
    assert facts.breaches(replace(tables, run=run), "baseline").branches == (("AB",) if limit == 100.0 else ())
