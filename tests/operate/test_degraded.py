"""Degraded modes by name: a planner that fails does not stop the day, and everyone can read what stood in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_site import write_small_site

from gridloop.diagnosis import Diagnosis
from gridloop.errors import SolveFailed
from gridloop.operate.audit import chain_is_whole
from gridloop.operate.decide import decide as module
from gridloop.operate.decide.decide import NOTHING
from gridloop.operate.loop import TickReport
from gridloop.operate.replay import replay_tick
from gridloop.operate.run import Run, operate, resume_run
from gridloop.operate.settings import SiteSettings, read_site
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.telemetry.store import Store, open_store

START = pd.Timestamp("2016-07-24 22:00", tz="UTC")
RAISES, INFEASIBLE = (0, 3), (4,)
RUNGS = ["safe", "incumbent", "incumbent", "last_good", "last_good", "incumbent"]


def failing(*arguments: object, horizon: Horizon, **options: object) -> Plan:
    """`schedule`, but at some ticks it raises, at others it has no solution."""
    tick = (horizon.starts[0] - START) // pd.Timedelta(minutes=15)
    if tick in RAISES:
        raise SolveFailed("the solver ended with status 'numerical trouble'")
    if tick in INFEASIBLE:
        why = Diagnosis("infeasible", ["battery3 cannot hold what it must."], "Lower its min_soc.")
        return Plan(horizon, NOTHING, float("nan"), {}, pd.DataFrame(), {}, "infeasible", why)
    return schedule(*arguments, horizon=horizon, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SiteSettings:
    return read_site(write_small_site(tmp_path_factory.mktemp("site"), ticks=len(RUNGS), sessions=6))


@pytest.fixture(scope="module")
def run(settings: SiteSettings) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "schedule", failing)
        return operate(settings, out=Path(settings.folder) / "runs")


@pytest.fixture
def store(run: Run) -> Store:
    return open_store(run.folder)


def test_no_tick_is_missed_and_every_rung_is_named(run: Run, store: Store):
    ticks = store.read("ticks", run="controlled")
    assert run.summary["missed_ticks"] == 0
    assert list(ticks["rung"]) == RUNGS
    assert (ticks["converged"] == 1).all()


def test_an_event_says_why_and_what_stood_in(store: Store):
    events = store.read("events", kind="degraded")
    told = {tick: list(rows["text"]) for tick, rows in events.groupby("tick")}
    assert set(told) == {0, 3, 4}
    assert told[0] == [
        "SolveFailed: the solver ended with status 'numerical trouble'",
        "no plan yet: batteries idle, vehicles charge, generators are not limited",
    ]
    assert told[3][1] == "last_good: plan is 15 min old"
    assert told[4] == [
        "infeasible: battery3 cannot hold what it must. Lower its min_soc.",
        "last_good: plan is 30 min old",
    ]
    assert chain_is_whole(store.read("events"))


def test_last_good_sends_what_the_plan_had_foreseen(store: Store):
    """Ticks 3 and 4 send the second and third interval of the plan of tick 2."""
    plans, commands = store.read("plans"), store.read("commands")
    foreseen = plans[(plans["tick"] == 2) & (plans["kind"] == "battery") & (plans["quantity"] == "p_mw")]
    for tick in (3, 4):
        at = START + tick * pd.Timedelta(minutes=15)
        wanted = foreseen[foreseen["valid_at"] == at].set_index("device")["value"]
        sent = commands[(commands["tick"] == tick) & commands["device"].isin(wanted.index)].set_index("device")
        assert len(wanted) == 2
        assert sent["value"].to_dict() == wanted.to_dict()
        assert set(sent["reason"]) == {"last_good"}


def test_a_safe_tick_sends_nothing(store: Store):
    assert store.read("commands", tick=0).empty
    assert store.read("plans", tick=0).empty
    assert store.read("ticks", run="controlled", tick=0)["battery_mw"].iloc[0] == 0.0


def test_the_report_says_it(run: Run):
    page = run.report.read_text("utf-8")
    assert "last_good" in page
    assert "numerical trouble" in page


@pytest.mark.parametrize("tick", range(len(RUNGS)))
def test_a_fallback_is_replayed_too(tick: int, run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "schedule", failing)
    again = replay_tick(run.folder, tick)
    assert (again.differ, again.decision.rung) == (0, RUNGS[tick])


@pytest.mark.parametrize("last", [0, 3])
def test_a_run_cut_off_after_a_fallback_goes_on_to_the_same_end(
    last: int, run: Run, settings: SiteSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Cut(Exception):
        pass

    def cut(report: TickReport) -> None:
        if report.tick == last:
            raise Cut

    monkeypatch.setattr(module, "schedule", failing)
    with pytest.raises(Cut):
        operate(settings, out=tmp_path, on_tick=cut)
    resumed = resume_run(tmp_path / "2016-07-25")
    a, b = open_store(run.folder), open_store(resumed.folder)
    for table in ("plans", "commands", "events", "ticks", "state"):
        pd.testing.assert_frame_equal(a.read(table), b.read(table), check_exact=True, obj=table)
