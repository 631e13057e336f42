"""A solver that lies inside the loop: its plan is not sent, the ladder takes over, and all of it is on record.

The lie is told behind the solver's own checks: values read from a solved model are off, its objective is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_site import write_small_site

from gridloop.operate.audit import chain_is_whole
from gridloop.operate.decide import decide as module
from gridloop.operate.replay import replay_tick
from gridloop.operate.run import Run, operate
from gridloop.operate.settings import read_site
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.solve import Outcome, Session
from gridloop.telemetry.store import Store, open_store

START = pd.Timestamp("2016-07-24 22:00", tz="UTC")
RUNGS = ["safe", "incumbent", "incumbent", "last_good", "incumbent", "last_good", "incumbent"]


def less_of_everything(outcome: Outcome) -> Outcome:
    """A tenth less of every variable."""
    return replace(outcome, _x=outcome._x * 0.9)


def one_wrong_number(outcome: Outcome) -> Outcome:
    """The first variable (what a battery charges now) 1 kW off."""
    x = outcome._x.copy()
    x[0] += 0.001
    return replace(outcome, _x=x)


def a_cheaper_bill(outcome: Outcome) -> Outcome:
    """All as it is, for one EUR less."""
    return replace(outcome, objective=outcome.objective - 1.0)


LIES: dict[int, Callable[[Outcome], Outcome]] = {0: less_of_everything, 3: one_wrong_number, 5: a_cheaper_bill}


@contextmanager
def solver_told(lie: Callable[[Outcome], Outcome]) -> Iterator[None]:
    honest = Session.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "run", lambda session, *share: lie(honest(session, *share)))
        yield


def lying(*arguments: object, horizon: Horizon, **options: object) -> Plan:
    """`schedule` with a solver that lies in some ticks."""
    lie = LIES.get((horizon.starts[0] - START) // pd.Timedelta(minutes=15))
    if lie is None:
        return schedule(*arguments, horizon=horizon, **options)  # type: ignore[arg-type]
    with solver_told(lie):
        plan = schedule(*arguments, horizon=horizon, **options)  # type: ignore[arg-type]
    assert plan.status == "optimal", "the lie has to reach the loop"
    return plan


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "schedule", lying)
        return operate(read_site(write_small_site(folder, ticks=len(RUNGS), sessions=6)), out=folder / "runs")


@pytest.fixture
def store(run: Run) -> Store:
    return open_store(run.folder)


def test_the_day_goes_on_by_the_ladder(run: Run, store: Store):
    ticks = store.read("ticks", run="controlled")
    assert list(ticks["rung"]) == RUNGS
    assert run.summary["missed_ticks"] == 0
    assert run.summary["refused_plans"] == len(LIES)
    assert json.loads((run.folder / "run.json").read_text())["result"]["refused_plans"] == len(LIES)


def test_the_audit_chain_says_what_was_wrong(store: Store):
    events = store.read("events")
    refused = events[events["kind"] == "refused"].set_index("tick")["text"]
    assert sorted(refused.index) == sorted(LIES)
    assert all(text.startswith("refused: The answer does not keep the rules of its case: ") for text in refused)
    assert "stored energy" in refused[3] and "battery2" in refused[3]
    assert "cost of total" in refused[5]
    after = events[events["tick"].isin(LIES) & (events["kind"] == "degraded")]
    assert list(after["subject"]) == ["safe", "last_good", "last_good"]
    assert chain_is_whole(events)
    assert not chain_is_whole(events[events["kind"] != "refused"]), "the refusal cannot be taken out"


def test_nothing_of_a_refused_plan_is_sent(store: Store):
    plans, commands = store.read("plans"), store.read("commands")
    assert commands[commands["tick"] == 0].empty
    for tick, made in ((3, 2), (5, 4)):
        at = START + tick * pd.Timedelta(minutes=15)
        good = plans[(plans["tick"] == made) & (plans["valid_at"] == at) & (plans["quantity"] == "p_mw")]
        sent = commands[(commands["tick"] == tick) & (commands["quantity"] == "p_mw")]
        known = good.set_index("device")["value"]
        assert set(sent["reason"]) == {"last_good"}
        assert sent.set_index("device")["value"].to_dict() == known[list(sent["device"])].to_dict()


@pytest.mark.parametrize("tick", range(len(RUNGS)))
def test_a_refused_tick_is_replayed_to_the_same_decision(tick: int, run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "schedule", lying)
    again = replay_tick(run.folder, tick)
    assert (again.differ, again.decision.rung) == (0, RUNGS[tick])
    assert any(note[0] == "refused" for note in again.decision.notes) == (tick in LIES)


def test_the_report_tells_of_it(run: Run):
    page = run.report.read_text("utf-8")
    assert "plan refused" in page
    assert "The answer does not keep the rules of its case" in page


def test_the_check_has_its_own_time_in_every_tick(store: Store):
    timings = store.read("timings")
    assert (timings["check_s"] > 0).all()
    assert (timings["plan_s"] >= 0).all()
    assert np.median(timings["check_s"]) < 0.1 * np.median(timings["plan_s"])


def test_without_the_check_the_lies_would_be_sent(run: Run, monkeypatch: pytest.MonkeyPatch):
    """The planted fault of the tests above."""
    monkeypatch.setattr(module, "schedule", lying)
    monkeypatch.setattr(module, "refusal", lambda *_, **__: None)
    assert replay_tick(run.folder, 3).decision.rung == "incumbent"


def test_an_honest_day_has_no_refusal(tmp_path: Path):
    honest = operate(read_site(write_small_site(tmp_path, ticks=2, sessions=2)), out=tmp_path / "runs")
    assert honest.summary["refused_plans"] == 0
    assert "plan refused" not in honest.report.read_text("utf-8")
