"""Values of a site file: lists, pairs, times and yes or no, each as the device's field wants it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sites import HOURS, PRICES

from gridloop.cli.schedule_file import read_schedule
from gridloop.optimize.devices.sheddable import ShedClass
from gridloop.optimize.problems.schedule import schedule

HEAD = '[prices]\nfile = "prices.csv"\n'


@pytest.fixture
def site(tmp_path):
    """Writes a site of one device and reads it."""
    pd.DataFrame({"eur_per_mwh": PRICES, "open": [1.0] * 6 + [0.0] * 6, "odd": 0.5}, index=HOURS).to_csv(
        tmp_path / "prices.csv"
    )

    def read(text):
        (tmp_path / "site.toml").write_text(HEAD + text)
        return read_schedule(tmp_path / "site.toml")

    return read


def test_a_run_has_as_many_parts_as_it_has(site):
    """Two quarters of an hour in a plan of twelve hours; the cheapest hour is the second."""
    found = site("[[shiftable_run]]\nprofile_mw = [1.0, 2.0]\nearliest = 2026-03-02T01:00:00Z\n")
    (run,) = found.devices
    assert run.profile_mw == (1.0, 2.0) and run.earliest == HOURS[1]
    plan = schedule([run], found.prices)
    assert plan.cost == pytest.approx(0.75 * 40.0, abs=0.01)


def test_wear_by_depth_of_cycle_and_classes_of_shedding(site):
    battery = "[[battery]]\ncapacity_mwh = 2\nmax_charge_mw = 1\nmax_discharge_mw = 1\n"
    (found,) = site(battery + "degradation_cost = [[0.2, 1.0], [1.0, 9]]\n").devices
    assert found.degradation_cost == ((0.2, 1.0), (1.0, 9.0))
    classes = 'classes = [["shops", 0.3, 3000], { name = "homes", share = 0.7, value_of_lost_load = 9000 }]'
    (load,) = site(f"[[sheddable]]\np_mw = 1\n{classes}\n").devices
    assert load.classes == (ShedClass("shops", 0.3, 3000.0), ShedClass("homes", 0.7, 9000.0))


def test_transformers_and_yes_or_no(site):
    text = '[[tap_changer]]\ntransformers = ["T1", "T2"]\nposition = 0\nmin_position = -2\nmax_position = 2\n'
    assert site(text).devices[0].transformers == ("T1", "T2")
    room = "[[building]]\noutdoor_c = 5\nmodel = { indoor_mwh_per_k = 0.01, indoor_outdoor_mw_per_k = 0.001 }\n"
    machine = '[[building.machine]]\nkind = "boiler"\ncapacity_mw = 0.1\n'
    for told in ('"prices.csv:open"', str([True] * 6 + [False] * 6).lower(), str([1] * 6 + [0] * 6)):
        (found,) = site(f"{room}occupied = {told}\nclosed_min_c = 15\n{machine}").devices
        assert found.zones[0].occupied.tolist() == [True] * 6 + [False] * 6
        assert found.zones[0].min_c.tolist() == [20.0] * 6 + [15.0] * 6
        assert found.zones[0].occupancy == pytest.approx([1.0] * 6 + [0.0] * 6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[shiftable_run]]\nprofile_mw = "run.csv:p"\n', "profile_mw is 'run.csv:p'; a list of numbers is needed"),
        ("[[shiftable_run]]\nprofile_mw = [1.0]\nprofile_step = 15\n", "profile_step is 15; a length of time such as"),
        ("[[shiftable_run]]\nprofile_mw = [1.0]\nearliest = 3\n", "earliest is 3; a time such as"),
        ("[[battery]]\ncapacity_mwh = 2\nmax_charge_mw = 1\nmax_discharge_mw = 1\ndegradation_cost = [0.2, 1.0]\n",
         "degradation_cost has 0.2; a list of lists of 2 is needed"),
        ('[[sheddable]]\np_mw = 1\nclasses = [["a", 1.0]]\n',
         "classes has ['a', 1.0]; a list of lists of 3 (name, share, value_of_lost_load) is needed"),
        ('[[sheddable]]\np_mw = 1\nclasses = [["a", "all", 9]]\n', "classes is 'all'; a number is needed"),
        ('[[tap_changer]]\ntransformers = "T1"\nposition = 0\nmin_position = 0\nmax_position = 0\n',
         "transformers is 'T1'; a list of texts is needed"),
        ("[[load]]\np_mw = 1\nid = 7\n", "id is 7; a text is needed"),
        ("[[ev_fleet]]\nsessions = 7\n", "sessions is 7; a text is needed"),
        ('[[building]]\noutdoor_c = 5\noccupied = "prices.csv:odd"\nmodel = { indoor_mwh_per_k = 1, '
         'indoor_outdoor_mw_per_k = 1 }\n[[building.machine]]\nkind = "boiler"\ncapacity_mw = 1\n',
         "occupied is 'prices.csv:odd'; true, false, a list of them, or a column of 1 and 0 is needed"),
    ],
)  # fmt: skip
def test_what_is_no_such_value_is_named(gridloop, site, tmp_path, text, words):
    (tmp_path / "site.toml").write_text(HEAD + text)
    pd.DataFrame({"eur_per_mwh": PRICES, "odd": 0.5}, index=HOURS).to_csv(tmp_path / "prices.csv")
    said = gridloop("schedule", tmp_path / "site.toml")
    assert said.code == 2 and words in said.err and len(said.err.splitlines()) == 1


def test_a_flat_tariff_needs_no_file(gridloop, tmp_path):
    """A MW for three quarters of an hour at 120; what is sold brings 50."""
    head = "[prices]\neur_per_mwh = 120\nexport_eur_per_mwh = 50\ncarbon_t_per_mwh = 0.4\n"
    horizon = '[horizon]\nstart = 2026-06-15T00:00:00Z\nsteps = 3\nstep = "15min"\n'
    (tmp_path / "site.toml").write_text(head + horizon + "[[load]]\np_mw = 1.0\n")
    found = read_schedule(tmp_path / "site.toml")
    assert found.horizon.hours.tolist() == [0.25] * 3 and found.prices["export_eur_per_mwh"].tolist() == [50.0] * 3
    assert found.carbon is not None and found.carbon.tolist() == [0.4] * 3
    assert "Cost 90.00, highest import 1.000 MW." in gridloop("schedule", tmp_path / "site.toml").out
    assert len(read_schedule(tmp_path / "site.toml", steps=2).horizon) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[prices]\neur_per_mwh = 1\n", "[horizon] needs start and steps where no file of prices says the times"),
        ('[prices]\neur_per_mwh = "x"\n[horizon]\nstart = 2026-01-01\nsteps = 2\n', "eur_per_mwh is 'x'; a number"),
        ("[prices]\neur_per_mwh = 1\n[horizon]\nstart = 2026-01-01\nsteps = 0.5\n", "steps is 0.5; a whole number"),
        ('[prices]\neur_per_mwh = 1\n[horizon]\nstart = 2026-01-01\nsteps = 2\nstep = "0h"\n', "longer than nothing"),
        ('[prices]\nfile = "prices.csv"\n[horizon]\nstep = "1h"\n', "step belongs to a flat eur_per_mwh"),
        ("[prices]\narea = 3\n", '[prices] needs file = "prices.csv", or eur_per_mwh = 80'),
        ("prices = 3\n", "prices must be a section, [prices]"),
    ],
)
def test_a_tariff_that_is_none_is_named(gridloop, tmp_path, text, words):
    pd.DataFrame({"eur_per_mwh": PRICES}, index=HOURS).to_csv(tmp_path / "prices.csv")
    (tmp_path / "site.toml").write_text(text + "[[load]]\np_mw = 1.0\n")
    said = gridloop("schedule", tmp_path / "site.toml")
    assert said.code == 2 and words in said.err and len(said.err.splitlines()) == 1


def test_a_sequence_stands_for_a_series_only_where_it_is_one(site):
    """A load has a value per interval; a list of another length is refused, as it was."""
    assert np.allclose(site(f"[[load]]\np_mw = {[0.1] * 12}\n").devices[0].p_mw, 0.1)
    with pytest.raises(Exception, match="p_mw has 3 values for 12 intervals"):
        site("[[load]]\np_mw = [1, 2, 3]\n")
