"""Whole decisions under a limit of time: an answer always comes, keeps every rule, and says how far it may be off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.one_of_many import Choices, choose
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.diagnose import not_proven
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum, add_rows, add_variables, minimize
from gridloop.optimize.problems import whole_start
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.solve import Fix, Session
from gridloop.optimize.solve.outcome import relative_gap
from gridloop.testing import moment


def crowd(n: int, steps: int = 96) -> tuple[list[ShiftableRun | Load], pd.Series, Connection]:
    """Many runs of one to three hours under a peak that all of them share. Synthetic."""
    rng = np.random.default_rng(0)
    index = pd.date_range(moment(), periods=steps, freq="15min")
    price = pd.Series(60 + 30 * np.sin(np.arange(steps) / 4 / 12 * 2 * np.pi) + rng.normal(0, 5, steps), index)
    runs = [ShiftableRun(rng.uniform(0.2, 1.5, int(rng.integers(4, 13))).round(2), id=f"run {k}") for k in range(n)]
    mean = sum(run.energy_mwh for run in runs) / 24
    connection = Connection(contracted_peak_mw=mean, peak_price_per_mw=500.0)
    return [*runs, Load(np.full(steps, 0.3 * mean), id="base")], price, connection


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_twenty_runs_under_one_peak_come_back_in_time(seconds: float):
    devices, price, connection = crowd(20)
    plan = schedule(devices, price, connection=connection, time_limit_s=seconds)
    assert plan.status == "incumbent" and plan.solved
    assert plan.gap > 0
    assert plan.diagnosis is not None and plan.diagnosis.status == "incumbent"
    assert np.isfinite(plan.local_price.to_numpy()).all()
    assert check_solution(ScheduleCase(devices, price, connection), plan).ok


def test_the_gap_is_known_and_better_starts_are_kept():
    """The runs put at their cheapest hours, without a look at each other, raise the peak much more."""
    devices, price, connection = crowd(20)
    plan = schedule(devices, price, connection=connection, time_limit_s=2.0)
    assert 0 < plan.gap < 1
    assert f"{100 * plan.gap:.2g} %" in str(plan.diagnosis)
    alone = schedule(devices, price)
    together = check_solution(ScheduleCase(devices, price, connection), alone)
    assert not together.ok  # its cost is another's
    peak = float(alone.of("connection", "import_mw").max()) - connection.contracted_peak_mw
    assert plan.cost < alone.cost + 500.0 * peak


def test_a_gap_that_was_allowed_counts_as_optimal(prices):
    devices, price, connection = crowd(4, 24)
    plan = schedule(devices, price, connection=connection, mip_gap=0.9)
    assert plan.status == "optimal" and 0 <= plan.gap <= 0.9 and plan.diagnosis is None
    for wrong in (-0.1, 1.0, float("nan")):
        with pytest.raises(OutOfRange, match="mip_gap is"):
            schedule(devices, price, mip_gap=wrong)


def test_without_whole_decisions_there_is_no_gap(prices):
    load = Load(np.ones(3))
    assert schedule([load, Battery(1.0, 1.0, 1.0)], prices([10, 20, 30])).gap == 0.0
    assert schedule([load, ShiftableRun([1.0])], prices([1, 2, 3])).gap == approx(0.0, abs=1e-9)


def test_runs_that_only_prices_join_need_no_search(prices, monkeypatch):
    """Each at its cheapest start: the kinds' own bound at the prices of that answer is its cost."""
    found: list[float] = []
    monkeypatch.setattr(Session, "relax_whole", lambda session: found.append(session._search.bound))  # type: ignore
    runs = [ShiftableRun([1.0, 2.0], pd.Timedelta("1h"), id=f"run {k}") for k in range(5)]
    plan = schedule(runs, prices([50, 10, 20, 90]))
    assert plan.status == "optimal" and plan.gap == approx(0.0, abs=1e-9)
    assert found == [approx(plan.cost, abs=1e-6)]


def test_a_start_is_asked_again_with_what_a_battery_answers(prices, monkeypatch):
    """A battery of 1 MW takes the run's 1 MW off the dear hour only where the run is known to be there."""
    seen: list[list[float]] = []
    real = whole_start._proposed

    def told(asked, taken, problem, seconds):
        seen.append(np.round(sum(mw for kind, mw in taken.items() if kind != "run"), 6).tolist())
        return real(asked, taken, problem, seconds)

    monkeypatch.setattr(whole_start, "_proposed", told)
    link = Connection(contracted_peak_mw=0.0, peak_price_per_mw=50.0)
    devices = [ShiftableRun([2.0], pd.Timedelta("1h")), Battery(1.0, 1.0, 1.0, 1.0, 1.0, initial_soc=0.0)]
    plan = schedule(devices, prices([10, 11, 30]), connection=link)
    assert seen[0] == [0.0, 0.0, 0.0] and len(seen) > 1 and any(seen[1])
    assert check_solution(ScheduleCase(devices, prices([10, 11, 30]), link), plan).ok


def test_two_profiles_make_room_for_each_other():
    """1 MW each in one of two hours, at equal prices, each MW of peak at 100: one hour each."""
    horizon = Horizon(pd.date_range(moment(), periods=2, freq="1h"), np.ones(2))
    rest = Rest(horizon, np.zeros(2), np.full(2, 5.0), np.full(2, 5.0), Connection(9.0, 9.0, 0.0, 100.0), 1.0)
    either = Choices(np.eye(2), np.array([0.0, 0.5]))
    chosen = choose([either, either], rest)
    assert sorted(chosen.tolist()) == [0, 1]
    several = rest.cost(np.array([[1.0, 1.0], [2.0, 0.0], [-1.0, 10.0]]))
    assert several.tolist() == approx([110, 210, 45 + 20_000 + 1000])


def knapsack() -> tuple[LabelledModel, np.ndarray]:
    """−3 a − 2 b − 2 c with 2 a + b + c ≤ 2 in whole numbers: b and c, −4; relaxed −4 too, alone a: −3."""
    model = LabelledModel()
    labels = add_variables(model, "x", [pd.RangeIndex(3, name="k")], 0.0, 1.0, whole=True).labels.values
    add_rows(model, "fits", [pd.RangeIndex(1, name="all")], [(labels[None, :], np.array([[2.0, 1, 1]]))], "<=", 2.0)
    minimize(model, [Sum(labels, np.array([-3.0, -2.0, -2.0]))])
    return model, labels


def test_the_cheapest_start_is_kept_and_the_bound_is_honest():
    model, x = knapsack()
    session = Session(model)

    def tried(*values: float) -> float:
        return session.start([Fix(x, np.array(values), np.array(values))]).objective

    assert tried(1, 0, 0) == approx(-3.0)
    assert tried(0, 0, 1) == approx(-2.0)
    assert session._search is not None and session._search.cost == approx(-3.0)
    assert not session.start([Fix(x[:2], np.ones(2), np.ones(2))]).solved  # too much
    assert session.start([Fix(x[1:2], np.ones(1), np.ones(1))]).objective == approx(-4.0)  # the rest is searched
    outcome = session.run()
    assert (outcome.status, outcome.objective, outcome.gap) == ("optimal", approx(-4.0), approx(0.0, abs=1e-9))
    assert outcome.bound is not None and outcome.bound <= -4.0 + 1e-9


def test_what_others_prove_ends_a_search_and_rows_begin_it_again():
    model, x = knapsack()
    session = Session(model, mip_gap=0.5)
    assert session.start([Fix(x, np.array([1.0, 0, 0]), np.array([1.0, 0, 0]))]).solved
    session.know(-4.0)
    assert session.run().objective == approx(-3.0)  # 33 % is near enough
    assert not session.holds_all_whole([Fix(x[:2], np.ones(2), np.ones(2))])


def test_what_is_settled_is_searched_again_and_proves_nothing():
    """b held at 0: a, −3, not c alone, −2; and still nothing costs less than −4."""
    model, x = knapsack()
    session, zero = Session(model, mip_gap=1e-4), np.zeros(1)
    assert session.run().objective == approx(-4.0)
    session.settle([Fix(x[1:2], zero, zero)])
    outcome = session.run()
    assert (outcome.status, outcome.objective) == ("incumbent", approx(-3.0))
    assert outcome.bound == approx(-4.0) and outcome.gap == approx(1 / 3) and not outcome.time_up
    why = not_proven(outcome)
    assert why is not None and "Time was up" not in str(why) and "33 %" in str(why)
    session.settle([])
    assert session.run().status == "incumbent"


def test_bounds_of_another_question_are_proven_anew():
    model, x = knapsack()
    session, zero = Session(model), np.zeros(1)
    for upper, best in ((zero, -3.0), (zero + 1, -4.0), (zero, -3.0)):
        session.fix([Fix(x[1:2], zero, upper)])
        outcome = session.run()
        assert (outcome.status, outcome.objective, outcome.bound) == ("optimal", approx(best), approx(best))


@pytest.mark.parametrize("link", [Connection(), Connection(import_limit_mw=1.6)], ids=["free", "limited"])
def test_runs_beside_a_battery_where_energy_is_worth_less_than_nothing(link: Connection):
    """The battery is held to one direction after a first solve: that is no lack of time, and proves nothing."""
    hours = pd.date_range(moment(), periods=24, freq="1h")
    price = pd.Series(np.where(np.arange(24) % 4 < 2, -60.0, 40.0), hours)
    runs = [
        ShiftableRun([1.0, 0.5, 0.7], pd.Timedelta("1h"), id="a"),
        ShiftableRun([0.4, 1.0], pd.Timedelta("1h"), id="b"),
    ]
    devices = [Battery(2.0, 1.0, 1.0, 0.8, 0.8), *runs]
    plan = schedule(devices, price, connection=link)
    assert plan.status == "incumbent" and plan.solver_s < 20 and 0 < plan.gap < 0.1
    assert "was held after a first solve" in str(plan.diagnosis) and "Time was up" not in str(plan.diagnosis)
    assert check_solution(ScheduleCase(devices, price, link), plan).ok


def test_gaps():
    assert relative_gap(110.0, 100.0) == approx(10 / 110)
    assert relative_gap(-90.0, -100.0) == approx(1 / 9)
    assert relative_gap(5.0, -np.inf) == np.inf
    assert relative_gap(5.0, 5.1) == 0.0
