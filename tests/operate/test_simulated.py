"""The simulated site: physics limits what it is told, meters are late, and its state is all there is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from small_site import write_small_site

from gridloop.operate.run import Prepared, prepare
from gridloop.operate.settings import read_site
from gridloop.operate.simulated import SimulatedSite, WorldState
from gridloop.operate.site import Setpoints


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(read_site(write_small_site(tmp_path_factory.mktemp("site"))))


def site_of(day: Prepared, **changes: object) -> SimulatedSite:
    readings = replace(day.settings.readings, **changes)  # type: ignore[arg-type]
    return SimulatedSite(day.network, day.profiles, day.sessions, replace(day.settings, readings=readings), day.times)


def test_a_battery_stops_when_it_is_full(day: Prepared):
    """battery3: 2 MWh, from 50 % to at most 95 %: 0.9 MWh fit in, of 1 MW through 0.95 that is 0.2375 MWh a quarter."""
    site = site_of(day)
    stored = []
    for at in day.times[:6]:
        site.apply(Setpoints(battery_mw={"battery3": 1.0}), at)
        stored.append(site.state.stored_mwh[1])
    assert stored[0] == pytest.approx(1.0 + 0.2375, abs=1e-12)
    assert stored[-1] == pytest.approx(1.9, abs=1e-12)


def test_a_vehicle_that_is_told_nothing_charges_at_full_power_and_is_never_short(day: Prepared):
    site = site_of(day)
    short = sum(site.apply(Setpoints(), at).totals["ev_short_mwh"] for at in day.times)
    assert len(day.sessions) > 0
    assert short == pytest.approx(0.0, abs=1e-9)


def test_a_vehicle_that_is_told_to_wait_leaves_short(day: Prepared):
    """The planted fault of the test above: waiting for ever must be counted."""
    site = site_of(day)
    never = {str(i): 0.0 for i in day.sessions.index}
    short = sum(site.apply(Setpoints(ev_mw=never), at).totals["ev_short_mwh"] for at in day.times)
    leaving = day.sessions["departure"] <= day.times[-1] + pd.Timedelta(minutes=15)
    assert short == pytest.approx(day.sessions.loc[leaving, "energy_mwh"].sum(), rel=1e-9)


def test_power_balances_in_every_interval(day: Prepared):
    site = site_of(day)
    for at in day.times[::8]:
        t = site.apply(Setpoints(battery_mw={"battery2": 0.3}, unserved_mw={"load1": 0.1}), at).totals
        taken = t["load_mw"] + t["ev_mw"] + t["battery_mw"] + t["losses_mw"] + t["export_mw"]
        given = t["solar_mw"] + t["wind_mw"] + t["other_mw"] + t["import_mw"]
        assert taken == pytest.approx(given, abs=1e-6)
        site.state = replace(site.state, interval=site.state.interval + 7)


def test_readings_come_when_their_delay_has_passed(day: Prepared):
    site = site_of(day, delay_s=60.0, noise_pct=0.0)
    site.apply(Setpoints(), day.times[0])
    assert site.readings(day.times[1]).empty
    site.apply(Setpoints(), day.times[1])
    got = site.readings(day.times[2])
    assert set(got["valid_at"]) == {day.times[0]}
    assert set(got["known_at"]) == {day.times[1] + pd.Timedelta(seconds=60)}
    truth = day.profiles.load_mw.loc[day.times[0], "load1"]
    assert got.set_index("point")["value"]["load1/p_mw"] == truth


def test_a_tap_lowers_the_voltage_by_its_step(day: Prepared):
    """One step of 1.5 % on the high-voltage side: the feeder sits about 1.5 % lower."""
    base = site_of(day).apply(Setpoints(), day.times[0]).v_pu
    moved = site_of(day).apply(Setpoints(tap_pos={"T": 1}), day.times[0])
    assert moved.totals["tap_moves"] == 1.0
    assert moved.v_pu[1:] / base[1:] == pytest.approx(1 / 1.015, abs=2e-3)


def test_the_state_survives_json_and_gives_the_same_world(day: Prepared):
    first = site_of(day)
    for at in day.times[:3]:
        first.apply(Setpoints(battery_mw={"battery3": 0.4}), at)
    state = WorldState.from_dict(json.loads(json.dumps(first.state.to_dict())))
    assert state == first.state
    second = SimulatedSite(day.network, day.profiles, day.sessions, day.settings, day.times, state)
    a, b = (s.apply(Setpoints(), day.times[3]) for s in (first, second))
    assert a.totals == pytest.approx(b.totals, abs=1e-12)


def test_noise_depends_on_the_interval_alone(day: Prepared):
    status = [site_of(day).status(day.times[0]).soc for _ in range(2)]
    assert status[0] == status[1]
    site = site_of(day)
    site.apply(Setpoints(), day.times[0])
    assert site.status(day.times[1]).soc != status[0]


def test_a_day_with_a_hole_in_its_truth_is_refused(tmp_path: Path):
    file = write_small_site(tmp_path)
    table = pd.read_csv(tmp_path / "profiles" / "load_mw.csv")
    table.loc[len(table) - 5, "load2"] = None
    table.to_csv(tmp_path / "profiles" / "load_mw.csv", index=False)
    ready = prepare(read_site(file))
    with pytest.raises(Exception, match="load2"):
        SimulatedSite(ready.network, ready.profiles, ready.sessions, ready.settings, ready.times)
