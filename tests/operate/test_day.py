"""A day of the small site: what the loop promises, from the first reading to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_site import write_small_site

from gridloop.operate.audit import chain_is_whole
from gridloop.operate.loop import TickReport
from gridloop.operate.replay import replay_tick
from gridloop.operate.run import Run, operate, resume_run
from gridloop.operate.settings import read_site
from gridloop.telemetry.store import open_store

STEP_MIN, TICKS = 30, 28  # midnight to 14:00: the noon that breaks the voltage band is in it
SAME = ("plans", "commands", "events", "readings", "forecasts", "prices", "flows", "state", "ticks")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("day")
    return operate(read_site(write_small_site(folder, ticks=TICKS, step_min=STEP_MIN)), out=folder / "runs")


def test_control_removes_the_violations_and_costs_less(run: Run):
    with_, without = run.summary["controlled"], run.summary["baseline"]
    assert without["voltage_violations"] > 0
    first = open_store(run.folder).read("ticks", run="controlled", tick=0)["voltage_violations"].iloc[0]
    assert with_["voltage_violations"] - first == 0
    assert with_["unserved_mwh"] == 0.0
    assert with_["ev_short_mwh"] == pytest.approx(0.0, abs=1e-6)
    assert with_["cost_eur"] < without["cost_eur"]


def test_every_tick_sent_a_plan_and_every_setpoint_has_its_reason(run: Run):
    store = open_store(run.folder)
    ticks = store.read("ticks", run="controlled")
    assert run.summary["missed_ticks"] == 0
    assert set(ticks["rung"]) == {"incumbent"}
    plans = store.read("plans")
    now = plans[plans["valid_at"] == plans["issued_at"]]
    sent = now[(now["kind"] != "connection") & (now["quantity"] != "soc")]
    assert (sent["reason"] != "").all()
    commands = store.read("commands")
    assert (commands["reason"] != "").all()
    assert set(commands["device"]) <= set(plans["device"]) | {"T"}


def test_energy_balances_in_every_stored_tick(run: Run):
    t = open_store(run.folder).read("ticks")
    given = t["solar_mw"] + t["wind_mw"] + t["other_mw"] + t["import_mw"]
    taken = t["load_mw"] + t["ev_mw"] + t["battery_mw"] + t["losses_mw"] + t["export_mw"]
    assert np.abs(given - taken).max() < 1e-6


def test_nothing_is_known_before_its_time(run: Run):
    store = open_store(run.folder)
    readings = store.read("readings")
    at = store.read("ticks", run="controlled").set_index("tick")["valid_at"]
    assert (readings["known_at"] <= readings["tick"].map(at)).all()
    forecasts = store.read("forecasts")
    assert (forecasts["issued_at"] == forecasts["tick"].map(at)).all()
    prices = store.read("prices")
    assert (prices["known_at"] <= prices["tick"].map(at)).all()
    assert (prices["known_at"] < prices["valid_at"]).all()


def test_the_audit_chain_is_whole_and_a_changed_word_breaks_it(run: Run):
    events = open_store(run.folder).read("events")
    assert chain_is_whole(events)
    events.loc[3, "text"] = "nothing happened"
    assert not chain_is_whole(events)


@pytest.mark.parametrize("tick", [0, 1, 19, TICKS - 1])
def test_a_past_tick_planned_again_is_the_same_bit_for_bit(run: Run, tick: int):
    assert replay_tick(run.folder, tick).differ == 0


def test_replay_sees_a_changed_forecast(run: Run, monkeypatch: pytest.MonkeyPatch):
    """The planted fault of the test above: with one number of the past changed, the plan is another."""
    from gridloop.telemetry.store import Store

    read = Store.read

    def altered(self: Store, table: str, *args: object, **where: object) -> pd.DataFrame:
        rows = read(self, table, *args, **where)  # type: ignore[arg-type]
        return rows.assign(p50=rows["p50"] * 1.001, p90=rows["p90"] * 1.002) if table == "forecasts" else rows

    monkeypatch.setattr(Store, "read", altered)
    assert replay_tick(run.folder, 19).differ > 0


def test_a_run_that_was_cut_off_goes_on_to_the_same_end(run: Run, tmp_path: Path):
    class Cut(Exception):
        pass

    def cut(report: TickReport) -> None:
        if report.tick == 2:
            raise Cut

    site = read_site(write_small_site(tmp_path, ticks=5))
    whole = operate(site, out=tmp_path / "runs")
    with pytest.raises(Cut):
        operate(site, out=tmp_path / "runs", on_tick=cut)
    resumed = resume_run(tmp_path / "runs" / "2016-07-25-2")
    a, b = open_store(whole.folder), open_store(resumed.folder)
    for table in SAME:
        pd.testing.assert_frame_equal(a.read(table), b.read(table), check_exact=True, obj=table)


def test_the_summary_is_in_run_json_and_the_report_is_there(run: Run):
    data = json.loads((run.folder / "run.json").read_text())
    assert data["result"]["controlled"] == run.summary["controlled"]
    assert run.report.stat().st_size > 100_000
