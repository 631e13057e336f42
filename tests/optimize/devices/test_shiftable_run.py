"""Runs: the cheapest whole start, proven against enumeration of all of them; nothing is interrupted or split."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

MW = 1e-6  # ten times the solver's tolerance
HOUR = pd.Timedelta(hours=1)


def run(*profile: float, **settings: object) -> ShiftableRun:
    return ShiftableRun(profile, HOUR, **settings)


def why(plan: Plan, device: str = "run") -> tuple[str, str]:
    row = plan.setpoints().set_index("device").loc[device]
    return str(row["reason"]), str(row["binding"])


def test_it_begins_where_its_whole_profile_is_cheapest(prices):
    """1 MW, then 2 MW: 50 + 20, 10 + 40 or 20 + 180."""
    plan = schedule([run(1.0, 2.0)], prices([50, 10, 20, 90]))
    assert plan.of("run", "p_mw").tolist() == approx([0, 1, 2, 0], abs=MW)
    assert plan.cost == approx(50.0, abs=1e-2)
    assert why(plan) == ("wait_cheaper", "")


def test_a_peak_that_a_split_run_would_halve_is_taken_whole(prices):
    """2 MW for one hour of two, every MW of peak costs 100: relaxed it would be 1 MW in both hours, for 100 less."""
    connection = Connection(contracted_peak_mw=0.0, peak_price_per_mw=100.0)
    plan = schedule([run(2.0)], prices([10, 11]), connection=connection)
    assert plan.of("run", "p_mw").tolist() == approx([2.0, 0.0], abs=MW)
    assert plan.cost == approx(2 * 10 + 200.0, abs=1e-2)
    assert plan.local_price.to_numpy().ravel().tolist() == approx([110.0, 11.0])  # whole decisions held, it has prices


def test_quarters_of_a_profile_are_means_of_coarser_intervals(prices):
    plan = schedule([ShiftableRun([4.0, 0.0, 0.0, 0.0, 8.0], pd.Timedelta("15min"))], prices([10, 20, 90]))
    assert plan.of("run", "p_mw").tolist() == approx([1.0, 2.0, 0.0], abs=MW)


def test_what_is_under_way_goes_on(prices):
    plan = schedule([run(1.0, 2.0, 3.0, started=moment(-1))], prices([90, 90, 5]))
    assert plan.of("run", "p_mw").tolist() == approx([2, 3, 0], abs=MW)
    assert why(plan) == ("run_under_way", "")


def test_it_may_wait_for_the_time_after_the_horizon_at_the_mean_price(prices):
    plan = schedule([run(1.0, latest=moment(9))], prices([90, 80]))
    assert plan.of("run", "p_mw").tolist() == approx([0.0, 1.0], abs=MW)
    # begun in the last hour, a part of it lies beyond: 80 now and 85 later, or 170 later
    plan = schedule([run(1.0, 1.0, latest=moment(9))], prices([90, 80]))
    assert plan.of("run", "p_mw").tolist() == approx([0.0, 1.0], abs=MW)
    assert plan.parts["run_later"] == approx(85.0)


def test_one_that_is_not_worth_it_is_left_out(prices):
    plan = schedule([run(1.0, left_out_cost=30.0)], prices([90, 80]))
    assert plan.of("run", "p_mw").tolist() == approx([0.0, 0.0], abs=MW)
    assert (plan.parts["run_left_out"], why(plan)) == (approx(30.0), ("left_out", ""))


def test_the_only_start_is_taken_for_its_window(prices):
    plan = schedule([run(1.0, 1.0, latest=moment(2))], prices([90, 80, 5]))
    assert plan.of("run", "p_mw").tolist() == approx([1, 1, 0], abs=MW)
    assert why(plan) == ("run_before_end", "window")


def test_one_that_does_not_fit_as_a_whole_where_energy_is_cheap_says_so(prices):
    """No price tells it: with 2 MW of 2 MW taken a kilowatt more is as cheap as before, but not a whole run."""
    load = Load([2.0, 0.0], value_of_lost_load=50_000.0)
    plan = schedule([run(1.0), load], prices([10, 80]), connection=Connection(import_limit_mw=2.0))
    assert plan.of("run", "p_mw").tolist() == approx([0.0, 1.0], abs=MW)
    assert why(plan) == ("fit_whole", "")


def test_on_a_network_it_is_checked_by_its_flow(prices):
    table = prices([50, 10, 20, 90])
    devices = [run(0.5, 1.0, bus="mill"), Load(np.full(4, 1.0), 0.2, bus="farm")]
    plan = schedule(devices, table, network=village())
    assert plan.settled and plan.of("run", "p_mw").tolist() == approx([0, 0.5, 1.0, 0], abs=MW)
    assert check_solution(ScheduleCase(devices, table), plan).ok


def test_one_that_fits_nowhere_is_refused_with_what_would_do(prices):
    table, tight = prices([10, 20, 30]), run(1.0, 1.0, latest=moment(1.5), id="press")
    with pytest.raises(OutOfRange, match=r"press: a run of 2 h .* latest 2016-0\d-\d\d .* would do"):
        schedule([tight], table)
    assert schedule([replace(tight, latest=moment(2))], table).status == "optimal"
    assert schedule([replace(tight, left_out_cost=1.0)], table).status == "optimal"


def test_wrong_profiles_are_refused():
    with pytest.raises(GapInSeries, match="1 of 2 values of profile_mw"):
        run(1.0, float("nan"))
    with pytest.raises(OutOfRange, match="powers that are not negative"):
        run(-1.0)
    with pytest.raises(OutOfRange, match="started has no time zone"):
        run(1.0, started=moment().tz_localize(None))


profiles = st.lists(st.integers(0, 4).map(lambda half: half / 2), min_size=1, max_size=3)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[ShiftableRun], list[float], Connection, bool]:
    runs = [
        replace(
            run(*draw(profiles), latest=draw(st.sampled_from([None, moment(4), moment(5)]))),
            id=f"run {k}",
            earliest=draw(st.sampled_from([None, moment(1)])),
            left_out_cost=draw(st.sampled_from([None, 60.0])),
        )
        for k in range(draw(st.integers(1, 3)))
    ]
    connection = Connection(
        draw(st.sampled_from([float("inf"), 2.0])), float("inf"), 1.0, draw(st.sampled_from([0.0, 35.0, 200.0]))
    )
    return runs, draw(st.lists(st.integers(0, 100), min_size=5, max_size=5)), connection, draw(st.booleans())


@settings(max_examples=12, deadline=None)
@given(problems())
def test_no_choice_of_starts_is_cheaper(prices, problem):
    """All combinations of starts, each as loads that take what they take, beside a battery or not."""
    runs, values, connection, stored = problem
    table = prices(values)
    rest = [Battery(1.0, 0.5, 0.5)] if stored else []
    plan = schedule([*runs, *rest], table, connection=connection)
    found = check_solution(ScheduleCase([*runs, *rest], table, connection), plan)
    assert found.ok, found.sentences()
    cheapest = min(
        schedule([Load(total, sheddable=0.0), *rest], table, connection=connection).cost + extra
        for total, extra in _combinations(runs)
    )
    # The tie-break towards early runs is worth no more than 0.0001 per MWh and hour.
    assert plan.cost == approx(cheapest, abs=2e-2, rel=1e-7)


def _combinations(runs: list[ShiftableRun]) -> list[tuple[np.ndarray, float]]:
    """Total power of every combination of starts, and what is left out costs. Those alike are kept once."""
    choices = []
    for one in runs:
        length, last = len(one.profile_mw), 5 if one.latest is None else int((one.latest - moment()) / HOUR)
        first = 0 if one.earliest is None else 1
        mine = [
            (np.r_[np.zeros(s), one.profile_mw, np.zeros(5 - length - s)], 0.0) for s in range(first, last - length + 1)
        ]
        if one.left_out_cost is not None:
            mine.append((np.zeros(5), one.left_out_cost * one.energy_mwh))
        choices.append(mine)
    found: dict[bytes, tuple[np.ndarray, float]] = {}
    for combination in product(*choices):
        total, extra = sum(p for p, _ in combination), sum(money for _, money in combination)
        key = np.asarray(total).tobytes()
        if key not in found or extra < found[key][1]:
            found[key] = (total, extra)
    return list(found.values())
