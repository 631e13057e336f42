"""Batteries against prices: one day through the public function, thousands at once, and a year of quarter-hours.

Every answer stands beside the linear program of the same batteries in HiGHS, one thread, in the same run. A year has
hours far below zero, where the linear program would burn energy and its optimum is only a bound: there it is compared
on the same year with those hours lifted to zero.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import highspy
import numpy as np
import pandas as pd
from scipy.sparse import bmat, csc_array, diags_array, eye_array

import gridloop as gl
from benchmarks.harness import Bench, alternate
from benchmarks.result import Rates, Row
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.storage import battery_schedules

NAME = "flexibility"
DAY, MANY, YEAR = "battery: 24 h, schedule", "battery: 1,000 × 96", "battery: 35,040 steps"
CASES = (DAY, MANY, YEAR)
SAME = 1e-6  # of the cost: the tolerance of the linear program


def rows(bench: Bench) -> list[Row]:
    """One row per case."""
    made = []
    if bench.asks_for(DAY):
        made.append(_day(bench))
    if bench.asks_for(MANY):
        made.append(_many(bench))
    if bench.asks_for(YEAR):
        made.append(_year(bench))
    return made


def _battery(**changes: object) -> gl.Battery:
    given = {"min_soc": 0.1, "max_soc": 0.9, "initial_soc": 0.5, "degradation_cost": 0.5}
    return gl.Battery(20.0, 5.0, 5.0, **(given | changes))  # type: ignore[arg-type]


def _prices(steps: int, hours: float, seed: int, lowest: float = -np.inf) -> pd.Series:
    """Two peaks a day, cheap at noon, noise that lasts some hours; below zero at some noons. [money per MWh]"""
    rng = np.random.default_rng(seed)
    hour = np.arange(steps) * hours % 24.0
    slow = np.repeat(rng.normal(0.0, 25.0, int(np.ceil(steps * hours / 6.0)) + 1), int(6.0 / hours))[:steps]
    shape = 30.0 * np.exp(-((hour - 8.0) ** 2) / 6.0) + 60.0 * np.exp(-((hour - 19.0) ** 2) / 6.0)
    sun = 45.0 * np.exp(-((hour - 13.0) ** 2) / 6.0)
    price = np.maximum(50.0 + shape - sun + slow + rng.normal(0.0, 6.0, steps), lowest)
    starts = pd.date_range("2026-01-01", periods=steps, freq=pd.Timedelta(hours=hours), tz="UTC")
    return pd.Series(price, index=starts)


def _timed(work: Callable[[], object], repeat: int) -> Callable[[], float]:
    """Times per second, by the wall, of the best of some repetitions: the shortest is least disturbed."""

    def turn() -> float:
        took = []
        for _ in range(repeat):
            began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)
        return 1.0 / min(took)

    return turn


def _day(bench: Bench) -> Row:
    bench.say(DAY)
    prices = _prices(24, 1.0, bench.seed, lowest=0.0)
    battery = _battery()
    began = time.perf_counter()
    plan = gl.schedule([battery], prices)
    first_s = time.perf_counter() - began
    other = gl.schedule([battery], prices, physics=CopperPlate())
    apart = abs(plan.cost - other.cost) / max(1.0, abs(other.cost))
    rates = alternate(
        {
            "gridloop": _timed(lambda: gl.schedule([battery], prices), 20),
            "schedule by linear program": _timed(lambda: gl.schedule([battery], prices, physics=CopperPlate()), 3),
        },
        bench.runs, bench.say,
    )  # fmt: skip
    return Row(
        NAME, DAY, 1, Rates(tuple(rates["gridloop"]), "gl.schedule, plan with reasons"),
        others={"gridloop with a solver": Rates(tuple(rates["schedule by linear program"]), "HiGHS")},
        facts={"apart": apart, "first_call_s": first_s},
        notes=(_same(apart), f"First call of this process, kernels compiled or loaded: {first_s:.2f} s."),
    )  # fmt: skip


def _many(bench: Bench) -> Row:
    bench.say(MANY)
    rng = np.random.default_rng(bench.seed)
    count, steps = 1000, 96
    prices = _prices(steps, 0.25, bench.seed, lowest=0.0)
    batteries = [
        _battery(
            initial_soc=float(rng.uniform(0.1, 0.9)), degradation_cost=float(rng.uniform(0.5, 8.0)),
            charge_efficiency=float(rng.uniform(0.88, 0.97)), end_value_per_mwh=float(rng.uniform(30.0, 70.0)),
            id=f"b{k}",
        )
        for k in range(count)
    ]  # fmt: skip
    found = battery_schedules(batteries, prices)
    began = time.perf_counter()
    theirs = _highs(batteries, prices)
    solver_s = time.perf_counter() - began
    cost = float(found.table["cost"].sum())
    apart = abs(cost - theirs) / max(1.0, abs(theirs))
    rates = alternate(
        {"gridloop": _timed(lambda: battery_schedules(batteries, prices, threads=bench.threads), 3)},
        bench.runs, bench.say,
    )  # fmt: skip
    one = _timed(lambda: battery_schedules(batteries, prices, threads=1), 3)()
    return Row(
        NAME, MANY, bench.threads, Rates(tuple(rates["gridloop"]), "gl.battery_schedules, tables included"),
        {"HiGHS": Rates((1.0 / solver_s,), "one linear program of all, built from arrays, one thread, once")},
        scenarios=count,
        facts={"apart": apart, "one_thread_s": 1.0 / one, "solver_s": solver_s},
        notes=(_same(apart), f"One thread: {1000.0 / one:.0f} ms."),
    )  # fmt: skip


def _year(bench: Bench) -> Row:
    bench.say(YEAR)
    steps, battery = 35_040, _battery()
    prices, lifted = (_prices(steps, 0.25, bench.seed, lowest) for lowest in (-np.inf, 0.0))
    found = battery_schedules([battery], prices)
    below = float((prices < 0).mean())
    rates = alternate({"gridloop": _timed(lambda: battery_schedules([battery], prices), 5)}, bench.runs, bench.say)
    flat = battery_schedules([battery], lifted)
    began = time.perf_counter()
    theirs = _highs([battery], lifted)
    solver_s = time.perf_counter() - began
    apart = abs(float(flat.table["cost"].iloc[0]) - theirs) / max(1.0, abs(theirs))
    cycles = float(found.table["full_cycles"].iloc[0])
    return Row(
        NAME, YEAR, 1, Rates(tuple(rates["gridloop"]), "gl.battery_schedules, tables included"),
        {"HiGHS": Rates((1.0 / solver_s,), "the year without its prices below zero, built from arrays, once")},
        facts={"apart": apart, "share_below_zero": below, "full_cycles": cycles, "solver_s": solver_s},
        notes=(_same(apart), f"{100 * below:.1f} % of its prices are below zero; {cycles:.0f} full cycles."),
    )  # fmt: skip


def _same(apart: float) -> str:
    """The answer beside HiGHS's, in words."""
    word = "Kept" if apart <= SAME else "MISSED"
    return f"{word}: costs differ from those of HiGHS by {apart:.1e} of them, promised {SAME:.0e}."


def _highs(batteries: list[gl.Battery], prices: pd.Series) -> float:
    """Least cost of all batteries together as one linear program: charge, discharge and energy of each step."""
    price, steps, count = prices.to_numpy(), len(prices), len(batteries)
    hours = (prices.index[1] - prices.index[0]) / pd.Timedelta(hours=1)
    waiting = np.arange(steps) * hours

    def column(name: str) -> np.ndarray:
        return np.array([getattr(b, name) for b in batteries], dtype=float)[:, None]

    capacity, start = column("capacity_mwh"), column("initial_soc")
    end_value = np.array([
        price.mean() * b.discharge_efficiency if b.end_value_per_mwh is None else b.end_value_per_mwh for b in batteries
    ])  # fmt: skip
    later = column("early_cost") * waiting
    stored = np.zeros((count, steps))
    stored[:, -1] = -end_value
    shape, n = (count, steps), count * steps
    cost = np.concatenate([
        (hours * (price + later)).ravel(), (hours * (column("degradation_cost") + later - price)).ravel(),
        stored.ravel(),
    ])  # fmt: skip
    before = diags_array(np.tile(np.append(np.ones(steps - 1), 0.0), count)[: n - 1], offsets=-1, shape=(n, n))
    wide = [np.broadcast_to(c, shape).ravel() for c in (column("charge_efficiency"), column("discharge_efficiency"))]
    matrix = csc_array(
        bmat([[diags_array(-hours * wide[0]), diags_array(hours / wide[1]), eye_array(n) - before]], format="csc")
    )
    right = np.zeros(shape)
    right[:, :1] = start * capacity
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_, lp.col_cost_ = 3 * n, n, cost
    low = [np.zeros(n), np.zeros(n), np.broadcast_to(column("min_soc") * capacity, shape).ravel()]
    high = [column("max_charge_mw"), column("max_discharge_mw"), column("max_soc") * capacity]
    lp.col_lower_ = np.concatenate(low)
    lp.col_upper_ = np.concatenate([np.broadcast_to(bound, shape).ravel() for bound in high])
    lp.row_lower_ = lp.row_upper_ = right.ravel()
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.passModel(lp)
    highs.run()
    return float(highs.getInfo().objective_function_value)
