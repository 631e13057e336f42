"""A dark island as a site carries it out: who stays dark, who comes back when, what cold loads take, by pencil."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from windless_site import windless

from gridloop.operate.island_settings import PLANTS_BACK_H, IslandSettings
from gridloop.operate.island_site import IslandSite
from gridloop.operate.prepare import Prepared, prepare
from gridloop.operate.run import _site
from gridloop.operate.settings import read_site
from gridloop.operate.site import Setpoints
from gridloop.operate.world import WorldState


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(read_site(windless(tmp_path_factory.mktemp("prepared"))))


def dark_site(prepared: Prepared, stored: tuple[float, float] = (0.05, 1.0), **changed: float) -> IslandSite:
    """The site without voltage at 10:00 in the morning, its batteries holding so much."""
    settings = prepared.settings
    island = replace(settings.island or IslandSettings(), start_h=0.0, hours=12.0, **changed)
    site = _site(replace(prepared, settings=replace(settings, island=island)))
    assert isinstance(site, IslandSite)
    memory = {"closed": False, "dark": True, "opened": 1, "black": ["load1", "load2", "load3"]}
    site.state = replace(site.state, stored_mwh=stored, interval=26, island=memory)
    return site


def rows_of(site: IslandSite, told: Setpoints) -> tuple[dict[tuple[str, str], float], list[str]]:
    interval = site.apply(told, site.times[site.state.interval])
    return {(i, q): v for i, q, v in interval.island}, [kind for kind, _, _ in interval.events]


def test_a_dark_island_stays_dark_without_an_order(prepared: Prepared):
    site = dark_site(prepared)
    for _ in range(2):
        rows, kinds = rows_of(site, Setpoints())
        assert rows["connection", "dark_h"] == 0.25
        assert math.isnan(rows["connection", "hz"])
        assert kinds == []


def test_a_circuit_comes_back_cold_by_pencil(prepared: Prepared):
    """From minute 9 on, twice what it took at the switch; plants after five minutes."""
    site = dark_site(prepared)
    k, p = site.state.interval, float(site._load[site.state.interval][2])
    rows, kinds = rows_of(site, Setpoints(pick_up={"battery3": 0.0, "load3": 0.15}))
    assert kinds == ["black_start"]
    assert rows["load3", "picked_up_h"] == 0.15
    assert rows["load3", "picked_up_mw"] == pytest.approx(2 * p)
    assert rows["priority", "served_mw"] == pytest.approx(p * 0.10 / 0.25)  # without what it takes more
    assert [rows[f"step {n:03d}", "at_h"] for n in range(3)] == pytest.approx([0.0, PLANTS_BACK_H, 0.15])
    assert site.state.island is not None
    assert site.state.island["warm_h"] == pytest.approx({"load3": 0.10})
    assert site.state.island["black"] == ["load1", "load2"]
    # The next quarter of an hour: e^{−0.1/½} … e^{−0.35/½} more, in the mean.
    more = (math.exp(-0.2) - math.exp(-0.7)) / 0.5
    interval = site.apply(Setpoints(), site.times[k + 1])
    assert interval.load_mw[2] == pytest.approx(site._load[k + 1][2] * (1 + more))
    assert interval.load_mw[:2].tolist() == [0.0, 0.0]


def test_when_all_are_on_the_last_excess_decays_by_pencil(prepared: Prepared):
    """Nobody waits any more: one AC state, e^{−1} … e^{−1.5} more in the mean, told beside what is served."""
    site = dark_site(prepared)
    site.state = replace(site.state, island={"closed": False, "opened": 1, "warm_h": {"load3": 0.5}})
    p = float(site._load[26][2])
    rows, _ = rows_of(site, Setpoints(unserved_mw={"load1": 9.0, "load2": 9.0}))
    assert rows["priority", "served_mw"] == pytest.approx(p)
    more = (math.exp(-1.0) - math.exp(-1.5)) / 0.5
    given = rows["battery3", "p_mw"]
    site = dark_site(prepared)
    site.state = replace(site.state, island={"closed": False, "opened": 1})
    rows, _ = rows_of(site, Setpoints(unserved_mw={"load1": 9.0, "load2": 9.0}))
    assert given - rows["battery3", "p_mw"] == pytest.approx(p * more, rel=0.02)  # losses beside


def test_plants_do_not_come_back_before_five_minutes(prepared: Prepared):
    """Nothing is stored above its own lowest: a circuit before the plants cannot be carried, and is dropped."""
    told = Setpoints(pick_up={"battery3": 0.0, "load3": 0.05})
    _, kinds = rows_of(dark_site(prepared, (0.05, 0.1 + 1e-6)), told)
    assert "dropped" in kinds
    later = replace(told, pick_up={"battery3": 0.0, "load3": 0.10})
    _, kinds = rows_of(dark_site(prepared, (0.05, 0.1 + 1e-6)), later)
    assert kinds == ["black_start"]


def test_a_pick_up_that_pulls_the_frequency_too_low_is_dropped(prepared: Prepared):
    told = Setpoints(pick_up={"battery3": 0.0, "load1": 0.15})
    rows, kinds = rows_of(dark_site(prepared, droop_pct=6.0), told)
    assert "dropped" in kinds
    assert rows["other", "served_mw"] == 0.0
    assert ("load1", "picked_up_h") not in rows


def test_the_grid_is_closed_onto_a_dark_island(prepared: Prepared):
    site = dark_site(prepared)
    site.end = site.times[26]
    rows, kinds = rows_of(site, Setpoints())
    assert rows["closing", "closed_s"] == 300.0  # healthy for so long
    assert kinds == ["reconnected"]
    assert site.state.island is not None
    assert site.state.island["closed"]
    interval = site.apply(Setpoints(), site.times[27])
    assert interval.totals["unserved_mw"] == 0.0


def test_a_source_that_trips_when_it_opens_leaves_it_dark(prepared: Prepared):
    """Nearly no inertia and a slow source: below 47.5 Hz before anything helps."""
    island = replace(prepared.settings.island or IslandSettings(), inertia_s=0.05, response_s=3.0, droop_pct=20.0)
    by_day = replace(island, start_h=6.5)
    for settings, dark in ((by_day, True), (replace(by_day, inertia_s=2.0, response_s=0.05, droop_pct=1.0), False)):
        site = _site(replace(prepared, settings=replace(prepared.settings, island=settings)))
        site.state = replace(site.state, interval=26)
        interval = site.apply(Setpoints(), prepared.times[26])
        assert ("dark" in [kind for kind, _, _ in interval.events]) == dark
        assert np.isnan(interval.v_pu).all() == dark


def test_no_load_is_served_from_below_the_floor(prepared: Prepared):
    """5 % of the band 0.05 … 0.95 above 0.05: 0.095 of 2 MWh; others give way in their order, then it goes dark."""
    site = dark_site(prepared)
    assert site.former.min_soc == pytest.approx(0.095)
    for stored, served in ((0.5, 3), (0.24, 1), (0.191, 0), (0.15, 0)):
        site.state = replace(site.state, stored_mwh=(0.05, stored), interval=8, island={"closed": False})
        interval = site.apply(Setpoints(), site.times[8])
        assert site.state.stored_mwh[1] >= min(stored, 0.19) - 1e-9
        assert int((interval.load_mw > 0).sum()) == served


def test_the_state_on_the_way_back_is_kept_exactly(prepared: Prepared):
    told = Setpoints(pick_up={"battery3": 0.0, "load3": 0.1, "load2": 0.15})
    one = dark_site(prepared)
    one.apply(told, one.times[26])
    other = dark_site(prepared)
    other.state = WorldState.from_dict(json.loads(json.dumps(one.state.to_dict())))
    for site in (one, other):
        site.apply(Setpoints(pick_up={"load1": 0.02}), site.times[27])
    assert one.state == other.state
