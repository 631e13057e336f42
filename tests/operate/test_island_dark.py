"""An island whose battery is too small for the night: it goes dark at its floor, and comes back by itself at dawn."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from windless_site import TICKS, windless

from gridloop.operate.decide.decide import INCUMBENT
from gridloop.operate.decide.islanding import decide_now
from gridloop.operate.island_facts import island_table, picked_up
from gridloop.operate.island_laws import broken
from gridloop.operate.island_settings import PLANTS_BACK_H
from gridloop.operate.loop import known_from_json, known_json
from gridloop.operate.replay import replay_tick
from gridloop.operate.report import build_page, load_run
from gridloop.operate.run import Run, operate
from gridloop.operate.settings import read_site
from gridloop.telemetry.store import open_store


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("night")
    return operate(read_site(windless(folder / "site")), out=folder / "runs")


def table_of(run: Run, which: str = "controlled") -> pd.DataFrame:
    with open_store(run.folder / "lake") as store:
        return island_table(store.read("flows", run=which, kind="island"))


def events_of(run: Run) -> pd.DataFrame:
    with open_store(run.folder / "lake") as store:
        return store.read("events")


# ----- the drill ------------------------------------------------------------------------------------


def test_it_goes_dark_at_night_and_comes_back_with_the_sun(night: Run):
    facts, alone = (night.summary["island"][run] for run in ("controlled", "baseline"))
    assert facts["dark_h"] > 0
    assert facts["picked_up"] >= 2
    assert facts["soc_min"] > 0.09  # its floor: 5 % of its band above 5 %
    assert facts["pick_up_hz_min"] >= 49.0
    # Relays alone stay dark until the grid is back.
    assert alone["dark_h"] > facts["dark_h"] + 1.0
    assert alone["picked_up"] == 0
    assert facts["priority_unserved_mwh"] < 0.5 * alone["priority_unserved_mwh"]


def test_every_law_holds_through_dark_and_back(night: Run):
    for which in ("controlled", "baseline"):
        assert broken(table_of(night, which)) == []
    assert night.summary["controlled"]["voltage_violations"] == 0
    assert night.summary["controlled"]["overloads"] == 0
    assert night.summary["island"]["controlled"]["balance_max_mw"] < 1e-5


def test_priority_comes_first_and_the_page_shows_the_order(night: Run):
    order = picked_up(table_of(night))
    assert order["circuit"].tolist()[:2] == ["load3", "load2"]
    assert order["at"].is_monotonic_increasing
    assert order["v_min_pu"].between(0.95, 1.05).all()
    page = build_page(load_run(night.folder))
    assert "Back from black" in page
    assert "It was dark for" in page
    assert "Connection open, and dark" in page


def test_it_is_told_in_time_that_the_night_cannot_be_survived(night: Run):
    events = events_of(night)
    dark = int(events.loc[events["kind"] == "dark", "tick"].min())
    warned = events[events["kind"] == "not_survivable"]
    assert warned["tick"].min() < dark - 1
    assert "does not go below its floor" in warned["text"].iloc[0]
    with open_store(night.folder / "lake") as store:
        sent = store.read("commands", tick=dark - 1)
        plan = store.read("plans", tick=dark - 1)
    shed = plan[(plan["quantity"] == "unserved_mw") & (plan["reason"] == "shed_floor")]
    assert set(shed["binding"]) == {"min_soc:battery3"}
    assert {"load1", "load2"} <= set(sent.loc[sent["quantity"] == "unserved_mw", "device"])


def test_decisions_in_the_dark_and_on_the_way_back_are_replayed_bit_for_bit(night: Run):
    events = events_of(night)
    started = int(events.loc[(events["kind"] == "black_start") & (events["text"].str.contains("starts")), "tick"].min())
    for tick in (started - 1, started, started + 1):
        assert replay_tick(night.folder, tick).same


# ----- the decision -----------------------------------------------------------------------------------


def decision_at(run: Run, tick: int, loading_pct: float = 100.0, **link: object):
    """The decision of a stored tick, its breaker saying something else, with another limit of loadings."""
    from gridloop.forecast.value import Forecast
    from gridloop.io.folder import read_folder
    from gridloop.operate.folder import NETWORK, read_json
    from gridloop.operate.groups import group_elements
    from gridloop.operate.settings import site_from_dict

    data = read_json(run.folder)
    network = read_folder(run.folder / NETWORK)
    with open_store(run.folder / "lake") as store:
        forecast = Forecast.from_table(store.read("forecasts", tick=tick).drop(columns="tick"))
        text = str(store.read("state", tick=tick)["known"].iloc[0])
    known = known_from_json(text, tick, forecast, None)
    assert known.status.link is not None
    known = replace(known, status=replace(known.status, link=replace(known.status.link, **link)))
    assert known_json(known_from_json(known_json(known), tick, forecast, None)) == known_json(known)
    groups = group_elements(network, pd.Series(data["profile"], dtype=object))
    site = site_from_dict(data["site"], "run.json")
    return decide_now(network, groups, replace(site, limits=replace(site.limits, loading_pct=loading_pct)), known)


def test_by_day_a_dark_island_is_started_and_circuits_are_ordered(night: Run):
    found = decision_at(night, TICKS - 1, dark=True, black=("load1", "load2", "load3"), warm_h={})
    order = found.setpoints.pick_up
    assert found.rung == INCUMBENT
    assert list(order)[:2] == ["battery3", "load3"]
    assert order["battery3"] == 0.0
    assert order["load3"] >= PLANTS_BACK_H
    waits = found.table[(found.table["reason"] == "waits_black_start") & (found.table["valid_at"] == found.at)]
    assert set(waits["device"]) == {"load1", "load2", "load3"} - set(order)


def test_a_pick_up_that_would_break_a_limit_waits_and_says_so(night: Run):
    """load3 stands where the battery stands; load2 is 5 km away, and its current would be above one per cent."""
    found = decision_at(night, TICKS - 1, 1.0, dark=True, black=("load1", "load2", "load3"), warm_h={})
    assert list(found.setpoints.pick_up) == ["battery3", "load3"]
    said = [(subject, text) for kind, subject, text in found.notes if kind == "black_start"]
    assert ("load2", "waits: its pick-up would break a limit of the network") in said


def test_with_the_grid_back_nobody_is_picked_up_and_the_breaker_may_close(night: Run):
    found = decision_at(night, TICKS - 1, dark=True, black=("load1",), warm_h={}, grid_hz=50.02, grid_v_pu=1.02)
    assert found.setpoints.pick_up == {}
    assert found.setpoints.close_tie == {"connection": 1.0}


def test_room_for_the_forecast_is_kept_above_the_floor(night: Run):
    tick = TICKS - 1
    with open_store(night.folder / "lake") as store:
        plan = store.read("plans", tick=tick)
    room = plan[plan["device"] == "room for the forecast"]
    assert room.loc[room["quantity"] == "reserve_mwh", "value"].max() > 0.01
    assert set(room["reason"]) <= {"", "held_for_forecast", "ready_for_island", "island_short"}
    soc = plan[(plan["device"] == "battery3") & (plan["quantity"] == "soc")]["value"]
    assert soc.min() >= 0.095 - 1e-6


# ----- the laws ---------------------------------------------------------------------------------------


def test_the_laws_name_what_is_broken_on_the_way_back(night: Run):
    """Each law by a table in which it is broken."""
    table = table_of(night)
    order = picked_up(table)
    at = order["at"].iloc[-1].floor("15min")
    for column, value, word in (
        (("step 000", "hz_min"), 48.5, "a pick-up pulls the frequency to 48.50 Hz"),
        (("step 000", "priority_next_mw"), 0.01, "priority load waits though 0.01 MW would fit"),
    ):
        spoilt = table.copy()
        spoilt.loc[at, ("step 000", "switched")] = 1.0
        spoilt.loc[at, ("step 000", "other_on_mw")] = 0.2
        spoilt.loc[at, column] = value
        assert any(word in one for one in broken(spoilt)), word
    spoilt = table.copy()
    spoilt.loc[table.index[10], ("battery3", "soc")] = 0.05
    assert any("below its floor of 0.095" in one for one in broken(spoilt))
