"""Processes: batches by pencil, against all choices of begins, and in the checker; what cannot be is named."""

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
from gridloop.optimize.before import left_alone
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.process import After, Process, Stock, Task
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.explain import REASONS, sentence
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

MW = 1e-6  # ten times the solver's tolerance
EARLY = 2e-2  # early_cost is 0.0001 per MWh and hour: all of a small plan's waiting is worth less than this
HOUR = pd.Timedelta(hours=1)


def task(name: str, *profile: float, **more: object) -> Task:
    return Task(name, profile, HOUR, **more)


def begins(plan: Plan, process: str = "process") -> dict[str, int]:
    """Interval in which each task begins; −1 for later."""
    table = plan.wide("begins")
    return {
        name.removeprefix(f"{process}/"): int(np.argmax(column)) if column.max() > 0.5 else -1
        for name, column in table.items()
    }


def reasons(plan: Plan) -> dict[str, tuple[str, str]]:
    rows = plan.setpoints().set_index("device")
    return {name: (str(row["reason"]), str(row["binding"])) for name, row in rows.iterrows()}


def checked(devices: list[object], prices: pd.DataFrame, plan: Plan, connection: Connection | None = None) -> None:
    found = check_solution(ScheduleCase(devices, prices, connection=connection), plan)
    assert found.ok, found.sentences()


# ----- by pencil


def test_a_batch_begins_where_its_whole_profile_is_cheapest(prices):
    """1 MW, then 2 MW: 50 + 20, 10 + 40 or 20 + 180."""
    table = prices([50, 10, 20, 90])
    plant = Process([task("a", 1.0, 2.0)])
    plan = schedule([plant], table)
    assert begins(plan) == {"a": 1} and plan.of("process", "p_mw").tolist() == approx([0, 1, 2, 0], abs=MW)
    assert plan.cost == approx(50, abs=EARLY)
    checked([plant], table, plan)


def test_a_stage_waits_for_the_one_before_it(prices):
    """Rolling would rather run first, at 5; it must come after melting, of which 10 is the cheapest."""
    plant = Process([task("melt", 2.0), task("roll", 1.0, after=["melt"])])
    plan = schedule([plant], prices([5, 90, 10, 20]))
    assert begins(plan) == {"melt": 0, "roll": 2}
    assert reasons(plan)["process/roll"] == ("wait_for_stage", "stage")


@pytest.mark.parametrize(("most", "roll", "cost"), [(0, 1, 10 + 90), (1, 2, 10 + 80), (None, 3, 10 + 5)])
def test_a_hot_billet_may_wait_no_longer_than_it_may(prices, most, roll, cost):
    """Prices 10, 90, 80, 5: the longer it may wait, the cheaper it is rolled."""
    link = After("melt", most=None if most is None else most * HOUR)
    plant = Process([task("melt", 1.0, due=moment(1)), task("roll", 1.0, after=[link])])
    table = prices([10, 90, 80, 5])
    plan = schedule([plant], table)
    assert begins(plan) == {"melt": 0, "roll": roll} and plan.cost == approx(cost, abs=EARLY)
    checked([plant], table, plan)


def test_it_must_cool_before_the_next_stage(prices):
    plant = Process([task("cast", 1.0), task("grind", 1.0, after=[After("cast", least=2 * HOUR)])])
    assert begins(schedule([plant], prices([1, 2, 3, 4]))) == {"cast": 0, "grind": 3}


def test_one_furnace_takes_one_at_a_time_and_two_take_two(prices):
    table = prices([10, 20, 90])
    heats = [task(f"heat {k}", 1.0, holds={"furnace": 1}) for k in range(2)]
    one, two = (schedule([Process(heats, {"furnace": n})], table) for n in (1, 2))
    assert one.cost == approx(30, abs=EARLY) and two.cost == approx(20, abs=EARLY)
    assert sorted(begins(one).values()) == [0, 1] and sorted(begins(two).values()) == [0, 0]


def test_a_stock_is_filled_before_it_is_taken_from_and_holds_what_it_can(prices):
    """Two billets are made at 1 and 2, rolled at 60 and 50. Room for one: the first is taken at 90, for the second."""
    make = [task(f"make {k}", 1.0, gives={"billets": 1}, holds={"furnace": 1}) for k in range(2)]
    roll = [task(f"roll {k}", 1.0, takes={"billets": 1}, holds={"mill": 1}, release=moment(2)) for k in range(2)]
    table = prices([1, 2, 90, 60, 50])
    for most, cost in ((2, 1 + 2 + 50 + 60), (1, 1 + 2 + 90 + 50)):
        plant = Process([*make, *roll], {"furnace": 1, "mill": 1}, {"billets": Stock(most=most)})
        plan = schedule([plant], table, mip_gap=0)
        checked([plant], table, plan)
        assert plan.cost == approx(cost, abs=EARLY)


def test_a_peak_that_costs_is_shared_out(prices):
    """2 MW twice within the same cheap hour would cost 4 MW of peak."""
    plant = Process([task("a", 2.0), task("b", 2.0)])
    connection = Connection(contracted_peak_mw=0.0, peak_price_per_mw=100.0)
    table = prices([10, 20, 90])
    plan = schedule([plant], table, connection=connection)
    assert sorted(begins(plan).values()) == [0, 1] and plan.cost == approx(20 + 40 + 200, abs=EARLY)
    checked([plant], table, plan, connection)


def test_what_is_under_way_goes_on_and_binds_what_follows(prices):
    """Begun an hour ago, two hours long: one hour is left, and its hot successor follows at once."""
    first = task("melt", 3.0, 2.0, started=moment(-1), holds={"furnace": 1})
    plant = Process([first, task("cast", 1.0, after=[After("melt", most=0 * HOUR)])], {"furnace": 1})
    table = prices([50, 90, 5])
    plan = schedule([plant], table)
    assert plan.of("process", "p_mw").tolist() == approx([2, 1, 0], abs=MW)
    assert reasons(plan)["process/melt"][0] == "run_under_way"
    checked([plant], table, plan)


def test_a_task_may_be_left_for_after_the_plan_at_the_mean_price(prices):
    table = prices([90, 70])
    plant = Process([task("a", 1.0, due=moment(9))])
    plan = schedule([plant], table)
    assert begins(plan) == {"a": 1} and plan.cost == approx(70, abs=EARLY)
    plant = Process([task("a", 1.0, 1.0, 1.0, due=moment(9))])
    plan = schedule([plant], prices([90, 90, 80]))
    assert plan.parts["process_later"] > 0
    checked([plant], prices([90, 90, 80]), plan)


def test_lateness_is_paid_where_it_is_worth_it(prices):
    """Due after the first hour: one hour late saves 80 and costs 30 or 100."""
    table = prices([90, 10])
    for cost, at in ((30.0, 1), (100.0, 0)):
        plant = Process([task("a", 1.0, due=moment(1), late_cost=cost)])
        plan = schedule([plant], table)
        assert begins(plan) == {"a": at}
        checked([plant], table, plan)


def test_quarter_hours_of_a_batch_within_hours_of_a_plan(prices):
    """Six quarters of 4 MW touch two hours: 4 and 2 MW on average, and the furnace is held in both."""
    batch = Task("a", [4.0] * 6, holds={"furnace": 1})
    other = Task("b", [1.0] * 4, holds={"furnace": 1})
    plant = Process([batch, other], {"furnace": 1})
    table = prices([10, 10, 50])
    plan = schedule([plant], table)
    assert plan.of("process", "p_mw").tolist() == approx([4, 2, 1], abs=MW)
    checked([plant], table, plan)


def test_the_only_begin_is_taken_for_its_due_time(prices):
    plan = schedule([Process([task("a", 1.0, 1.0, due=moment(2))])], prices([90, 80, 5]))
    assert reasons(plan)["process/a"] == ("run_before_end", "window")
    assert reasons(plan)["process"] == ("run_before_end", "window")


def test_every_reason_has_a_sentence(prices):
    plant = Process([task("melt", 1.0), task("roll", 1.0, after=[After("melt", most=0 * HOUR)], release=moment(1))])
    for code, limit in reasons(schedule([plant], prices([1, 2, 3]))).values():
        assert code in REASONS and sentence(code, limit)


def test_on_a_network_it_is_checked_by_its_flow(prices):
    table = prices([50, 10, 20, 90])
    devices = [Process([task("a", 0.5, 1.0)], id="mill", bus="mill"), Load(np.full(4, 1.0), 0.2, bus="farm")]
    plan = schedule(devices, table, network=village())
    assert plan.settled and plan.of("mill", "p_mw").tolist() == approx([0, 0.5, 1.0, 0], abs=MW)
    checked(devices, table, plan)


def test_one_task_is_a_shiftable_run(prices):
    table = prices([30, 60, 10, 20, 90])
    connection = Connection(contracted_peak_mw=0.5, peak_price_per_mw=40.0)
    rest = [Load([1.0, 0.2, 0.9, 0.1, 0.1], sheddable=0.0)]
    one = schedule([Process([task("a", 1.0, 2.0)]), *rest], table, connection=connection)
    other = schedule([ShiftableRun((1.0, 2.0), HOUR), *rest], table, connection=connection)
    assert one.cost == approx(other.cost, abs=1e-6)


# ----- against every combination of begins


@st.composite
def plants(draw: st.DrawFn) -> tuple[Process, list[int], Connection]:
    n = draw(st.integers(1, 3))
    parts = st.lists(st.integers(1, 4).map(lambda half: half / 2), min_size=1, max_size=2)
    tasks = []
    for k in range(n):
        after = []
        if k and draw(st.booleans()):
            least = draw(st.sampled_from([0, 1]))
            most = draw(st.sampled_from([None, least, least + 1]))
            after = [After(f"t{k - 1}", least * HOUR, None if most is None else most * HOUR)]
        tasks.append(
            task(
                f"t{k}", *draw(parts), after=after, holds={"line": 1} if draw(st.booleans()) else {},
                gives={"stuff": 1} if k == 0 else {}, takes={"stuff": 1} if k == n - 1 and n > 1 else {},
                due=draw(st.sampled_from([None, moment(6)])), release=draw(st.sampled_from([None, None, moment(1)])),
            )
        )  # fmt: skip
    peak = draw(st.sampled_from([0.0, 35.0, 200.0]))
    connection = Connection(contracted_peak_mw=1.0, peak_price_per_mw=peak)
    process = Process(tasks, {"line": 1}, {"stuff": Stock(draw(st.integers(0, 1)))})
    return process, draw(st.lists(st.integers(0, 100), min_size=6, max_size=6)), connection


@settings(max_examples=12, deadline=None)
@given(plants())
def test_no_choice_of_begins_is_cheaper(prices, problem):
    """All begins that keep the rules, with their bill by pencil."""
    plant, values, connection = problem
    table = prices(values)
    totals = _all_loads(plant)
    if not totals:
        try:
            plan = schedule([plant], table, connection=connection)
        except OutOfRange:
            return
        assert plan.status == "infeasible"
        return
    plan = schedule([plant], table, connection=connection, mip_gap=0)
    checked([plant], table, plan, connection)
    over = connection.peak_price_per_mw
    cheapest = min(float(np.dot(values, load)) + over * max(0.0, load.max() - 1.0) for load in totals)
    assert plan.cost == approx(cheapest, abs=EARLY, rel=1e-7)


def _all_loads(plant: Process, n: int = 6) -> list[np.ndarray]:
    """Loads of every choice of begins within six hours that keeps windows, stages, resources and stocks."""
    spans = [range(n - len(t.profile_mw) + 1) for t in plant.tasks]
    found: dict[bytes, np.ndarray] = {}
    at = {t.id: k for k, t in enumerate(plant.tasks)}
    for choice in product(*spans):
        load, used, stock = np.zeros(n), np.zeros(n), np.full(n, plant.stocks["stuff"].start)
        ok = True
        for t, begin in zip(plant.tasks, choice, strict=True):
            size = len(t.profile_mw)
            load[begin : begin + size] += t.profile_mw
            used[begin : begin + size] += t.holds.get("line", 0)
            stock[begin:] -= t.takes.get("stuff", 0)
            stock[begin + size :] += t.gives.get("stuff", 0)
            ok &= t.release is None or moment(begin) >= t.release
            for stage in t.stages:
                wait = begin - choice[at[stage.task]] - len(plant.tasks[at[stage.task]].profile_mw)
                ok &= stage.least / HOUR <= wait and (stage.most is None or wait <= stage.most / HOUR)
        if ok and used.max() <= 1 and stock.min() >= 0:
            found[load.tobytes()] = load
    return list(found.values())


@settings(max_examples=6, deadline=None)
@given(plants())
def test_more_room_never_costs_more(prices, problem):
    """Later due times, a second line and no waiting limits: each may only help."""
    plant, values, connection = problem
    if not _all_loads(plant):
        return
    table = prices(values)
    cost = schedule([plant], table, connection=connection, mip_gap=0).cost
    free = [replace(t, after=[replace(s, most=None) for s in t.stages], release=None) for t in plant.tasks]
    for wider in (replace(plant, resources={"line": 2}), replace(plant, tasks=free)):
        assert schedule([wider], table, connection=connection, mip_gap=0).cost <= cost + EARLY


def test_alike_plants_are_alike_and_the_same_input_gives_the_same_plan(prices):
    table = prices([30, 10, 20, 40, 15, 25])
    tasks = [task("melt", 1.0), task("roll", 0.5, 0.5, after=[After("melt", most=HOUR)])]
    devices = [Process(tasks, id="east"), Process(tasks, id="west"), Battery(1.0, 0.5, 0.5)]
    first, second = (schedule(devices, table) for _ in range(2))
    assert first.table.equals(second.table)
    assert first.of("east", "p_mw").tolist() == approx(first.of("west", "p_mw").tolist(), abs=MW)
    checked(devices, table, first)


# ----- the checker catches a plan that lies


@pytest.mark.parametrize(
    ("shift", "said"),
    [({"melt": 2}, "wait between stages"), ({"roll": -1}, "wait between stages"), ({"other": -1}, "use of furnace")],
)
def test_a_plan_with_a_moved_begin_is_refused(prices, shift, said):
    tasks = [
        task("melt", 1.0, holds={"furnace": 1}),
        task("roll", 1.0, after=[After("melt", most=0 * HOUR)]),
        task("other", 1.0, holds={"furnace": 1}, after=["melt"]),
    ]
    plant, table = Process(tasks, {"furnace": 1}), prices([1, 2, 3, 4, 5])
    plan = schedule([plant], table)
    moved = plan.table.copy()
    for name, by in shift.items():
        rows = moved.index[(moved["device"] == f"process/{name}") & (moved["quantity"] == "begins")]
        moved.loc[rows, "value"] = np.roll(moved.loc[rows, "value"].to_numpy(), by)
    power = sum(np.roll(np.eye(5)[begins(plan)[t.id]], shift.get(t.id, 0)) for t in tasks)
    rows = moved.index[(moved["device"] == "process") & (moved["quantity"] == "p_mw")]
    moved.loc[rows, "value"] = power
    found = check_solution(ScheduleCase([plant], table), replace(plan, table=moved))
    assert not found.ok and any(said in text for text in found.sentences(20))


# ----- what cannot be


def test_a_due_time_that_no_chain_can_meet_names_task_interval_and_change(prices):
    plant = Process([task("melt", 2.0, 2.0), task("cast", 1.0, 1.0, after=["melt"], due=moment(3))])
    with pytest.raises(OutOfRange) as found:
        schedule([plant], prices([1, 2, 3, 4, 5]))
    text = str(found.value)
    assert "task cast (2 h) cannot end between" in text and "melt → cast" in text
    would_do = moment(4).strftime("%Y-%m-%d %H:%M UTC")
    assert f"due {would_do} would do" in text
    wider = replace(plant, tasks=[plant.tasks[0], replace(plant.tasks[1], due=moment(4))])
    assert schedule([wider], prices([1, 2, 3, 4, 5])).status == "optimal"


def test_due_times_that_a_furnace_cannot_meet_name_it_and_what_would_do(prices):
    heats = [task(f"heat {k}", 1.0, 1.0, due=moment(5), holds={"furnace": 1}) for k in range(3)]
    with pytest.raises(
        OutOfRange, match=r"resource furnace: tasks heat 0, heat 1, heat 2 need 6 hours .* 1 has 5"
    ) as e:
        schedule([Process(heats, {"furnace": 1})], prices([1, 2, 3, 4, 5, 6]))
    assert "A capacity of 2 would do" in str(e.value) and "1 h later" in str(e.value)
    assert schedule([Process(heats, {"furnace": 2})], prices([1, 2, 3, 4, 5, 6])).status == "optimal"
    later = [replace(heat, due=moment(6)) for heat in heats]
    assert schedule([Process(later, {"furnace": 1})], prices([1, 2, 3, 4, 5, 6])).status == "optimal"


def test_waiting_limits_that_contradict_due_times_are_named(prices):
    """Melting is due early, casting released late, and nothing may wait between them."""
    plant = Process(
        [task("melt", 1.0, due=moment(1)), task("cast", 1.0, after=[After("melt", most=HOUR)], release=moment(3))]
    )
    with pytest.raises(OutOfRange, match="task melt"):
        schedule([plant], prices([1, 2, 3, 4, 5]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Process([task("a", 1.0, after=["b"]), task("b", 1.0, after=["a"])]), "circle: .*a.*b"),
        (lambda: Process([task("a", 1.0, after=["x"])]), "follows x, which is no task"),
        (lambda: Process([task("a", 1.0, holds={"crane": 1})]), "crane, which is no resource"),
        (lambda: Process([task("a", 1.0, holds={"crane": 3})], {"crane": 2}), "of which there are 2; 3 would do"),
        (lambda: Process([task("a", 1.0, gives={"x": 1})]), "x, which is no stock"),
        (lambda: Process([task("a", 1.0), task("a", 2.0)]), "a stands 2 times"),
        (lambda: Process([]), "no tasks"),
        (lambda: Process([task("a", 1.0)], {"crane": 0}), "must be positive"),
        (lambda: Process([task("a", 1.0)], {}, {"x": Stock(2.0, 3.0)}), "starts at 2, outside 3"),
        (lambda: task("a", -1.0), "powers that are not negative"),
        (lambda: task("a"), "one or more powers"),
        (lambda: task("a", 1.0, after=[After("b", 2 * HOUR, HOUR)]), "must rise"),
        (lambda: task("a", 1.0, due=pd.Timestamp("2026-01-01")), "no time zone"),
    ],
)
def test_bad_tasks_and_plants_are_refused(make, said):
    with pytest.raises(OutOfRange, match=said):
        make()


def test_a_gap_in_a_profile_is_a_gap():
    with pytest.raises(GapInSeries, match="1 of 2 values of profile_mw"):
        task("a", 1.0, float("nan"))


# ----- beside the rest of the schedule


def test_left_alone_every_batch_runs_as_early_as_it_can(prices):
    plant = Process([task("a", 1.0, 2.0, holds={"f": 1}), task("b", 1.0, holds={"f": 1}, after=["a"])], {"f": 1})
    before = left_alone([plant], prices([50, 90, 80, 5]))
    assert begins(before.plan) == {"a": 0, "b": 2} and before.cost == approx(50 + 180 + 80, abs=EARLY)


def test_a_plan_made_again_an_hour_later_is_checked_with_the_one_before(prices):
    plant = Process([task("a", 1.0), task("b", 0.5, after=["a"])])
    table = prices([50, 10, 20, 90])
    first = schedule([plant], table)
    again = schedule([plant], table.iloc[1:], previous=first)
    found = check_solution(ScheduleCase([plant], table.iloc[1:], previous=first), again)
    assert found.ok, found.sentences()
    assert begins(again) == {"a": 0, "b": 1}


def test_quarters_now_and_hours_later(prices):
    horizon = Horizon.blocks(moment(), [(4, HOUR / 4), (3, HOUR)])
    values = pd.Series([90, 90, 10, 10, 80, 20, 70], index=horizon.starts, dtype=float)
    batch = Task("a", [4.0, 2.0], holds={"f": 1})
    plant = Process([batch, Task("b", [3.0] * 4, holds={"f": 1}, after=["a"])], {"f": 1})
    plan = schedule([plant], values, horizon=horizon)
    found = check_solution(ScheduleCase([plant], values, horizon=horizon), plan)
    assert found.ok, found.sentences()
    assert plan.of("process", "p_mw").tolist() == approx([0, 0, 4, 2, 0, 3, 0], abs=MW)


def test_tasks_that_are_over_take_nothing(prices):
    plant = Process([task("a", 1.0, 2.0, started=moment(-1)), task("b", 1.0, started=moment(-5))])
    plan = schedule([plant], prices([10, 20]))
    assert plan.of("process", "p_mw").tolist() == approx([2, 0], abs=MW)
    assert reasons(plan)["process/b"] == ("charged", "energy")
    checked([plant], prices([10, 20]), plan)
