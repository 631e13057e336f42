"""An island in the closed loop, on the small site: nobody is told, the source holds it, and it comes back by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_site import small_network, write_small_site

from gridloop.errors import OutOfRange
from gridloop.operate import island_grid, island_relays
from gridloop.operate.decide.islanding import decide_now
from gridloop.operate.island_facts import island_facts, island_table
from gridloop.operate.island_laws import broken
from gridloop.operate.island_settings import IslandSettings
from gridloop.operate.link import LinkStatus
from gridloop.operate.prepare import prepare
from gridloop.operate.replay import replay_tick
from gridloop.operate.report import build_page, load_run
from gridloop.operate.run import Run, _site, operate, resume_run
from gridloop.operate.settings import read_site, site_from_dict, site_to_dict
from gridloop.operate.simulated import SimulatedSite
from gridloop.operate.site import Setpoints
from gridloop.telemetry.store import open_store

DRILL = """
[island]
start_h = 1.0
hours = 1.0
priority = "load3"
important = "load2"
survive_h = 2.0
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("island")
    return operate(read_site(write_small_site(folder / "site", ticks=11, sessions=4, extra=DRILL)), out=folder / "runs")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("prepared")
    return prepare(read_site(write_small_site(folder, ticks=11, sessions=0, extra=DRILL)))


def table_of(run: Run, which: str = "controlled") -> pd.DataFrame:
    with open_store(run.folder / "lake") as store:
        return island_table(store.read("flows", run=which, kind="island"))


def ticks_of(run: Run) -> pd.DataFrame:
    with open_store(run.folder / "lake") as store:
        return store.read("ticks", run="controlled").sort_values("tick").reset_index(drop=True)


def test_it_opens_unannounced_and_comes_back(run: Run):
    """Open from 01:00 for an hour and the quarter in which it finds back; no word of it before."""
    table = table_of(run)
    assert (table["connection", "closed"] < 0.5).tolist() == [False] * 4 + [True] * 5 + [False] * 2
    with open_store(run.folder / "lake") as store:
        events = store.read("events")
    kinds = events.groupby("tick")["kind"].agg(set)
    assert not any("island" in kinds[t] for t in range(4))
    assert "reconnected" in kinds[8]


def test_every_law_of_an_island_holds(run: Run):
    for which in ("controlled", "baseline"):
        assert broken(table_of(run, which)) == []
    facts = run.summary["island"]["controlled"]
    assert facts["priority_unserved_mwh"] == pytest.approx(0.0, abs=1e-9)
    assert facts["dark_h"] == 0
    assert facts["balance_max_mw"] < 1e-5
    assert run.summary["controlled"]["voltage_violations"] == 0
    assert run.summary["controlled"]["overloads"] == 0


def test_nothing_flows_through_an_open_connection(run: Run):
    ticks = ticks_of(run)
    assert ticks["import_mw"].to_numpy()[4:9].tolist() == [0.0] * 5
    assert ticks["export_mw"].to_numpy()[4:9].tolist() == [0.0] * 5
    # Balance by hand: what is generated less load, charging, vehicles and losses.
    made = ticks[["solar_mw", "wind_mw", "other_mw"]].sum(axis=1)
    used = ticks[["load_mw", "battery_mw", "ev_mw", "losses_mw"]].sum(axis=1)
    assert (made - used).to_numpy()[4:9] == pytest.approx(0.0, abs=1e-5)


def test_the_decisions_of_an_island_are_replayed_bit_for_bit(run: Run):
    for tick in (3, 5, 8):
        assert replay_tick(run.folder, tick).same


def test_a_run_that_was_cut_off_in_the_island_ends_the_same(run: Run, tmp_path: Path):
    """Six ticks, then the rest: the world of the island is in the stored state."""
    site = read_site(write_small_site(tmp_path / "site", ticks=11, sessions=4, extra=DRILL))
    short = operate(site, out=tmp_path / "runs", ticks=6)
    data = json.loads((short.folder / "run.json").read_text())
    data["site"]["loop"]["ticks"] = 11
    (short.folder / "run.json").write_text(json.dumps(data))
    ended = resume_run(short.folder)
    pd.testing.assert_frame_equal(table_of(ended), table_of(run))
    pd.testing.assert_frame_equal(ticks_of(ended), ticks_of(run))


def test_the_page_and_the_summary_show_it(run: Run):
    page = build_page(load_run(run.folder))
    assert 'id="chart-island"' in page
    assert "Every priority load was served throughout." in page
    assert "The connection opened at 01:00 without a word" in page
    back_h = run.summary["island"]["controlled"]["closing_closed_s"] / 3600
    assert run.summary["island"]["controlled"]["open_h"] == pytest.approx(1.0 + back_h)


def test_without_a_drill_nothing_is_said_of_islands(tmp_path: Path):
    site = read_site(write_small_site(tmp_path / "site", ticks=2, sessions=0))
    assert site.island is None
    assert "island" not in site_to_dict(site)
    ended = operate(site, out=tmp_path / "runs")
    assert "island" not in ended.summary
    assert 'id="island"' not in build_page(load_run(ended.folder))
    with open_store(ended.folder / "lake") as store:
        assert "island" not in json.loads(store.read("state")["state"].iloc[0])["world"]
        assert "link" not in json.loads(store.read("state")["known"].iloc[0])


def test_while_it_is_closed_the_site_is_the_plain_one_bit_for_bit(prepared):
    island = _site(prepared)
    plain = SimulatedSite(prepared.network, prepared.profiles, prepared.sessions, prepared.settings, prepared.times)
    told = Setpoints(battery_mw={"battery3": 0.4, "battery2": -0.2})
    for at in prepared.times[:4]:
        one, other = island.apply(told, at), plain.apply(told, at)
        assert one.totals == other.totals
        assert one.v_pu.tobytes() == other.v_pu.tobytes()
    assert island.status(prepared.times[4]).soc == plain.status(prepared.times[4]).soc


def test_relays_keep_the_order_whatever_is_asked(prepared):
    """A source nearly empty, the others too: the last class goes, then the next; priority only in the end."""
    site = _site(prepared)
    for at in prepared.times[:4]:
        site.apply(Setpoints(), at)
    for stored, opened in [(s, o) for s in (2.0, 0.8, 0.35, 0.25, 0.2, 0.101) for o in (None, {"closed": False})]:
        site.state = replace(site.state, stored_mwh=(0.05, stored), interval=4, island=opened)
        interval = site.apply(Setpoints(generator_max_mw={"wind": 0.0}), prepared.times[4])
        rows = pd.DataFrame(interval.island, columns=["id", "quantity", "value"]).assign(
            valid_at=prepared.times[4], kind="island"
        )
        assert broken(island_table(rows)) == []


def test_a_planted_fault_in_the_relays_is_found(prepared, monkeypatch: pytest.MonkeyPatch):
    """The twin of the drill: relays that take the first class first must be seen by the laws."""
    honest = island_relays.take_off
    monkeypatch.setattr(
        island_grid, "take_off", lambda load, shed, off, ev, others, reach, rank, under: honest(
            load, shed, off, ev, others, reach, 2 - rank, under
        )
    )  # fmt: skip
    site = _site(prepared)
    for at in prepared.times[:4]:
        site.apply(Setpoints(), at)
    found = []
    for stored in (0.35, 0.25, 0.2):
        site.state = replace(site.state, stored_mwh=(0.05, stored), interval=4, island={"closed": False})
        interval = site.apply(Setpoints(generator_max_mw={"wind": 0.0}), prepared.times[4])
        rows = pd.DataFrame(interval.island, columns=["id", "quantity", "value"]).assign(
            valid_at=prepared.times[4], kind="island"
        )
        found += broken(island_table(rows))
    assert any("priority load are off" in one for one in found)


def test_the_laws_name_what_is_broken(run: Run):
    """Each law by a table in which it is broken."""
    table = table_of(run)
    inside = table.index[4]
    for column, value, word in (
        (("connection", "balance_mw"), 0.01, "missing in the balance"),
        (("battery3", "room_up_mw"), -0.2, "beyond what it can give"),
        (("priority", "served_mw"), 0.0, "priority load are off while"),
    ):
        spoilt = table.copy()
        spoilt.loc[inside, column] = value
        assert any(word in one for one in broken(spoilt))
    closing = table.index[8]
    spoilt = table.copy()
    spoilt.loc[closing, ("closing", "angle_deg")] = 40.0
    assert any("closed at 40 of angle_deg" in one for one in broken(spoilt))


def test_a_source_that_cannot_hold_it_goes_dark_and_starts_where_it_is_told(prepared, monkeypatch: pytest.MonkeyPatch):
    """Where no relay takes anything off, an empty source cannot; it stays dark until somebody orders a start."""
    site = _site(prepared)
    for at in prepared.times[:4]:
        site.apply(Setpoints(), at)
    site.state = replace(site.state, stored_mwh=(0.05, 0.1), interval=4)
    with monkeypatch.context() as patch:
        patch.setattr(island_grid, "take_off", lambda *_: False)
        dead = site.apply(Setpoints(generator_max_mw={"wind": 0.0}), prepared.times[4])
    assert np.isnan(dead.v_pu).all()
    assert dead.totals["load_mw"] == 0
    assert any(kind == "dark" for kind, _, _ in dead.events)
    link = site.status(prepared.times[5]).link
    assert link is not None
    assert link.dark
    assert np.isnan(site.apply(Setpoints(), prepared.times[5]).v_pu).all()
    alive = site.apply(Setpoints(pick_up={"battery3": 0.0, "load3": 0.1}), prepared.times[6])
    assert np.isfinite(alive.v_pu).all()
    assert alive.totals["load_mw"] > 0  # the wind blows at night


class Stands:
    """Chance that brings the grid's angle where the test wants it."""

    def __init__(self, angle: float) -> None:
        self.angle = angle

    def uniform(self, *_: float) -> float:
        return self.angle


def test_the_breaker_closes_within_its_interval_or_not_at_all(prepared, monkeypatch: pytest.MonkeyPatch):
    """The grid must be back for 20 min: not in its first quarter of an hour, whatever the angle, but in the second."""
    site = _site(prepared)
    site.window = replace(site.window, healthy_s=1200.0)
    for angle in range(-180, 180, 6):
        monkeypatch.setattr(site, "_rng", lambda *_, angle=angle: Stands(float(angle)))
        early, late = (site._close(50.07, 1.0 + 0j, prepared.times[k]) for k in (8, 9))
        assert not early.closed, (angle, early.closed_s)
        assert "healthy for 900 of 1200 s" in str(early.diagnosis)
        assert 300.0 <= late.closed_s <= 900.0


def test_load_that_goes_lifts_the_frequency_and_load_that_comes_back_pulls_it_down(prepared):
    """The source was told what it then gives, so that the load that is switched is the only step."""
    site = _site(prepared)
    for at in prepared.times[:5]:
        site.apply(Setpoints(), at)

    def extremes(off: dict[str, float], at: pd.Timestamp) -> tuple[float, float, float]:
        begin = site.state
        told: dict[str, float] = {}
        for _ in range(2):  # the second time it is told what it gave the first time
            site.state = begin
            rows = {(i, q): v for i, q, v in site.apply(Setpoints(unserved_mw=off, battery_mw=told), at).island}
            told = {"battery3": -rows["battery3", "p_mw"]}
        return rows["connection", "hz_min"], rows["connection", "hz"], rows["connection", "hz_max"]

    low, hz, high = extremes({"load1": 9.0}, prepared.times[5])
    assert low == hz < high
    low, hz, high = extremes({}, prepared.times[6])
    assert low < hz == high


def test_a_link_is_kept_exactly():
    link = LinkStatus(False, 0.0, 0.0, 49.98, 1.01, "b", 50.0, 1.0, 0.3, 1.25, False, {"a": 0.25}, {"a": 0.25})
    assert LinkStatus.from_dict(json.loads(json.dumps(link.to_dict()))) == link


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"former": "windmill"}, "former 'windmill' is none of its batteries"),
        ({"priority": "hospital*"}, "priority 'hospital*' fits none of 3 loads"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, str], word: str):
    site = read_site(write_small_site(tmp_path / "site", ticks=2, sessions=0, extra=DRILL))
    with pytest.raises(OutOfRange, match=word.replace("*", r"\*")):
        operate(replace(site, island=replace(site.island, **wrong)), out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_an_island_without_a_battery_is_refused():
    storage = small_network().storage
    with pytest.raises(OutOfRange, match="an island without a grid-forming source"):
        IslandSettings().former_of(storage.iloc[:0])
    with pytest.raises(OutOfRange, match="headroom_pct is 100"):
        IslandSettings(headroom_pct=100.0)


def test_settings_are_kept_exactly(tmp_path: Path):
    site = read_site(write_small_site(tmp_path, extra=DRILL))
    assert site_from_dict(json.loads(json.dumps(site_to_dict(site)))) == replace(site)
    assert decide_now.__doc__


def test_no_figures_where_nothing_happened():
    assert island_facts(pd.DataFrame(), 0.25) == {}
    assert broken(pd.DataFrame()) == []
